//! The voice.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::Uri;
use axum::routing::post;
use ringwell::audio::{Law, SpeechFormat};
use ringwell::conversation::{Failure, Speech, UtteranceId};
use ringwell::io::deepgram::Endpoint;
use ringwell::io::deepgram::aura::{Patience, Settings, Voice, VoiceEvent, VoiceHandle};
use ringwell::io::deepgram::rest::Renderer;
use ringwell::io::prompt_cache::{PromptCache, apology};
use ringwell::io::rings::{AgentFrame, AgentReader, Playout, agent_ring};
use ringwell::io::tls::Tls;
use ringwell::io::transcode::AgentAudio;
use serde_json::json;
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::server::{Asked, Peer, SOON, Sent, call_id, mute, nobody, serve, socket, soon, welcome};

/// A voice at an address, with its prompts.
pub struct Box {
    pub voice: Voice,
    pub prompts: Arc<PromptCache>,
    _folder: TempDir,
}

pub fn prompts(url: &str, folder: &Path) -> Arc<PromptCache> {
    let tls = Tls::new(None).expect("TLS comes up");
    let renderer = Renderer::new(endpoint(url), "aura-2-thalia-en", &tls).expect("a client");
    Arc::new(PromptCache::open(folder, renderer).expect("a folder"))
}

fn endpoint(url: &str) -> Endpoint {
    Endpoint {
        url: url.to_owned(),
        key: "test-key".to_owned().into(),
    }
}

/// A voice with more patience than any test needs.
pub fn voice(url: &str, flushes_per_minute: usize) -> Box {
    let long = Duration::from_secs(8);
    let patience = Patience {
        connect: long,
        reconnect: long,
        first_byte: long,
        between_bytes: long,
        rest: Duration::from_secs(60),
    };
    patient(url, flushes_per_minute, patience)
}

/// A voice that gives up soon.
fn hasty(url: &str) -> Box {
    let patience = Patience {
        connect: Duration::from_millis(1500),
        reconnect: Duration::from_millis(500),
        first_byte: Duration::from_millis(400),
        between_bytes: Duration::from_millis(400),
        rest: Duration::from_secs(60),
    };
    patient(url, 20, patience)
}

fn patient(url: &str, flushes_per_minute: usize, patience: Patience) -> Box {
    let folder = tempfile::tempdir().expect("a folder");
    let prompts = prompts(url, folder.path());
    let settings = Settings {
        endpoint: endpoint(url),
        model: "aura-2-thalia-en".to_owned(),
        mip_opt_out: false,
        flushes_per_minute,
        patience,
    };
    let tls = Tls::new(None).expect("TLS comes up");
    Box {
        voice: Voice::new(settings, tls, Arc::clone(&prompts)).expect("a voice"),
        prompts,
        _folder: folder,
    }
}

pub struct Call {
    pub handle: VoiceHandle,
    pub events: mpsc::Receiver<VoiceEvent>,
    pub reader: AgentReader,
    pub playout: Playout,
}

pub fn call(voice: &Voice) -> Call {
    let (writer, reader, playout) = agent_ring();
    let (sender, events) = mpsc::channel(16);
    Call {
        handle: voice
            .for_call(call_id())
            .open(AgentAudio::g711(Law::Mu, writer), sender),
        events,
        reader,
        playout,
    }
}

impl Call {
    fn text(&self, id: u32, text: &str) {
        let speech = Speech::Text(text.to_owned());
        let epoch = self.playout.epoch();
        let taken = self.handle.speak(UtteranceId(id), speech, epoch);
        taken.expect("there is room");
    }

    pub fn prompt(&self, id: u32, text: &str) {
        let speech = Speech::Prompt(text.to_owned());
        let epoch = self.playout.epoch();
        let taken = self.handle.speak(UtteranceId(id), speech, epoch);
        taken.expect("there is room");
    }

    async fn next(&mut self) -> VoiceEvent {
        soon(&mut self.events).await
    }

    /// Plays until the last frame of an utterance, as fast as frames come.
    pub async fn played(&mut self, id: u32) -> Vec<u8> {
        let playing = async {
            let mut audio = Vec::new();
            loop {
                let Some(frame) = self.reader.pop() else {
                    tokio::task::yield_now().await;
                    continue;
                };
                assert_eq!(frame.utterance, UtteranceId(id), "utterances never mix");
                audio.extend_from_slice(frame.audio.bytes());
                if frame.last {
                    return audio;
                }
            }
        };
        timeout(SOON, playing).await.expect("in time")
    }

