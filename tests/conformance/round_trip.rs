//! What is written is read back the same.

use bytes::Bytes;
use proptest::prelude::*;
use ringwell::sip::message::{
    CSeq, Frame, Host, Message, Method, Name, NameAddr, Request, Response, StatusCode,
    StreamFramer, Uri, Via, parse,
};

const METHODS: [Method; 6] = [
    Method::Invite,
    Method::Ack,
    Method::Bye,
    Method::Cancel,
    Method::Register,
    Method::Refer,
];

fn token() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9.!%*_+`'~-]{1,12}"
}

fn method() -> impl Strategy<Value = Method> {
    prop_oneof![
        proptest::sample::select(&METHODS[..]),
        token().prop_map(|token| Method::parse(&Bytes::from(token)).expect("a token")),
    ]
}

fn host() -> impl Strategy<Value = Host> {
    prop_oneof![
        any::<core::net::IpAddr>().prop_map(Host::from),
        "[a-z][a-z0-9_.-]{0,20}".prop_map(|name| Host::parse(name).expect("a name")),
    ]
}

fn uri() -> impl Strategy<Value = Uri> {
    let sip = (
        proptest::option::of(any::<String>()),
        host(),
        any::<Option<u16>>(),
    );
    let sip = sip.prop_map(|(user, host, port)| Uri::sip(user.as_deref(), host, port));
    let with_param = (sip, token(), proptest::option::of(any::<String>()))
        .prop_map(|(uri, name, value)| uri.with_param(&name, value.as_deref()));
    prop_oneof![
        with_param,
        "[a-z]{4,8}:[a-zA-Z0-9/?;@.]{1,20}".prop_map(|text| Uri::parse(text).expect("a URI"))
    ]
}

fn address() -> impl Strategy<Value = NameAddr> {
    let display = proptest::collection::vec(any::<u8>(), 0..20);
    (display, uri(), token(), any::<String>()).prop_map(|(display, uri, tag, value)| {
        NameAddr::new(uri)
            .with_display(display)
            .with_tag(&tag)
            .with_param("x", Some(&value))
    })
}

/// Unknown headers with any bytes as values.
fn extensions() -> impl Strategy<Value = Vec<(Name, Bytes)>> {
    let header = (
        "X-[a-zA-Z0-9.!%*_+`'~-]{1,12}",
        proptest::collection::vec(any::<u8>(), 0..40),
    );
    let header = header.prop_map(|(name, value)| {
        (
            Name::parse(&Bytes::from(name)).expect("a token"),
            value.into(),
        )
    });
    proptest::collection::vec(header, 0..5)
}

prop_compose! {
    fn request()(
        method in method(), uri in uri(), vias in proptest::collection::vec((host(), any::<u16>(), token()), 1..4),
        from in address(), to in address(), call_id in "[!-~]{1,20}", number in any::<u32>(),
        extensions in extensions(), body in proptest::collection::vec(any::<u8>(), 0..80),
    ) -> Request {
        let mut request = Request::new(method.clone(), uri);
        for (host, port, branch) in vias {
            request.headers.push(Name::Via, Via::new("UDP", host, port, &branch));
        }
        request.headers.push(Name::From, from);
        request.headers.push(Name::To, to);
        request.headers.push(Name::CallId, call_id);
        request.headers.push(Name::CSeq, CSeq { number, method });
        for (name, value) in extensions {
            request.headers.push(name, value);
        }
        request.body = body.into();
        request
    }
}

proptest! {
    #[test]
    fn a_request_written_is_read_back(request in request()) {
        let written = request.write();
        prop_assert_eq!(parse(written.clone()), Ok(Message::Request(request.clone())));
        let mut framer = StreamFramer::new();
        framer.push(&written);
        prop_assert_eq!(framer.next(), Some(Frame::Message(Message::Request(request))));
        prop_assert_eq!(framer.next(), None);
    }

    #[test]
    fn a_response_written_is_read_back(request in request(), status in 100_u16..700, reason in "[ -~]{0,30}") {
        let response = Response::to_request(&request, StatusCode(status)).with_reason(reason.trim().to_owned());
        prop_assert_eq!(parse(response.write()), Ok(Message::Response(response.clone())));
        prop_assert_eq!(response.vias().count(), request.vias().count());
        prop_assert_eq!(response.cseq(), request.cseq());
        prop_assert_eq!(response.call_id(), request.call_id());
    }

    #[test]
    fn addresses_written_are_read_back(address in address()) {
        prop_assert_eq!(NameAddr::parse(&Bytes::from(&address)), Some(address));
    }

    #[test]
    fn a_stream_is_cut_the_same_however_it_is_split(
        requests in proptest::collection::vec(request(), 1..4),
        cuts in proptest::collection::vec(1_usize..60, 1..40),
    ) {
        let stream: Vec<u8> = requests.iter().flat_map(|request| request.write().to_vec()).collect();
        let mut framer = StreamFramer::new();
        let mut frames = Vec::new();
        let mut rest = stream.as_slice();
        for cut in cuts.into_iter().cycle() {
            let (chunk, after) = rest.split_at(cut.min(rest.len()));
            framer.push(chunk);
            frames.extend(framer.by_ref());
            rest = after;
            if rest.is_empty() {
                break;
            }
        }
        let expected = requests.into_iter().map(|request| Frame::Message(Message::Request(request)));
        let expected: Vec<Frame> = expected.collect();
        prop_assert_eq!(frames, expected);
    }
}
