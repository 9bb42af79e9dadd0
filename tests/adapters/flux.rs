//! The ear.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use ringwell::audio::Law;
use ringwell::conversation::{Failure, Heard};
use ringwell::io::deepgram::Endpoint;
use ringwell::io::deepgram::flux::{Ear, EarEvent, Listening, Patience, Settings};
use ringwell::io::rings::{CallerWriter, caller_ring};
use ringwell::io::tls::Tls;
use ringwell::io::transcode::CallerAudio;
use serde_json::{Value, json};
use tokio::sync::{Mutex, mpsc};

use crate::server::{Asked, Peer, Sent, call_id, serve, socket, soon, welcome};

/// An ear with more patience than any test needs.
fn ear(url: &str) -> Ear {
    let long = Duration::from_secs(8);
    patient(
        url,
        Patience {
            connect: long,
            stall: long,
            reconnect: long,
            reconnect_stalled: long,
        },
    )
}

fn patient(url: &str, patience: Patience) -> Ear {
    let settings = Settings {
        endpoint: Endpoint {
            url: url.to_owned(),
            key: "test-key".to_owned().into(),
        },
        model: "flux-general-en".to_owned(),
        eot_threshold: 0.7,
        eager_eot_threshold: Some(0.4),
        eot_timeout_ms: 5000,
        keyterms: vec!["Acme Desk".to_owned(), "SLA".to_owned()],
        language_hints: vec![],
        mip_opt_out: false,
        patience,
    };
    Ear::new(settings, Tls::new(None).expect("TLS comes up"))
}

struct Call {
    caller: CallerWriter,
    events: mpsc::Receiver<EarEvent>,
    listening: Listening,
}

fn call(ear: &Ear) -> Call {
    let (caller, reader) = caller_ring();
    let (sender, events) = mpsc::channel(16);
    let listening = ear
        .for_call(call_id())
        .open(CallerAudio::g711(Law::Mu, reader), sender);
    Call {
        caller,
        events,
        listening,
    }
}

fn turn(event: &str, transcript: &str, end: f64) -> Value {
    json!({"type": "TurnInfo", "request_id": "r", "sequence_id": 1, "event": event,
        "turn_index": 0, "audio_window_start": 0.0, "audio_window_end": end,
        "transcript": transcript, "words": [], "end_of_turn_confidence": 0.5})
}

fn connected() -> Value {
    json!({"type": "Connected", "request_id": "r", "sequence_id": 0})
}

fn start(words: &str) -> EarEvent {
    EarEvent::Heard(Heard::StartOfTurn {
        transcript: words.to_owned(),
    })
}

fn end(words: &str) -> EarEvent {
    EarEvent::Heard(Heard::EndOfTurn {
        transcript: words.to_owned(),
    })
}

async fn hear(peer: &mut Peer) -> Vec<u8> {
    match peer.next().await {
        Sent::Audio(audio) => audio,
        Sent::Text(text) => panic!("unexpected {text}"),
        Sent::Gone => panic!("the client is gone"),
    }
}

#[tokio::test]
async fn a_turn_is_heard_and_the_service_is_asked_rightly() {
    let (report, mut reports) = mpsc::channel(4);
    let script = async move |asked: Asked, mut peer: Peer| {
        peer.tell(connected()).await;
        let silence = hear(&mut peer).await;
        peer.tell(turn("Update", "", 0.08)).await;
        peer.tell(json!({"type": "Weather", "sequence_id": 2}))
            .await;
        peer.blurt("not JSON").await;
        peer.tell(turn("StartOfTurn", "Hello", 0.5)).await;
        peer.tell(turn("EndOfTurn", "Hello there.", 0.9)).await;
        let farewell = loop {
            match peer.next().await {
                Sent::Text(text) => break text,
                Sent::Audio(audio) => assert_eq!(audio.len(), 640),
                Sent::Gone => panic!("no farewell"),
            }
        };
        report.send((asked, silence, farewell)).await.unwrap();
        peer.close(1000, "").await;
    };
    let url = serve(Router::new().route("/v2/listen", socket(welcome, script))).await;
    let ear = ear(&url);
    let mut call = call(&ear);
    assert_eq!(soon(&mut call.events).await, EarEvent::Ready);
    assert_eq!(soon(&mut call.events).await, start("Hello"));
    assert_eq!(soon(&mut call.events).await, end("Hello there."));
    drop(call.listening);

    let (asked, silence, farewell) = soon(&mut reports).await;
    assert_eq!(silence, [0xFF; 640]);
    assert_eq!(farewell, json!({"type": "CloseStream"}));
    assert_eq!(asked.headers["authorization"], "Token test-key");
    assert!(
        asked.headers["user-agent"]
            .to_str()
            .unwrap()
            .starts_with("ringwell/")
    );
    let query = asked.uri.query().unwrap();
    assert_eq!(
        query,
        "model=flux-general-en&encoding=mulaw&sample_rate=8000&eot_threshold=0.7\
         &eot_timeout_ms=5000&eager_eot_threshold=0.4&keyterm=Acme+Desk&keyterm=SLA"
    );
    assert_eq!(ear.counters().unknown.load(Ordering::Relaxed), 2);
    assert_eq!(call.events.recv().await, None);
}

