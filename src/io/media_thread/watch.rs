//! Notices that nobody is heard, and from where packets come all the same.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::rtp::session::Stream;

use super::MediaEvent;

/// Looks for the first packet that can be used.
pub(super) struct Watch {
    /// The start, or the end of a hold.
    since: Instant,
    over: bool,
    signalled: Option<SocketAddr>,
    expects: bool,
    strays: Option<SocketAddr>,
}

impl Watch {
    pub(super) fn new(stream: &Stream, now: Instant) -> Self {
        Self {
            since: now,
            over: false,
            signalled: stream.remote,
            expects: stream.receives,
            strays: None,
        }
    }

    pub(super) fn update(&mut self, stream: &Stream) {
        self.signalled = stream.remote;
        self.expects = stream.receives;
    }

    /// A datagram came on the RTP port, whatever it is.
    pub(super) fn saw(&mut self, from: SocketAddr) {
        self.strays = Some(from);
    }

    /// A packet was taken.
    pub(super) fn heard(&mut self) {
        self.over = true;
    }

    /// What is to be told, once.
    pub(super) fn tick(&mut self, now: Instant) -> Option<MediaEvent> {
        if self.over {
            return None;
        }
        if !self.expects {
            self.since = now; // who is held need not send
            return None;
        }
        if now.saturating_duration_since(self.since) < NO_MEDIA {
            return None;
        }
        self.over = true;
        Some(MediaEvent::NoMedia {
            signalled: self.signalled,
            strays: self.strays,
        })
    }
}

/// A telephone sends within a fraction of a second; after so long something is in the way. A network with calls to
/// the other side of the world and a slow answer stays below it.
pub(super) const NO_MEDIA: Duration = Duration::from_secs(2);
