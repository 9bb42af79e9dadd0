//! Broken copies of real messages: nothing panics, and what is taken survives a round trip.

use bytes::Bytes;
use ringwell::audio::Codec;
use ringwell::sdp::{self, SessionDescription};
use ringwell::sip::Random;
use ringwell::sip::message::{Auth, Frame, Message, Name, StreamFramer, parse};

use crate::{practical, torture};

/// Broken copies of each kind. More belong into a fuzzer.
const ROUNDS: usize = 200_000;

/// Pieces that mean something to one parser or another.
const PIECES: [&[u8]; 24] = [
    b"\r\n",
    b"\n",
    b"\r",
    b"\r\n\r\n",
    b" ",
    b"\t",
    b"\"",
    b"\\",
    b"<",
    b">",
    b";",
    b",",
    b":",
    b"@",
    b"=",
    b"?",
    b"%",
    b"[",
    b"]",
    b"\0",
    b"\xff",
    b"Content-Length: 99\r\n",
    b"99999999999999999999",
    b"Via: SIP/2.0/UDP a,,b\r\n",
];

/// One to four changes: a byte replaced, a piece put in, a part cut out or doubled.
fn mutate(random: &mut Random, seed: &[u8]) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    let below = |random: &mut Random, limit: usize| {
        usize::try_from(random.next_u64() % (limit as u64 + 1)).expect("a small number")
    };
    for _ in 0..=below(random, 3) {
        let at = below(random, bytes.len());
        let end = (at + below(random, 20)).min(bytes.len());
        match below(random, 4) {
            0 if at < bytes.len() => bytes[at] = random.next_u64().to_le_bytes()[0],
            1 => drop(bytes.drain(at..end)),
            2 => {
                let part = bytes[at..end].to_vec();
                bytes.splice(at..at, part);
            }
            _ => {
                let piece = PIECES[below(random, PIECES.len() - 1)];
                bytes.splice(at..at, piece.iter().copied());
            }
        }
    }
    bytes
}

/// Reads every view of a message.
fn exercise(message: &Message) -> usize {
    let headers = message.headers();
    let mut read = headers.len();
    for (_, value) in headers.iter() {
        read += Auth::parse_all(value).len();
        read += usize::from(ringwell::sip::message::Via::parse(value).is_some());
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
            read += address.uri.headers().len() + usize::from(address.uri.host().is_some());
            read += usize::from(address.uri.equivalent(&address.uri.without_headers()));
        }
    }
    read
}

#[test]
fn broken_messages_are_handled() {
    let seeds: Vec<Bytes> = practical::all().chain(torture::all()).collect();
    let mut random = Random::new([1, 2]);
    let (mut taken, mut read) = (0, 0);
    for round in 0..ROUNDS {
        let bytes = Bytes::from(mutate(&mut random, &seeds[round % seeds.len()]));
        match parse(bytes.clone()) {
            Ok(message) => {
                taken += 1;
                read += exercise(&message);
                let written = message.write();
                assert_eq!(parse(written), Ok(message), "{}", bytes.escape_ascii());
            }
            Err(rejected) => {
                if let Some(response) = rejected.response {
                    assert!(response.top_via().is_some(), "{}", bytes.escape_ascii());
                }
            }
        }
    }
    assert!(
        taken > ROUNDS / 10 && taken < ROUNDS && read > taken,
        "{taken} of {ROUNDS} were taken"
    );
}

#[test]
fn broken_streams_are_handled() {
    let seeds: Vec<Bytes> = practical::all().chain(torture::all()).collect();
    let mut random = Random::new([3, 4]);
    let (mut messages, mut broken) = (0, 0);
    for round in 0..ROUNDS / 10 {
        let mut framer = StreamFramer::new();
        for offset in 0..3 {
            framer.push(&mutate(&mut random, &seeds[(round + offset) % seeds.len()]));
            for frame in framer.by_ref() {
                match frame {
                    Frame::Message(_) => messages += 1,
                    Frame::Broken(_) => broken += 1,
                    Frame::Rejected(_) | Frame::Ping | Frame::Pong => {}
                }
            }
        }
    }
    assert!(
        messages > 1000 && broken > 100,
        "{messages} messages, {broken} streams broken"
    );
}

#[test]
fn broken_descriptions_are_handled() {
    let seed = b"v=0\r\no=- 5 1 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nb=AS:80\r\n\
        t=0 0\r\na=sendrecv\r\nm=audio 4000/1 RTP/AVP 97 8 0 101\r\na=rtpmap:97 opus/48000/2\r\n\
        a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\na=maxptime:150\r\n\
        a=rtcp:4001 IN IP4 198.51.100.7\r\na=sendonly\r\nm=video 5000 RTP/AVP 31\r\nc=IN IP6 ::1\r\n";
    let local = sdp::Local {
        address: core::net::IpAddr::from([192, 0, 2, 80]),
        port: 30_000,
        session_id: 1,
        codecs: vec![Codec::PCMU, Codec::PCMA],
        srtp: Default::default(),
    };
    let ours = sdp::offer(&local);
    let mut random = Random::new([5, 6]);
    let mut agreed = 0;
    for _ in 0..ROUNDS {
        let bytes = mutate(&mut random, seed);
        let Ok(description) = SessionDescription::parse(&bytes) else {
            continue;
        };
        assert_eq!(
            SessionDescription::parse(&description.write()).as_ref(),
            Ok(&description),
            "{}",
            bytes.escape_ascii()
        );
        let concluded = sdp::conclude(&ours, &description);
        let Ok((answer, negotiated)) = sdp::answer(&description, &local) else {
            continue;
        };
        agreed += 1;
        assert_eq!(answer.media.len(), description.media.len());
        assert_eq!(
            answer.media.iter().filter(|media| media.port != 0).count(),
            1
        );
        assert!((10..=60).contains(&negotiated.ptime_ms));
        assert_eq!(SessionDescription::parse(&answer.write()), Ok(answer));
        drop(concluded);
    }
    assert!(agreed > ROUNDS / 2, "{agreed} of {ROUNDS} agreed");
}
