use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn parsed(chunks: &[&[u8]]) -> Vec<String> {
    let mut parser = Parser::default();
    for chunk in chunks {
        parser.push(chunk).unwrap();
    }
    parser.finish();
    std::iter::from_fn(|| parser.pop()).collect()
}

const STREAM: &str = ": ping\r\n\r\nevent: a\r\ndata: {\"text\":\"grüß €\"}\r\nid: 7\r\n\r\n\
    data:one\ndata: two\n\ndata\n\n\ndata: last\n\n";

#[test]
fn events_are_found_wherever_the_bytes_are_cut() {
    let expected = ["{\"text\":\"grüß €\"}", "one\ntwo", "", "last"];
    let bytes = STREAM.as_bytes();
    assert_eq!(parsed(&[bytes]), expected);
    for at in 0..=bytes.len() {
        let (head, tail) = bytes.split_at(at);
        assert_eq!(parsed(&[head, tail]), expected, "cut at {at}");
    }
    let single: Vec<&[u8]> = bytes.chunks(1).collect();
    assert_eq!(parsed(&single), expected);
}

#[test]
fn all_three_line_ends_are_ends() {
    for end in ["\n", "\r\n", "\r"] {
        let stream = format!("data: a{end}data: b{end}{end}data: c{end}{end}");
        assert_eq!(parsed(&[stream.as_bytes()]), ["a\nb", "c"], "{end:?}");
    }
}

#[test]
fn a_last_event_without_its_blank_line_counts() {
    assert_eq!(parsed(&[b"data: a\n\ndata: [DONE]"]), ["a", "[DONE]"]);
}

#[test]
fn a_mark_of_byte_order_is_no_text() {
    assert_eq!(parsed(&["\u{FEFF}data: a\n\n".as_bytes()]), ["a"]);
}

#[test]
fn other_fields_and_broken_text_do_no_harm() {
    assert_eq!(parsed(&[b"dataset: x\nretry: 5\n\n"]), Vec::<String>::new());
    assert_eq!(parsed(&[b"data: \xFF\n\n"]), ["\u{FFFD}"]);
}

proptest! {
    #[test]
    fn any_bytes_cut_anywhere_give_the_same_events(
        bytes in vec(prop_oneof![Just(b'\n'), Just(b'\r'), Just(b':'), Just(b' '), Just(b'd'),
            Just(b'a'), Just(b't'), any::<u8>()], 0..200),
        size in 1_usize..20,
    ) {
        let cut: Vec<&[u8]> = bytes.chunks(size).collect();
        prop_assert_eq!(parsed(&cut), parsed(&[&bytes]));
    }
}

#[test]
fn a_line_without_end_is_an_error() {
    let mut parser = Parser::default();
    let chunk = vec![b'x'; 1024 * 1024];
    assert_eq!(parser.push(&chunk), Ok(()));
    assert_eq!(parser.push(&chunk), Ok(()));
    assert_eq!(parser.push(&chunk), Err(TooLong));
}
