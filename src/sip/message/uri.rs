//! URIs (RFC 3261 §19.1, RFC 3966): the text as received and an index into it.

use core::fmt;
use core::ops::Range;

use bytes::Bytes;

use super::headers::Params;
use super::{Host, scan};

#[cfg(test)]
mod tests;

mod compare;

/// A URI's scheme, as far as this product cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// `sip:`
    Sip,
    /// `sips:`
    Sips,
    /// `tel:` (RFC 3966).
    Tel,
    /// Any other; only the text is known.
    Other,
}

/// The text is not a URI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a URI")]
pub struct InvalidUri;

/// A URI. It is written exactly as it was read; `==` compares the text, [`Uri::equivalent`] the meaning.
#[derive(Clone, PartialEq, Eq)]
pub struct Uri {
    text: Bytes,
    scheme: Scheme,
    /// User part, or the number of a tel URI; empty where there is none.
    user: Range<usize>,
    /// Empty where there is none.
    password: Range<usize>,
    /// Host and port; empty for tel and unknown schemes.
    host_port: Range<usize>,
    /// Where `;params` begin; they end where the headers begin.
    params: usize,
    /// Where `?headers` begin.
    headers: usize,
}

impl Uri {
    /// Reads a URI. Schemes other than sip, sips and tel are kept as text.
    ///
    /// # Errors
    /// No scheme, white space or control bytes, no readable host.
    pub fn parse(text: impl Into<Bytes>) -> Result<Self, InvalidUri> {
        Self::index(text.into()).ok_or(InvalidUri)
    }

    fn index(text: Bytes) -> Option<Self> {
        let refused = |byte: &u8| byte.is_ascii_control() || b" <>\"".contains(byte);
        if text.iter().any(refused) {
            return None;
        }
        let colon = text.iter().position(|&byte| byte == b':')?;
        let scheme = Scheme::parse(&text[..colon])?;
        let start = colon + 1;
        let end = text.len();
        match scheme {
            Scheme::Sip | Scheme::Sips => Self::index_sip(text, scheme, start),
            Scheme::Tel => {
                let params = find_from(&text, start, b";").unwrap_or(end);
                (params > start).then_some(Self {
                    text,
                    scheme,
                    user: start..params,
                    password: end..end,
                    host_port: end..end,
                    params,
                    headers: end,
                })
            }
            Scheme::Other => (start < end).then_some(Self {
                text,
                scheme,
                user: end..end,
                password: end..end,
                host_port: end..end,
                params: end,
                headers: end,
            }),
        }
    }

    fn index_sip(text: Bytes, scheme: Scheme, start: usize) -> Option<Self> {
        // A user part may contain `;` and `?`, so the `@` is looked for first.
        let at = find_from(&text, start, b"@");
        let (user, password, host) = match at {
            Some(at) => {
                let colon = find_from(&text[..at], start, b":").unwrap_or(at);
                (start..colon, (colon + 1).min(at)..at, at + 1)
            }
            None => (start..start, start..start, start),
        };
        if at.is_some() && user.is_empty() {
            return None;
        }
        let params = find_from(&text, host, b";?").unwrap_or(text.len());
        let headers = find_from(&text, params, b"?").unwrap_or(text.len());
        Host::with_port(&text.slice(host..params))?;
        Some(Self {
            text,
            scheme,
            user,
            password,
            host_port: host..params,
            params,
            headers,
        })
    }

    /// A sip URI; what the grammar does not allow in a user part is percent-encoded.
    #[must_use]
    pub fn sip(user: Option<&str>, host: impl Into<Host>, port: Option<u16>) -> Self {
        let user = user.filter(|user| !user.is_empty());
        let user = user.map_or_else(String::new, |user| {
            escape(user.as_bytes(), b"&=+$,;?/") + "@"
        });
        let port = port.map_or_else(String::new, |port| format!(":{port}"));
        let text = format!("sip:{user}{}{port}", host.into());
        Self::parse(text).unwrap_or_else(|InvalidUri| Self::invalid())
    }

    /// A tel URI; `None` when nothing of a number is left.
    #[must_use]
    pub fn tel(number: &str) -> Option<Self> {
        let digits: String = number
            .chars()
            .filter(|c| c.is_ascii_digit() || "+*#".contains(*c))
            .collect();
        Self::parse(format!("tel:{digits}")).ok()
    }

    /// The URI of a host name that cannot be written (RFC 3323 §4.1.1.3).
    fn invalid() -> Self {
        Self::parse(Bytes::from_static(b"sip:anonymous.invalid")).expect("a literal URI is one")
    }

    /// The same URI with one more parameter, or with its value replaced.
    #[must_use]
    pub fn with_param(&self, name: &str, value: Option<&str>) -> Self {
        let mut params = self.params();
        let escaped = value.map(|value| escape(value.as_bytes(), b"[]/:&+$"));
        params.set_raw(name, escaped.map(Bytes::from));
        let mut text = self.text[..self.params].to_vec();
        params.write(&mut text);
        text.extend_from_slice(&self.text[self.headers..]);
        Self::parse(text).unwrap_or_else(|InvalidUri| self.clone())
    }

