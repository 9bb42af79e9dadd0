//! `ringwell check --live`: in words what is wrong, and nothing where nothing is.

use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::lab::{Lab, RINGWELL};

/// Exit code and what was said.
fn check(lab: &Lab, peers: &[String]) -> (Option<i32>, String) {
    check_file(lab.config(), peers)
}

fn check_file(config: &str, peers: &[String]) -> (Option<i32>, String) {
    let mut command = Command::new(&*RINGWELL);
    command.args(["check", "--live", "--config", config]);
    for peer in peers {
        command.args(["--peer", peer]);
    }
    let output = command.output().expect("the binary runs");
    let streams = [&output.stdout, &output.stderr];
    let said = streams.map(|bytes| String::from_utf8_lossy(bytes));
    (output.status.code(), said.concat())
}

/// The words on the line of a thing, which must have this verdict.
#[track_caller]
fn words<'s>(said: &'s str, verdict: &str, what: &str) -> &'s str {
    let start = format!("{verdict:6} {what}: ");
    let mut lines = said.lines();
    lines
        .find_map(|line| line.strip_prefix(&start))
        .unwrap_or_else(|| panic!("{start} in\n{said}"))
}

fn gateway(lab: &Lab) -> String {
    format!("{}:5060", lab.ip)
}

#[test]
fn where_everything_works_everything_is_ok() {
    let lab = Lab::start(&[]);
    let peer = gateway(&lab);
    let (code, said) = check(&lab, std::slice::from_ref(&peer));
    assert_eq!(code, Some(0), "{said}");
    for what in ["helpdesk", "model", "ear", "voice", "media ports"] {
        words(&said, "ok", what);
    }
    let told = words(&said, "ok", &format!("peer {peer}"));
    assert!(told.contains("answers 200, and sees us at 127."), "{said}");
    assert!(!said.contains("WRONG"), "{said}");
}

#[test]
fn a_wrong_key_is_called_one() {
    let lab = Lab::start(&[]);
    for service in ["model", "ear", "voice_rest"] {
        lab.fault(
            &json!({"service": service, "stage": "connect", "kind": "status", "status": 401}),
        );
    }
    let (code, said) = check(&lab, &[]);
    assert_eq!(code, Some(69), "{said}");
    for what in ["model", "ear", "voice"] {
        let told = words(&said, "WRONG", what);
        assert!(told.contains("the key of ["), "{said}");
    }
    words(&said, "ok", "helpdesk");
    words(&said, "note", "telephone side");
}

#[test]
fn what_cannot_be_reached_is_called_so() {
    let lab = Lab::start(&[]);
    let text = std::fs::read_to_string(lab.config()).expect("the configuration");
    let away = text.replace(":8900", ":8999");
    let path = lab.dir.path().join("away.toml");
    std::fs::write(&path, away).expect("the configuration is written");
    let (code, said) = check_file(path.to_str().expect("a path in UTF-8"), &[]);
    assert_eq!(code, Some(69), "{said}");
    for what in ["helpdesk", "model", "ear", "voice"] {
        let told = words(&said, "WRONG", what);
        assert!(told.contains("network"), "{said}");
    }
}

#[test]
fn a_service_without_a_trusted_certificate_is_called_so() {
    let lab = Lab::start(&[]);
    let listener = TcpListener::bind((lab.ip, 8998)).expect("a port");
    let ca = rcgen::generate_simple_self_signed(vec![lab.ip.to_string()]).expect("a certificate");
    let settings = rustls::ServerConfig::builder_with_provider(Arc::new(
        rustls::crypto::ring::default_provider(),
    ))
    .with_safe_default_protocol_versions()
    .expect("versions")
    .with_no_client_auth()
    .with_single_cert(
        vec![ca.cert.der().clone()],
        rustls::pki_types::PrivatePkcs8KeyDer::from(ca.signing_key.serialize_der()).into(),
    )
    .expect("a server's settings");
    let settings = Arc::new(settings);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut stream = stream;
            let mut connection =
                rustls::ServerConnection::new(Arc::clone(&settings)).expect("a connection");
            // The client ends it.
            let _refused = connection.complete_io(&mut stream);
        }
    });
    let text = std::fs::read_to_string(lab.config()).expect("the configuration");
    let mut file: toml::Table = text.parse().expect("TOML");
    let ear = file["ear"].as_table_mut().expect("a table");
    ear.insert("url".to_owned(), format!("wss://{}:8998", lab.ip).into());
    let path = lab.dir.path().join("tls.toml");
    std::fs::write(&path, toml::to_string(&file).expect("TOML")).expect("written");
    let (code, said) = check_file(path.to_str().expect("a path in UTF-8"), &[]);
    assert_eq!(code, Some(69), "{said}");
    let told = words(&said, "WRONG", "ear");
    assert!(
        told.contains("certificate") && told.contains("clock"),
        "{said}"
    );
}

