use core::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::time::timeout;

use super::*;

mod certificates;
mod keep_alive;
mod limits;
mod tls;

/// Longest wait for something that must come; only a failing test waits that long.
const PATIENCE: Duration = Duration::from_secs(20);

fn options(branch: &str) -> String {
    format!(
        "OPTIONS sip:a@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK{branch}\r\n\
         From: <sip:b@127.0.0.1>;tag=1\r\nTo: <sip:a@127.0.0.1>\r\nCall-ID: {branch}\r\n\
         CSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    )
}

fn any(ip: &str) -> SocketAddr {
    SocketAddr::new(ip.parse().unwrap(), 0)
}

fn admit(admission: Admission) -> Admit {
    Arc::new(move |_, _| admission)
}

fn udp_on(ip: &str, admission: Admission) -> (SipSockets, mpsc::Receiver<Received>) {
    let settings = Settings {
        udp: vec![any(ip)],
        ..Settings::default()
    };
    SipSockets::bind(&settings, admit(admission)).unwrap()
}

fn tcp_with(limits: Limits, admission: Admission) -> (SipSockets, mpsc::Receiver<Received>) {
    let settings = Settings {
        tcp: vec![any("127.0.0.1")],
        limits,
        ..Settings::default()
    };
    SipSockets::bind(&settings, admit(admission)).unwrap()
}

fn first_local(sockets: &SipSockets) -> SocketAddr {
    sockets.local().next().unwrap().1
}

async fn soon<F: Future>(future: F) -> F::Output {
    timeout(PATIENCE, future).await.expect("it comes in time")
}

async fn next(receiver: &mut mpsc::Receiver<Received>) -> Received {
    soon(receiver.recv()).await.unwrap()
}

fn call_id(received: &Received) -> String {
    let (Received::Message { bytes, .. } | Received::Forbidden { bytes, .. }) = received else {
        panic!("{received:?} is no message");
    };
    let text = core::str::from_utf8(bytes).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("Call-ID: "));
    line.unwrap().to_owned()
}

fn flow_of(received: &Received) -> Flow {
    match received {
        Received::Message { flow, .. }
        | Received::Forbidden { flow, .. }
        | Received::Lost { flow } => *flow,
        Received::Mapped { .. } => panic!("{received:?} has no flow"),
    }
}

fn counted(sockets: &SipSockets, name: &str) -> u64 {
    let snapshot = sockets.counters().snapshot();
    snapshot.iter().find(|(n, _)| *n == name).unwrap().1
}

