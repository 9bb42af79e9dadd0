//! Whether and how a call's packets are encrypted.

use crate::io::srtp::{Dropped, Srtp};
use crate::rtp::session::Channel;
use crate::sdp::Crypto;

/// What is done to each packet on its way in and out.
pub(super) enum Protection {
    /// Nothing.
    Plain,
    /// SRTP.
    Encrypted(Box<Srtp>),
    /// It should be encrypted, but the keys are none: no packet passes.
    Unusable,
}

impl From<Option<&Crypto>> for Protection {
    fn from(crypto: Option<&Crypto>) -> Self {
        match crypto.map(Srtp::new) {
            None => Self::Plain,
            Some(Ok(srtp)) => Self::Encrypted(Box::new(srtp)),
            Some(Err(_)) => Self::Unusable,
        }
    }
}

impl Protection {
    /// Makes a received packet plain, in place; gives its new length.
    pub(super) fn open(
        &mut self,
        channel: Channel,
        buffer: &mut [u8],
        length: usize,
    ) -> Result<usize, Dropped> {
        match (self, channel) {
            (Self::Plain, _) => Ok(length),
            (Self::Encrypted(srtp), Channel::Rtp) => srtp.unprotect_rtp(buffer, length),
            (Self::Encrypted(srtp), Channel::Rtcp) => srtp.unprotect_rtcp(buffer, length),
            (Self::Unusable, _) => Err(Dropped::Forged),
        }
    }

    /// Makes a packet ready to be sent, in place; gives its new length.
    pub(super) fn seal(
        &mut self,
        channel: Channel,
        buffer: &mut [u8],
        length: usize,
    ) -> Option<usize> {
        match (self, channel) {
            (Self::Plain, _) => Some(length),
            (Self::Encrypted(srtp), Channel::Rtp) => srtp.protect_rtp(buffer, length),
            (Self::Encrypted(srtp), Channel::Rtcp) => srtp.protect_rtcp(buffer, length),
            (Self::Unusable, _) => None,
        }
    }

    /// Takes what a re-INVITE agreed on: a key that has not changed goes on with its roll-over counter. What is not
    /// wanted any more is in `next` afterwards.
    pub(super) fn replace(&mut self, next: &mut Self) {
        match (self, next) {
            (Self::Encrypted(srtp), Self::Encrypted(next)) => srtp.replace(next),
            (current, next) => core::mem::swap(current, next),
        }
    }
}
