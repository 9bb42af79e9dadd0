//! TLS: handshakes, names, authorities, record splits, half-open limits.

use rustls::ClientConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::certificates::{Authority, Files};
use super::*;
use crate::io::sip_tls::TlsPeer;

pub(super) fn listening(files: &Files, settings: Settings) -> Settings {
    listening_at("127.0.0.1", files, settings)
}

fn listening_at(ip: &str, files: &Files, settings: Settings) -> Settings {
    Settings {
        tls: Some(TlsListen {
            addresses: vec![any(ip)],
            certificate: files.certificate(),
            key: files.key(),
        }),
        ..settings
    }
}

fn client(roots: RootCertStore) -> TlsConnector {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

pub(super) async fn connect(
    to: SocketAddr,
    roots: RootCertStore,
    name: &'static str,
) -> io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(to).await?;
    let name = ServerName::try_from(name).unwrap();
    soon(client(roots).connect(name, stream)).await
}

fn tls_local(sockets: &SipSockets) -> SocketAddr {
    let found = sockets.local().find(|(kind, _)| *kind == Transport::Tls);
    found.unwrap().1
}

#[tokio::test]
async fn a_message_comes_in_over_tls_in_records_of_any_size_and_is_answered() {
    let authority = Authority::new();
    let files = Files::new(&authority, &["box.example"]);
    let settings = listening(&files, Settings::default());
    let (sockets, mut received) = SipSockets::bind(&settings, admit(Admission::Admit)).unwrap();
    let mut peer = connect(tls_local(&sockets), authority.roots(), "box.example")
        .await
        .unwrap();
    assert_eq!(peer.get_ref().1.alpn_protocol(), None);
    let text = options("a") + &options("b") + "\r\n\r\n" + &options("c");
    for size in [1, 7, 64, 4096] {
        for part in text.as_bytes().chunks(size) {
            peer.write_all(part).await.unwrap();
            // A record of its own.
            peer.flush().await.unwrap();
        }
        for expected in ["a", "b", "c"] {
            let message = next(&mut received).await;
            assert_eq!(call_id(&message), expected);
            let flow = flow_of(&message);
            assert_eq!(flow.transport, Transport::Tls);
            assert_eq!(flow.local, tls_local(&sockets));
            let bytes = Bytes::from_static(b"answer");
            sockets.send(Transmit { flow, bytes });
        }
        let mut answers = [0; 20];
        soon(peer.read_exact(&mut answers)).await.unwrap();
        let answers = String::from_utf8_lossy(&answers).replace("\r\n", "");
        assert_eq!(answers, "answer".repeat(3));
    }
}

/// Two boxes: one listens with a certificate for these names, the other dials it as `peer` says.
async fn dial(names: &[&str], trusted: bool, peer: Option<&str>) -> (Received, Option<Received>) {
    dial_at("127.0.0.1", names, trusted, peer).await
}

async fn dial_at(
    ip: &str,
    names: &[&str],
    trusted: bool,
    peer: Option<&str>,
) -> (Received, Option<Received>) {
    let authority = Authority::new();
    let files = Files::new(&authority, names);
    let settings = listening_at(ip, &files, Settings::default());
    let (far, mut far_received) = SipSockets::bind(&settings, admit(Admission::Admit)).unwrap();
    let roots = Arc::new(if trusted {
        authority.roots()
    } else {
        Authority::new().roots()
    });
    let peer = peer.map(|name| TlsPeer {
        name: Some(name.to_owned()),
        roots: Some(Arc::clone(&roots)),
    });
    let settings = Settings {
        // Whose addresses there are tells which families can be dialled.
        tcp: vec![any(ip)],
        identify: Some(Arc::new(move |_| peer.clone())),
        roots: Some(roots),
        ..Settings::default()
    };
    let (near, mut near_received) = SipSockets::bind(&settings, admit(Admission::Admit)).unwrap();
    let flow = near.flow_to(Transport::Tls, tls_local(&far)).unwrap();
    let bytes = Bytes::from(options("dialled"));
    near.send(Transmit { flow, bytes });
    tokio::select! {
        message = next(&mut far_received) => {
            let back = flow_of(&message);
            let bytes = Bytes::from(options("back"));
            far.send(Transmit { flow: back, bytes });
            let back = next(&mut near_received).await;
            assert_eq!(flow_of(&back), flow);
            (message, Some(back))
        }
        lost = next(&mut near_received) => {
            assert_eq!(lost, Received::Lost { flow });
            (lost, None)
        }
    }
}

