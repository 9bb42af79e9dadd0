//! The utterance that is being rendered.

use bytes::Bytes;
use tokio::sync::mpsc;

use super::Say;
use crate::conversation::Failure;
use crate::io::deepgram::cutter::Cutter;

/// Where the audio of an utterance comes from.
pub(super) enum Source {
    /// Nowhere yet: the connection is not ready.
    Waiting,
    /// The connection.
    Link,
    /// A request.
    Request(mpsc::Receiver<Result<Bytes, Failure>>),
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

/// The next part of a requested rendering. Cancel-safe.
pub(super) async fn part(active: &mut Option<Active>) -> Option<Result<Bytes, Failure>> {
    match active {
        Some(Active {
            source: Source::Request(parts),
            ..
        }) => parts.recv().await,
        _ => std::future::pending().await,
    }
}
