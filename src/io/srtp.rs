//! SRTP and SRTCP of one stream (RFC 3711): packets are encrypted and decrypted in the media thread's buffer.
//!
//! The library's context grows with every source it hears of, its parser trusts header extensions, and it takes
//! control packets that say they are unencrypted. So nothing reaches it unjudged: a packet is looked at first, and
//! a source has a context of its own only once a packet of it was authentic.

use webrtc_srtp::Error;
use webrtc_srtp::context::Context;
use webrtc_srtp::option::{srtcp_replay_protection, srtp_replay_protection};
use webrtc_srtp::protection_profile::ProtectionProfile;

use crate::sdp::{Crypto, Suite};

mod shape;
#[cfg(test)]
mod tests;

/// The encryption of one stream, both ways.
pub struct Srtp {
    suite: Suite,
    send_key: Vec<u8>,
    sending: Context,
    receive_key: Vec<u8>,
    receiving: Receiving,
}

/// Why a packet was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Dropped {
    /// No packet of this kind, or one that the library cannot read.
    #[error("no SRTP packet")]
    Malformed,
    /// Encrypted with another key, or forged.
    #[error("not authentic")]
    Forged,
    /// Its number was there before, or is too old.
    #[error("replayed")]
    Replayed,
}

/// Keys of wrong lengths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the keys are not those of the suite")]
pub struct WrongKeys;

/// Contexts by source: RTP and RTCP of one source share theirs.
struct Receiving {
    suite: Suite,
    key: Vec<u8>,
    sources: Vec<(u32, Context)>,
}

/// What a context is for.
#[derive(Clone, Copy)]
enum Way {
    In,
    Out,
}

/// The two kinds of packets.
#[derive(Clone, Copy)]
enum Kind {
    Rtp,
    Rtcp,
}

impl Srtp {
    /// The encryption that was agreed on, with roll-over counters at zero.
    ///
    /// # Errors
    /// Keys that are not of the suite.
    pub fn new(crypto: &Crypto) -> Result<Self, WrongKeys> {
        context(crypto.suite, &crypto.receive_key, Way::In)?;
        Ok(Self {
            suite: crypto.suite,
            send_key: crypto.send_key.clone(),
            sending: context(crypto.suite, &crypto.send_key, Way::Out)?,
            receive_key: crypto.receive_key.clone(),
            receiving: Receiving {
                suite: crypto.suite,
                key: crypto.receive_key.clone(),
                sources: Vec::with_capacity(SOURCES),
            },
        })
    }

    /// Takes what a re-INVITE agreed on: the ways whose key has changed begin anew, the others go on with their
    /// roll-over counters. What is not wanted any more is in `next` afterwards.
    pub fn replace(&mut self, next: &mut Self) {
        let suite_changes = self.suite != next.suite;
        if suite_changes || self.send_key != next.send_key {
            core::mem::swap(&mut self.send_key, &mut next.send_key);
            core::mem::swap(&mut self.sending, &mut next.sending);
        }
        if suite_changes || self.receive_key != next.receive_key {
            core::mem::swap(&mut self.receive_key, &mut next.receive_key);
            core::mem::swap(&mut self.receiving, &mut next.receiving);
        }
        core::mem::swap(&mut self.suite, &mut next.suite);
    }

    /// Encrypts the RTP packet of `length` bytes at the buffer's beginning; gives its new length. `None` when it does
    /// not fit or the key is used up (2^48 packets).
    pub fn protect_rtp(&mut self, buffer: &mut [u8], length: usize) -> Option<usize> {
        let plain = buffer.get(..length).filter(|plain| shape::is_rtp(plain))?;
        put(&self.sending.encrypt_rtp(plain).ok()?, buffer)
    }

    /// Encrypts a compound RTCP packet likewise.
    pub fn protect_rtcp(&mut self, buffer: &mut [u8], length: usize) -> Option<usize> {
        let plain = buffer.get(..length).filter(|plain| shape::is_rtcp(plain))?;
        put(&self.sending.encrypt_rtcp(plain).ok()?, buffer)
    }

    /// Decrypts the SRTP packet of `length` bytes at the buffer's beginning; gives its new length.
    ///
    /// # Errors
    /// Why it must not be used; the buffer is as it was.
    pub fn unprotect_rtp(&mut self, buffer: &mut [u8], length: usize) -> Result<usize, Dropped> {
        let packet = buffer.get(..length).ok_or(Dropped::Malformed)?;
        let ssrc = shape::srtp_source(packet, rtp_tag(self.suite)).ok_or(Dropped::Malformed)?;
        self.receiving.open(Kind::Rtp, ssrc, buffer, length)
    }