#[tokio::test]
async fn the_caller_s_audio_passes_untouched_and_pauses_are_filled() {
    let (report, mut reports) = mpsc::channel(64);
    let script = async move |_: Asked, mut peer: Peer| {
        peer.tell(connected()).await;
        while let Sent::Audio(audio) = peer.next().await {
            peer.tell(turn("Update", "", 0.0)).await;
            let _ = report.send(audio).await;
        }
    };
    let url = serve(Router::new().route("/v2/listen", socket(welcome, script))).await;
    let mut call = call(&ear(&url));
    assert_eq!(soon(&mut call.events).await, EarEvent::Ready);
    for number in 1..=6 {
        call.caller.push(&[number; 160]);
    }
    // Four frames make a message at once; the two that remain go out with silence behind them.
    let mut spoken = Vec::new();
    while spoken.len() < 2 {
        let audio = soon(&mut reports).await;
        assert_eq!(audio.len(), 640);
        if audio.iter().any(|byte| *byte != 0xFF) {
            spoken.push(audio);
        }
    }
    let voiced: Vec<u8> = spoken
        .concat()
        .into_iter()
        .filter(|byte| *byte != 0xFF)
        .collect();
    let expected: Vec<u8> = (1..=6).flat_map(|number| [number; 160]).collect();
    assert_eq!(voiced, expected);
    assert_eq!(soon(&mut reports).await, [0xFF; 640]);
}

#[tokio::test]
async fn audio_that_begins_in_the_silence_is_not_broken_up() {
    let (report, mut reports) = mpsc::channel(64);
    let script = async move |_: Asked, mut peer: Peer| {
        peer.tell(connected()).await;
        while let Sent::Audio(audio) = peer.next().await {
            peer.tell(turn("Update", "", 0.0)).await;
            let _ = report.send(audio).await;
        }
    };
    let url = serve(Router::new().route("/v2/listen", socket(welcome, script))).await;
    let mut call = call(&ear(&url));
    assert_eq!(soon(&mut call.events).await, EarEvent::Ready);
    assert_eq!(soon(&mut reports).await, [0xFF; 640]);
    assert_eq!(soon(&mut reports).await, [0xFF; 640]);
    // Longer than silence is due, shorter than a pause.
    for number in 1..=4 {
        call.caller.push(&[number; 160]);
        tokio::time::sleep(Duration::from_millis(40)).await;
    }
    let expected: Vec<u8> = (1..=4).flat_map(|number| [number; 160]).collect();
    let mut audio = soon(&mut reports).await;
    while audio.iter().all(|byte| *byte == 0xFF) {
        audio = soon(&mut reports).await;
    }
    assert_eq!(audio, expected);
}

#[tokio::test]
async fn the_end_of_the_caller_s_stream_ends_the_ear() {
    let script = async |_: Asked, mut peer: Peer| {
        peer.tell(connected()).await;
        peer.stall().await;
    };
    let url = serve(Router::new().route("/v2/listen", socket(welcome, script))).await;
    let mut call = call(&ear(&url));
    assert_eq!(soon(&mut call.events).await, EarEvent::Ready);
    drop(call.caller);
    let over = tokio::time::timeout(Duration::from_secs(5), call.events.recv()).await;
    assert_eq!(over, Ok(None));
}

#[tokio::test]
async fn a_lost_connection_is_replaced_and_the_turn_goes_on() {
    let replayed = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&replayed);
    let script = async move |asked: Asked, mut peer: Peer| {
        peer.tell(connected()).await;
        if asked.nth == 0 {
            let mut bytes = 0;
            while bytes < 1280 {
                bytes += hear(&mut peer)
                    .await
                    .iter()
                    .filter(|byte| **byte == 9)
                    .count();
            }
            // The transcript covers only what came before the last message.
            peer.tell(turn("StartOfTurn", "I have", 0.0)).await;
            peer.close(1011, "net0000").await;
            return;
        }
        loop {
            let audio = hear(&mut peer).await;
            let mut heard = heard.lock().await;
            heard.extend(audio.into_iter().filter(|byte| *byte == 9));
            if heard.len() >= 1280 {
                break;
            }
        }
        peer.tell(turn("StartOfTurn", "a question", 0.3)).await;
        peer.tell(turn("EndOfTurn", "a question.", 0.5)).await;
        peer.stall().await;
    };
    let url = serve(Router::new().route("/v2/listen", socket(welcome, script))).await;
    let ear = ear(&url);
    let mut call = call(&ear);
    assert_eq!(soon(&mut call.events).await, EarEvent::Ready);
    for _ in 0..8 {
        call.caller.push(&[9; 160]);
    }
    assert_eq!(soon(&mut call.events).await, start("I have"));
    let update = Heard::Update {
        transcript: "I have a question".to_owned(),
    };
    assert_eq!(soon(&mut call.events).await, EarEvent::Heard(update));
    assert_eq!(soon(&mut call.events).await, end("I have a question."));
    assert_eq!(ear.counters().reconnects.load(Ordering::Relaxed), 1);
    assert_eq!(ear.counters().failures.load(Ordering::Relaxed), 0);
    assert_eq!(replayed.lock().await.len(), 1280);
}