    async fn pop(&mut self) -> AgentFrame {
        let popping = async {
            loop {
                match self.reader.pop() {
                    Some(frame) => return frame,
                    None => tokio::task::yield_now().await,
                }
            }
        };
        timeout(SOON, popping).await.expect("in time")
    }
}

/// The text of a Speak and the Flush behind it; `None` when the client is gone.
async fn asked_to_speak(peer: &mut Peer) -> Option<String> {
    let mut said = String::new();
    loop {
        match peer.next().await {
            Sent::Text(text) if text["type"] == "Speak" => {
                said.push_str(text["text"].as_str().expect("text"));
            }
            Sent::Text(text) if text["type"] == "Flush" => return Some(said),
            Sent::Text(text) => panic!("unexpected {text}"),
            Sent::Audio(_) => panic!("the voice takes no audio"),
            Sent::Gone => return None,
        }
    }
}

/// Each letter of a text sounds as 100 bytes of itself.
fn sound(text: &str) -> Vec<u8> {
    text.bytes().flat_map(|letter| [letter; 100]).collect()
}

/// The sound as it arrives in whole frames.
fn framed(text: &str) -> Vec<u8> {
    let mut audio = sound(text);
    audio.resize(audio.len().next_multiple_of(160), 0xFF);
    audio
}

async fn speak(peer: &mut Peer, text: &str) {
    for part in sound(text).chunks(77) {
        peer.play(part).await;
    }
}

async fn serve_all(mut peer: Peer) {
    peer.tell(json!({"type": "Metadata", "request_id": "r", "model_name": "m"}))
        .await;
    let mut number = 0;
    while let Some(text) = asked_to_speak(&mut peer).await {
        speak(&mut peer, &text).await;
        peer.tell(json!({"type": "Flushed", "sequence_id": number}))
            .await;
        number += 1;
    }
}

#[tokio::test]
async fn utterances_sound_in_order_and_whole() {
    let (report, mut reports) = mpsc::channel(1);
    let script = async move |asked: Asked, peer: Peer| {
        let _ = report.send(asked).await;
        serve_all(peer).await;
    };
    let url = serve(Router::new().route("/v1/speak", socket(welcome, script))).await;
    let office = voice(&url, 20);
    let mut call = call(&office.voice);
    call.text(1, "Hello there.");
    call.text(2, "How may I help you today?");
    call.text(3, "  ");
    assert_eq!(call.next().await, VoiceEvent::Ready);
    assert_eq!(call.next().await, VoiceEvent::Rendering(UtteranceId(1)));
    let long = Duration::from_millis(20 * (12 * 100_u64).div_ceil(160));
    assert_eq!(
        call.next().await,
        VoiceEvent::Rendered(UtteranceId(1), long)
    );
    assert_eq!(call.played(1).await, framed("Hello there."));
    assert_eq!(call.played(2).await, framed("How may I help you today?"));
    assert_eq!(call.played(3).await, [0xFF; 160]);

    let asked = soon(&mut reports).await;
    let query = "model=aura-2-thalia-en&encoding=mulaw&sample_rate=8000";
    assert_eq!(asked.uri.query(), Some(query));
    assert_eq!(asked.headers["authorization"], "Token test-key");
}

#[tokio::test]
async fn more_audio_than_fits_waits_its_turn() {
    let url = serve(Router::new().route(
        "/v1/speak",
        socket(welcome, async |_: Asked, peer: Peer| serve_all(peer).await),
    ))
    .await;
    let office = hasty(&url);
    let mut call = call(&office.voice);
    let long = "A very long answer that never seems to end. ".repeat(30);
    call.text(1, long.trim());
    call.text(2, "Done.");
    assert_eq!(call.next().await, VoiceEvent::Ready);
    assert_eq!(call.next().await, VoiceEvent::Rendering(UtteranceId(1)));
    // Longer than every patience, with nobody playing: nothing is read, so nothing is late.
    tokio::time::sleep(Duration::from_millis(900)).await;
    assert_eq!(call.played(1).await, framed(long.trim()));
    assert_eq!(call.played(2).await, framed("Done."));
    let rendered = call.next().await;
    assert!(
        matches!(rendered, VoiceEvent::Rendered(UtteranceId(1), _)),
        "{rendered:?}"
    );
}

