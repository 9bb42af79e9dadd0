//! URIs: what was read is written as it was, and equals itself.

use bytes::Bytes;
use ringwell::sip::message::{NameAddr, Uri};

pub fn run(data: &[u8]) {
    if let Ok(uri) = Uri::parse(data.to_vec()) {
        let again = Uri::parse(uri.as_bytes().clone()).expect("what was read can be read again");
        assert!(uri.equivalent(&again));
        assert_eq!(uri.host(), again.host());
        assert!(uri.headers().len() <= data.len());
        let bare = uri.without_headers();
        assert!(bare.headers().is_empty());
        let _ = (uri.user_text(), uri.password(), uri.port(), uri.params());
    }
    if let Some(address) = NameAddr::parse(&Bytes::copy_from_slice(data)) {
        let _ = (address.display_text(), address.tag());
        let tagged = address.with_tag("t");
        assert_eq!(tagged.tag().as_deref(), Some(&b"t"[..]));
    }
}
