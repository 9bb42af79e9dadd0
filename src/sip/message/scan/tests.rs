use bytes::Bytes;

use super::{number, one_line, quote, saturating, split, unquote};

fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

fn elements(text: &str) -> Vec<Bytes> {
    split(&bytes(text), b',').collect()
}

#[test]
fn lists_respect_quotes_and_brackets() {
    assert_eq!(elements("a, b ,c"), ["a", "b", "c"]);
    assert_eq!(elements(",, a,,b, ,"), ["a", "b"]);
    assert_eq!(
        elements(r#""x, \", y" <sip:a,b>, c"#),
        [r#""x, \", y" <sip:a,b>"#, "c"]
    );
    assert_eq!(elements(r#"a, "open, b"#), ["a", r#""open, b"#]);
    assert_eq!(elements("a, <open, b"), ["a", "<open, b"]);
    assert_eq!(elements(r#"a\, b"#), [r#"a\"#, "b"]);
    assert_eq!(elements(""), [""; 0]);
}

#[test]
fn quoting_is_undone_by_unquoting() {
    for text in [
        "",
        "plain",
        r#"with "quotes" and \ back"#,
        "\\",
        "caf\u{e9}, <x>",
    ] {
        let mut quoted = Vec::new();
        quote(text.as_bytes(), &mut quoted);
        assert_eq!(unquote(&quoted.into()), text);
    }
    for text in ["plain", "\"", "\"open", "\"a\" \"b\"", "\"a\\\""] {
        assert_eq!(unquote(&bytes(text)), text, "left as it is");
    }
}

#[test]
fn numbers_are_digits_only() {
    assert_eq!(number::<u16>(b"0068"), Some(68));
    for text in ["", "+1", "-1", "1.0", " 1", "65536", "\u{663}"] {
        assert_eq!(number::<u16>(text.as_bytes()), None, "{text:?}");
    }
    assert_eq!(saturating(b"99999999999999999999"), Some(u32::MAX));
    assert_eq!(saturating(b""), None);
}

#[test]
fn no_value_holds_a_line_break() {
    assert_eq!(one_line(bytes("a\r\nVia: evil")), "a  Via: evil");
    assert_eq!(one_line(bytes("tab\tstays")), "tab\tstays");
}
