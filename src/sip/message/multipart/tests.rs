use bytes::Bytes;

use super::{find, media_type};

fn part(content_type: &'static str, body: &'static str) -> Option<Bytes> {
    let content_type = Bytes::from_static(content_type.as_bytes());
    find(
        &content_type,
        &Bytes::from_static(body.as_bytes()),
        "application/sdp",
    )
}

#[test]
fn a_plain_body_is_found_by_its_type() {
    assert_eq!(part("application/sdp", "v=0").unwrap(), "v=0");
    assert_eq!(
        part("Application / SDP ;charset=utf-8", "v=0").unwrap(),
        "v=0"
    );
    assert_eq!(part("text/plain", "v=0"), None);
    assert_eq!(media_type(&Bytes::from_static(b"nonsense")), None);
}

#[test]
fn a_part_is_found_in_its_multipart() {
    let body = "preamble\r\n--b1\r\nContent-Type: application/pidf+xml\r\n\r\n<x>\r\n--b1\r\n\
        c: application/sdp\r\nContent-Disposition: session\r\n\r\nv=0\r\ns=-\r\n\r\n--b1--\r\nepilogue";
    assert_eq!(
        part("multipart/mixed;boundary=b1", body).unwrap(),
        "v=0\r\ns=-\r\n"
    );
    assert_eq!(
        part("multipart/mixed; boundary=\"b1\"", body).unwrap(),
        "v=0\r\ns=-\r\n"
    );
    assert_eq!(part("multipart/mixed;boundary=b2", body), None);
    assert_eq!(part("multipart/mixed", body), None);
}

#[test]
fn a_part_is_found_two_levels_down() {
    let body = "--out\r\nContent-Type: multipart/alternative;boundary=in\r\n\r\n--in\r\n\r\ntext\r\n\
        --in\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n--in--\r\n--out--\r\n";
    assert_eq!(part("multipart/mixed;boundary=out", body).unwrap(), "v=0");
}

#[test]
fn what_is_cut_off_is_not_found() {
    for body in [
        "",
        "--b",
        "--b\r\n",
        "--b\r\nContent-Type: application/sdp\r\n\r\nv=0",
        "--b--\r\n--b\r\n\r\nx\r\n--b\r\n",
    ] {
        assert_eq!(part("multipart/mixed;boundary=b", body), None, "{body:?}");
    }
}