#[tokio::test]
async fn a_stop_drops_what_was_queued_and_late_audio_never_sounds() {
    let script = async |_: Asked, mut peer: Peer| {
        assert_eq!(asked_to_speak(&mut peer).await.as_deref(), Some("One."));
        speak(&mut peer, "One and on and on").await;
        let Sent::Text(clear) = peer.next().await else {
            panic!("a Clear was due");
        };
        assert_eq!(clear, json!({"type": "Clear"}));
        // In flight when the Clear arrived, and the Flushed of before too.
        speak(&mut peer, "late").await;
        peer.tell(json!({"type": "Flushed", "sequence_id": 0}))
            .await;
        peer.tell(json!({"type": "Cleared", "sequence_id": 0}))
            .await;
        while let Some(text) = asked_to_speak(&mut peer).await {
            speak(&mut peer, &text).await;
            peer.tell(json!({"type": "Flushed", "sequence_id": 1}))
                .await;
        }
    };
    let url = serve(Router::new().route("/v1/speak", socket(welcome, script))).await;
    let office = voice(&url, 20);
    let mut call = call(&office.voice);
    call.text(1, "One.");
    call.text(2, "Two.");
    assert_eq!(call.pop().await.utterance, UtteranceId(1));
    call.playout.stop();
    call.handle.stop();
    call.text(3, "Three.");
    assert_eq!(call.played(3).await, framed("Three."));
    assert_eq!(call.next().await, VoiceEvent::Ready);
    assert_eq!(call.next().await, VoiceEvent::Rendering(UtteranceId(1)));
    assert_eq!(call.next().await, VoiceEvent::Rendering(UtteranceId(3)));
    let rendered = call.next().await;
    assert!(
        matches!(rendered, VoiceEvent::Rendered(UtteranceId(3), _)),
        "{rendered:?}"
    );
}

/// What a minute of speech sounds like here.
const MINUTE: usize = 60 * 8_000;

#[tokio::test]
async fn a_minute_given_at_once_is_played_whole_and_holds_up_no_barge_in() {
    let script = async |_: Asked, mut peer: Peer| {
        while let Some(text) = asked_to_speak(&mut peer).await {
            if !text.contains("minute") {
                speak(&mut peer, &text).await;
            }
            for _ in (0..MINUTE)
                .step_by(8_000)
                .filter(|_| text.contains("minute"))
            {
                peer.play(&[b'm'; 8_000]).await;
            }
            if text == "Another minute." {
                let Sent::Text(clear) = peer.next().await else {
                    panic!("a Clear was due");
                };
                assert_eq!(clear, json!({"type": "Clear"}));
                peer.tell(json!({"type": "Cleared", "sequence_id": 0}))
                    .await;
                continue;
            }
            peer.tell(json!({"type": "Flushed", "sequence_id": 0}))
                .await;
        }
    };
    let url = serve(Router::new().route("/v1/speak", socket(welcome, script))).await;
    let office = voice(&url, 20);
    let mut call = call(&office.voice);
    call.text(1, "A minute.");
    assert!(call.played(1).await == [b'm'; MINUTE], "nothing is lost");
    call.text(2, "Another minute.");
    for _ in 0..100 {
        assert_eq!(call.pop().await.utterance, UtteranceId(2));
    }
    call.playout.stop();
    call.handle.stop();
    call.text(3, "Yes?");
    // What was on its way stands before it nowhere: not in the ring, not in the voice, not on the connection.
    assert_eq!(call.played(3).await, framed("Yes?"));
}

#[tokio::test]
async fn a_flushed_that_comes_after_cleared_ends_nothing() {
    let script = async |_: Asked, mut peer: Peer| {
        asked_to_speak(&mut peer).await;
        speak(&mut peer, "One and on").await;
        peer.next().await;
        peer.tell(json!({"type": "Cleared", "sequence_id": 0}))
            .await;
        let text = asked_to_speak(&mut peer).await.expect("the next text");
        peer.tell(json!({"type": "Flushed", "sequence_id": 0}))
            .await;
        speak(&mut peer, &text).await;
        peer.tell(json!({"type": "Flushed", "sequence_id": 1}))
            .await;
        peer.stall().await;
    };
    let url = serve(Router::new().route("/v1/speak", socket(welcome, script))).await;
    let office = voice(&url, 20);
    let mut call = call(&office.voice);
    call.text(1, "One.");
    assert_eq!(call.pop().await.utterance, UtteranceId(1));
    call.playout.stop();
    call.handle.stop();
    call.text(2, "Two.");
    assert_eq!(call.played(2).await, framed("Two."));
}