    /// The same URI with one more `?header`, escaped as it must be (RFC 3261 §19.1.1).
    #[must_use]
    pub fn with_header(&self, name: &str, value: &[u8]) -> Self {
        let separator = if self.headers < self.text.len() {
            "&"
        } else {
            "?"
        };
        let mut text = self.text.to_vec();
        for part in [separator, name, "=", &escape(value, b"[]/?:+$")] {
            text.extend_from_slice(part.as_bytes());
        }
        Self::parse(text).unwrap_or_else(|InvalidUri| self.clone())
    }

    /// The same URI without its `?headers`, as a Request-URI or remote target must be (RFC 3261 §19.1.5).
    #[must_use]
    pub fn without_headers(&self) -> Self {
        Self {
            text: self.text.slice(..self.headers),
            ..self.clone()
        }
    }

    /// The scheme.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The whole text.
    #[must_use]
    pub fn as_bytes(&self) -> &Bytes {
        &self.text
    }

    /// The user part as written, or the number of a tel URI.
    #[must_use]
    pub fn user(&self) -> Option<Bytes> {
        part(&self.text, &self.user)
    }

    /// The user part with escapes resolved, as text.
    #[must_use]
    pub fn user_text(&self) -> Option<String> {
        let user = self.user()?;
        Some(String::from_utf8_lossy(&unescape(&user)).into_owned())
    }

    /// The password as written.
    #[must_use]
    pub fn password(&self) -> Option<Bytes> {
        part(&self.text, &self.password)
    }

    /// The host; `None` for tel and unknown schemes.
    #[must_use]
    pub fn host(&self) -> Option<Host> {
        self.host_and_port().map(|(host, _)| host)
    }

    /// The port, where one is written.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.host_and_port().and_then(|(_, port)| port)
    }

    fn host_and_port(&self) -> Option<(Host, Option<u16>)> {
        Host::with_port(&part(&self.text, &self.host_port)?)
    }

    /// The parameters.
    #[must_use]
    pub fn params(&self) -> Params {
        Params::parse(&self.text.slice(self.params..self.headers))
    }

    /// The value of a parameter with escapes resolved; empty for a flag.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<Bytes> {
        self.params().get(name).map(|value| unescape(&value))
    }

    /// The headers (`?name=value&..`), names as written, values with escapes resolved.
    #[must_use]
    pub fn headers(&self) -> Vec<(Bytes, Bytes)> {
        let text = self.text.slice((self.headers + 1).min(self.text.len())..);
        let pairs = scan::split(&text, b'&').map(|pair| match scan::split_once(&pair, b'=') {
            Some((name, value)) => (unescape(&name), unescape(&value)),
            None => (unescape(&pair), Bytes::new()),
        });
        pairs.collect()
    }
}

impl Scheme {
    fn parse(text: &[u8]) -> Option<Self> {
        let valid = text.first().is_some_and(u8::is_ascii_alphabetic)
            && text
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(byte));
        if !valid {
            return None;
        }
        Some(match text.to_ascii_lowercase().as_slice() {
            b"sip" => Self::Sip,
            b"sips" => Self::Sips,
            b"tel" => Self::Tel,
            _ => Self::Other,
        })
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        scan::lossy(&self.text, out)
    }
}

impl fmt::Debug for Uri {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Uri({self})")
    }
}

fn part(text: &Bytes, range: &Range<usize>) -> Option<Bytes> {
    (!range.is_empty()).then(|| text.slice(range.clone()))
}

/// Where one of `wanted` stands at or after `from`.
fn find_from(text: &[u8], from: usize, wanted: &[u8]) -> Option<usize> {
    let found = text[from..].iter().position(|byte| wanted.contains(byte))?;
    Some(from + found)
}

/// Percent-encodes what is neither unreserved nor in `allowed`.
fn escape(text: &[u8], allowed: &[u8]) -> String {
    let mut escaped = String::with_capacity(text.len());
    for &byte in text {
        if byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte) || allowed.contains(&byte) {
            escaped.push(byte.into());
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

/// Resolves percent-encoding; a `%` without two hexadecimal digits stays.
fn unescape(text: &Bytes) -> Bytes {
    if !text.contains(&b'%') {
        return text.clone();
    }
    let hex = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    let mut plain = Vec::with_capacity(text.len());
    let mut rest: &[u8] = text;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if let (b'%', [high, low, after @ ..]) = (byte, after)
            && let (Some(high), Some(low)) = (hex(*high), hex(*low))
        {
            plain.push(high << 4 | low);
            rest = after;
        } else {
            plain.push(byte);
        }
    }
    plain.into()
}
