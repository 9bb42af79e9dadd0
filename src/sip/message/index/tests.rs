use bytes::Bytes;

use crate::sip::message::{
    Frame, Message, Method, Name, Request, Response, StatusCode, StreamFramer, Uri, parse,
};

const INVITE: &str = "INVITE sip:support@gateway.example SIP/2.0\r\n\
    v: SIP/2.0/UDP 10.0.0.7:5062;branch=z9hG4bK77;rport, SIP/2.0/TCP [2001:db8::9]:5080;branch=z9hG4bK76\r\n\
    Max-Forwards: 70\r\n\
    f: \"Doe, \\\"J\\\"\" <sip:+15550100100@pbx.example;user=phone>;tag=a1\r\n\
    t: <sip:support@gateway.example>\r\n\
    i: 3848276298220188511@pbx.example\r\n\
    CSeq: 7\r\n  INVITE\r\n\
    m: <sip:1001@10.0.0.7:5062>\r\n\
    X-Custom: kept\r\n\
    l: 4\r\n\r\nabcdEXTRA";

fn request(text: &str) -> Request {
    match parse(Bytes::copy_from_slice(text.as_bytes())) {
        Ok(Message::Request(request)) => request,
        other => panic!("a request, not {other:?}"),
    }
}

#[test]
fn an_invite_with_compact_and_folded_headers_is_read() {
    let request = request(INVITE);
    assert_eq!(request.method, Method::Invite);
    assert_eq!(
        request.uri,
        Uri::sip(
            Some("support"),
            super::super::Host::parse("gateway.example").unwrap(),
            None
        )
    );
    let via = request.top_via().unwrap();
    assert_eq!(via.transport, "UDP");
    assert_eq!(via.host.ip(), Some("10.0.0.7".parse().unwrap()));
    assert_eq!((via.port, via.rport()), (Some(5062), Some(None)));
    assert_eq!(via.branch().unwrap(), "z9hG4bK77");
    assert_eq!(request.vias().count(), 2);
    let from = request.from().unwrap();
    assert_eq!(from.display.as_deref(), Some(&b"Doe, \"J\""[..]));
    assert_eq!(from.uri.user().unwrap(), "+15550100100");
    assert_eq!(from.uri.param("USER").unwrap(), "phone");
    assert_eq!(request.from_tag().unwrap(), "a1");
    assert_eq!(request.to_tag(), None);
    assert_eq!(request.cseq().unwrap().number, 7);
    assert_eq!(request.contact().unwrap().uri.port(), Some(5062));
    assert_eq!(request.max_forwards(), Some(70));
    assert_eq!(request.body, "abcd");
    let again = parse(request.write()).unwrap();
    assert_eq!(again, Message::Request(request));
}

#[test]
fn a_response_copies_what_it_must() {
    let mut request = request(INVITE);
    let mut via = request.top_via().unwrap();
    via.set_received("192.0.2.1".parse().unwrap());
    via.set_rport(6000);
    request.set_top_via(&via);
    let response = Response::to_request(&request, StatusCode::RINGING);
    let Ok(Message::Response(read)) = parse(response.write()) else {
        panic!("a response")
    };
    assert_eq!(read, response);
    assert_eq!(read.vias().count(), 2);
    assert_eq!(read.top_via().unwrap().rport(), Some(Some(6000)));
    assert_eq!(read.cseq().unwrap().method, Method::Invite);
}

#[test]
fn a_stream_is_cut_wherever_it_is_split() {
    let one = request(INVITE).with_header(Name::Subject, "one").write();
    let stream = [&b"\r\n\r\n"[..], &one, b"\r\n", &one].concat();
    for size in [1, 2, 3, 7, 100, stream.len()] {
        let mut framer = StreamFramer::new();
        let mut frames = Vec::new();
        for chunk in stream.chunks(size) {
            framer.push(chunk);
            frames.extend(framer.by_ref());
        }
        assert_eq!(frames.len(), 5, "chunks of {size}");
        assert_eq!(frames[..2], [Frame::Pong, Frame::Ping]);
        assert!(matches!(frames[2], Frame::Message(_)));
        assert_eq!(frames[3], Frame::Pong);
        assert_eq!(frames[4], frames[2]);
    }
}
