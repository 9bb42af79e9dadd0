use std::collections::{HashMap, HashSet};

use bytes::Bytes;

use super::{KNOWN, Name};

fn name(text: &str) -> Name {
    Name::parse(&Bytes::copy_from_slice(text.as_bytes())).expect("a name")
}

#[test]
fn every_known_name_is_read_in_any_case_and_compactly() {
    for (spelling, compact, known) in KNOWN {
        assert_eq!(name(spelling), *known);
        assert_eq!(name(&spelling.to_lowercase()), *known);
        assert_eq!(name(&spelling.to_uppercase()), *known);
        assert_eq!(known.as_bytes(), spelling.as_bytes());
        assert_eq!(known.to_string(), *spelling);
        if let Some(compact) = compact {
            assert_eq!(name(compact), *known);
            assert_eq!(name(&compact.to_uppercase()), *known);
        }
    }
    let spellings: HashSet<_> = KNOWN.iter().map(|(spelling, ..)| spelling).collect();
    let compacts: HashSet<_> = KNOWN
        .iter()
        .filter_map(|(_, compact, _)| *compact)
        .collect();
    assert_eq!(spellings.len(), KNOWN.len());
    assert_eq!(
        compacts.len(),
        KNOWN.iter().filter(|known| known.1.is_some()).count()
    );
}

#[test]
fn unknown_names_keep_their_spelling_and_ignore_case() {
    let other = name("X-Twilio-CallSid");
    assert_eq!(other, name("x-twilio-callsid"));
    assert_ne!(other, name("X-Twilio"));
    assert_ne!(other, Name::Via);
    assert_eq!(other.as_bytes(), b"X-Twilio-CallSid");
    let counts = HashMap::from([(other, 1), (Name::Via, 2)]);
    assert_eq!(counts.get(&name("X-TWILIO-callsid")), Some(&1));
    assert_eq!(counts.get(&name("v")), Some(&2));
}

#[test]
fn what_is_no_token_is_no_name() {
    for text in ["", "Via ", "a:b", "caf\u{e9}", "\"x\"", "a\0"] {
        assert_eq!(
            Name::parse(&Bytes::copy_from_slice(text.as_bytes())),
            None,
            "{text:?}"
        );
    }
}
