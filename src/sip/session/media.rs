//! The session's offer/answer (RFC 3264): what we have described, offered and agreed on.

use bytes::Bytes;

use crate::sdp::{self, Local, Negotiated, NoCommonCodec, SessionDescription};
use crate::sip::message::StatusCode;

/// Our side of the media.
#[derive(Debug)]
pub(super) struct Media {
    local: Local,
    /// Our latest description that stands.
    ours: Option<SessionDescription>,
    /// Our offer that waits for its answer.
    offered: Option<SessionDescription>,
}

/// A description that cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    #[error("no session description")]
    Missing,
    #[error("unreadable session description: {0}")]
    Unreadable(sdp::Unreadable),
    #[error("{0}")]
    NoCommonCodec(NoCommonCodec),
}

impl Refused {
    /// The status to refuse with.
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Missing | Self::Unreadable(_) => StatusCode::BAD_REQUEST,
            Self::NoCommonCodec(_) => StatusCode::NOT_ACCEPTABLE_HERE,
        }
    }

    /// The code of the Warning beside it (RFC 3261 §20.43).
    pub(super) fn warning(&self) -> u16 {
        match self {
            Self::NoCommonCodec(NoCommonCodec::NoAudio) => 304,
            Self::NoCommonCodec(NoCommonCodec::Codec(_)) => 305,
            Self::NoCommonCodec(NoCommonCodec::Profile(_)) => 302,
            Self::Missing | Self::Unreadable(_) => 399,
        }
    }
}

impl Media {
    pub(super) fn new(local: Local) -> Self {
        Self {
            local,
            ours: None,
            offered: None,
        }
    }

    /// Answers an offer. A refused one changes nothing.
    pub(super) fn answer(&mut self, offer: &[u8]) -> Result<(Bytes, Negotiated), Refused> {
        let offer = SessionDescription::parse(offer).map_err(Refused::Unreadable)?;
        let (answer, negotiated) =
            sdp::answer(&offer, &self.local).map_err(Refused::NoCommonCodec)?;
        let answer = self.following(answer);
        let body = answer.write();
        self.ours = Some(answer);
        Ok((body, negotiated))
    }

    /// Makes an offer; it stands until [`Self::conclude`].
    pub(super) fn offer(&mut self) -> Bytes {
        let offer = self.following(sdp::offer(&self.local));
        let body = offer.write();
        self.offered = Some(offer);
        body
    }

    /// Takes the answer to our offer.
    pub(super) fn conclude(&mut self, answer: Option<Bytes>) -> Result<Negotiated, Refused> {
        let offer = self.offered.take().ok_or(Refused::Missing)?;
        let answer = answer.ok_or(Refused::Missing)?;
        let answer = SessionDescription::parse(&answer).map_err(Refused::Unreadable)?;
        let negotiated = sdp::conclude(&offer, &answer).map_err(Refused::NoCommonCodec)?;
        self.ours = Some(offer);
        Ok(negotiated)
    }

    /// Whether an offer of ours waits for its answer.
    pub(super) fn is_waiting(&self) -> bool {
        self.offered.is_some()
    }

    fn following(&self, next: SessionDescription) -> SessionDescription {
        match self.offered.as_ref().or(self.ours.as_ref()) {
            Some(last) => next.succeeding(last),
            None => next,
        }
    }
}