#[tokio::test]
async fn an_address_is_dialled_by_the_name_of_its_line() {
    let (message, back) = dial(&["trunk.example"], true, Some("trunk.example")).await;
    assert_eq!(call_id(&message), "dialled");
    assert_eq!(call_id(&back.unwrap()), "back");
}

#[tokio::test]
async fn without_a_name_the_certificate_must_name_the_address() {
    let (message, _) = dial(&["127.0.0.1"], true, None).await;
    assert_eq!(call_id(&message), "dialled");
    let (lost, _) = dial(&["trunk.example"], true, None).await;
    assert!(matches!(lost, Received::Lost { .. }));
}

#[tokio::test]
async fn a_wrong_name_or_an_unknown_authority_is_refused() {
    let (lost, _) = dial(&["trunk.example"], true, Some("other.example")).await;
    assert!(matches!(lost, Received::Lost { .. }));
    let (lost, _) = dial(&["trunk.example"], false, Some("trunk.example")).await;
    assert!(matches!(lost, Received::Lost { .. }));
    let (lost, _) = dial(&["trunk.example"], true, Some("no name at all")).await;
    assert!(matches!(lost, Received::Lost { .. }));
}

#[tokio::test]
async fn handshakes_that_do_not_come_to_an_end_are_few_and_short() {
    let authority = Authority::new();
    let files = Files::new(&authority, &["box.example"]);
    let limits = Limits {
        handshakes: 4,
        handshakes_per_source: 2,
        handshake: Duration::from_millis(500),
        ..Limits::default()
    };
    let settings = listening(
        &files,
        Settings {
            limits,
            ..Settings::default()
        },
    );
    let (sockets, mut received) = SipSockets::bind(&settings, admit(Admission::Admit)).unwrap();
    let local = tls_local(&sockets);
    let mut half_open = Vec::new();
    for _ in 0..2 {
        half_open.push(TcpStream::connect(local).await.unwrap());
    }
    until(|| counted(&sockets, "connections") == 2).await;
    let mut third = TcpStream::connect(local).await.unwrap();
    closed(&mut third).await;
    assert_eq!(counted(&sockets, "connections_refused"), 1);
    for peer in &mut half_open {
        closed(peer).await;
    }
    assert_eq!(counted(&sockets, "handshakes_failed"), 2);
    // Garbage instead of a handshake.
    let mut peer = TcpStream::connect(local).await.unwrap();
    peer.write_all(options("plain").as_bytes()).await.unwrap();
    closed(&mut peer).await;
    until(|| counted(&sockets, "handshakes_failed") == 3).await;
    let mut honest = connect(local, authority.roots(), "box.example")
        .await
        .unwrap();
    honest.write_all(options("h").as_bytes()).await.unwrap();
    assert_eq!(call_id(&next(&mut received).await), "h");
}

#[tokio::test]
async fn no_handshake_is_made_with_a_stranger() {
    let authority = Authority::new();
    let files = Files::new(&authority, &["box.example"]);
    for admission in [Admission::Drop, Admission::Forbid] {
        let settings = listening(&files, Settings::default());
        let (sockets, _received) = SipSockets::bind(&settings, admit(admission)).unwrap();
        let refused = connect(tls_local(&sockets), authority.roots(), "box.example").await;
        assert!(refused.is_err());
        assert_eq!(counted(&sockets, "strangers"), 1);
        assert_eq!(counted(&sockets, "handshakes_failed"), 0);
    }
}

#[tokio::test]
async fn a_silent_tls_connection_is_closed_in_time() {
    let authority = Authority::new();
    let files = Files::new(&authority, &["box.example"]);
    let limits = Limits {
        message: Duration::from_millis(200),
        ..Limits::default()
    };
    let settings = listening(
        &files,
        Settings {
            limits,
            ..Settings::default()
        },
    );
    let (sockets, _received) = SipSockets::bind(&settings, admit(Admission::Admit)).unwrap();
    let mut peer = connect(tls_local(&sockets), authority.roots(), "box.example")
        .await
        .unwrap();
    let mut rest = Vec::new();
    soon(peer.read_to_end(&mut rest))
        .await
        .expect("TLS says goodbye");
    assert_eq!(counted(&sockets, "connections_timed_out"), 1);
}

