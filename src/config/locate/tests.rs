use super::*;

const TEXT: &str = r#"# comment
[sip]
server_name = "x"

[[line]]
name = "one"

[[line]]
name = "two"
allow = [
  "10.0.0.0/8",
]
"#;

#[test]
fn a_key_has_a_line() {
    for (key, line) in [
        ("sip", Some(2)),
        ("sip.server_name", Some(3)),
        ("sip.absent", Some(2)),
        ("line[0].name", Some(6)),
        ("line[1].allow", Some(10)),
        ("line[1].absent", Some(8)),
        ("absent.key", None),
    ] {
        assert_eq!(line_of_key(TEXT, key), line, "{key}");
    }
}

#[test]
fn an_offset_has_a_key() {
    for (word, key) in [
        ("server_name", "sip.server_name"),
        ("\"x\"", "sip.server_name"),
        ("\"two\"", "line[1].name"),
        ("\"10.0", "line[1].allow[0]"),
    ] {
        let offset = TEXT.find(word).unwrap();
        assert_eq!(key_at(TEXT, offset).as_deref(), Some(key), "{word}");
    }
    assert_eq!(key_at(TEXT, 0), None);
}
