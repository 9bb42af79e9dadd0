//! The session's offer/answer (RFC 3264): what we have described, offered and agreed on.

use bytes::Bytes;

use crate::sdp::{
    self, Direction, Local, Negotiated, NoCommonCodec, Origin, SessionDescription, Srtp,
};
use crate::sip::message::StatusCode;

/// Our side of the media.
#[derive(Debug)]
pub(super) struct Media {
    /// Our keys, of the whole session.
    srtp: Srtp,
    /// What we stand for.
    stance: Stance,
    /// What we want to stand for: to be offered, or put into the next answer.
    wanted: Option<Stance>,
    /// Our latest description that stands.
    ours: Option<SessionDescription>,
    /// Whose latest description that stands.
    theirs: Option<Origin>,
    agreed: Option<Negotiated>,
    /// Our offer that waits for its answer.
    offered: Option<Offered>,
    /// Our first offer, answered by one branch of a forked call while others may still answer it.
    forked: Option<Offered>,
    /// Our offer that was not taken, while no other description has followed.
    withdrawn: Option<SessionDescription>,
    /// Whether the latest agreement changed anything.
    is_news: bool,
    /// Whether our latest description let us send, so that the peer's tells whether it holds us.
    sends: bool,
    /// The peer holds us.
    held: bool,
}

/// What our descriptions are made from, without the keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stance {
    pub(super) local: Local,
    /// We hold the peer.
    pub(super) holds: bool,
}

#[derive(Clone, Debug)]
struct Offered {
    description: SessionDescription,
    stance: Stance,
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
            Self::NoCommonCodec(NoCommonCodec::Profile(_) | NoCommonCodec::Dtls(_)) => 302,
            Self::NoCommonCodec(NoCommonCodec::Unencrypted | NoCommonCodec::Keys(_)) => 399,
            Self::Missing | Self::Unreadable(_) => 399,
        }
    }
}

impl Media {
    pub(super) fn new(mut local: Local) -> Self {
        let srtp = std::mem::take(&mut local.srtp);
        Self {
            srtp,
            stance: Stance {
                local,
                holds: false,
            },
            wanted: None,
            ours: None,
            theirs: None,
            agreed: None,
            offered: None,
            forked: None,
            withdrawn: None,
            is_news: true,
            sends: true,
            held: false,
        }
    }

    /// Answers an offer, with what we want by now. A refused one changes nothing.
    pub(super) fn answer(&mut self, offer: &[u8]) -> Result<(Bytes, Negotiated), Refused> {
        let offer = SessionDescription::parse(offer).map_err(Refused::Unreadable)?;
        let stance = self.wanted.as_ref().unwrap_or(&self.stance);
        let (mut answer, mut negotiated) =
            sdp::answer(&offer, &self.local(stance)).map_err(Refused::NoCommonCodec)?;
        if stance.holds {
            negotiated.direction = negotiated.direction.within(Direction::SendOnly);
            answer = answer.with_direction(negotiated.direction);
        }
        let same_version = self.theirs.as_ref() == Some(&offer.origin);
        self.is_news = !same_version || self.agreed.as_ref() != Some(&negotiated);
        if let Some(wanted) = self.wanted.take() {
            self.stance = wanted;
        }
        self.srtp.settle(&answer, &negotiated);
        let answer = self.following(answer);
        let body = answer.write();
        self.stand(answer, offer.origin);
        self.agreed = Some(negotiated.clone());
        self.sends = true;
        Ok((body, negotiated))
    }

    /// Makes an offer of all we can; it stands until [`Self::conclude`]. While the peer holds us it
    /// says what we would do, not what we may (RFC 3261 §14.2, RFC 6337 §5.3).
    pub(super) fn offer(&mut self) -> Bytes {
        let stance = self.wanted.as_ref().unwrap_or(&self.stance).clone();
        let mut offer = sdp::offer(&self.local(&stance));
        if let Some(last) = &self.ours {
            offer = in_the_place_of(offer, last);
        }
        let direction = self.direction(stance.holds);
        self.put(offer.with_direction(direction), stance)
    }

    /// Offers what we want to change; where that is nothing, the session as it is (RFC 4028 §7.4).
    pub(super) fn reoffer(&mut self) -> Bytes {
        let wanted = self.wanted.clone().unwrap_or_else(|| self.stance.clone());
        match self.ours.clone() {
            Some(last) if wanted == self.stance => self.put(last, wanted),
            Some(last) if wanted.local == self.stance.local => {
                let direction = self.direction(wanted.holds);
                self.put(last.with_direction(direction), wanted)
            }
            _ => self.offer(),
        }
    }

    /// Takes the answer to our offer.
    pub(super) fn conclude(&mut self, answer: Option<Bytes>) -> Result<Negotiated, Refused> {
        let offered = self.offered.take().ok_or(Refused::Missing)?;
        let answer = answer.ok_or(Refused::Missing)?;
        let answer = SessionDescription::parse(&answer).map_err(Refused::Unreadable)?;
        let offer = offered.description;
        let negotiated = sdp::conclude(&offer, &answer).map_err(Refused::NoCommonCodec)?;
        self.is_news = self.stance != offered.stance || self.agreed.as_ref() != Some(&negotiated);
        self.wanted = self.wanted.take().filter(|it| *it != offered.stance);
        self.stance = offered.stance;
        self.sends = offer
            .media
            .iter()
            .any(|media| media.port != 0 && offer.direction_of(media).sends());
        self.srtp.settle(&offer, &negotiated);
        self.stand(offer, answer.origin);
        self.agreed = Some(negotiated.clone());
        Ok(negotiated)
    }

