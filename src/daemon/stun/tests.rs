use std::sync::Arc;

use super::*;
use crate::io::clock;
use crate::io::sip_sockets::{self, Admission, Received};

fn sockets() -> (SipSockets, tokio::sync::mpsc::Receiver<Received>) {
    let settings = sip_sockets::Settings {
        udp: vec!["127.0.0.1:0".parse().unwrap()],
        ..sip_sockets::Settings::default()
    };
    SipSockets::bind(&settings, Arc::new(|_, _| Admission::Drop)).unwrap()
}

fn stun(server: &str, now: Instant) -> Stun {
    Stun::new(Some(server.parse().unwrap()), Resolver::system(), now)
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

#[tokio::test]
async fn without_a_server_nobody_is_asked() {
    let (sockets, _received) = sockets();
    let now = clock::now();
    let mut stun = Stun::new(None, Resolver::system(), now);
    stun.drive(&sockets, now);
    assert!(stun.looking.is_empty());
    assert_eq!(stun.poll_timeout(), None);
    assert_eq!(stun.status(now), Value::Null);
}

#[tokio::test]
async fn the_address_of_a_server_is_found_and_asked_from_the_sip_socket() {
    let (sockets, mut received) = sockets();
    let server = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let place = server.local_addr().unwrap();
    let now = clock::now();
    let mut stun = stun(&place.to_string(), now);
    assert_eq!(stun.poll_timeout(), Some(now));
    stun.drive(&sockets, now);
    let found = stun.next().await;
    assert_eq!(found.as_ref().unwrap(), &Ok(vec![place]));
    stun.on_found(found, &sockets, now);
    let mut buffer = [0; 100];
    let (length, from) = server.recv_from(&mut buffer).await.unwrap();
    let own = sockets.local().next().unwrap().1;
    assert_eq!((length, from), (20, own));
    // RFC 8489 §14.2: the port and the address, masked.
    let mut answer = buffer[..20].to_vec();
    answer[..4].copy_from_slice(&[1, 1, 0, 12]);
    answer.extend([0, 0x20, 0, 8, 0, 1]);
    answer.extend((4444u16 ^ 0x2112).to_be_bytes());
    answer.extend((u32::from_be_bytes([203, 0, 113, 7]) ^ 0x2112_A442).to_be_bytes());
    server.send_to(&answer, from).await.unwrap();
    let Some(Received::Mapped { local, public }) = received.recv().await else {
        panic!("no answer");
    };
    assert_eq!((local, public), (own, address("203.0.113.7:4444")));
    stun.on_answer(public, now);
    assert_eq!(stun.poll_timeout(), Some(now + EVERY));
    let status = stun.status(now + Duration::from_secs(7));
    assert_eq!(status["stun_seen_as"], "203.0.113.7:4444");
    assert_eq!(status["stun_answered_s_ago"], 7);
    assert_eq!(status["stun_trouble"], Value::Null);
}

#[tokio::test]
async fn after_a_silence_the_next_address_is_asked_and_later() {
    let (sockets, _received) = sockets();
    let mut now = clock::now();
    let mut stun = stun("127.0.0.1:9", now);
    let both = [address("127.0.0.1:9"), address("127.0.0.2:9")];
    let mut pauses = Vec::new();
    for round in 0..6 {
        stun.drive(&sockets, now);
        let _looked_up = stun.next().await;
        stun.on_found(Ok(Ok(both.to_vec())), &sockets, now);
        assert_eq!(stun.asked, Some(both[round % 2]));
        let next = stun.poll_timeout().unwrap();
        pauses.push((next - now).as_secs());
        now = next;
    }
    assert_eq!(pauses, [30, 60, 120, 240, 300, 300]);
    let trouble = stun.status(now)["stun_trouble"].to_string();
    assert!(trouble.contains("127.0.0.1:9 does not answer"), "{trouble}");
}

#[tokio::test]
async fn what_is_wrong_is_said() {
    let (sockets, _received) = sockets();
    let now = clock::now();
    for (found, words) in [
        (Ok(vec![]), "no address"),
        (
            Ok(vec![address("[2001:db8::1]:3478")]),
            "no UDP address of [sip]",
        ),
        (Err("there is no such name".to_owned()), "no such name"),
    ] {
        let mut stun = stun("stun.example.com", now);
        stun.on_found(Ok(found), &sockets, now);
        let trouble = stun.status(now)["stun_trouble"].to_string();
        assert!(trouble.contains(words), "{trouble}");
        assert_eq!(stun.poll_timeout(), Some(now + RETRY));
    }
    let mut inner = stun("stun.example.com", now);
    inner.on_answer(address("10.1.2.3:5060"), now);
    let trouble = inner.status(now)["stun_trouble"].to_string();
    assert!(trouble.contains("inner network"), "{trouble}");
}
