//! An article's HTML as plain text: one line per block, nothing that is only for the eye.

/// Elements whose content is no text.
const SILENT: [&str; 7] = [
    "script", "style", "head", "template", "svg", "iframe", "object",
];
/// Elements that begin and end a line.
const BLOCKS: [&str; 29] = [
    "address",
    "article",
    "aside",
    "blockquote",
    "br",
    "dd",
    "div",
    "dl",
    "dt",
    "figcaption",
    "figure",
    "footer",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "hr",
    "li",
    "main",
    "ol",
    "p",
    "pre",
    "section",
    "table",
    "tr",
    "ul",
];
/// Named characters that occur in articles.
const NAMED: [(&str, char); 34] = [
    ("amp", '&'),
    ("lt", '<'),
    ("gt", '>'),
    ("quot", '"'),
    ("apos", '\''),
    ("nbsp", ' '),
    ("ndash", '–'),
    ("mdash", '—'),
    ("hellip", '…'),
    ("lsquo", '‘'),
    ("rsquo", '’'),
    ("ldquo", '“'),
    ("rdquo", '”'),
    ("bull", '•'),
    ("middot", '·'),
    ("copy", '©'),
    ("reg", '®'),
    ("trade", '™'),
    ("euro", '€'),
    ("pound", '£'),
    ("cent", '¢'),
    ("yen", '¥'),
    ("deg", '°'),
    ("times", '×'),
    ("auml", 'ä'),
    ("ouml", 'ö'),
    ("uuml", 'ü'),
    ("szlig", 'ß'),
    ("eacute", 'é'),
    ("egrave", 'è'),
    ("agrave", 'à'),
    ("ccedil", 'ç'),
    ("ntilde", 'ñ'),
    ("rarr", '→'),
];
/// The longest name of a character, for where to stop looking for its end.
const NAME_MAX: usize = 10;

/// The text, one line per block, white space single, no empty lines.
pub(super) fn to_text(html: &str) -> String {
    let mut text = String::with_capacity(html.len() / 2);
    let mut rest = html;
    while let Some(place) = rest.find(['<', '&']) {
        text.push_str(&rest[..place]);
        rest = &rest[place..];
        rest = if rest.starts_with('&') {
            entity(rest, &mut text)
        } else {
            markup(rest, &mut text)
        };
    }
    text.push_str(rest);
    tidy(&text)
}

/// Reads what begins with `<`; gives what follows.
fn markup<'a>(html: &'a str, text: &mut String) -> &'a str {
    if let Some(comment) = html.strip_prefix("<!--") {
        return comment.find("-->").map_or("", |end| &comment[end + 3..]);
    }
    let inner = &html[1..];
    if !inner.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?')) {
        text.push('<');
        return inner;
    }
    let end = tag_end(inner);
    let after = inner.get(end + 1..).unwrap_or_default();
    let is_closing = inner.starts_with('/');
    let name = inner.trim_start_matches('/');
    let name_end = name
        .find(|c: char| !c.is_ascii_alphanumeric())
        .unwrap_or(name.len());
    let name = name[..name_end].to_ascii_lowercase();
    if BLOCKS.contains(&name.as_str()) {
        text.push('\n');
    } else if matches!(name.as_str(), "td" | "th") && is_closing {
        text.push_str(", ");
    }
    let is_silent = !is_closing && SILENT.contains(&name.as_str());
    if is_silent { skip(after, &name) } else { after }
}

/// Where the tag ends; a `>` in quotes does not count.
fn tag_end(tag: &str) -> usize {
    let mut quote = None;
    for (place, byte) in tag.bytes().enumerate() {
        match (quote, byte) {
            (None, b'>') => return place,
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), byte) if open == byte => quote = None,
            _ => {}
        }
    }
    // A quote that never closes: the first `>` will have to do.
    tag.find('>').unwrap_or(tag.len())
}

/// What follows the end of a silent element.
fn skip<'a>(html: &'a str, name: &str) -> &'a str {
    let mut rest = html;
    while let Some(place) = rest.find("</") {
        rest = &rest[place + 2..];
        let is_it = rest
            .get(..name.len())
            .is_some_and(|found| found.eq_ignore_ascii_case(name));
        if is_it {
            return rest.find('>').map_or("", |end| &rest[end + 1..]);
        }
    }
    ""
}

/// Reads what begins with `&`; gives what follows.
fn entity<'a>(html: &'a str, text: &mut String) -> &'a str {
    let name = &html[1..];
    let end = name.bytes().take(NAME_MAX).position(|byte| byte == b';');
    let Some(end) = end else {
        text.push('&');
        return name;
    };
    match character(&name[..end]) {
        Some(character) => {
            text.push(character);
            &name[end + 1..]
        }
        None => {
            text.push('&');
            name
        }
    }
}

fn character(name: &str) -> Option<char> {
    let code = match name.strip_prefix('#') {
        None => {
            return NAMED
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, found)| *found);
        }
        Some(number) => match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok()?,
            None => number.parse().ok()?,
        },
    };
    char::from_u32(code).filter(|found| !found.is_control() || found.is_whitespace())
}

/// Single white space, no empty lines, no commas left over from empty cells.
fn tidy(text: &str) -> String {
    let mut tidy = String::with_capacity(text.len());
    for line in text.lines() {
        let words: Vec<&str> = line
            .split_whitespace()
            .filter(|word| *word != ",")
            .collect();
        if words.is_empty() {
            continue;
        }
        if !tidy.is_empty() {
            tidy.push('\n');
        }
        tidy.push_str(words.join(" ").trim_end_matches(','));
        // Headings and list items are sentences of their own when they are read out.
        if tidy.ends_with(|c: char| c.is_alphanumeric() || matches!(c, ')' | '"' | '%')) {
            tidy.push('.');
        }
    }
    tidy.retain(|c| !c.is_control() || c == '\n');
    tidy
}

#[cfg(test)]
mod tests;
