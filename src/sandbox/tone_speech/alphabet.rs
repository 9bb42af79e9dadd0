//! The 64 characters, and how other text is brought to them.

/// Index is the character's number: low tone `n / 8`, high tone `2 * (n % 8)` plus the form.
const CHARACTERS: [char; 64] = [
    ' ', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o', 'p', 'q', 'r',
    's', 't', 'u', 'v', 'w', 'x', 'y', 'z', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '.',
    ',', '?', '!', '\'', '-', '@', ':', '/', '(', ')', '+', '&', '%', '$', '#', '"', '_', ';', '=',
    '*', '[', ']', '<', '>', '€', '£',
];

/// Number of a character of the alphabet.
pub(super) fn number(character: char) -> Option<u16> {
    let index = CHARACTERS.iter().position(|each| *each == character)?;
    u16::try_from(index).ok()
}

/// The character of a number; numbers are below 64.
pub(super) fn character(number: u16) -> char {
    CHARACTERS[usize::from(number) % CHARACTERS.len()]
}

/// Text as it will be heard: lower case, accents dropped, white space single, unknown signs dropped.
#[must_use]
pub fn spoken(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for each in text.chars().flat_map(char::to_lowercase) {
        if number(each).is_some_and(|number| number != 0) {
            out.push(each);
        } else {
            let plain = plain(each);
            if !(plain == " " && (out.is_empty() || out.ends_with(' '))) {
                out.push_str(plain);
            }
        }
    }
    out.truncate(out.trim_end().len());
    out
}

/// The nearest thing the alphabet has; signs without one are dropped, all else that separates is a space.
fn plain(character: char) -> &'static str {
    match character {
        'à' | 'á' | 'â' | 'ã' | 'å' | 'ā' => "a",
        'ä' | 'æ' => "ae",
        'ç' | 'ć' | 'č' => "c",
        'è' | 'é' | 'ê' | 'ë' | 'ē' | 'ę' => "e",
        'ì' | 'í' | 'î' | 'ï' => "i",
        'ñ' | 'ń' => "n",
        'ò' | 'ó' | 'ô' | 'õ' | 'ø' => "o",
        'ö' | 'œ' => "oe",
        'ù' | 'ú' | 'û' => "u",
        'ü' => "ue",
        'ß' => "ss",
        'ý' | 'ÿ' => "y",
        'ž' | 'ź' | 'ż' => "z",
        'š' | 'ś' => "s",
        '‘' | '’' | '`' | '´' => "'",
        '“' | '”' | '„' | '«' | '»' => "\"",
        '–' | '—' | '‑' | '−' => "-",
        '…' => "...",
        '{' => "(",
        '}' => ")",
        '\\' | '|' => "/",
        _ if character.is_whitespace() => " ",
        _ => "",
    }
}
