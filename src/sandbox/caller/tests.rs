//! The caller against a far end made of the same machines, over real sockets.

mod far_end;

use super::*;
use crate::sandbox::tone_speech::Decoder;
use far_end::{Manner, far_end};

async fn call(target: &str, script: &str, change: fn(&mut Options)) -> Report {
    let mut options = Options::new(target, parse_script(script).unwrap());
    options.patience = Duration::from_secs(10);
    change(&mut options);
    run(options).await.unwrap()
}

#[tokio::test]
async fn a_conversation_is_held_over_udp() {
    let far = far_end(Transport::Udp, Manner::Polite).await;
    let script = "wait for how can i help you today; wait until it stops; say what are your hours?; \
                  wait for you said: what are your hours?; wait until it stops; press 12#; pause 500 ms; hang up";
    let report = call(&far.target, script, |_| ()).await;
    assert!(report.ok, "{}", report.text());
    assert_eq!(report.ended_by, Some("caller"));
    let texts: Vec<(&str, &str)> = report
        .lines
        .iter()
        .map(|line| (line.who, line.text.as_str()))
        .collect();
    assert_eq!(
        texts,
        [
            ("agent", "hello. how can i help you today?"),
            ("caller", "what are your hours?"),
            ("agent", "you said: what are your hours?")
        ]
    );
    assert_eq!(report.gaps.len(), 1);
    assert!((0.2..1.5).contains(&report.gaps[0]), "{:?}", report.gaps);
    let rtp = report.rtp.as_ref().unwrap();
    assert!(
        rtp.lost == 0 && rtp.duplicates == 0 && rtp.received > 100 && rtp.sent > 100,
        "{rtp:?}"
    );
    assert!(report.answered <= report.first_packet && report.first_packet <= report.first_audio);
    assert_eq!(far.task.await.unwrap(), "12#");
}

#[tokio::test]
async fn the_ladder_shows_each_message() {
    let far = far_end(Transport::Udp, Manner::Polite).await;
    let report = call(&far.target, "wait until it speaks; hang up", |_| ()).await;
    let rungs: Vec<(bool, &str, Option<u16>)> = report
        .ladder
        .iter()
        .map(|rung| (rung.sent, rung.method.as_str(), rung.status))
        .collect();
    assert_eq!(
        rungs,
        [
            (true, "INVITE", None),
            (false, "", Some(100)),
            (false, "", Some(180)),
            (false, "", Some(200)),
            (true, "ACK", None),
            (true, "BYE", None),
            (false, "", Some(200))
        ],
        "{}",
        report.text()
    );
    assert!(
        report.ladder[0].summary.ends_with("(sdp)")
            && report.ladder.iter().all(|rung| !rung.repeated)
    );
    assert!(
        report.json()["ladder"][3]["summary"]
            .as_str()
            .unwrap()
            .starts_with("200 OK to INVITE")
    );
}

#[tokio::test]
async fn a_conversation_is_held_over_tcp_and_the_far_end_hangs_up() {
    let far = far_end(Transport::Tcp, Manner::Polite).await;
    let script = "wait until it stops; say thank you, goodbye; wait for goodbye; wait for hang up";
    let report = call(&far.target, script, |options| {
        options.codecs = vec![Codec::PCMA];
    })
    .await;
    assert!(report.ok, "{}", report.text());
    assert_eq!(report.ended_by, Some("far end"));
    assert_eq!(
        report.heard(),
        "hello. how can i help you today? you said: thank you, goodbye"
    );
}

#[tokio::test]
async fn an_interruption_is_made_and_measured() {
    let far = far_end(Transport::Udp, Manner::Polite).await;
    let script = "interrupt after 0.3 s say stop please; wait until it stops; hang up";
    let report = call(&far.target, script, |_| ()).await;
    assert!(report.ok, "{}", report.text());
    assert_eq!(report.interruptions.len(), 1);
    assert!(report.interruptions[0] < 1.0, "{}", report.text());
    let heard = &report.lines[0].text;
    assert!(
        "hello. how can i help you today?".starts_with(&heard[..heard.len() - 1])
            && heard.len() < 32,
        "{heard}"
    );
    assert!(report.heard().ends_with("you said: stop please"));
}

#[tokio::test]
async fn what_goes_wrong_is_said() {
    let far = far_end(Transport::Udp, Manner::Busy).await;
    let report = call(&far.target, "say hello", |_| ()).await;
    assert_eq!(
        (report.ok, report.status, report.exit.as_str()),
        (false, Some(486), "refused: 486 Busy Here")
    );
    let far = far_end(Transport::Udp, Manner::Absent).await;
    let report = call(&far.target, "say hello", |options| {
        options.answer = Duration::from_millis(300);
    })
    .await;
    assert_eq!(
        (report.ok, report.exit.as_str()),
        (false, "not answered within 0.3 s")
    );
    assert!(
        report.ladder.iter().any(|rung| rung.method == "CANCEL"),
        "{}",
        report.text()
    );
    let far = far_end(Transport::Udp, Manner::Polite).await;
    let report = call(
        &far.target,
        "wait for the moon within 500 ms; hang up",
        |_| (),
    )
    .await;
    assert_eq!(
        (report.ok, report.exit.as_str()),
        (
            false,
            "timed out after 0.5 s: wait for the moon within 0.5 s"
        )
    );
    assert_eq!(report.ended_by, Some("caller"));
    let far = far_end(Transport::Udp, Manner::Polite).await;
    let report = call(
        &far.target,
        "wait until it stops; say goodbye; wait for the moon",
        |_| (),
    )
    .await;
    assert_eq!(
        (report.ok, report.exit.as_str()),
        (false, "the far end hung up before: wait for the moon")
    );
}

#[tokio::test]
async fn words_said_one_after_the_other_stay_apart() {
    let far = far_end(Transport::Udp, Manner::Polite).await;
    let script = "wait until it stops; say book; say keeper; wait for book keeper; hang up";
    let report = call(&far.target, script, |_| ()).await;
    assert!(report.ok, "{}", report.text());
}

#[tokio::test]
async fn both_sides_are_recorded() {
    let far = far_end(Transport::Udp, Manner::Polite).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("call.wav");
    let mut options = Options::new(
        far.target,
        parse_script("wait until it stops; say one two; wait until it stops").unwrap(),
    );
    options.record = Some(path.clone());
    assert!(run(options).await.unwrap().ok);
    let mut reader = hound::WavReader::open(path).unwrap();
    assert_eq!(
        (reader.spec().channels, reader.spec().sample_rate),
        (2, 8_000)
    );
    let samples: Vec<i16> = reader.samples().map(Result::unwrap).collect();
    let side = |which: usize| -> String {
        let mono: Vec<i16> = samples.iter().skip(which).step_by(2).copied().collect();
        let mut heard = Vec::new();
        Decoder::new(8_000).push(&mono, &mut heard);
        heard.iter().map(|each| each.character).collect()
    };
    assert_eq!(side(0), "one two");
    assert_eq!(side(1), "hello. how can i help you today?you said: one two");
}

#[tokio::test]
async fn a_target_that_cannot_be_called_is_refused() {
    for target in [
        "assistant",
        "sips:a@127.0.0.1",
        "tel:123",
        "sip:a@127.0.0.1;transport=ws",
    ] {
        assert!(
            matches!(
                run(Options::new(target, Vec::new())).await,
                Err(CallError::Target(_))
            ),
            "{target}"
        );
    }
    let nobody = run(Options::new("sip:a@127.0.0.1:1;transport=tcp", Vec::new())).await;
    assert!(matches!(nobody, Err(CallError::Socket { .. })));
}