#[tokio::test]
async fn a_turn_that_hung_on_a_lost_connection_ends() {
    let script = async |asked: Asked, mut peer: Peer| {
        peer.tell(connected()).await;
        hear(&mut peer).await;
        if asked.nth == 0 {
            peer.tell(turn("StartOfTurn", "Goodbye", 0.3)).await;
            peer.close(1011, "net0000").await;
            return;
        }
        while let Sent::Audio(_) = peer.next().await {
            peer.tell(turn("Update", "", 0.3)).await;
        }
    };
    let url = serve(Router::new().route("/v2/listen", socket(welcome, script))).await;
    let mut call = call(&ear(&url));
    assert_eq!(soon(&mut call.events).await, EarEvent::Ready);
    assert_eq!(soon(&mut call.events).await, start("Goodbye"));
    assert_eq!(soon(&mut call.events).await, end("Goodbye"));
}

#[tokio::test]
async fn missing_messages_are_counted() {
    let script = async |_: Asked, mut peer: Peer| {
        peer.tell(connected()).await;
        peer.tell(
            json!({"type": "TurnInfo", "event": "StartOfTurn", "transcript": "Hi",
            "sequence_id": 4}),
        )
        .await;
        peer.stall().await;
    };
    let url = serve(Router::new().route("/v2/listen", socket(welcome, script))).await;
    let ear = ear(&url);
    let mut call = call(&ear);
    assert_eq!(soon(&mut call.events).await, EarEvent::Ready);
    assert_eq!(soon(&mut call.events).await, start("Hi"));
    assert_eq!(ear.counters().sequence_gaps.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn a_second_loss_in_a_row_is_the_end() {
    let script = async |_: Asked, mut peer: Peer| {
        peer.tell(connected()).await;
        hear(&mut peer).await;
        peer.close(1011, "net0000").await;
    };
    let url = serve(Router::new().route("/v2/listen", socket(welcome, script))).await;
    let mut call = call(&ear(&url));
    assert_eq!(soon(&mut call.events).await, EarEvent::Ready);
    let failed = soon(&mut call.events).await;
    assert!(
        matches!(&failed, EarEvent::Failed(Failure::Unavailable(told)) if told.contains("1011")),
        "{failed:?}"
    );
}

#[tokio::test]
async fn silence_of_the_service_is_noticed_and_a_new_connection_tried_once() {
    let script = async |_: Asked, mut peer: Peer| {
        peer.tell(connected()).await;
        peer.stall().await;
    };
    let url = serve(Router::new().route("/v2/listen", socket(welcome, script))).await;
    let patience = Patience {
        stall: Duration::from_millis(600),
        ..Patience::default()
    };
    let ear = patient(&url, patience);
    let mut call = call(&ear);
    assert_eq!(soon(&mut call.events).await, EarEvent::Ready);
    let failed = soon(&mut call.events).await;
    assert!(
        matches!(failed, EarEvent::Failed(Failure::Stalled(_))),
        "{failed:?}"
    );
    assert_eq!(ear.counters().connects.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn an_error_message_is_a_loss() {
    let script = async |asked: Asked, mut peer: Peer| {
        peer.tell(connected()).await;
        hear(&mut peer).await;
        if asked.nth == 0 {
            peer.tell(json!({"type": "Error", "sequence_id": 1,
                "code": "UNPARSABLE_CLIENT_MESSAGE", "description": "no"}))
                .await;
        } else {
            peer.tell(turn("EndOfTurn", "Still here.", 0.1)).await;
        }
        peer.stall().await;
    };
    let url = serve(Router::new().route("/v2/listen", socket(welcome, script))).await;
    let mut call = call(&ear(&url));
    assert_eq!(soon(&mut call.events).await, EarEvent::Ready);
    assert_eq!(soon(&mut call.events).await, start("Still here."));
    assert_eq!(soon(&mut call.events).await, end("Still here."));
}