/// A SIP server behind a router: answers OPTIONS with what it got, changed. It ends with the test.
struct Behind {
    address: String,
    stop: Arc<AtomicBool>,
}

impl Behind {
    fn start(lab: &Lab, host: u8, change: fn(&str, &str) -> String) -> Self {
        let ip: Ipv4Addr = lab.neighbour(host);
        let socket = UdpSocket::bind((ip, 5060)).expect("a port");
        let patience = Some(Duration::from_millis(100));
        socket.set_read_timeout(patience).expect("a socket option");
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        std::thread::spawn(move || {
            let mut buffer = [0; 8192];
            while !stopped.load(Ordering::Relaxed) {
                let Ok((length, from)) = socket.recv_from(&mut buffer) else {
                    continue;
                };
                let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
                let answer = change(&text, &from.to_string());
                socket.send_to(answer.as_bytes(), from).expect("sent");
            }
        });
        Self {
            address: format!("{ip}:5060"),
            stop,
        }
    }
}

impl Drop for Behind {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// 200 to a request, as a server that sees its sender at `from`.
fn answer(request: &str, from: &str) -> String {
    let (ip, port) = from.rsplit_once(':').expect("an address");
    let (_, rest) = request.split_once("\r\n").expect("lines");
    let rest = rest.replace(";rport", &format!(";received={ip};rport={port}"));
    format!("SIP/2.0 200 OK\r\n{rest}")
}

#[test]
fn a_router_that_rewrites_sip_is_called_one() {
    let lab = Lab::start(&[]);
    let rewrites = Behind::start(&lab, 11, |request, from| {
        let (ip, _) = from.rsplit_once(':').expect("an address");
        answer(request, from).replace(&format!("UDP {ip}"), "UDP 203.0.113.7")
    });
    let moves = Behind::start(&lab, 12, |request, from| {
        let (ip, _) = from.rsplit_once(':').expect("an address");
        answer(request, &format!("{ip}:40001"))
    });
    let silent = UdpSocket::bind((lab.neighbour(13), 5060)).expect("a port");
    let silent_address = silent.local_addr().expect("an address").to_string();
    let nobody = format!("{}:5060", lab.neighbour(14));
    let peers = [&rewrites.address, &moves.address, &silent_address, &nobody].map(Clone::clone);
    let (code, said) = check(&lab, &peers);
    assert_eq!(code, Some(69), "{said}");
    let told = words(&said, "WRONG", &format!("peer {}", peers[0]));
    assert!(told.contains("SIP-ALG") && told.contains("Via"), "{said}");
    let told = words(&said, "note", &format!("peer {}", peers[1]));
    assert!(told.contains("to 40001"), "{said}");
    for peer in &peers[2..] {
        let told = words(&said, "WRONG", &format!("peer {peer}"));
        assert!(told.contains("does not answer OPTIONS"), "{said}");
    }
}

#[test]
fn each_line_s_registrar_or_peer_is_asked() {
    let lab = Lab::start(&[]);
    let registrar = Behind::start(&lab, 15, answer);
    let _silent = UdpSocket::bind((lab.neighbour(16), 5060)).expect("a port");
    let listening = TcpListener::bind((lab.neighbour(17), 5060)).expect("a port");
    let by_tcp = listening.local_addr().expect("an address").to_string();
    let silent = format!("{}:5060", lab.neighbour(16));
    let closed = format!("{}:5060", lab.neighbour(18));
    lab.configure(|file| {
        let line = |name: &str, kind: &str, key: &str, place: &str| {
            let text = format!(
                "name = {name:?}\nkind = {kind:?}\nuser = \"100\"\npassword = \"none\"\n{key} = {place:?}"
            );
            toml::Value::Table(text.parse().expect("a line in TOML"))
        };
        let lines = vec![
            line("good", "register", "registrar", &registrar.address),
            line("mute", "register", "registrar", &silent),
            line("stream", "trunk", "peer", &format!("sip:{by_tcp};transport=tcp")),
            line("shut", "trunk", "peer", &format!("sip:{closed};transport=tcp")),
            line("lost", "trunk", "peer", "no-such-host.invalid"),
        ];
        file.insert("line".to_owned(), toml::Value::Array(lines));
    });
    let (code, said) = check(&lab, &[]);
    assert_eq!(code, Some(69), "{said}");
    let told = words(&said, "ok", "line good");
    assert!(told.contains("answers 200, and sees us at 127."), "{said}");
    let told = words(&said, "WRONG", "line mute");
    assert!(told.contains("does not answer OPTIONS"), "{said}");
    let told = words(&said, "ok", "line stream");
    assert!(told.contains("takes connections (TCP)"), "{said}");
    let told = words(&said, "WRONG", "line shut");
    assert!(told.contains("takes no connections (TCP)"), "{said}");
    let told = words(&said, "WRONG", "line lost");
    assert!(told.contains("no-such-host.invalid"), "{said}");
}

/// A peer's certificate of this kind, and the file of its authority.
struct Shown {
    name: &'static str,
    san: &'static str,
    /// Since when and until when, in years.
    years: (i32, i32),
    trusted: bool,
}

/// A server that speaks TLS, and a line for it; it serves until the test's process ends.
fn tls_line(lab: &Lab, host: u8, shown: &Shown) -> toml::Value {
    let mut params = rcgen::CertificateParams::new(Vec::new()).expect("parameters");
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let key = rcgen::KeyPair::generate().expect("a key");
    let authority = rcgen::CertifiedIssuer::self_signed(params, key).expect("an authority");
    let key = rcgen::KeyPair::generate().expect("a key");
    let mut params = rcgen::CertificateParams::new(vec![shown.san.to_owned()]).expect("parameters");
    params.not_before = rcgen::date_time_ymd(shown.years.0, 1, 1);
    params.not_after = rcgen::date_time_ymd(shown.years.1, 1, 1);
    let own = params.signed_by(&key, &authority).expect("a certificate");
    let settings = rustls::ServerConfig::builder_with_provider(Arc::new(
        rustls::crypto::ring::default_provider(),
    ))
    .with_safe_default_protocol_versions()
    .expect("versions")
    .with_no_client_auth()
    .with_single_cert(
        vec![own.der().clone()],
        rustls::pki_types::PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
    )
    .expect("a server's settings");
    let settings = Arc::new(settings);
    let place = (lab.neighbour(host), 5061);
    let listener = TcpListener::bind(place).expect("a port");
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut connection =
                rustls::ServerConnection::new(Arc::clone(&settings)).expect("a connection");
            // The client ends it.
            let _ended = connection.complete_io(&mut stream);
        }
    });
    let authorities = lab.dir.path().join(format!("{}.pem", shown.name));
    let mut params = rcgen::CertificateParams::new(Vec::new()).expect("parameters");
    let name = "somebody else";
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, name);
    let key = rcgen::KeyPair::generate().expect("a key");
    let foreign = params.self_signed(&key).expect("an authority");
    let pem = match shown.trusted {
        true => authority.pem(),
        false => foreign.pem(),
    };
    std::fs::write(&authorities, pem).expect("written");
    let text = format!(
        "name = {:?}\nkind = \"trunk\"\nuser = \"100\"\npassword = \"none\"\npeer = \"sip:{}:5061;transport=tls\"\n\
         transport = \"tls\"\ntls_name = \"trunk.example\"\ntls_ca = {authorities:?}",
        shown.name, place.0
    );
    toml::Value::Table(text.parse().expect("a line in TOML"))
}