    /// Decrypts an SRTCP packet likewise.
    ///
    /// # Errors
    /// Why it must not be used; the buffer is as it was.
    pub fn unprotect_rtcp(&mut self, buffer: &mut [u8], length: usize) -> Result<usize, Dropped> {
        let packet = buffer.get(..length).ok_or(Dropped::Malformed)?;
        let ssrc = match self.suite {
            Suite::AeadAes128Gcm | Suite::AeadAes256Gcm => shape::srtcp_source(packet, GCM_TAG, 0),
            _ => shape::srtcp_source(packet, 0, HMAC_TAG),
        };
        let ssrc = ssrc.ok_or(Dropped::Malformed)?;
        self.receiving.open(Kind::Rtcp, ssrc, buffer, length)
    }
}

impl Receiving {
    fn open(
        &mut self,
        kind: Kind,
        ssrc: u32,
        buffer: &mut [u8],
        length: usize,
    ) -> Result<usize, Dropped> {
        let packet = &buffer[..length];
        let known = self.sources.iter().position(|(source, _)| *source == ssrc);
        let plain = match known {
            Some(index) => {
                let plain = decrypt(&mut self.sources[index].1, kind, packet)?;
                self.sources[..=index].rotate_right(1); // the latest heard stands first
                plain
            }
            None => {
                // A failed attempt leaves traces in a context, so it gets one that is thrown away.
                let fresh = context(self.suite, &self.key, Way::In);
                let mut fresh = fresh.map_err(|_| Dropped::Forged)?;
                let plain = decrypt(&mut fresh, kind, packet)?;
                self.sources.truncate(SOURCES - 1);
                self.sources.insert(0, (ssrc, fresh));
                plain
            }
        };
        put(&plain, buffer).ok_or(Dropped::Malformed)
    }
}

fn decrypt(context: &mut Context, kind: Kind, packet: &[u8]) -> Result<bytes::Bytes, Dropped> {
    let plain = match kind {
        Kind::Rtp => context.decrypt_rtp(packet),
        Kind::Rtcp => context.decrypt_rtcp(packet),
    };
    plain.map_err(|error| match error {
        Error::SrtpSsrcDuplicated(..) | Error::SrtcpSsrcDuplicated(..) => Dropped::Replayed,
        _ => Dropped::Forged,
    })
}

fn put(packet: &[u8], buffer: &mut [u8]) -> Option<usize> {
    buffer.get_mut(..packet.len())?.copy_from_slice(packet);
    Some(packet.len())
}

fn context(suite: Suite, key_and_salt: &[u8], way: Way) -> Result<Context, WrongKeys> {
    let (key, salt) = key_and_salt
        .split_at_checked(suite.key_length())
        .ok_or(WrongKeys)?;
    let profile = match suite {
        Suite::AesCm128HmacSha1_80 => ProtectionProfile::Aes128CmHmacSha1_80,
        Suite::AesCm128HmacSha1_32 => ProtectionProfile::Aes128CmHmacSha1_32,
        Suite::Aes256CmHmacSha1_80 => ProtectionProfile::Aes256CmHmacSha1_80,
        Suite::Aes256CmHmacSha1_32 => ProtectionProfile::Aes256CmHmacSha1_32,
        Suite::AeadAes128Gcm => ProtectionProfile::AeadAes128Gcm,
        Suite::AeadAes256Gcm => ProtectionProfile::AeadAes256Gcm,
    };
    let (rtp, rtcp) = match way {
        Way::In => (
            Some(srtp_replay_protection(WINDOW)),
            Some(srtcp_replay_protection(WINDOW)),
        ),
        Way::Out => (None, None),
    };
    Context::new(key, salt, profile, rtp, rtcp).map_err(|_| WrongKeys)
}

/// Bytes that authenticate an RTP packet (RFC 4568 §6.2, RFC 7714 §12).
fn rtp_tag(suite: Suite) -> usize {
    match suite {
        Suite::AesCm128HmacSha1_80 | Suite::Aes256CmHmacSha1_80 => HMAC_TAG,
        Suite::AesCm128HmacSha1_32 | Suite::Aes256CmHmacSha1_32 => 4,
        Suite::AeadAes128Gcm | Suite::AeadAes256Gcm => GCM_TAG,
    }
}

/// The full tag; SRTCP always has it (RFC 3711 §5.2).
const HMAC_TAG: usize = 10;
const GCM_TAG: usize = 16;
/// Packets that may come late and are still told from replayed ones (RFC 3711 §3.3.2 wants 64 at least): 2.5 s.
const WINDOW: usize = 128;
/// Sources of one key that are remembered: a telephone takes a new one now and then. With one more the one
/// silent for longest is forgotten.
const SOURCES: usize = 16;
