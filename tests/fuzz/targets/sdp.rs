//! Session descriptions: what is taken is written so that it is read again as the same.

use ringwell::sdp::SessionDescription;

pub fn run(data: &[u8]) {
    let Ok(description) = SessionDescription::parse(data) else {
        return;
    };
    let written = description.write();
    let again = SessionDescription::parse(&written).expect("what we write can be read");
    assert_eq!(again.write(), written);
    assert_eq!(again.media.len(), description.media.len());
    for media in &description.media {
        let _ = (
            description.connection_of(media),
            description.direction_of(media),
        );
    }
}