#[test]
fn what_is_wrong_with_a_line_s_tls_is_said_in_words() {
    let lab = Lab::start(&[]);
    let shown = |name, san, years, trusted| Shown {
        name,
        san,
        years,
        trusted,
    };
    let peers = [
        shown("good", "trunk.example", (2020, 2090), true),
        shown("old", "trunk.example", (2020, 2021), true),
        shown("young", "trunk.example", (2089, 2090), true),
        shown("other", "else.example", (2020, 2090), true),
        shown("stranger", "trunk.example", (2020, 2090), false),
    ];
    let plain = TcpListener::bind((lab.neighbour(39), 5061)).expect("a port");
    std::thread::spawn(move || {
        for mut stream in plain.incoming().flatten() {
            // It does not know what it is asked.
            let _sent = std::io::Write::write_all(&mut stream, b"SIP/2.0 400 Bad Request\r\n\r\n");
        }
    });
    lab.configure(|file| {
        let lines = (30..).zip(&peers);
        let mut lines: Vec<_> = lines.map(|(host, it)| tls_line(&lab, host, it)).collect();
        let mut plain = lines[0].as_table().expect("a line").clone();
        plain.insert("name".to_owned(), "plain".into());
        let peer = format!("sip:{}:5061;transport=tls", lab.neighbour(39));
        plain.insert("peer".to_owned(), peer.into());
        lines.push(plain.into());
        file.insert("line".to_owned(), toml::Value::Array(lines));
    });
    let (code, said) = check(&lab, &[]);
    assert_eq!(code, Some(69), "{said}");
    let told = words(&said, "ok", "line good");
    assert!(
        told.contains("a good certificate for trunk.example"),
        "{said}"
    );
    for (line, fault) in [
        ("old", "has expired"),
        ("young", "not valid yet"),
        ("other", "not for `trunk.example`"),
        ("stranger", "nobody who is trusted"),
        ("plain", "does not speak TLS"),
    ] {
        let told = words(&said, "WRONG", &format!("line {line}"));
        assert!(told.contains(fault), "{line}: {said}");
    }
}

