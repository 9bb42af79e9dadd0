use super::*;
use crate::audio::Law;
use crate::io::clock;
use crate::sandbox::tone_speech::encode;

fn play(ear: &mut Ear, samples: &[i16], position: &mut u64, now: &mut Instant) {
    for frame in samples.chunks(160) {
        let audio: Vec<u8> = frame.iter().map(|sample| Law::A.encode(*sample)).collect();
        ear.hear(&audio, *position, *now);
        *position += frame.len() as u64;
        *now += Duration::from_millis(20);
    }
}

#[test]
fn words_become_lines_with_times() {
    let start = clock::now();
    let mut ear = Ear::new(Codec::PCMA, start);
    let (mut position, mut now) = (0, start + Duration::from_secs(2));
    play(&mut ear, &encode("hello there."), &mut position, &mut now);
    play(&mut ear, &encode("how are you?"), &mut position, &mut now);
    play(&mut ear, &[0; 8_000], &mut position, &mut now);
    play(&mut ear, &encode("are you there?"), &mut position, &mut now);
    let texts: Vec<&str> = ear.lines().iter().map(|line| line.text.as_str()).collect();
    assert_eq!(texts, ["hello there. how are you?", "are you there?"]);
    assert!(
        (ear.lines()[0].from - 2.0).abs() < 0.015,
        "{:?}",
        ear.lines()
    );
    assert!(
        (ear.lines()[1].from - (2.0 + 1.16 + 1.0)).abs() < 0.015,
        "{:?}",
        ear.lines()
    );
}

#[test]
fn words_are_found_once_each() {
    let start = clock::now();
    let mut ear = Ear::new(Codec::PCMA, start);
    let (mut position, mut now) = (0, start);
    play(
        &mut ear,
        &encode("Please wait. please wait, sir"),
        &mut position,
        &mut now,
    );
    let first = ear.find("please wait", 0).unwrap();
    let second = ear.find("Please, wait!", first).unwrap();
    assert!(second > first);
    assert_eq!(ear.find("please", second), None);
    assert!(ear.find("sir", second).is_some());
}

#[test]
fn speech_is_told_from_silence() {
    let start = clock::now();
    let mut ear = Ear::new(Codec::PCMA, start);
    let (mut position, mut now) = (0, start);
    play(&mut ear, &[0; 1_600], &mut position, &mut now);
    assert_eq!((ear.onset(), ear.is_speaking(now)), (None, false));
    let onset = now;
    play(&mut ear, &encode("hello"), &mut position, &mut now);
    assert_eq!(ear.onset(), Some(onset));
    assert!(ear.is_speaking(now));
    assert!(ear.voiced() >= Duration::from_millis(180));
    play(&mut ear, &[0; 3_200], &mut position, &mut now);
    assert!(!ear.is_speaking(now));
}

#[test]
fn what_did_not_come_is_silence_and_a_jump_is_not() {
    let start = clock::now();
    let mut ear = Ear::new(Codec::PCMA, start);
    let silence = [Law::A.silence(); 160];
    assert_eq!(ear.hear(&silence, 0, start).len(), 160);
    assert_eq!(ear.hear(&silence, 480, start).len(), 480);
    assert_eq!(ear.hear(&silence, 1_000_000, start).len(), 160);
    assert_eq!(ear.hear(&silence, 1_000_160, start).len(), 160);
}

#[test]
fn plain_text_has_no_case_and_punctuation() {
    assert_eq!(plain("  It's  O.K., Anna-Lee! "), "its o k anna lee");
    assert_eq!(plain("?!"), "");
}
