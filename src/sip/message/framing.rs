//! Messages on a stream (RFC 3261 §18.3, §7.5; RFC 5626 §3.5.1): cut by Content-Length, split anywhere.

use bytes::{Buf, Bytes, BytesMut};

use super::lines::{Lines, head_end};
use super::{MAX_HEAD, MAX_MESSAGE, Message, Name, Rejected, parse, scan};

#[cfg(test)]
mod tests;

/// What a stream carried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// A message.
    Message(Message),
    /// A whole message that is refused; the stream goes on.
    Rejected(Rejected),
    /// A keep-alive (two line breaks), to be answered with one CRLF.
    Ping,
    /// One line break: the answer to our own keep-alive.
    Pong,
    /// Where the next message begins is lost: answer, if there is a response, and close. Nothing follows.
    Broken(Rejected),
}

/// Cuts a stream into messages. Push what was read, then take frames until there is none.
///
/// It holds at most one message (64 KiB) besides what was pushed last.
#[derive(Debug, Default)]
pub struct StreamFramer {
    buffer: BytesMut,
    /// How far the buffer was searched for the end of the head.
    searched: usize,
    /// Length of the message at the front, once its head is known.
    length: Option<usize>,
    /// A line break came last, which may be the first half of a ping.
    line_break: bool,
    broken: bool,
    last: Bytes,
}

impl StreamFramer {
    /// A framer at the start of a stream.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds bytes as read from the stream, at most some 64 KiB at a time.
    pub fn push(&mut self, bytes: &[u8]) {
        if !self.broken {
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// Whether a message has begun and is not complete: for the time limit on slow senders.
    #[must_use]
    pub fn is_partial(&self) -> bool {
        !self.buffer.is_empty()
    }

    /// The bytes of the frame given last, as they came: a whole message, or the head that broke the stream.
    #[must_use]
    pub fn raw(&self) -> &Bytes {
        &self.last
    }

    fn keep_alive(&mut self) -> Option<Frame> {
        let length = match self.buffer.as_ref() {
            [b'\r', b'\n', ..] => 2,
            [b'\n', ..] => 1,
            _ => return None,
        };
        self.buffer.advance(length);
        self.line_break = !self.line_break;
        Some(if self.line_break {
            Frame::Pong
        } else {
            Frame::Ping
        })
    }

    fn message(&mut self) -> Option<Frame> {
        if self.length.is_none() {
            match self.find_length()? {
                Ok(length) => self.length = Some(length),
                Err(head) => return Some(self.fail(head)),
            }
        }
        let length = self.length.filter(|&length| length <= self.buffer.len())?;
        self.length = None;
        self.searched = 0;
        let message = self.buffer.split_to(length).freeze();
        self.last = message.clone();
        Some(match parse(message) {
            Ok(message) => Frame::Message(message),
            Err(rejected) if rejected.is_not_sip() => {
                self.stop();
                Frame::Broken(rejected)
            }
            Err(rejected) => Frame::Rejected(rejected),
        })
    }

    /// The length of the message at the front once its head is there; `Err` is the length of a head that
    /// does not tell, or tells too much.
    fn find_length(&mut self) -> Option<Result<usize, usize>> {
        let buffered = self.buffer.len();
        let Some(end) = head_end(&self.buffer, self.searched) else {
            // The empty line may be split over two reads.
            self.searched = buffered.saturating_sub(3);
            return (buffered > MAX_HEAD).then_some(Err(buffered));
        };
        if end > MAX_HEAD {
            return Some(Err(end));
        }
        let body = body_length(&self.buffer[..end]);
        let length = body.and_then(|body| body.checked_add(end));
        Some(length.filter(|&length| length <= MAX_MESSAGE).ok_or(end))
    }

    /// The head at the front makes the rest of the stream unreadable; the parser words the refusal.
    fn fail(&mut self, head: usize) -> Frame {
        let head = self.buffer.split_to(head).freeze();
        self.last = head.clone();
        self.stop();
        Frame::Broken(match parse(head) {
            Ok(_) => Rejected::silently("message longer than 64 KiB"),
            Err(rejected) => rejected,
        })
    }

    fn stop(&mut self) {
        self.broken = true;
        self.buffer = BytesMut::new();
    }
}

impl Iterator for StreamFramer {
    type Item = Frame;

    /// The next frame; `None` until more is pushed, for ever after [`Frame::Broken`].
    fn next(&mut self) -> Option<Frame> {
        if self.broken || self.buffer.is_empty() || self.buffer.as_ref() == b"\r" {
            return None;
        }
        if let Some(frame) = self.keep_alive() {
            return Some(frame);
        }
        self.line_break = false;
        self.message()
    }
}

/// What Content-Length says; 0 without one, as a message on a stream must carry it. `None` when it is not one
/// number.
fn body_length(head: &[u8]) -> Option<usize> {
    let mut lines = Lines::new(Bytes::copy_from_slice(head));
    lines.start_line();
    let lengths = lines.filter_map(|line| {
        let (name, value) = scan::split_once(&line, b':')?;
        (Name::parse(&name)? == Name::ContentLength).then_some(value)
    });
    let mut lengths = lengths.map(|value| scan::number(&value));
    let first = lengths.next().unwrap_or(Some(0))?;
    lengths.all(|other| other == Some(first)).then_some(first)
}
