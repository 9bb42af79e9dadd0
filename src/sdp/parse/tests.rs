use super::Unreadable;
use crate::sdp::{Attribute, Connection, Direction, SessionDescription};

fn read(text: &str) -> SessionDescription {
    SessionDescription::parse(text.as_bytes()).expect("a description")
}

#[test]
fn a_full_description_is_read() {
    let read = read(
        "v=0\r\no=alice 2890844526 7 IN IP4 host.example\r\ns=Support line\r\ni=ignored\r\n\
         c=IN IP6 2001:db8::5\r\nb=AS:84\r\nt=0 0\r\na=sendonly\r\n\
         m=audio 49170/2 RTP/AVP 0 8 101\r\nc=IN IP4 192.0.2.3/127\r\na=rtpmap:101 telephone-event/8000\r\n\
         a=recvonly\r\nm=image 0 udptl t38\r\n",
    );
    assert_eq!(read.origin.username, "alice");
    assert_eq!(read.origin.version, "7");
    assert_eq!(
        read.origin.address,
        Connection::Name("host.example".to_owned())
    );
    assert_eq!(read.name, "Support line");
    let [audio, fax] = read.media.as_slice() else {
        panic!("two streams")
    };
    assert_eq!((audio.port, audio.protocol.as_str()), (49170, "RTP/AVP"));
    assert_eq!(audio.formats, ["0", "8", "101"]);
    let stream_address = Connection::Ip("192.0.2.3".parse().unwrap());
    assert_eq!(read.connection_of(audio), Some(&stream_address));
    let session_address = Connection::Ip("2001:db8::5".parse().unwrap());
    assert_eq!(read.connection_of(fax), Some(&session_address));
    assert_eq!(read.direction_of(audio), Direction::RecvOnly);
    assert_eq!(read.direction_of(fax), Direction::SendOnly);
    assert_eq!(audio.attribute("RTPMAP"), Some("101 telephone-event/8000"));
}

#[test]
fn what_the_field_sends_is_read() {
    let no_session_lines = read("v=0\nm=audio 4000 RTP/AVP 0\nc=IN IP4 10.0.0.1\n");
    assert_eq!(no_session_lines.media.len(), 1);
    let letters = read("v=0\r\no=- x7f3 1e9 IN IP4 10.0.0.1\r\nm=audio 4000 RTP/AVP 0\r\n");
    assert_eq!(
        (
            letters.origin.session_id.as_str(),
            letters.origin.version.as_str()
        ),
        ("x7f3", "1e9")
    );
    let short = read("v=0\r\no=-\r\nnonsense\r\n=\r\na\r\na=\r\nm=audio 4000 RTP/AVP\r\n\r\n\0");
    assert_eq!(short.attributes, [Attribute::flag("")]);
    let no_version = read("m=audio 4000 RTP/AVP 0");
    assert_eq!(no_version.media[0].formats, ["0"]);
    let latin = SessionDescription::parse(b"v=0\r\ns=B\xfcro\r\nm=audio 1 RTP/AVP 0\r\n").unwrap();
    assert_eq!(latin.name, "B\u{fffd}ro");
}

#[test]
fn what_is_no_description_is_refused() {
    for body in ["", "hello", "\r\n\r\n", "o=- 1 1 IN IP4 1.2.3.4\r\n"] {
        assert_eq!(
            SessionDescription::parse(body.as_bytes()),
            Err(Unreadable::NotSdp),
            "{body:?}"
        );
    }
    for line in [
        "m=audio",
        "m=audio 70000 RTP/AVP 0",
        "m=audio -1 RTP/AVP 0",
        "m=audio x RTP/AVP 0",
        "m=",
    ] {
        let body = format!("v=0\r\nm=video 4 RTP/AVP 31\r\n{line}\r\n");
        assert_eq!(
            SessionDescription::parse(body.as_bytes()),
            Err(Unreadable::Media(1)),
            "{line}"
        );
    }
}

#[test]
fn limits_hold() {
    let many = "m=audio 4000 RTP/AVP 0\r\n".repeat(33);
    assert_eq!(
        SessionDescription::parse(many.as_bytes()),
        Err(Unreadable::TooLarge)
    );
    let long = vec![b'a'; 64 * 1024 + 1];
    assert_eq!(SessionDescription::parse(&long), Err(Unreadable::TooLarge));
    let formats = format!("v=0\r\nm=audio 4000 RTP/AVP{}\r\n", " 0".repeat(20_000));
    assert_eq!(read(&formats).media[0].formats.len(), 128);
}

#[test]
fn what_is_written_is_read_back() {
    for text in [
        "v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\n",
        "v=0\r\no=a b c IN IP6 ::1\r\ns=x\r\nt=0 0\r\na=inactive\r\na=x:y:z\r\nm=audio 9 RTP/AVP 0 8\r\n\
         c=IN IP4 host.example\r\na=ptime:20\r\n",
    ] {
        let description = read(text);
        assert_eq!(description.to_string(), text);
        assert_eq!(
            SessionDescription::parse(&description.write()),
            Ok(description)
        );
    }
}
