use super::*;
use crate::audio::Law;

/// Bytes of a message in G.711.
const CHUNK: usize = 640;

#[test]
fn messages_are_whole_and_in_order() {
    let mut feed = Feed::new(SpeechFormat::G711(Law::Mu));
    let audio: Vec<u8> = (0..1000u32).map(|n| (n % 251) as u8).collect();
    assert_eq!(feed.push(&audio), 0);
    assert!(feed.ready());
    assert_eq!(feed.chunk(), audio[..CHUNK]);
    assert!(!feed.ready());
    feed.pad();
    let last = feed.chunk();
    assert_eq!(last.len(), CHUNK);
    assert_eq!(last[..360], audio[CHUNK..]);
    assert!(last[360..].iter().all(|byte| *byte == 0xFF));
}

#[test]
fn silence_has_the_sound_of_its_law() {
    let mut feed = Feed::new(SpeechFormat::G711(Law::A));
    feed.pad();
    assert_eq!(feed.chunk(), vec![0xD5; CHUNK]);
}

#[test]
fn what_was_not_transcribed_is_sent_again() {
    let mut feed = Feed::new(SpeechFormat::G711(Law::Mu));
    for letter in [1, 2, 3] {
        feed.push(&[letter; CHUNK]);
        feed.chunk();
    }
    feed.transcribed(0.16);
    feed.push(&[4; CHUNK]);
    assert_eq!(feed.rewind(), 0);
    assert_eq!(feed.chunk(), [3; CHUNK].as_slice());
    assert_eq!(feed.chunk(), [4; CHUNK].as_slice());
    // The new connection counts from its own beginning.
    feed.transcribed(0.08);
    feed.rewind();
    assert_eq!(feed.chunk(), [4; CHUNK].as_slice());
}

#[test]
fn a_wild_time_of_the_service_does_no_harm() {
    let mut feed = Feed::new(SpeechFormat::G711(Law::Mu));
    feed.push(&[1; CHUNK]);
    feed.chunk();
    for seconds in [f64::NAN, -1.0, f64::NEG_INFINITY] {
        feed.transcribed(seconds);
    }
    feed.rewind();
    assert!(feed.ready());
    feed.chunk();
    feed.transcribed(f64::INFINITY);
    feed.rewind();
    assert!(!feed.ready());
}

#[test]
fn too_much_drops_the_oldest() {
    let mut feed = Feed::new(SpeechFormat::G711(Law::Mu));
    let most = MAX_PENDING_SECONDS * 8_000;
    assert_eq!(feed.push(&vec![1; most]), 0);
    assert_eq!(feed.push(&[2; CHUNK]), CHUNK);
    assert_eq!(feed.pending.len(), most);
    assert_eq!(feed.pending.back(), Some(&2));
}
