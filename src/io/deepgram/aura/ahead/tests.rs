use super::*;
use crate::conversation::UtteranceId;
use crate::io::rings::Frame;

fn frames(epoch: u32, numbers: std::ops::Range<u8>) -> Vec<AgentFrame> {
    let frame = |number| AgentFrame {
        epoch,
        utterance: UtteranceId(1),
        last: false,
        audio: Frame::new(&[number]),
    };
    numbers.map(frame).collect()
}

fn drain(ahead: &mut Ahead) -> Vec<u8> {
    let mut numbers = Vec::new();
    while let Some(frame) = ahead.first() {
        numbers.push(frame.audio.bytes()[0]);
        ahead.pop();
        let left = ahead.len();
        assert_eq!(ahead.is_empty(), left == 0);
    }
    numbers
}

#[test]
fn frames_come_out_in_the_order_in_which_they_were_made() {
    let mut ahead = Ahead::default();
    ahead.pop();
    assert!(ahead.is_empty());
    ahead.push(frames(0, 0..3));
    ahead.push(Vec::new());
    ahead.push(frames(0, 3..4));
    assert_eq!(ahead.len(), 4);
    assert_eq!(drain(&mut ahead), [0, 1, 2, 3]);
    assert!(ahead.is_empty());
}

#[test]
fn only_what_belongs_to_the_epoch_is_kept() {
    let mut ahead = Ahead::default();
    ahead.push(frames(1, 0..2));
    ahead.push([frames(1, 2..3), frames(2, 3..5)].concat());
    ahead.push(frames(2, 5..6));
    ahead.keep(2);
    assert_eq!(ahead.len(), 3);
    assert_eq!(drain(&mut ahead), [3, 4, 5]);
}
