//! `a=crypto` (RFC 4568 §4, §6): a tag, a suite, a key, parameters.

use super::{Crypto, SrtpPolicy, Suite, base64};
use crate::sdp::{Attribute, Media, NoCommonCodec};

/// The secure profile of our offers (RFC 3711 §12).
pub(in crate::sdp) const SAVP: &str = "RTP/SAVP";
/// Packets that one key of SRTP may encrypt at most (RFC 3711 §9.2), as a power of two.
const LIFETIME_MAX: u32 = 48;
/// Digits of a tag (RFC 4568 §9.1).
const TAG_MAX: usize = 9;

/// Length of a suite's name that is repeated in a refusal; the longest registered one has 32.
const NAME_MAX: usize = 40;

/// What a profile says about encryption.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sdp) enum Profile {
    /// `RTP/AVP`, or `RTP/AVPF` whose feedback we need not send.
    Plain,
    /// `RTP/SAVP` or `RTP/SAVPF`, with keys in the description.
    Secure,
    /// The same with keys by DTLS (RFC 5763).
    Dtls,
    /// None of ours.
    Other,
}

impl Profile {
    pub(in crate::sdp) fn of(protocol: &str) -> Self {
        match protocol.to_ascii_uppercase().as_str() {
            "RTP/AVP" | "RTP/AVPF" => Self::Plain,
            "RTP/SAVP" | "RTP/SAVPF" => Self::Secure,
            "UDP/TLS/RTP/SAVP" | "UDP/TLS/RTP/SAVPF" => Self::Dtls,
            _ => Self::Other,
        }
    }
}

/// A line that can be used.
#[derive(Clone, PartialEq, Eq)]
pub(in crate::sdp) struct Line {
    tag: u32,
    pub(super) suite: Suite,
    /// The suite as it was written, which an answer repeats.
    name: String,
    key: Vec<u8>,
}

impl Line {
    /// A line of ours.
    pub(in crate::sdp) fn new(tag: u32, suite: Suite, key: Vec<u8>) -> Self {
        let name = suite.name().to_owned();
        Self {
            tag,
            suite,
            name,
            key,
        }
    }

    /// The line that answers this one, with our key.
    pub(in crate::sdp) fn answered_with(&self, key: Vec<u8>) -> Self {
        Self {
            key,
            ..self.clone()
        }
    }

    /// The suite and the key, for [`super::Srtp::answering_key`].
    pub(in crate::sdp) fn suite_and_key(&self) -> (Suite, &[u8]) {
        (self.suite, &self.key)
    }

    /// What two lines of the same tag agree on.
    pub(in crate::sdp) fn agreed(ours: &Self, theirs: &Self) -> Option<Crypto> {
        (ours.tag == theirs.tag && ours.suite == theirs.suite).then(|| Crypto {
            suite: ours.suite,
            send_key: ours.key.clone(),
            receive_key: theirs.key.clone(),
        })
    }

    pub(in crate::sdp) fn attribute(&self) -> Attribute {
        let Self { tag, name, key, .. } = self;
        let key = base64::encode(key);
        Attribute::new("crypto", format!("{tag} {name} inline:{key}"))
    }

    /// Reads a line; `None` when it is broken, of an unknown suite, or wants what is not done here: an MKI, several
    /// keys, a key derivation rate, or something unencrypted or unauthenticated.
    pub(super) fn read(value: &str) -> Option<Self> {
        let mut words = value.split_whitespace();
        let tag = words.next().filter(|tag| tag.len() <= TAG_MAX)?;
        let tag = number(tag)?;
        let name = words.next()?;
        let suite = Suite::named(name)?;
        let (method, key) = words.next()?.split_once(':')?;
        if !method.eq_ignore_ascii_case("inline") || !words.all(is_harmless) {
            return None;
        }
        let mut parts = key.split('|');
        let key = base64::decode(parts.next()?)?;
        // The lifetime binds the one who sends with the key; of what follows it an MKI is all there is.
        let lifetime_holds = parts.next().is_none_or(is_lifetime);
        (key.len() == suite.key_and_salt() && lifetime_holds && parts.next().is_none()).then(|| {
            Self {
                tag,
                suite,
                name: name.to_owned(),
                key,
            }
        })
    }
}

