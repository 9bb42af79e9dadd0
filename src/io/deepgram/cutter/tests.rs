use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::audio::{FRAME_SAMPLES, Law};

const OWNER: Owner = Owner {
    utterance: UtteranceId(7),
    epoch: 3,
    format: SpeechFormat::G711(Law::Mu),
};

fn cut(sizes: &[usize], audio: &[u8], trim: bool) -> (Vec<Spoken>, Duration) {
    let mut frames = Vec::new();
    let mut cutter = Cutter::new(OWNER, trim);
    let known = cutter.length(audio);
    let mut rest = audio;
    for size in sizes.iter().cycle() {
        let (head, tail) = rest.split_at(rest.len().min(*size));
        cutter.push(head, &mut frames);
        rest = tail;
        if rest.is_empty() {
            break;
        }
    }
    let long = cutter.finish(&mut frames);
    assert_eq!(known, long, "it is known before");
    (frames, long)
}

fn joined(frames: &[Spoken]) -> Vec<u8> {
    let bytes = frames.iter().map(|frame| frame.audio.clone());
    bytes.collect::<Vec<_>>().concat()
}

#[test]
fn any_size_of_messages_gives_the_same_frames() {
    let audio: Vec<u8> = (0..1000u32).map(|n| (n % 90) as u8).collect();
    let mut expected = audio.clone();
    expected.resize(1120, 0xFF);
    for sizes in [&[1][..], &[7, 333], &[160], &[1000], &[159, 161]] {
        let (frames, long) = cut(sizes, &audio, false);
        assert_eq!(joined(&frames), expected, "{sizes:?}");
        assert_eq!(long, Duration::from_millis(140));
        let last: Vec<bool> = frames.iter().map(|frame| frame.last).collect();
        assert_eq!(last, [false, false, false, false, false, false, true]);
        assert!(frames.iter().all(|frame| frame.epoch == 3));
        assert!(frames.iter().all(|frame| frame.utterance == UtteranceId(7)));
        assert!(frames.iter().all(|frame| !frame.afresh));
    }
}

proptest! {
    #[test]
    fn nothing_is_lost_or_added(
        audio in vec(0_u8..=0x7F, 0..2000),
        sizes in vec(1_usize..400, 1..6),
    ) {
        let (frames, long) = cut(&sizes, &audio, false);
        let mut expected = audio.clone();
        expected.resize(audio.len().max(1).next_multiple_of(160), 0xFF);
        prop_assert_eq!(joined(&frames), expected);
        prop_assert_eq!(long, FRAME * u32::try_from(frames.len()).unwrap());
        prop_assert_eq!(frames.iter().filter(|frame| frame.last).count(), 1);
        prop_assert!(frames.last().unwrap().last);
    }
}

#[test]
fn a_whole_last_frame_is_not_padded() {
    let (frames, long) = cut(&[64], &[5; 320], false);
    assert_eq!(joined(&frames), [5; 320]);
    assert_eq!(long, Duration::from_millis(40));
    assert!(!frames[0].last && frames[1].last);
}

#[test]
fn nothing_still_has_a_last_frame() {
    let (frames, long) = cut(&[1], &[], true);
    assert_eq!(joined(&frames), [0xFF; 160]);
    assert!(frames[0].last);
    assert_eq!(long, Duration::from_millis(20));
}

#[test]
fn leading_silence_is_trimmed_to_forty_milliseconds() {
    let silence = vec![0xFE; 12 * FRAME_SAMPLES];
    let audio = [&silence[..], &[0x20; FRAME_SAMPLES], &silence[..]].concat();
    let (frames, _) = cut(&[501], &audio, true);
    assert_eq!(frames.len(), 2 + 1 + 12);
    assert_eq!(frames[2].audio, [0x20; FRAME_SAMPLES]);
    let (whole, _) = cut(&[501], &audio, false);
    assert_eq!(whole.len(), 25);
}

#[test]
fn no_more_than_the_voice_s_own_beginning_is_trimmed() {
    let pause = vec![0xFF; 100 * FRAME_SAMPLES];
    let (frames, _) = cut(&[800], &pause, true);
    assert_eq!(frames.len(), 100 - 15);
    assert!(frames.last().unwrap().last);
}

#[test]
fn linear_audio_is_cut_between_samples_into_frames_of_20_ms() {
    let owner = Owner {
        format: SpeechFormat::Linear16(16_000),
        ..OWNER
    };
    let audio: Vec<u8> = (0..1500u32).map(|n| (n % 90) as u8 + 1).collect();
    let mut frames = Vec::new();
    let mut cutter = Cutter::new(owner, false);
    for part in audio.chunks(33) {
        cutter.push(part, &mut frames);
    }
    assert_eq!(cutter.finish(&mut frames), FRAME * 3);
    assert!(frames.iter().all(|frame| frame.audio.len() == 640));
    let mut expected = audio;
    expected.resize(1920, 0);
    assert_eq!(joined(&frames), expected);
}
