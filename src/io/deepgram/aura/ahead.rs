//! Frames that wait for room in the ring.

use std::collections::VecDeque;
use std::vec;

use crate::io::rings::AgentFrame;

/// In the pieces in which they were made: one queue for all would move as it grows, and what it leaves behind is too
/// large for most that comes after it.
#[derive(Default)]
pub(super) struct Ahead {
    /// None is empty.
    pieces: VecDeque<vec::IntoIter<AgentFrame>>,
    len: usize,
}

impl Ahead {
    pub(super) fn push(&mut self, frames: Vec<AgentFrame>) {
        self.len += frames.len();
        if !frames.is_empty() {
            self.pieces.push_back(frames.into_iter());
        }
    }

    pub(super) fn first(&self) -> Option<AgentFrame> {
        self.pieces.front()?.as_slice().first().copied()
    }

    pub(super) fn pop(&mut self) {
        let Some(piece) = self.pieces.front_mut() else {
            return;
        };
        self.len -= usize::from(piece.next().is_some());
        if piece.len() == 0 {
            self.pieces.pop_front();
        }
    }

    /// Keeps what belongs to an epoch.
    pub(super) fn keep(&mut self, epoch: u32) {
        for piece in std::mem::take(self).pieces {
            let kept = piece.filter(|frame| frame.epoch == epoch);
            self.push(kept.collect());
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }
}

#[cfg(test)]
mod tests;
