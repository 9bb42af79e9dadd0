use super::*;
use crate::io::clock;
use crate::sip::TransactionId;
use crate::sip::message::{Message, parse};

fn server(port: u16) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], port))
}

const CALL: SessionId = SessionId(7);

fn refusal(status: u16, header: &str) -> Input {
    let text = format!(
        "SIP/2.0 {status} No\r\nVia: SIP/2.0/UDP a;branch=z9hG4bKa\r\nFrom: <sip:a@a>;tag=a\r\n\
         To: <sip:b@b>;tag=b\r\nCall-ID: a\r\nCSeq: 1 INVITE\r\n{header}Content-Length: 0\r\n\r\n"
    );
    let Ok(Message::Response(response)) = parse(text.into()) else {
        panic!("no response");
    };
    Input::Response {
        transaction: TransactionId(1),
        response,
    }
}

#[test]
fn who_answers_503_with_retry_after_is_left_alone_for_that_time() {
    let (mut rests, now) = (Rests::default(), clock::now());
    rests.began(CALL, server(5060));
    rests.heard(CALL, &refusal(503, "Retry-After: 60\r\n"), now);
    let soon = now + Duration::from_secs(59);
    let reason = rests.check(server(5060), soon).unwrap_err();
    assert!(reason.contains("2 s more"), "{reason}");
    assert_eq!(rests.check(server(5070), soon), Ok(()));
    assert_eq!(
        rests.check(server(5060), now + Duration::from_mins(1)),
        Ok(())
    );
}

#[test]
fn nothing_else_makes_a_rest() {
    let (mut rests, now) = (Rests::default(), clock::now());
    rests.heard(CALL, &refusal(503, "Retry-After: 60\r\n"), now);
    rests.began(CALL, server(5060));
    for (status, header) in [
        (503, ""),
        (503, "Retry-After: 0\r\n"),
        (486, "Retry-After: 60\r\n"),
    ] {
        rests.heard(CALL, &refusal(status, header), now);
    }
    rests.ended(CALL);
    rests.heard(CALL, &refusal(503, "Retry-After: 60\r\n"), now);
    assert_eq!(rests.check(server(5060), now), Ok(()));
}

#[test]
fn rests_are_bounded() {
    let (mut rests, now) = (Rests::default(), clock::now());
    for port in 0..=u16::try_from(SERVERS_MAX).unwrap() {
        rests.began(CALL, server(port));
        rests.heard(CALL, &refusal(503, "Retry-After: 4000000000\r\n"), now);
    }
    assert_eq!(rests.until.len(), SERVERS_MAX);
    assert_eq!(rests.check(server(0), now), Ok(()));
    assert!(rests.check(server(1), now).is_err());
    assert_eq!(rests.check(server(1), now + REST_MAX), Ok(()));
}
