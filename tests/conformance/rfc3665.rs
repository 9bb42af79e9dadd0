//! The messages of RFC 3665's call flows: all are ordinary, so all must be taken and survive a round trip.

use bytes::Bytes;
use ringwell::sip::message::{Message, parse};

use crate::corpus;

#[test]
fn every_call_flow_message_is_taken() {
    let Some(files) = corpus::files("rfc3665", "sip") else {
        return;
    };
    for (name, bytes) in files {
        let message =
            parse(Bytes::from(bytes)).unwrap_or_else(|rejected| panic!("{name}: {rejected}"));
        let is_response = name
            .split('_')
            .nth(2)
            .is_some_and(|title| title.starts_with(|c: char| c.is_ascii_digit()));
        if is_response {
            assert!(matches!(message, Message::Response(_)), "{name}");
        }
        let again = parse(message.write()).unwrap_or_else(|rejected| panic!("{name}: {rejected}"));
        assert_eq!(again, message, "{name}");
    }
}
