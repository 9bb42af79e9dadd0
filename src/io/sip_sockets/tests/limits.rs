//! Limits of connections: number, handshakes, time to a message, silence.

use super::*;

#[tokio::test]
async fn connections_are_limited_by_number() {
    let limits = Limits {
        per_source: 2,
        ..Limits::default()
    };
    let (sockets, _received) = tcp_with(limits, Admission::Admit);
    let mut peers = Vec::new();
    for _ in 0..3 {
        let peer = TcpStream::connect(first_local(&sockets)).await.unwrap();
        peers.push(peer);
    }
    closed(peers.last_mut().unwrap()).await;
    assert_eq!(counted(&sockets, "connections_refused"), 1);
    assert_eq!(counted(&sockets, "connections"), 2);
}

#[tokio::test]
async fn a_slow_or_idle_connection_is_closed() {
    let quick = Duration::from_millis(100);
    let slow = Limits {
        message: quick,
        ..Limits::default()
    };
    let idle = Limits {
        idle: quick,
        ..Limits::default()
    };
    for (limits, text) in [
        (slow, String::new()),
        (slow, "OPTIONS sip:a".to_owned()),
        (slow, options("whole") + "OPTIONS sip:a"),
        (idle, options("whole")),
    ] {
        let (sockets, mut received) = tcp_with(limits, Admission::Admit);
        let mut peer = TcpStream::connect(first_local(&sockets)).await.unwrap();
        peer.write_all(text.as_bytes()).await.unwrap();
        closed(&mut peer).await;
        if text.contains("whole") {
            assert_eq!(call_id(&next(&mut received).await), "whole");
        }
        assert!(matches!(next(&mut received).await, Received::Lost { .. }));
        assert_eq!(counted(&sockets, "connections_timed_out"), 1);
    }
}

/// Sends until the peer closes; how long that took.
async fn trickle(peer: &mut TcpStream, bytes: &[u8], every: Duration) -> Duration {
    let start = crate::io::clock::now();
    soon(async {
        for byte in bytes.iter().cycle() {
            let mut one = [0];
            if peer.write_all(&[*byte]).await.is_err() {
                return;
            }
            if let Ok(ended) = timeout(every, peer.read(&mut one)).await
                && !matches!(ended, Ok(1..))
            {
                return;
            }
        }
    })
    .await;
    crate::io::clock::now() - start
}

#[tokio::test]
async fn neither_single_bytes_nor_pings_buy_time_for_a_first_message() {
    let limits = Limits {
        message: Duration::from_millis(300),
        ..Limits::default()
    };
    for bytes in [&b"OPTIONS sip:a@b.c SIP/2.0"[..], b"\r\n"] {
        let (sockets, _received) = tcp_with(limits, Admission::Admit);
        let mut peer = TcpStream::connect(first_local(&sockets)).await.unwrap();
        let took = trickle(&mut peer, bytes, Duration::from_millis(10)).await;
        assert!(took >= Duration::from_millis(200), "{took:?}");
        until(|| counted(&sockets, "connections_timed_out") == 1).await;
    }
}

async fn from(ip: &str, to: SocketAddr) -> TcpStream {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind(any(ip)).unwrap();
    socket.connect(to).await.unwrap()
}

#[tokio::test]
async fn silent_connections_make_room_and_proven_ones_stay() {
    let limits = Limits {
        connections: 4,
        per_source: 4,
        ..Limits::default()
    };
    let (sockets, mut received) = tcp_with(limits, Admission::Admit);
    let local = first_local(&sockets);
    let mut proven = from("127.0.0.2", local).await;
    proven.write_all(options("pbx").as_bytes()).await.unwrap();
    let pbx = flow_of(&next(&mut received).await);
    let mut silent = Vec::new();
    for _ in 0..3 {
        silent.push(from("127.0.0.3", local).await);
    }
    until(|| counted(&sockets, "connections") == 4).await;
    let mut other = from("127.0.0.4", local).await;
    other.write_all(options("other").as_bytes()).await.unwrap();
    assert_eq!(call_id(&next(&mut received).await), "other");
    closed(silent.last_mut().unwrap()).await;
    assert_eq!(counted(&sockets, "connections_evicted"), 1);
    let bytes = Bytes::from_static(b"still");
    sockets.send(Transmit { flow: pbx, bytes });
    let mut still = [0; 5];
    soon(proven.read_exact(&mut still)).await.unwrap();
    assert_eq!(&still, b"still");
}

#[tokio::test]
async fn a_connection_that_is_offered_for_requests_back_carries_them() {
    let (sockets, mut received) = tcp_with(Limits::default(), Admission::Admit);
    let mut peer = TcpStream::connect(first_local(&sockets)).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let own = listener.local_addr().unwrap();
    // RFC 5923: `alias`, and the port of the peer's own listener in sent-by.
    let offered = options("alias").replace("UDP 127.0.0.1;", &format!("TCP {own};alias;"));
    peer.write_all(offered.as_bytes()).await.unwrap();
    let from = flow_of(&next(&mut received).await);
    let flow = Flow {
        remote: own,
        ..from
    };
    let bytes = Bytes::from_static(b"back");
    sockets.send(Transmit { flow, bytes });
    let mut back = [0; 4];
    soon(peer.read_exact(&mut back)).await.unwrap();
    assert_eq!(&back, b"back");
    // Both names of the path are lost with it.
    drop(peer);
    let lost = [next(&mut received).await, next(&mut received).await];
    assert_eq!(lost, [from, flow].map(|flow| Received::Lost { flow }));
    // From now on the listener is dialled.
    let bytes = Bytes::from_static(b"anew");
    sockets.send(Transmit { flow, bytes });
    let (mut dialled, _) = soon(listener.accept()).await.unwrap();
    let mut anew = [0; 4];
    soon(dialled.read_exact(&mut anew)).await.unwrap();
    assert_eq!(&anew, b"anew");
}

#[tokio::test]
async fn an_address_cannot_offer_another_address() {
    let (sockets, mut received) = tcp_with(Limits::default(), Admission::Admit);
    let mut peer = TcpStream::connect(first_local(&sockets)).await.unwrap();
    let listener = TcpListener::bind("127.0.0.9:0").await.unwrap();
    let other = listener.local_addr().unwrap();
    let offered = options("alias").replace("UDP 127.0.0.1;", &format!("TCP {other};alias;"));
    peer.write_all(offered.as_bytes()).await.unwrap();
    let from = flow_of(&next(&mut received).await);
    let flow = Flow {
        remote: other,
        ..from
    };
    let bytes = Bytes::from_static(b"x");
    sockets.send(Transmit { flow, bytes });
    soon(listener.accept()).await.unwrap();
}

#[tokio::test]
async fn ipv6_is_listened_on_and_dialled() {
    let settings = Settings {
        tcp: vec![any("::1")],
        ..Settings::default()
    };
    let (sockets, mut received) = SipSockets::bind(&settings, admit(Admission::Admit)).unwrap();
    let local = first_local(&sockets);
    let mut peer = TcpStream::connect(local).await.unwrap();
    peer.write_all(options("six").as_bytes()).await.unwrap();
    assert_eq!(call_id(&next(&mut received).await), "six");
    let listener = TcpListener::bind(any("::1")).await.unwrap();
    let remote = listener.local_addr().unwrap();
    let flow = sockets.flow_to(Transport::Tcp, remote).unwrap();
    assert_eq!(flow.local, local);
    let bytes = Bytes::from_static(b"x");
    sockets.send(Transmit { flow, bytes });
    let (_, from) = soon(listener.accept()).await.unwrap();
    assert_eq!(from.ip(), local.ip());
}