#[tokio::test]
async fn tls_over_ipv6_is_listened_on_and_dialled_by_name_or_address() {
    for (names, peer) in [(["trunk.example"], Some("trunk.example")), (["::1"], None)] {
        let (message, back) = dial_at("::1", &names, true, peer).await;
        assert_eq!(call_id(&message), "dialled");
        assert!(flow_of(&message).remote.is_ipv6());
        assert_eq!(call_id(&back.unwrap()), "back");
    }
    let (lost, _) = dial_at("::1", &["trunk.example"], true, None).await;
    assert!(matches!(lost, Received::Lost { .. }));
}

/// A peer that asks who dials it: the certificate it is shown, if the handshake succeeds.
async fn asked_for_ours(files: Option<&Files>, authority: &Authority) -> Option<usize> {
    let theirs = Files::new(authority, &["trunk.example"]);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = rustls::server::WebPkiClientVerifier::builder_with_provider(
        Arc::new(authority.roots()),
        Arc::clone(&provider),
    );
    let chain = CertificateDer::pem_file_iter(theirs.certificate()).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(
            chain.map(Result::unwrap).collect(),
            PrivateKeyDer::from_pem_file(theirs.key()).unwrap(),
        )
        .unwrap();
    let listener = TcpListener::bind(any("127.0.0.1")).await.unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let settings = Settings {
        tcp: vec![any("127.0.0.1")],
        roots: Some(Arc::new(authority.roots())),
        identify: Some(Arc::new(|_| {
            Some(TlsPeer {
                name: Some("trunk.example".to_owned()),
                roots: None,
            })
        })),
        ..Settings::default()
    };
    let settings = match files {
        Some(files) => listening(files, settings),
        None => settings,
    };
    let (sockets, _received) = SipSockets::bind(&settings, admit(Admission::Admit)).unwrap();
    let remote = listener.local_addr().unwrap();
    let flow = sockets.flow_to(Transport::Tls, remote).unwrap();
    let bytes = Bytes::from(options("dialled"));
    sockets.send(Transmit { flow, bytes });
    let (stream, _) = soon(listener.accept()).await.unwrap();
    let stream = soon(acceptor.accept(stream)).await.ok()?;
    stream.get_ref().1.peer_certificates().map(<[_]>::len)
}

#[tokio::test]
async fn a_peer_that_asks_for_our_certificate_is_shown_it() {
    let authority = Authority::new();
    let files = Files::new(&authority, &["box.example"]);
    assert_eq!(asked_for_ours(Some(&files), &authority).await, Some(1));
    assert_eq!(asked_for_ours(None, &authority).await, None);
    let foreign = Files::new(&Authority::new(), &["box.example"]);
    assert_eq!(asked_for_ours(Some(&foreign), &authority).await, None);
}

/// RFC 5923 §5: the connection that a peer has dialled carries requests of ours to the port it listens on.
#[tokio::test]
async fn a_tls_connection_that_is_offered_carries_requests_back() {
    let authority = Authority::new();
    let files = Files::new(&authority, &["box.example"]);
    let settings = listening(&files, Settings::default());
    let (sockets, mut received) = SipSockets::bind(&settings, admit(Admission::Admit)).unwrap();
    let mut peer = connect(tls_local(&sockets), authority.roots(), "box.example")
        .await
        .unwrap();
    let offered = options("alias").replace("UDP 127.0.0.1;", "TLS 127.0.0.1:5099;alias;");
    peer.write_all(offered.as_bytes()).await.unwrap();
    let from = flow_of(&next(&mut received).await);
    let flow = Flow {
        remote: "127.0.0.1:5099".parse().unwrap(),
        ..from
    };
    let bytes = Bytes::from_static(b"back");
    sockets.send(Transmit { flow, bytes });
    let mut back = [0; 4];
    soon(peer.read_exact(&mut back)).await.unwrap();
    assert_eq!(&back, b"back");
}
