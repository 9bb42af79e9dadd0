//! Calls in G.722 and Opus, in codecs that change in mid-call, in packets of any length, and with comfort noise.

use std::time::Duration;

use ringwell::audio::Codec;
use serde_json::Value;

use crate::answered::heard;
use crate::baresip::Baresip;
use crate::lab::Lab;
use crate::peer::{COMFORT_NOISE, Peer, Spoken};
use crate::phones::{listens, read_at, says_at};

const PATIENCE: Duration = Duration::from_secs(20);
const PCMU: Spoken = Spoken::new(Codec::PCMU, 0);
const PCMA: Spoken = Spoken::new(Codec::PCMA, 8);
const G722: Spoken = Spoken::new(Codec::G722, 9);
const OPUS: Spoken = Spoken::new(Codec::Opus, 107);
const QUESTION: &str = "how do i reset my password?";
const FAREWELL: &str = "thank you, that is all, goodbye";
/// Nothing in the knowledge base answers it, so that a ticket has the transcript.
const TROUBLE: &str = "my printer is on fire";

/// What the threads for G.722 and Opus have done, by name.
fn codecs(lab: &Lab, name: &str) -> u64 {
    let status = lab.status();
    let count = status["codecs"][name].as_u64();
    count.unwrap_or_else(|| panic!("{name} in {status:#}"))
}

/// A codec that keeps no waveform may cost a letter on a busy machine: all words but one.
fn is_nearly_told(contents: &str) -> bool {
    let told = contents.to_lowercase();
    let told: Vec<_> = told.split(|it: char| !it.is_alphanumeric()).collect();
    let words = TROUBLE.split(' ');
    words.filter(|word| !told.contains(word)).count() <= 1
}

/// Both directions are understood: the transcript of the ticket has what the caller said, and the caller has heard what
/// was said to it.
fn is_understood_in(codec: &str) {
    let lab = Lab::start(&[]);
    lab.knows_articles();
    let script = format!(
        "wait for help you; wait until it stops; say {TROUBLE}; wait for e-mail within 20 s; wait until it stops; \
         say jane dot doe at example dot com; wait for right within 20 s; hang up"
    );
    let output = lab
        .caller("assistant", &script)
        .args(["--codec", codec])
        .output();
    let output = output.expect("the caller runs");
    let report: Value = serde_json::from_slice(&output.stdout).expect("a report");
    assert_eq!(report["ok"], true, "{report:#}\n{}", lab.log());
    // No syllable is lost where an utterance begins, though the codec may blur its very first letter.
    let heard = heard(&report);
    assert!(heard[0].contains("ello, and thank you"), "{heard:?}");
    assert!(heard.len() >= 3, "{heard:?}");
    let ticket = &lab.tickets_are(1, PATIENCE)[0];
    let contents = ticket["contents"].as_str().expect("contents");
    assert!(is_nearly_told(contents), "{contents}");
    lab.is_idle(PATIENCE);
    let sound = lab.status()["recent"][0]["sound"].clone();
    let mos = sound["heard"]["mos"].as_f64();
    assert!(mos.is_some_and(|mos| mos > 4.0), "{sound:#}");
    // Some seconds each way, in pieces of at most half a second.
    assert!(codecs(&lab, "jobs") > 20, "{}", lab.status()["codecs"]);
    assert_eq!(codecs(&lab, "undecodable"), 0);
    assert_eq!(codecs(&lab, "broken"), 0);
}

#[test]
fn a_call_in_g722_is_understood_both_ways() {
    is_understood_in("g722");
}

#[test]
fn a_call_in_opus_is_understood_both_ways() {
    is_understood_in("opus");
}

fn baresip_is_understood_in(codec: &str, rate: u32) {
    let lab = Lab::start(&[]);
    lab.knows_articles();
    // At its codec's rate, which it is spared to change.
    let says = says_at(rate, &lab, "says.wav", 9, TROUBLE);
    let folder = lab.dir.path().join("baresip");
    let codecs = format!(";audio_codecs={codec}");
    let mut phone = Baresip::start_with(&folder, lab.neighbour(9), "udp", &says, &codecs);
    listens(&lab, &mut phone, 20);
    let recorded = phone.recorded();
    assert!(
        recorded.iter().all(|(its, _)| *its == rate),
        "{}",
        phone.log()
    );
    let heard: String = recorded
        .iter()
        .map(|(rate, samples)| read_at(*rate, samples))
        .collect();
    assert!(
        heard.contains("how can i help you?"),
        "{heard}\n{}",
        lab.log()
    );
    let ticket = &lab.tickets_are(1, PATIENCE)[0];
    let contents = ticket["contents"].as_str().expect("contents");
    assert!(is_nearly_told(contents), "{contents}");
}

