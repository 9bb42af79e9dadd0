//! Messages: what is taken is written so that it is read again as the same; what is refused can be
//! answered.

use bytes::Bytes;
use ringwell::sip::message::{
    Auth, Message, Name, RAck, Reason, Replaces, SessionExpires, Via, parse,
};

pub fn run(data: &[u8]) {
    match parse(Bytes::copy_from_slice(data)) {
        Ok(message) => {
            views(&message);
            let written = message.write();
            assert_eq!(parse(written), Ok(message));
        }
        Err(rejected) => {
            if let Some(response) = rejected.response {
                assert!(response.top_via().is_some());
            }
        }
    }
}

/// Every typed view of every header.
fn views(message: &Message) {
    let headers = message.headers();
    for (_, value) in headers.iter() {
        let _ = (
            Auth::parse_all(value),
            Via::parse(value),
            Reason::parse(value),
        );
        let _ = (
            RAck::parse(value),
            Replaces::parse(value),
            SessionExpires::parse(value),
        );
    }
    for name in [
        Name::Contact,
        Name::Route,
        Name::RecordRoute,
        Name::From,
        Name::To,
        Name::PAssertedIdentity,
    ] {
        for address in headers.addresses(&name) {
            assert!(address.uri.equivalent(&address.uri));
        }
    }
}
