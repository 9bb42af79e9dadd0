//! Keep-alives, STUN, and UDP ports that come and go.

use super::*;

const SOON_AGAIN: Duration = Duration::from_millis(50);

#[tokio::test]
async fn a_connection_is_pinged_and_a_missing_pong_loses_it() {
    let (sockets, mut received) = tcp_with(Limits::default(), Admission::Admit);
    let mut peer = TcpStream::connect(first_local(&sockets)).await.unwrap();
    peer.write_all(options("k").as_bytes()).await.unwrap();
    let flow = flow_of(&next(&mut received).await);
    sockets.keep_alive(flow, SOON_AGAIN);
    let mut ping = [0; 4];
    soon(peer.read_exact(&mut ping)).await.unwrap();
    assert_eq!(&ping, b"\r\n\r\n");
    // From now on it is known to answer, so it must (within 10 s, RFC 5626 §4.4.1).
    peer.write_all(b"\r\n").await.unwrap();
    assert_eq!(next(&mut received).await, Received::Lost { flow });
    assert_eq!(counted(&sockets, "pongs_missing"), 1);
}

#[tokio::test]
async fn keeping_ends_when_told() {
    let (sockets, mut received) = tcp_with(Limits::default(), Admission::Admit);
    let mut peer = TcpStream::connect(first_local(&sockets)).await.unwrap();
    peer.write_all(options("k").as_bytes()).await.unwrap();
    let flow = flow_of(&next(&mut received).await);
    sockets.keep_alive(flow, SOON_AGAIN);
    let mut pings = [0; 8];
    soon(peer.read_exact(&mut pings)).await.unwrap();
    sockets.stop_keep_alive(flow);
    let bytes = Bytes::from_static(b"last");
    sockets.send(Transmit { flow, bytes });
    let mut rest = Vec::new();
    // Pings written before the order may still come; after the message nothing does.
    soon(async {
        while !rest.ends_with(b"last") {
            peer.read_buf(&mut rest).await.unwrap();
        }
    })
    .await;
    let silence = timeout(SOON_AGAIN * 4, peer.read_buf(&mut rest)).await;
    assert!(silence.is_err(), "{silence:?}");
}

#[tokio::test]
async fn a_path_that_is_not_there_cannot_be_kept() {
    let (sockets, mut received) = tcp_with(Limits::default(), Admission::Admit);
    let flow = Flow {
        transport: Transport::Tcp,
        local: first_local(&sockets),
        remote: "127.0.0.1:9".parse().unwrap(),
    };
    sockets.keep_alive(flow, SOON_AGAIN);
    assert_eq!(next(&mut received).await, Received::Lost { flow });
}

#[tokio::test]
async fn a_udp_flow_is_kept_with_line_breaks() {
    let (sockets, _received) = udp_on("127.0.0.1", Admission::Drop);
    let peer = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let remote = peer.local_addr().unwrap();
    let flow = sockets.flow_to(Transport::Udp, remote).unwrap();
    sockets.keep_alive(flow, SOON_AGAIN);
    let mut ping = [0; 100];
    for _ in 0..2 {
        let (length, from) = soon(peer.recv_from(&mut ping)).await.unwrap();
        assert_eq!((&ping[..length], from), (&b"\r\n\r\n"[..], flow.local));
    }
}

/// A STUN server's answer (RFC 8489 §14.2): we are at 203.0.113.7:40000.
fn answer_to(request: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x01, 0x01, 0, 12];
    bytes.extend_from_slice(&request[4..20]);
    bytes.extend_from_slice(&[0x00, 0x20, 0, 8, 0, 1]);
    bytes.extend_from_slice(&(40000u16 ^ 0x2112).to_be_bytes());
    let address = u32::from_be_bytes([203, 0, 113, 7]) ^ 0x2112_A442;
    bytes.extend_from_slice(&address.to_be_bytes());
    bytes
}

#[tokio::test]
async fn a_stun_server_tells_our_public_address() {
    // No line admits it.
    let (sockets, mut received) = udp_on("127.0.0.1", Admission::Drop);
    let server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let local = first_local(&sockets);
    assert!(sockets.ask_stun(local, server.local_addr().unwrap()));
    let mut request = [0; 100];
    // The first is lost; it is repeated.
    soon(server.recv_from(&mut request)).await.unwrap();
    let (length, from) = soon(server.recv_from(&mut request)).await.unwrap();
    assert_eq!((length, from), (20, local));
    let answer = answer_to(&request);
    let liar = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    liar.send_to(&answer, local).await.unwrap();
    until(|| counted(&sockets, "garbage") == 1).await;
    server.send_to(&answer, local).await.unwrap();
    let public = "203.0.113.7:40000".parse().unwrap();
    let mapped = next(&mut received).await;
    assert_eq!(mapped, Received::Mapped { local, public });
    assert!(!sockets.ask_stun(local, "[::1]:3478".parse().unwrap()));
}

#[tokio::test]
async fn a_udp_port_can_be_opened_and_closed() {
    let (mut sockets, mut received) = udp_on("127.0.0.1", Admission::Admit);
    let extra = sockets.open_udp("127.0.0.1".parse().unwrap()).unwrap();
    assert_ne!(extra, first_local(&sockets));
    let peer = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let flow = Flow {
        transport: Transport::Udp,
        local: extra,
        remote: peer.local_addr().unwrap(),
    };
    let bytes = Bytes::from_static(b"from there");
    sockets.send(Transmit { flow, bytes });
    let (_, from) = soon(peer.recv_from(&mut [0; 100])).await.unwrap();
    assert_eq!(from, extra);
    peer.send_to(options("x").as_bytes(), extra).await.unwrap();
    assert_eq!(flow_of(&next(&mut received).await), flow);
    sockets.close_udp(extra);
    // The port is free again.
    until(|| std::net::UdpSocket::bind(extra).is_ok()).await;
    let configured = first_local(&sockets);
    sockets.close_udp(configured);
    assert_eq!(first_local(&sockets), configured);
}
