//! The utterance that is being rendered.

use bytes::Bytes;
use tokio::sync::mpsc;

use super::Say;
use crate::conversation::Failure;
use crate::io::deepgram::cutter::Cutter;

/// Frames of kept audio that are taken at once.
const SLICE: usize = 25;

/// Where the audio of an utterance comes from.
pub(super) enum Source {
    /// Nowhere yet: the connection is not ready.
    Waiting,
    /// The connection.
    Link,
    /// A request.
    Request(mpsc::Receiver<Result<Bytes, Failure>>),
    /// What is left of audio that is all there.
    Kept(Bytes),
}

/// The utterance at hand.
pub(super) struct Active {
    pub(super) say: Say,
    pub(super) source: Source,
    pub(super) cutter: Cutter,
    /// Bytes of audio that came.
    pub(super) came: usize,
    /// Bytes that came once and are passed over the second time.
    pub(super) skip: usize,
    /// A second connection was tried for it.
    pub(super) retried: bool,
}

impl Active {
    /// Nobody outside is needed for it.
    pub(super) fn is_kept(&self) -> bool {
        matches!(self.source, Source::Kept(_))
    }

    /// The connection renders it.
    pub(super) fn is_on_link(&self) -> bool {
        matches!(self.source, Source::Link)
    }

    /// A request renders it.
    pub(super) fn is_requested(&self) -> bool {
        matches!(self.source, Source::Request(_))
    }
}

/// The next part of audio that was requested or kept. Cancel-safe.
pub(super) async fn part(active: &mut Option<Active>) -> Option<Result<Bytes, Failure>> {
    match active {
        Some(Active {
            source: Source::Request(parts),
            ..
        }) => parts.recv().await,
        Some(Active {
            source: Source::Kept(audio),
            cutter,
            ..
        }) => {
            let slice = SLICE * cutter.frame_bytes();
            let part = audio.split_to(audio.len().min(slice));
            (!part.is_empty()).then_some(Ok(part))
        }
        _ => std::future::pending().await,
    }
}