#[tokio::test]
async fn a_connection_lost_while_idle_is_opened_again_when_needed() {
    let script = async |asked: Asked, mut peer: Peer| {
        if asked.nth == 0 {
            peer.close(1011, "net0001").await;
        } else {
            while let Some(text) = asked_to_speak(&mut peer).await {
                speak(&mut peer, &text).await;
                peer.tell(json!({"type": "Flushed", "sequence_id": 0}))
                    .await;
            }
        }
    };
    let url = serve(Router::new().route("/v1/speak", socket(welcome, script))).await;
    let office = voice(&url, 20);
    let mut call = call(&office.voice);
    assert_eq!(call.next().await, VoiceEvent::Ready);
    call.text(1, "Still here.");
    assert_eq!(call.played(1).await, framed("Still here."));
    assert_eq!(office.voice.counters().connects.load(Ordering::Relaxed), 2);
    assert_eq!(office.voice.counters().failures.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_text_is_said_again_only_when_none_of_it_sounded() {
    let script = async |asked: Asked, mut peer: Peer| {
        let text = asked_to_speak(&mut peer).await.expect("a text");
        match asked.nth {
            0 => peer.close(1011, "net0000").await,
            1 => {
                speak(&mut peer, &text).await;
                peer.tell(json!({"type": "Flushed", "sequence_id": 0}))
                    .await;
                asked_to_speak(&mut peer).await;
                speak(&mut peer, "half").await;
                peer.close(1011, "net0002").await;
            }
            _ => panic!("no third connection"),
        }
    };
    let url = serve(Router::new().route("/v1/speak", socket(welcome, script))).await;
    let office = voice(&url, 20);
    let mut call = call(&office.voice);
    call.text(1, "First.");
    assert_eq!(call.played(1).await, framed("First."));
    call.text(2, "Second.");
    let mut events = Vec::new();
    while !matches!(events.last(), Some(VoiceEvent::Failed(..))) {
        events.push(call.next().await);
    }
    assert_eq!(
        events[..2],
        [VoiceEvent::Ready, VoiceEvent::Rendering(UtteranceId(1))]
    );
    assert_eq!(events[3], VoiceEvent::Rendering(UtteranceId(2)));
    assert!(matches!(
        &events[4],
        VoiceEvent::Failed(_, Failure::Unavailable(_))
    ));
    assert_eq!(
        office.voice.counters().reconnects.load(Ordering::Relaxed),
        1
    );
}

#[tokio::test]
async fn no_audio_and_audio_that_stops_are_stalls() {
    for first in ["", "some"] {
        let script = async move |_: Asked, mut peer: Peer| {
            asked_to_speak(&mut peer).await;
            if !first.is_empty() {
                speak(&mut peer, first).await;
            }
            peer.stall().await;
        };
        let url = serve(Router::new().route("/v1/speak", socket(welcome, script))).await;
        let office = hasty(&url);
        let mut call = call(&office.voice);
        call.text(1, "Hello.");
        let failed = loop {
            match call.next().await {
                VoiceEvent::Failed(_, failure) => break failure,
                VoiceEvent::Rendered(..) => panic!("it was never whole"),
                VoiceEvent::Ready | VoiceEvent::Rendering(_) => {}
            }
        };
        assert!(matches!(failed, Failure::Stalled(_)), "{failed:?}");
    }
}

/// `POST /v1/speak` that sounds like the socket.
pub async fn render(uri: Uri, body: Bytes) -> Vec<u8> {
    assert!(uri.query().unwrap_or_default().contains("container=none"));
    let body: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
    sound(body["text"].as_str().expect("text"))
}

#[tokio::test]
async fn beyond_the_budget_of_flushes_requests_take_over() {
    let script = async |_: Asked, peer: Peer| serve_all(peer).await;
    let both = socket(welcome, script).merge(post(render));
    let url = serve(Router::new().route("/v1/speak", both)).await;
    let office = voice(&url, 2);
    let mut call = call(&office.voice);
    for id in 1..=4 {
        call.text(id, "Again.");
    }
    for id in 1..=4 {
        assert_eq!(call.played(id).await, framed("Again."));
    }
    assert_eq!(office.voice.counters().requests.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_refused_flush_is_made_good_by_a_request() {
    for warning in [
        json!({"type": "Warning", "warn_code": "EXCESSIVE_FLUSH", "warn_msg": "Too many."}),
        json!({"type": "Warning", "code": "EXCESSIVE_FLUSH", "description": "Too many."}),
    ] {
        let script = async move |_: Asked, mut peer: Peer| {
            let text = asked_to_speak(&mut peer).await.expect("a text");
            speak(&mut peer, &text[..5]).await;
            peer.tell(warning).await;
            peer.next().await;
            peer.tell(json!({"type": "Cleared", "sequence_id": 0}))
                .await;
            peer.stall().await;
        };
        let both = socket(welcome, script).merge(post(render));
        let url = serve(Router::new().route("/v1/speak", both)).await;
        let office = voice(&url, 20);
        let mut call = call(&office.voice);
        call.text(1, "Once and whole.");
        call.text(2, "And on.");
        assert_eq!(call.played(1).await, framed("Once and whole."));
        assert_eq!(call.played(2).await, framed("And on."));
    }
}

#[tokio::test]
async fn a_lost_voice_still_says_its_prompts() {
    let script = async |_: Asked, peer: Peer| peer.stall().await;
    let refuse: fn(usize) -> Option<u16> = |_| Some(401);
    let both = socket(refuse, script).merge(post(render));
    let url = serve(Router::new().route("/v1/speak", both)).await;
    let office = voice(&url, 20);
    office
        .prompts
        .render("Sorry.", SpeechFormat::G711(Law::Mu))
        .await
        .unwrap();
    let mut call = call(&office.voice);
    let VoiceEvent::Failed(None, failure) = call.next().await else {
        panic!("the connection fails before any utterance");
    };
    assert!(matches!(failure, Failure::Refused(_)), "{failure:?}");
    call.text(1, "This cannot be said.");
    let again = VoiceEvent::Failed(Some(UtteranceId(1)), failure);
    assert_eq!(call.next().await, again);
    call.prompt(2, "Sorry.");
    assert_eq!(call.played(2).await, framed("Sorry."));
    call.prompt(3, "Never rendered.");
    let mut expected = apology(SpeechFormat::G711(Law::Mu)).to_vec();
    expected.resize(expected.len().next_multiple_of(160), 0xFF);
    assert_eq!(call.played(3).await, expected);
}

#[tokio::test]
async fn a_prompt_sounds_before_the_service_is_there() {
    let rendering = serve(Router::new().route("/v1/speak", post(render))).await;
    let folder = tempfile::tempdir().unwrap();
    prompts(&rendering, folder.path())
        .render("Welcome.", SpeechFormat::G711(Law::Mu))
        .await
        .unwrap();

    let url = mute().await;
    let kept = prompts(&url, folder.path());
    let settings = Settings {
        endpoint: endpoint(&url),
        model: "aura-2-thalia-en".to_owned(),
        mip_opt_out: false,
        flushes_per_minute: 20,
        patience: Patience::default(),
    };
    let voice = Voice::new(settings, Tls::new(None).unwrap(), kept).unwrap();
    let mut call = call(&voice);
    call.prompt(1, "Welcome.");
    assert_eq!(call.played(1).await, framed("Welcome."));
    assert_eq!(call.next().await, VoiceEvent::Rendering(UtteranceId(1)));
    let rendered = call.next().await;
    assert!(
        matches!(rendered, VoiceEvent::Rendered(UtteranceId(1), _)),
        "{rendered:?}"
    );
    let failed = call.next().await;
    assert!(
        matches!(failed, VoiceEvent::Failed(_, Failure::Stalled(_))),
        "{failed:?}"
    );
}

#[tokio::test]
async fn an_absent_or_busy_service_is_unavailable() {
    let refuse: fn(usize) -> Option<u16> = |_| Some(503);
    let script = async |_: Asked, peer: Peer| peer.stall().await;
    let busy = serve(Router::new().route("/v1/speak", socket(refuse, script))).await;
    for url in [nobody().await, busy] {
        let office = hasty(&url);
        let mut call = call(&office.voice);
        let failed = call.next().await;
        assert!(
            matches!(failed, VoiceEvent::Failed(_, Failure::Unavailable(_))),
            "{failed:?}"
        );
    }
}

#[tokio::test]
async fn letting_go_ends_the_connection_politely() {
    let (report, mut reports) = mpsc::channel(1);
    let script = async move |_: Asked, mut peer: Peer| {
        let Sent::Text(farewell) = peer.next().await else {
            panic!("no farewell");
        };
        let _ = report.send(farewell).await;
        peer.close(1000, "").await;
    };
    let url = serve(Router::new().route("/v1/speak", socket(welcome, script))).await;
    let office = voice(&url, 20);
    let mut call = call(&office.voice);
    assert_eq!(call.next().await, VoiceEvent::Ready);
    drop(call.handle);
    assert_eq!(soon(&mut reports).await, json!({"type": "Close"}));
}
