//! baresip and linphone, two independent telephones.

use std::path::PathBuf;
use std::time::Duration;

use ringwell::audio::Law;
use ringwell::sandbox::tone_speech;

use crate::baresip::Baresip;
use crate::lab::Lab;
use crate::linphone::Linphone;
use crate::sipp::{Capture, audio};

const PATIENCE: Duration = Duration::from_secs(20);

/// What a recording says.
pub fn read(samples: &[i16]) -> String {
    read_at(8000, samples)
}

/// The same at another rate.
pub fn read_at(rate: u32, samples: &[i16]) -> String {
    let mut decoder = tone_speech::Decoder::new(rate);
    let mut heard = Vec::new();
    decoder.push(samples, &mut heard);
    heard.iter().map(|character| character.character).collect()
}

/// A WAV file of silence, a text, and silence.
pub fn says(lab: &Lab, text: &str) -> PathBuf {
    says_after(lab, "says.wav", 9, text)
}

/// The same in a file of this name, with so many seconds of silence first.
pub fn says_after(lab: &Lab, name: &str, seconds: u64, text: &str) -> PathBuf {
    says_at(8000, lab, name, seconds, text)
}

/// The same at another rate.
pub fn says_at(rate: u32, lab: &Lab, name: &str, seconds: u64, text: &str) -> PathBuf {
    let path = lab.dir.path().join(name);
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: rate,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut wav = hound::WavWriter::create(&path, spec).expect("a WAV file");
    let mut encoder = tone_speech::Encoder::new(rate);
    let before = encoder.silence(Duration::from_secs(seconds));
    let text = encoder.say(text);
    let rest = encoder.silence(Duration::from_secs(120));
    for sample in [before, text, rest].concat() {
        wav.write_sample(sample).expect("a sample");
    }
    wav.finalize().expect("a whole file");
    path
}

/// Has a baresip call the assistant, listen for so many seconds, and hang up.
pub fn listens(lab: &Lab, phone: &mut Baresip, seconds: u64) {
    phone.command("dial", &lab.uri("assistant"));
    phone.wait_for("CALL_ESTABLISHED", PATIENCE);
    lasts(lab, seconds);
    phone.command("hangup", "");
    phone.wait_for("CALL_CLOSED", PATIENCE);
    lab.is_idle(PATIENCE);
}

/// Waits until the one call has lasted so long.
pub fn lasts(lab: &Lab, seconds: u64) {
    lab.until("the call goes on", PATIENCE, |lab| {
        let calls = &lab.status()["calls"];
        (calls[0]["seconds"].as_u64() >= Some(seconds)).then_some(())
    });
}

fn calls_hears_presses_and_hangs_up(transport: &str) {
    let lab = Lab::start(&[]);
    let says = says(&lab, "");
    let folder = lab.dir.path().join("baresip");
    let mut phone = Baresip::start(&folder, lab.neighbour(9), transport, &says);
    phone.command(
        "dial",
        &format!("{};transport={transport}", lab.uri("assistant")),
    );
    phone.wait_for("CALL_ESTABLISHED", PATIENCE);
    lasts(&lab, 6);
    // Key 0 asks for a person, and baresip offers telephone-event.
    phone.command("sndcode", "0");
    lasts(&lab, 14);
    phone.command("hangup", "");
    phone.wait_for("CALL_CLOSED", PATIENCE);
    lab.is_idle(PATIENCE);
    let heard = read(&phone.heard());
    assert!(heard.contains("how can i help you?"), "{heard}");
    assert!(
        heard.contains("what is your e-mail address?"),
        "the key is understood: {heard}"
    );
    let ticket = &lab.tickets_are(1, PATIENCE)[0];
    assert!(
        ticket["contents"]
            .as_str()
            .is_some_and(|text| text.contains("person")),
        "{ticket:#}"
    );
}

#[test]
fn baresip_over_udp_hears_the_greeting_presses_a_key_and_hangs_up() {
    calls_hears_presses_and_hangs_up("udp");
}

#[test]
fn baresip_over_tcp_hears_the_greeting_presses_a_key_and_hangs_up() {
    calls_hears_presses_and_hangs_up("tcp");
}

