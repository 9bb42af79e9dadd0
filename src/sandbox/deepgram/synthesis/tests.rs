use super::*;
use crate::audio::Law;
use crate::io::clock;
use crate::sandbox::tone_speech::Decoder;

const MULAW: Encoding = Encoding::G711(Law::Mu);

fn drain(synthesis: &mut Synthesis) -> (String, Vec<u64>, Vec<usize>) {
    let mut decoder = Decoder::new(8_000);
    let (mut heard, mut flushed, mut sizes) = (Vec::new(), Vec::new(), Vec::new());
    while let Some(piece) = synthesis.poll() {
        match piece {
            Piece::Audio { bytes, .. } => {
                sizes.push(bytes.len());
                decoder.push(&MULAW.decode(&bytes, &mut None), &mut heard);
            }
            Piece::Flushed(number) => flushed.push(number),
        }
    }
    let text = heard.iter().map(|each| each.character).collect();
    (text, flushed, sizes)
}

#[test]
fn nothing_is_rendered_before_a_flush_and_all_of_it_after() {
    let mut synthesis = Synthesis::new(MULAW, 8_000);
    let now = clock::now();
    assert_eq!(synthesis.speak("Hello there.", now), Ok(None));
    assert_eq!(synthesis.speak("How are you?", now), Ok(None));
    assert!(synthesis.is_idle());
    assert_eq!(synthesis.flush(now).unwrap(), "Hello there. How are you?");
    let (text, flushed, sizes) = drain(&mut synthesis);
    assert_eq!(text, "hello there. how are you?");
    assert_eq!(flushed, [0]);
    assert!(sizes.iter().any(|size| size % 160 != 0));
    synthesis.flush(now).unwrap();
    assert_eq!(drain(&mut synthesis).1, [1]);
}

#[test]
fn long_text_is_begun_without_a_flush_and_joins() {
    let mut synthesis = Synthesis::new(MULAW, 8_000);
    let now = clock::now();
    let text = "this is a sentence of some length, and it goes on. ".repeat(4);
    assert!(synthesis.speak(&text, now).unwrap().is_some());
    synthesis.speak("and the rest", now).unwrap();
    synthesis.flush(now).unwrap();
    assert_eq!(
        drain(&mut synthesis).0,
        format!("{text}and the rest").replace("  ", " ")
    );
}

#[test]
fn clear_drops_text_and_audio() {
    let mut synthesis = Synthesis::new(MULAW, 8_000);
    let now = clock::now();
    synthesis.speak("one", now).unwrap();
    synthesis.flush(now).unwrap();
    synthesis.speak("two", now).unwrap();
    synthesis.clear();
    assert!(synthesis.is_idle());
    synthesis.flush(now).unwrap();
    assert_eq!(drain(&mut synthesis).0, "");
}

#[test]
fn the_twenty_first_flush_of_a_minute_is_refused_and_not_numbered() {
    let mut synthesis = Synthesis::new(MULAW, 8_000);
    let now = clock::now();
    for _ in 0..20 {
        assert!(synthesis.flush(now).is_some());
    }
    assert!(synthesis.flush(now + Duration::from_secs(59)).is_none());
    assert!(synthesis.flush(now + Duration::from_secs(60)).is_some());
    let (_, flushed, _) = drain(&mut synthesis);
    assert_eq!(flushed, (0..=20).collect::<Vec<u64>>());
}

#[test]
fn too_much_text_is_refused() {
    let mut synthesis = Synthesis::new(MULAW, 8_000);
    let now = clock::now();
    assert_eq!(
        synthesis.speak(&"a".repeat(2_001), now),
        Err(TooMuch::Message)
    );
    assert!(synthesis.speak(&"a".repeat(2_000), now).is_ok());
    assert_eq!(synthesis.speak(&"a".repeat(401), now), Err(TooMuch::Minute));
    assert!(synthesis.speak(&"a".repeat(400), now).is_ok());
    let later = now + Duration::from_secs(60);
    assert!(synthesis.speak(&"a".repeat(2_000), later).is_ok());
}

#[test]
fn each_rendered_text_has_one_beginning_and_one_middle() {
    let mut synthesis = Synthesis::new(MULAW, 8_000);
    let now = clock::now();
    synthesis
        .speak("a text of some length, so that it has many pieces", now)
        .unwrap();
    synthesis.flush(now).unwrap();
    let mut places = Vec::new();
    while let Some(piece) = synthesis.poll() {
        if let Piece::Audio { place, .. } = piece {
            places.push(place);
        }
    }
    assert_eq!(places[0], Place::First);
    assert_eq!(
        places.iter().filter(|place| **place == Place::Half).count(),
        1
    );
    assert_eq!(
        places
            .iter()
            .filter(|place| **place == Place::First)
            .count(),
        1
    );
}