/// A session parameter that changes nothing here: the size of the receiver's window, or one that may be passed over
/// when it is unknown (RFC 4568 §6.3.6, §6.3.7).
fn is_harmless(parameter: &str) -> bool {
    let window = parameter.strip_prefix("WSH=").and_then(number);
    window.is_some_and(|window| window >= 64) || parameter.starts_with('-')
}

/// Decimal digits alone: `parse` would take a sign.
fn number(text: &str) -> Option<u32> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}

fn is_lifetime(text: &str) -> bool {
    match text.strip_prefix("2^") {
        Some(power) => number(power).is_some_and(|power| power <= LIFETIME_MAX),
        None => {
            let digits = text.bytes().all(|byte| byte.is_ascii_digit());
            let packets = text.parse().ok().filter(|_| digits);
            packets.is_some_and(|packets: u64| (1..=1 << LIFETIME_MAX).contains(&packets))
        }
    }
}

impl Media {
    fn crypto_values(&self) -> impl Iterator<Item = &str> {
        let named = |attribute: &&Attribute| attribute.name.eq_ignore_ascii_case("crypto");
        let lines = self.attributes.iter().filter(named);
        lines.filter_map(|attribute| attribute.value.as_deref())
    }

    /// The lines that can be used, in order.
    pub(in crate::sdp) fn crypto_lines(&self) -> impl Iterator<Item = Line> {
        self.crypto_values().filter_map(Line::read)
    }

    /// The names of all suites, for the refusal's log line; never a key, whatever stands in a name's place.
    fn suites(&self) -> String {
        let is_name = |word: &&str| {
            let letter =
                |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
            word.len() <= NAME_MAX && word.bytes().all(letter)
        };
        let lines = self.crypto_values().take(16);
        let names = lines.filter_map(|line| line.split_whitespace().nth(1).filter(is_name));
        let names: Vec<_> = names.collect();
        if names.is_empty() {
            return "none".to_owned();
        }
        names.join(", ")
    }

    /// The line to answer an offered stream with; `None` for a plain one. An `RTP/AVP` stream with keys is encrypted
    /// opportunistically (RFC 8643), and answered alike.
    pub(in crate::sdp) fn security(
        &self,
        policy: SrtpPolicy,
    ) -> Result<Option<Line>, NoCommonCodec> {
        let line = self.crypto_lines().next();
        match (Profile::of(&self.protocol), policy) {
            (Profile::Plain, SrtpPolicy::Off) => Ok(None),
            (Profile::Plain, SrtpPolicy::Accepted) => Ok(line),
            (Profile::Plain, SrtpPolicy::Required) => {
                line.map(Some).ok_or(NoCommonCodec::Unencrypted)
            }
            (Profile::Secure, SrtpPolicy::Accepted | SrtpPolicy::Required) => line
                .map(Some)
                .ok_or_else(|| NoCommonCodec::Keys(self.suites())),
            (Profile::Dtls, _) => Err(NoCommonCodec::Dtls(self.protocol.clone())),
            (Profile::Secure, SrtpPolicy::Off) | (Profile::Other, _) => {
                Err(NoCommonCodec::Profile(self.protocol.clone()))
            }
        }
    }

    /// What the answer `theirs` to this stream of our offer agrees on. Encryption once offered is never given up
    /// silently.
    pub(in crate::sdp) fn concluded(&self, theirs: &Self) -> Result<Option<Crypto>, NoCommonCodec> {
        if Profile::of(&self.protocol) != Profile::of(&theirs.protocol) {
            return Err(NoCommonCodec::Profile(theirs.protocol.clone()));
        }
        let mut ours = self.crypto_lines().peekable();
        if ours.peek().is_none() {
            return Ok(None);
        }
        let line = theirs.crypto_lines().next();
        let agreed = line.and_then(|line| ours.find_map(|ours| Line::agreed(&ours, &line)));
        agreed
            .map(Some)
            .ok_or_else(|| NoCommonCodec::Keys(theirs.suites()))
    }
}