fn is_hung_up_on(transport: &str) {
    let lab = Lab::start(&[]);
    let says = says(&lab, "thank you, that is all, goodbye");
    let folder = lab.dir.path().join("baresip");
    let mut phone = Baresip::start(&folder, lab.neighbour(9), transport, &says);
    phone.command(
        "dial",
        &format!("{};transport={transport}", lab.uri("assistant")),
    );
    phone.wait_for("CALL_ESTABLISHED", PATIENCE);
    phone.wait_for("CALL_CLOSED", Duration::from_secs(40));
    let heard = read(&phone.heard());
    assert!(heard.contains("goodbye"), "{heard}\n{}", lab.log());
    lab.is_idle(PATIENCE);
}

#[test]
fn baresip_over_udp_is_hung_up_on() {
    is_hung_up_on("udp");
}

#[test]
fn baresip_over_tcp_is_hung_up_on() {
    is_hung_up_on("tcp");
}

/// A port for SIP that no other laboratory of this run uses; audio has those above it.
pub fn phone_port(lab: &Lab) -> u16 {
    let [_, network, laboratory, _] = lab.ip.octets();
    42_000 + u16::from(laboratory) * 20 + u16::from(network % 2) * 10
}

#[test]
fn linphone_hears_the_greeting_holds_resumes_presses_a_key_and_hangs_up() {
    let lab = Lab::start(&[]);
    let says = says(&lab, "");
    let folder = lab.dir.path().join("linphone");
    let mut phone = Linphone::start(&folder, phone_port(&lab), &says, "");
    phone.command(&format!("call {}", lab.uri("assistant")));
    phone.wait_for("Media streams established");
    lasts(&lab, 6);
    let greeting = read(&phone.heard());
    phone.command("pause 1");
    phone.wait_for("is now paused");
    lasts(&lab, 9);
    phone.command("resume 1");
    lasts(&lab, 10);
    phone.command("0");
    lasts(&lab, 18);
    phone.command("terminate");
    phone.wait_for("ended");
    lab.is_idle(PATIENCE);
    assert!(greeting.contains("how can i help you?"), "{greeting}");
    let after = read(&phone.heard());
    assert!(after.contains("what is your e-mail address?"), "{after}");
    lab.tickets_are(1, PATIENCE);
}

/// Held in the middle of the greeting, for longer than a silent caller is waited for.
#[test]
fn baresip_holds_and_is_not_talked_to_until_it_is_back() {
    let lab = Lab::start(&[]);
    let says = says(&lab, "");
    let folder = lab.dir.path().join("baresip");
    let capture = Capture::start(&lab, &format!("udp and host {}", lab.ip));
    let mut phone = Baresip::start(&folder, lab.neighbour(9), "udp", &says);
    phone.command("dial", &lab.uri("assistant"));
    phone.wait_for("CALL_ESTABLISHED", PATIENCE);
    lasts(&lab, 3);
    phone.command("hold", "");
    lasts(&lab, 18);
    phone.command("resume", "");
    lasts(&lab, 32);
    phone.command("hangup", "");
    phone.wait_for("CALL_CLOSED", PATIENCE);
    lab.is_idle(PATIENCE);
    let ticket = &lab.tickets_are(1, PATIENCE)[0];
    let contents = ticket["contents"].as_str().expect("contents");
    let asked = contents.matches("Are you still there").count();
    assert_eq!(asked, 1, "only after the hold: {contents}\n{}", lab.log());
    assert!(contents.contains("[interrupted]"), "{contents}");
    // baresip records nothing after a hold: what went over the wire tells.
    let ports: Vec<u16> = (30_000..30_100).step_by(2).collect();
    let streams = audio(&capture.finish(), &ports);
    let sent = &streams[&lab.ip.to_string()];
    let samples: Vec<i16> = sent.iter().map(|byte| Law::Mu.decode(*byte)).collect();
    let seconds = samples.len() / 8_000;
    assert!((15..=19).contains(&seconds), "silent on hold: {seconds} s");
    let heard = read(&samples);
    assert!(heard.contains("are you still there"), "{heard}");
}