async fn until(mut condition: impl FnMut() -> bool) {
    soon(async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_datagram_comes_in_and_an_answer_goes_out() {
    let (sockets, mut received) = udp_on("127.0.0.1", Admission::Admit);
    let peer = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let local = first_local(&sockets);
    peer.send_to(options("one").as_bytes(), local)
        .await
        .unwrap();
    let message = next(&mut received).await;
    assert_eq!(call_id(&message), "one");
    let flow = flow_of(&message);
    assert_eq!(flow.local, local);
    assert_eq!(flow.remote, peer.local_addr().unwrap());
    let bytes = Bytes::from_static(b"answer");
    sockets.send(Transmit { flow, bytes });
    let mut buffer = [0; 100];
    let (length, from) = soon(peer.recv_from(&mut buffer)).await.unwrap();
    assert_eq!((&buffer[..length], from), (&b"answer"[..], local));
}

#[tokio::test]
async fn a_socket_on_all_addresses_knows_where_a_datagram_went_and_answers_from_there() {
    for (wildcard, ip, other) in [("0.0.0.0", "127.0.0.7", "127.0.0.1"), ("::", "::1", "::1")] {
        let (sockets, mut received) = udp_on(wildcard, Admission::Admit);
        let peer = UdpSocket::bind(any(other)).await.unwrap();
        let there = SocketAddr::new(ip.parse().unwrap(), first_local(&sockets).port());
        peer.send_to(options("w").as_bytes(), there).await.unwrap();
        let flow = flow_of(&next(&mut received).await);
        assert_eq!(flow.local, there);
        let bytes = Bytes::from_static(b"answer");
        sockets.send(Transmit { flow, bytes });
        let (_, from) = soon(peer.recv_from(&mut [0; 100])).await.unwrap();
        assert_eq!(from, there);
    }
}

#[tokio::test]
async fn a_stranger_is_dropped_or_forbidden_and_counted() {
    for (admission, delivered) in [(Admission::Drop, 0), (Admission::Forbid, 3)] {
        let (sockets, mut received) = udp_on("127.0.0.1", admission);
        let peer = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        for _ in 0..3 {
            let local = first_local(&sockets);
            peer.send_to(options("s").as_bytes(), local).await.unwrap();
        }
        until(|| counted(&sockets, "strangers") == 3).await;
        drop(sockets);
        let mut all = Vec::new();
        while let Some(message) = soon(received.recv()).await {
            all.push(message);
        }
        assert_eq!(all.len(), delivered, "{all:?}");
        assert!(all.iter().all(|r| matches!(r, Received::Forbidden { .. })));
    }
}

#[tokio::test]
async fn keep_alives_are_silent_and_everything_else_is_delivered() {
    let (sockets, mut received) = udp_on("127.0.0.1", Admission::Admit);
    let peer = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    for text in [&b"\r\n\r\n"[..], b"\0", b"", b"garbage", b"A SIP/9.9 B"] {
        peer.send_to(text, first_local(&sockets)).await.unwrap();
    }
    let only = next(&mut received).await;
    assert!(matches!(only, Received::Message { bytes, .. } if bytes == "A SIP/9.9 B"));
    assert_eq!(counted(&sockets, "received"), 1);
    assert_eq!(counted(&sockets, "garbage"), 1);
}

#[tokio::test]
async fn a_full_queue_drops_datagrams_and_counts_them() {
    let (sockets, mut received) = udp_on("127.0.0.1", Admission::Admit);
    let local = first_local(&sockets);
    let mut peers = Vec::new();
    // One source has its share; several can fill the queue.
    for last in 1..8 {
        let ip = format!("127.0.0.{last}");
        peers.push(UdpSocket::bind(any(&ip)).await.unwrap());
    }
    let text = options("flood");
    soon(async {
        while counted(&sockets, "queue_full") == 0 {
            for peer in &peers {
                peer.send_to(text.as_bytes(), local).await.unwrap();
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(received.len(), RECEIVED_CAPACITY);
    assert!(matches!(
        next(&mut received).await,
        Received::Message { .. }
    ));
}

#[tokio::test]
async fn a_source_that_floods_leaves_room_for_the_others() {
    let (sockets, mut received) = udp_on("127.0.0.1", Admission::Admit);
    sockets.limit_messages(1000);
    let local = first_local(&sockets);
    let flooder = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let text = options("flood");
    soon(async {
        while counted(&sockets, "over_share") < 100 {
            flooder.send_to(text.as_bytes(), local).await.unwrap();
            tokio::task::yield_now().await;
        }
    })
    .await;
    let other = UdpSocket::bind("127.0.0.2:0").await.unwrap();
    other
        .send_to(options("other").as_bytes(), local)
        .await
        .unwrap();
    soon(async { while call_id(&received.recv().await.unwrap()) != "other" {} }).await;
    assert_eq!(counted(&sockets, "queue_full"), 0);
}

#[tokio::test]
async fn a_stream_is_framed_wherever_it_is_split() {
    let (sockets, mut received) = tcp_with(Limits::default(), Admission::Admit);
    let mut peer = TcpStream::connect(first_local(&sockets)).await.unwrap();
    peer.set_nodelay(true).unwrap();
    let text = options("a") + &options("b");
    for part in text.as_bytes().chunks(7) {
        peer.write_all(part).await.unwrap();
        peer.flush().await.unwrap();
    }
    for expected in ["a", "b"] {
        let message = next(&mut received).await;
        assert_eq!(call_id(&message), expected);
        let flow = flow_of(&message);
        let bytes = Bytes::from_static(b"pong!");
        sockets.send(Transmit { flow, bytes });
    }
    let mut answers = [0; 10];
    soon(peer.read_exact(&mut answers)).await.unwrap();
    assert_eq!(&answers, b"pong!pong!");
    assert_eq!(counted(&sockets, "connections"), 1);
    drop(peer);
    assert!(matches!(next(&mut received).await, Received::Lost { .. }));
    until(|| counted(&sockets, "connections") == 0).await;
}

#[tokio::test]
async fn a_ping_is_answered() {
    let (sockets, _received) = tcp_with(Limits::default(), Admission::Admit);
    let mut peer = TcpStream::connect(first_local(&sockets)).await.unwrap();
    peer.write_all(b"\r\n\r\n").await.unwrap();
    let mut pong = [0; 2];
    soon(peer.read_exact(&mut pong)).await.unwrap();
    assert_eq!(&pong, b"\r\n");
}

#[tokio::test]
async fn a_peer_without_a_connection_is_dialled() {
    let (sockets, mut received) = tcp_with(Limits::default(), Admission::Admit);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let flow = Flow {
        transport: Transport::Tcp,
        local: first_local(&sockets),
        remote: listener.local_addr().unwrap(),
    };
    for text in ["one", "two"] {
        let bytes = Bytes::from(text);
        sockets.send(Transmit { flow, bytes });
    }
    let (mut peer, _) = soon(listener.accept()).await.unwrap();
    let mut both = [0; 6];
    soon(peer.read_exact(&mut both)).await.unwrap();
    assert_eq!(&both, b"onetwo");
    peer.write_all(options("back").as_bytes()).await.unwrap();
    let message = next(&mut received).await;
    assert_eq!(
        flow_of(&message),
        flow,
        "the flow is the one that was asked for"
    );
    drop(peer);
    assert_eq!(next(&mut received).await, Received::Lost { flow });
}

#[tokio::test]
async fn a_peer_that_cannot_be_reached_is_lost() {
    let (sockets, mut received) = tcp_with(Limits::default(), Admission::Admit);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let remote = listener.local_addr().unwrap();
    drop(listener);
    let flow = Flow {
        transport: Transport::Tcp,
        local: first_local(&sockets),
        remote,
    };
    let bytes = Bytes::from_static(b"x");
    sockets.send(Transmit { flow, bytes });
    assert_eq!(next(&mut received).await, Received::Lost { flow });
}

async fn closed(peer: &mut TcpStream) {
    let mut rest = Vec::new();
    // A reset is as good as an end.
    let _ = soon(peer.read_to_end(&mut rest)).await;
}

#[tokio::test]
async fn a_broken_stream_may_be_answered_and_is_closed() {
    let (sockets, mut received) = tcp_with(Limits::default(), Admission::Admit);
    let mut peer = TcpStream::connect(first_local(&sockets)).await.unwrap();
    let text = options("x").replace("Content-Length: 0", "Content-Length: 99999999");
    peer.write_all(text.as_bytes()).await.unwrap();
    let refused = next(&mut received).await;
    assert_eq!(
        call_id(&refused),
        "x",
        "the head is delivered, to be refused"
    );
    let flow = flow_of(&refused);
    let bytes = Bytes::from_static(b"400");
    sockets.send(Transmit { flow, bytes });
    let mut answer = Vec::new();
    soon(peer.read_to_end(&mut answer)).await.unwrap();
    assert_eq!(answer, b"400");
    assert_eq!(next(&mut received).await, Received::Lost { flow });
}

#[tokio::test]
async fn a_stranger_gets_one_answer_over_tcp_or_none() {
    let (sockets, mut received) = tcp_with(Limits::default(), Admission::Forbid);
    let mut peer = TcpStream::connect(first_local(&sockets)).await.unwrap();
    let text = options("first") + &options("second");
    peer.write_all(text.as_bytes()).await.unwrap();
    let forbidden = next(&mut received).await;
    assert_eq!(call_id(&forbidden), "first");
    assert!(matches!(forbidden, Received::Forbidden { .. }));
    assert!(matches!(next(&mut received).await, Received::Lost { .. }));
    closed(&mut peer).await;

    let (sockets, _received) = tcp_with(Limits::default(), Admission::Drop);
    let mut peer = TcpStream::connect(first_local(&sockets)).await.unwrap();
    closed(&mut peer).await;
    assert_eq!(counted(&sockets, "strangers"), 1);
}

#[tokio::test]
async fn a_taken_address_is_named() {
    let taken = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap();
    let settings = Settings {
        udp: vec![address],
        ..Settings::default()
    };
    let error = SipSockets::bind(&settings, admit(Admission::Admit)).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    assert!(error.to_string().contains(&address.to_string()), "{error}");
}

#[test]
fn the_nearest_socket_sends() {
    let address = |text: &str| text.parse::<SocketAddr>().unwrap();
    let bound = [
        "127.0.0.1:5060",
        "0.0.0.0:5070",
        "0.0.0.0:5080",
        "[::]:5060",
    ]
    .map(address);
    for (wanted, found) in [
        ("127.0.0.1:5060", Some("127.0.0.1:5060")),
        ("192.0.2.1:5070", Some("0.0.0.0:5070")),
        ("[2001:db8::1]:5060", Some("[::]:5060")),
    ] {
        let near = nearest(bound.iter(), |a| *a, address(wanted));
        assert_eq!(near.copied(), found.map(address), "{wanted}");
    }
    let near = nearest(bound[..3].iter(), |a| *a, address("[::1]:5060"));
    assert_eq!(near, None);
}
