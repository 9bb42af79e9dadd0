//! Numbers that nobody but the telephone network may answer, and that this box never calls.

/// Emergency numbers, and the test number of the North American one: those that are emergency numbers in
/// many countries, so that none of them is anybody's extension. (112 and 911 work nearly everywhere; 000
/// Australia, 110 and 119 East Asia, Germany, 111 New Zealand, 117 and 118 Switzerland, Italy, 933 the test
/// of 911, 999 and 995 Britain and many others.)
pub const EMERGENCY_NUMBERS: [&str; 11] = [
    "000", "110", "111", "112", "117", "118", "119", "911", "933", "995", "999",
];

/// Digits dialled in offices to reach the outside.
const OUTSIDE: [&str; 4] = ["9", "0", "00", "8"];
/// Most digits of a country code (ITU-T E.164).
const COUNTRY_DIGITS_MAX: usize = 3;

/// True for an emergency number, however it is written: bare, behind a digit for the outside line or a
/// country code, with separators, as `tel:`, `sip:` or `sips:` URI, as `urn:service:sos`.
#[must_use]
pub fn is_emergency(text: &str) -> bool {
    let text = text.trim().to_ascii_lowercase();
    if text.starts_with("urn:service:sos") {
        return true;
    }
    let number = ["sips:", "sip:", "tel:"]
        .iter()
        .find_map(|scheme| text.strip_prefix(scheme))
        .unwrap_or(&text);
    let number = number.split(['@', ';', '?']).next().unwrap_or_default();
    let separators = [' ', '-', '.', '(', ')', '/'];
    let digits: String = number.chars().filter(|c| !separators.contains(c)).collect();
    if let Some(abroad) = digits.strip_prefix('+') {
        return (0..=COUNTRY_DIGITS_MAX).any(|code| is_listed(abroad.get(code..)));
    }
    is_listed(Some(&digits))
        || OUTSIDE
            .iter()
            .any(|prefix| is_listed(digits.strip_prefix(prefix)))
}

fn is_listed(digits: Option<&str>) -> bool {
    digits.is_some_and(|digits| EMERGENCY_NUMBERS.contains(&digits))
}

#[cfg(test)]
mod tests;