#[test]
fn ports_that_others_hold_are_counted() {
    let lab = Lab::start(&[("media", "ports", "\"24000-24003\""), ("calls", "max", "1")]);
    let _held = UdpSocket::bind((lab.ip, 24_001)).expect("a port");
    let (code, said) = check(&lab, &[]);
    assert_eq!(code, Some(0), "{said}");
    let told = words(&said, "note", "media ports");
    assert!(told.starts_with("1 of 2 pairs"), "{said}");
    let _all = UdpSocket::bind((lab.ip, 24_002)).expect("a port");
    let (code, said) = check(&lab, &[]);
    assert_eq!(code, Some(69), "{said}");
    words(&said, "WRONG", "media ports");
}

#[test]
fn a_running_daemon_counts_what_it_refused() {
    let lab = Lab::start(&[("calls", "max", "1")]);
    let held = UdpSocket::bind((lab.neighbour(5), 0)).expect("a socket");
    held.connect((lab.ip, 5060)).expect("connected");
    for number in 0..3 {
        let via = held.local_addr().expect("an address");
        let invite = format!(
            "INVITE sip:tone@example.com SIP/2.0\r\nVia: SIP/2.0/UDP {via};branch=z9hG4bKh{number};rport\r\n\
             From: <sip:c@example.com>;tag=h{number}\r\nTo: <sip:tone@example.com>\r\nCall-ID: h{number}\r\n\
             CSeq: 1 INVITE\r\nContact: <sip:c@{via}>\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        );
        held.send(invite.as_bytes()).expect("sent");
    }
    let refused = |lab: &Lab| -> Option<Value> {
        let status = lab.status();
        (status["counters"]["refused_busy"] == 2).then_some(status)
    };
    lab.until("two are refused", Duration::from_secs(10), refused);
    let source = format!(
        "refused SOURCE={} REASON=refused_busy METHOD=INVITE",
        lab.neighbour(5)
    );
    assert_eq!(lab.log().matches(&source).count(), 2, "{}", lab.log());
}
