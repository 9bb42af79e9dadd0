//! Stream framing: how a stream is cut into pieces does not change what is read out of it.

use bytes::Bytes;
use ringwell::sip::message::{Frame, StreamFramer};

pub fn run(data: &[u8]) {
    let Some((&step, stream)) = data.split_first() else {
        return;
    };
    let whole = read(stream.chunks(stream.len().max(1)));
    let pieces = read(stream.chunks(usize::from(step % 32) + 1));
    assert_eq!(whole, pieces);
}

/// What a framer makes of a stream, up to the point where it gives up.
fn read<'a>(chunks: impl Iterator<Item = &'a [u8]>) -> Vec<String> {
    let mut framer = StreamFramer::new();
    let mut frames = Vec::new();
    for chunk in chunks {
        framer.push(chunk);
        while let Some(frame) = framer.next() {
            let raw: Bytes = framer.raw().clone();
            let is_broken = matches!(frame, Frame::Broken(..));
            frames.push(format!("{frame:?} {}", raw.escape_ascii()));
            if is_broken {
                return frames;
            }
        }
    }
    frames
}