    /// What an answer to our offer that does not bind yet would lead to.
    pub(super) fn preview(&self, answer: &[u8]) -> Result<Negotiated, Refused> {
        let offer = self.offered.as_ref().or(self.forked.as_ref());
        let offer = &offer.ok_or(Refused::Missing)?.description;
        let answer = SessionDescription::parse(answer).map_err(Refused::Unreadable)?;
        sdp::conclude(offer, &answer).map_err(Refused::NoCommonCodec)
    }

    /// Takes the answer of one branch of a forked call; another branch may still answer the same offer.
    pub(super) fn conclude_fork(&mut self, answer: Bytes) -> Result<Negotiated, Refused> {
        let offer = self.forked.take().or_else(|| self.offered.clone());
        self.offered = offer.clone();
        self.forked = offer;
        self.conclude(Some(answer))
    }

    /// The call is answered: no other branch can answer our first offer any more.
    pub(super) fn settle(&mut self) {
        self.forked = None;
    }

    /// What was agreed on last.
    pub(super) fn agreed(&self) -> Option<&Negotiated> {
        self.agreed.as_ref()
    }

    /// Whether an offer of ours waits for its answer.
    pub(super) fn is_waiting(&self) -> bool {
        self.offered.is_some()
    }

    /// Whether the latest answer, ours or theirs, changed anything: a refresh does not.
    pub(super) fn is_news(&self) -> bool {
        self.is_news
    }

    /// Changes what we want.
    pub(super) fn want(&mut self, change: impl FnOnce(&mut Stance)) {
        let last = self.wanted.as_ref().unwrap_or(&self.stance);
        let wanted = self.wanted.insert(last.clone());
        change(wanted);
        wanted.local.srtp = Srtp::default();
    }

    /// A stance with our keys, and the codec that stands before the others, unless others are wanted now.
    fn local(&self, stance: &Stance) -> Local {
        let mut local = Local {
            srtp: self.srtp.clone(),
            ..stance.local.clone()
        };
        if let Some(agreed) = &self.agreed
            && stance.local.codecs == self.stance.local.codecs
        {
            local.prefer(agreed.codec);
        }
        local
    }

    /// Whether there is something to offer that is not on its way.
    pub(super) fn wants_offer(&self) -> bool {
        let now = self.offered.as_ref().map_or(&self.stance, |it| &it.stance);
        self.wanted.as_ref().is_some_and(|wanted| wanted != now)
    }

    /// Whether the offer on its way would change our side.
    pub(super) fn is_changing(&self) -> bool {
        let offered = self.offered.as_ref();
        offered.is_some_and(|offered| offered.stance != self.stance)
    }

    /// Our offer was not taken; what we want is still wanted.
    pub(super) fn withdraw(&mut self) {
        let offered = self.offered.take().map(|offered| offered.description);
        self.withdrawn = offered.or(self.withdrawn.take());
    }

    /// Our offer was refused, and is not wanted any more.
    pub(super) fn decline(&mut self) {
        let refused = self.offered.as_ref().map(|offered| &offered.stance);
        self.wanted = self.wanted.take().filter(|it| Some(it) != refused);
        self.withdraw();
    }

    /// Whether the peer has just put us on hold, or ended it, by what was agreed.
    pub(super) fn hold_changed(&mut self, negotiated: &Negotiated) -> Option<bool> {
        let held = match (negotiated.direction.sends(), self.sends) {
            (true, _) => false,
            (false, true) => true,
            (false, false) => self.held,
        };
        (std::mem::replace(&mut self.held, held) != held).then_some(held)
    }

    /// A stream that was only received is held by being inactive (RFC 3264 §8.4).
    fn direction(&self, holds: bool) -> Direction {
        match (holds, self.held) {
            (false, _) => Direction::SendRecv,
            (true, false) => Direction::SendOnly,
            (true, true) => Direction::Inactive,
        }
    }

    fn put(&mut self, description: SessionDescription, stance: Stance) -> Bytes {
        let description = self.following(description);
        let body = description.write();
        self.offered = Some(Offered {
            description,
            stance,
        });
        body
    }

    fn stand(&mut self, ours: SessionDescription, theirs: Origin) {
        self.ours = Some(ours);
        self.theirs = Some(theirs);
        self.withdrawn = None;
    }

    /// The version counts from our latest description, taken or not; the one that stands keeps its own.
    fn following(&self, next: SessionDescription) -> SessionDescription {
        let offered = self.offered.as_ref().map(|offered| &offered.description);
        let next = match offered.or(self.ours.as_ref()) {
            Some(last) => next.succeeding(last),
            None => next,
        };
        match &self.withdrawn {
            Some(withdrawn) if self.ours.as_ref() != Some(&next) => next.succeeding(withdrawn),
            _ => next,
        }
    }
}

/// The streams of a later description have the places of the earlier ones; those refused stay refused
/// (RFC 3264 §8).
fn in_the_place_of(mut next: SessionDescription, last: &SessionDescription) -> SessionDescription {
    let from = last.media.iter().position(|media| media.port != 0);
    let fresh = std::mem::take(&mut next.media);
    next.media = last.media.clone();
    for media in &mut next.media {
        media.port = 0;
        media.connection = None;
        media.attributes.clear();
    }
    for (index, media) in (from.unwrap_or(0)..).zip(fresh) {
        match next.media.get_mut(index) {
            Some(place) => *place = media,
            None => next.media.push(media),
        }
    }
    next
}