#[test]
fn baresip_in_g722_is_understood_both_ways() {
    baresip_is_understood_in("G722/16000/1", 16_000);
}

#[test]
fn baresip_in_opus_is_understood_both_ways() {
    baresip_is_understood_in("opus/48000/2", 48_000);
}

#[test]
fn a_codec_that_changes_in_mid_call_is_heard_both_ways_after_each_change() {
    let lab = Lab::start(&[]);
    lab.knows_articles();
    let mut peer = Peer::call(&lab, PCMU, 20, "");
    peer.hears("help you");
    for spoken in [G722, OPUS, PCMA, OPUS] {
        peer.hears_the_end();
        peer.change_to(spoken);
        let described = format!("a=rtpmap:{} ", spoken.payload_type);
        assert!(peer.answer().contains(&described), "{}", peer.answer());
        peer.say(QUESTION);
        peer.hears("forgot password");
    }
    peer.hears_the_end();
    peer.say(FAREWELL);
    peer.hears("goodbye");
    peer.is_hung_up_on();
    lab.is_idle(PATIENCE);
    let recent = &lab.status()["recent"][0];
    assert_eq!(recent["outcome"], "answered", "{recent:#}\n{}", lab.log());
    assert_eq!(codecs(&lab, "undecodable"), 0);
    lab.gives_everything_back();
}

#[test]
fn packets_of_ten_milliseconds_are_understood() {
    are_understood(&[(PCMU, 10), (G722, 10)]);
}

#[test]
fn packets_of_thirty_and_sixty_milliseconds_are_understood() {
    are_understood(&[(PCMA, 30), (G722, 60), (PCMU, 60)]);
}

/// Codecs, and the milliseconds of their packets.
fn are_understood(calls: &[(Spoken, u32)]) {
    let lab = Lab::start(&[]);
    lab.knows_articles();
    for &(spoken, ptime) in calls {
        let mut peer = Peer::call(&lab, spoken, ptime, "");
        peer.hears("help you");
        peer.hears_the_end();
        peer.say(QUESTION);
        peer.hears("forgot password");
        peer.hang_up();
        lab.is_idle(PATIENCE);
        let sound = lab.status()["recent"][0]["sound"].clone();
        assert_eq!(sound["heard"]["loss_percent"], 0.0, "{ptime} ms: {sound:#}");
    }
}

/// RFC 3389: the peer's silence is comfort noise, which is no loss and sounds as loud as it says; ours is told too.
#[test]
fn a_peer_that_tells_its_silence_is_understood_and_told_ours() {
    let lab = Lab::start(&[]);
    lab.knows_articles();
    let mut peer = Peer::call(&lab, PCMU, 20, " 13");
    peer.hears("help you");
    peer.hears_the_end();
    peer.noise(50, Duration::from_secs(1));
    peer.say(QUESTION);
    peer.noise(50, Duration::from_millis(200));
    peer.hears("forgot password");
    peer.hears_the_end();
    peer.noise(50, Duration::from_secs(1));
    peer.say(FAREWELL);
    peer.noise(50, Duration::from_millis(200));
    peer.hears("goodbye");
    let came = peer.hang_up();
    let told = came.values().filter(|it| it.payload_type == COMFORT_NOISE);
    let told: Vec<u8> = told.filter_map(|it| it.payload.first().copied()).collect();
    assert!(!told.is_empty(), "our silence is told");
    assert!(
        told.iter().all(|level| (50..=127).contains(level)),
        "{told:?}"
    );
    lab.is_idle(PATIENCE);
    let recent = &lab.status()["recent"][0];
    let sound = &recent["sound"];
    assert_eq!(sound["heard"]["loss_percent"], 0.0, "{sound:#}");
    // -50 dBov is some -44 dBm0 (RFC 3389 §3).
    let noise = sound["levels"]["noise_dbm0"].as_f64();
    assert!(
        noise.is_some_and(|noise| (-50.0..-38.0).contains(&noise)),
        "{sound:#}"
    );
}
