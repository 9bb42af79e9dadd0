//! Telephone numbers as lines tell them, brought into the form of E.164.

use super::countries::{COUNTRIES, Dialling};

/// Fewest and most digits of an E.164 number, the calling code included.
const DIGITS: core::ops::RangeInclusive<usize> = 7..=15;

/// Most characters that are looked at; nothing longer is a number.
const CHARS_MAX: usize = 40;

/// Fewest digits of a number that is believed to begin with a calling code without a plus.
const BARE_DIGITS_MIN: usize = 10;

/// A country, as far as its telephone numbers go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Country(&'static Dialling);

impl Country {
    /// The country of an ISO 3166-1 alpha-2 code such as `US`, in any case; `None` when its dialling
    /// is not known.
    #[must_use]
    pub fn of(iso: &str) -> Option<Self> {
        let mut known = COUNTRIES.iter();
        known
            .find(|country| country.iso.eq_ignore_ascii_case(iso))
            .map(Self)
    }

    /// Its code in capitals.
    #[must_use]
    pub fn iso(self) -> &'static str {
        self.0.iso
    }

    /// The codes of all countries known, for messages.
    pub fn all() -> impl Iterator<Item = &'static str> {
        COUNTRIES.iter().map(|country| country.iso)
    }

    /// A number as it is dialled in this country.
    fn read(self, digits: &str) -> Option<String> {
        let Dialling {
            code,
            abroad,
            trunk,
            digits: (least, most),
            ..
        } = self.0;
        let national = |number: &str| {
            let fits = (*least..=*most).contains(&number.len());
            fits.then(|| format!("{code}{number}"))
        };
        if let Some(foreign) = abroad.iter().find_map(|it| digits.strip_prefix(it)) {
            return international(foreign);
        }
        // Many a provider leaves out the plus alone; what is shorter may be a local number.
        let bare = || {
            let long = digits.len() >= BARE_DIGITS_MIN;
            digits
                .strip_prefix(code)
                .filter(|_| long)
                .and_then(national)
        };
        let found = match digits.strip_prefix(trunk) {
            Some(number) if !trunk.is_empty() => national(number),
            // What could be read in two ways is not read.
            _ if trunk.is_empty() => match (national(digits), bare()) {
                (Some(_), Some(_)) => None,
                (number, bare) => number.or(bare),
            },
            // Where there is one length only, a number without its prefix is known, too.
            _ if least == most => national(digits).or_else(bare),
            _ => bare(),
        };
        found.and_then(|number| international(&number))
    }
}

/// The number in the form `+15550100199`; `None` when it cannot be told for sure: an extension, a
/// local number, a word. Without a country only numbers with a plus can be read.
#[must_use]
pub fn normalise(told: &str, country: Option<Country>) -> Option<String> {
    let told = told.trim();
    if told.len() > CHARS_MAX {
        return None;
    }
    let (plus, digits) = bare(told)?;
    if plus {
        return international(&digits);
    }
    country?.read(&digits)
}

/// A number and the `phone-context` it stands in (RFC 3966 §5.1.5): a global prefix, or a domain
/// that says nothing about it.
pub(super) fn in_context(
    told: &str,
    context: Option<&str>,
    country: Option<Country>,
) -> Option<String> {
    let Some(context) = context.filter(|_| !told.trim_start().starts_with('+')) else {
        return normalise(told, country);
    };
    let (plus, prefix) = bare(context)?;
    let (_, digits) = bare(told)?;
    if !plus {
        return None;
    }
    let home = COUNTRIES.iter().find(|country| country.code == prefix);
    match home.and_then(|home| Country(home).read(&digits)) {
        Some(number) => Some(number),
        None => international(&format!("{prefix}{digits}")),
    }
}

/// Whether there is a plus, and the digits without what only pleases the eye (RFC 3966 §5.1.1).
fn bare(told: &str) -> Option<(bool, String)> {
    let (plus, rest) = match told.strip_prefix('+') {
        // `+44 (0)20 ..`: dialled from within the country only.
        Some(rest) => (true, rest.replace("(0)", "")),
        None => (false, told.to_owned()),
    };
    let mut digits = String::with_capacity(rest.len());
    for c in rest.chars() {
        match c {
            '0'..='9' => digits.push(c),
            ' ' | '-' | '.' | '(' | ')' | '/' => {}
            _ => return None,
        }
    }
    (!digits.is_empty()).then_some((plus, digits))
}

/// Digits with a calling code as an E.164 number. No calling code begins with 0.
fn international(digits: &str) -> Option<String> {
    let valid = DIGITS.contains(&digits.len()) && !digits.starts_with('0');
    // The length is known where the code is that of one plan only.
    let nanp = digits.starts_with('1');
    (valid && (!nanp || digits.len() == 11)).then(|| format!("+{digits}"))
}
