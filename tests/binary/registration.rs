//! A registration over real sockets: against the registrar of the test's own, and against Kamailio.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use ringwell::io::clock;
use ringwell::sip::digest::{Algorithm, Credentials, Password};
use ringwell::sip::endpoint::{self, Endpoint};
use ringwell::sip::message::{NameAddr, StreamFramer, Uri};
use ringwell::sip::registration::{self, Event, Registration, State};
use ringwell::sip::transaction::Timing;
use ringwell::sip::{Flow, Random, SessionId, Transport};

use crate::lab::{Process, wait};
use crate::registrar::{Registrar, Settings, Way};

const PATIENCE: Duration = Duration::from_secs(20);

/// One path to the registrar.
enum Socket {
    Udp(UdpSocket),
    Tcp(TcpStream, StreamFramer),
}

/// A registration with its endpoint and one socket.
struct Phone {
    endpoint: Endpoint,
    session: SessionId,
    registration: Registration,
    socket: Socket,
    flow: Flow,
    events: Vec<Event>,
}

impl Phone {
    fn new(transport: Transport, registrar: SocketAddr, domain: &str, password: &str) -> Self {
        let (socket, local) = match transport {
            Transport::Udp => {
                let socket = UdpSocket::bind("127.0.0.1:0").expect("a UDP socket");
                socket.set_nonblocking(true).expect("a mode of a socket");
                let local = socket.local_addr().expect("it is bound");
                (Socket::Udp(socket), local)
            }
            Transport::Tcp | Transport::Tls => {
                let stream = TcpStream::connect(registrar).expect("the registrar listens");
                stream.set_nonblocking(true).expect("a mode of a socket");
                let local = stream.local_addr().expect("it is connected");
                (Socket::Tcp(stream, StreamFramer::new()), local)
            }
        };
        let mut random = Random::new(clock::seed());
        let mut endpoint = Endpoint::new(endpoint::Settings::default(), random.fork());
        let session = endpoint.start_session();
        let uri = |text: String| Uri::parse(text).expect("a URI");
        let settings = registration::Settings {
            registrar: uri(format!("sip:{domain}")),
            aor: NameAddr::new(uri(format!("sip:1001@{domain}"))),
            contact_user: "line1".to_owned(),
            public_address: None,
            expires: Duration::from_secs(600),
            credentials: Some(Credentials {
                realm: Some(domain.to_owned()),
                username: "1001".to_owned(),
                password: Password::new(password),
            }),
            server_name: "Ringwell".to_owned(),
            timing: Timing::default(),
        };
        let mut phone = Self {
            endpoint,
            session,
            registration: Registration::new(settings, random),
            socket,
            flow: Flow {
                transport,
                local,
                remote: registrar,
            },
            events: Vec::new(),
        };
        phone.registration.start(clock::now());
        phone
    }

    /// Moves everything on, until something holds.
    fn until(&mut self, what: &str, holds: impl Fn(&Self) -> bool) {
        let reached = wait(PATIENCE, || {
            self.step();
            holds(self).then_some(())
        });
        assert!(
            reached.is_some(),
            "{what}: {:?}",
            self.registration.status()
        );
    }

    fn is(&mut self, state: State) {
        self.until(&format!("{state:?}"), |phone| {
            phone.registration.status().state == state
        });
    }

    fn step(&mut self) {
        let now = clock::now();
        for bytes in self.receive() {
            self.endpoint.handle_message(bytes, self.flow, now);
        }
        self.endpoint.handle_timeout(now);
        self.registration.handle_timeout(now);
        let mut busy = true;
        while std::mem::take(&mut busy) {
            while let Some(event) = self.registration.poll_event() {
                self.events.push(event);
                if matches!(event, Event::Resolve | Event::NewPort) {
                    self.registration.handle_flows(Ok(vec![self.flow]), now);
                }
                busy = true;
            }
            while let Some(output) = self.registration.poll_output() {
                self.endpoint.handle_output(self.session, output, now);
                busy = true;
            }
            while let Some(transmit) = self.endpoint.poll_transmit() {
                self.send(&transmit.bytes);
            }
            while let Some(event) = self.endpoint.poll_event() {
                if let endpoint::Event::Session { input, .. } = event {
                    self.registration.handle(input, now);
                }
                busy = true;
            }
        }
    }

    fn send(&mut self, bytes: &[u8]) {
        match &mut self.socket {
            Socket::Udp(socket) => {
                let _sent = socket.send_to(bytes, self.flow.remote);
            }
            Socket::Tcp(stream, _) => stream.write_all(bytes).expect("the connection stands"),
        }
    }

    fn receive(&mut self) -> VecDeque<Bytes> {
        let mut messages = VecDeque::new();
        let mut buffer = vec![0; 65_536];
        match &mut self.socket {
            Socket::Udp(socket) => {
                while let Ok(length) = socket.recv(&mut buffer) {
                    messages.push_back(Bytes::copy_from_slice(&buffer[..length]));
                }
            }
            Socket::Tcp(stream, framer) => {
                match stream.read(&mut buffer) {
                    Ok(length) => framer.push(&buffer[..length]),
                    Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
                }
                while framer.next().is_some() {
                    messages.push_back(framer.raw().clone());
                }
            }
        }
        messages
    }
}

fn registrar(settings: Settings) -> Registrar {
    Registrar::start(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), settings)
}

#[test]
fn it_registers_refreshes_and_unregisters_over_udp_and_tcp() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let registrar = registrar(Settings::default());
        registrar.behave(Way::Grants(2));
        let mut phone = Phone::new(transport, registrar.address(), "pbx.test", "pa55");
        phone.is(State::Registered);
        assert_eq!(registrar.bindings().len(), 1);
        // After a restart the registrar knows nobody, until the next refresh.
        registrar.forget();
        phone.until("a refresh", |_| registrar.bindings().len() == 1);
        phone.is(State::Registered);
        phone.registration.unregister(clock::now());
        phone.is(State::Gone);
        assert_eq!(registrar.bindings(), Vec::<Uri>::new());
        assert_eq!(registrar.refused(), 0);
        let seen = registrar.seen();
        assert!(seen.iter().all(|it| it.transport == transport));
        assert!(seen.iter().all(|it| it.source == phone.flow.local));
        assert_eq!(seen[0].request.uri.to_string(), "sip:pbx.test");
        assert!(phone.events.contains(&Event::Gone));
    }
}

#[test]
fn every_algorithm_is_accepted() {
    for algorithm in [Algorithm::Md5, Algorithm::Sha256, Algorithm::Sha512_256] {
        for (qop, way) in [("auth", Way::NoncesOnce), ("auth-int", Way::AtLeast(900))] {
            let registrar = registrar(Settings {
                algorithm,
                qop,
                way,
                ..Settings::default()
            });
            let mut phone = Phone::new(Transport::Udp, registrar.address(), "pbx.test", "pa55");
            phone.is(State::Registered);
            assert_eq!(registrar.refused(), 0, "{algorithm:?} {qop}");
        }
    }
}

#[test]
fn what_goes_wrong_is_told_in_words() {
    for (settings, words) in [
        (
            Settings {
                password: Some("other"),
                ..Settings::default()
            },
            "wrong password",
        ),
        (
            Settings {
                realm: "else.test",
                ..Settings::default()
            },
            "for realm \"else.test\"",
        ),
        (
            Settings {
                user: "1002",
                ..Settings::default()
            },
            "wrong password or user name",
        ),
        (
            Settings {
                way: Way::NoncesStale,
                ..Settings::default()
            },
            "stale",
        ),
        (
            Settings {
                way: Way::ListsNothing,
                ..Settings::default()
            },
            "does not list our address",
        ),
        (
            Settings {
                way: Way::Answers(404),
                ..Settings::default()
            },
            "does not know this extension",
        ),
        (
            Settings {
                way: Way::Answers(503),
                ..Settings::default()
            },
            "in trouble: 503",
        ),
    ] {
        let registrar = registrar(settings);
        let mut phone = Phone::new(Transport::Udp, registrar.address(), "pbx.test", "pa55");
        phone.is(State::Waiting);
        let reason = &phone.registration.status().reason;
        assert!(reason.contains(words), "{settings:?}: {reason}");
    }
}

#[test]
fn a_registrar_that_recovers_is_found() {
    let registrar = registrar(Settings {
        way: Way::Answers(500),
        ..Settings::default()
    });
    registrar.set_password("pa55");
    let mut phone = Phone::new(Transport::Udp, registrar.address(), "pbx.test", "pa55");
    phone.is(State::Waiting);
    registrar.behave(Way::Silent);
    let before = registrar.seen().len();
    phone.until("another try", |_| registrar.seen().len() > before);
    registrar.behave(Way::Well);
    phone.is(State::Registered);
}

/// A registrar and nothing else: domain `pbx.test`, password `pa55`, nonces for one use, SHA-256 if so defined.
const KAMAILIO: &str = r#"
debug=2
log_stderror=yes
children=2
auto_aliases=no
alias="pbx.test"
mpath="/usr/lib/x86_64-linux-gnu/kamailio/modules/:/usr/lib/aarch64-linux-gnu/kamailio/modules/:/usr/lib64/kamailio/modules/"
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "pv.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "auth.so"
modparam("usrloc", "db_mode", 0)
modparam("auth", "nonce_count", 1)
modparam("auth", "qop", "auth")
#!ifdef WITH_SHA256
modparam("auth", "algorithm", "SHA-256")
#!endif
request_route {
    if (method != "REGISTER") { sl_send_reply("405", "Method Not Allowed"); exit; }
    if (!pv_www_authenticate("pbx.test", "pa55", "0")) { www_challenge("pbx.test", "1"); exit; }
    consume_credentials();
    save("location");
}
"#;

/// A running Kamailio; it is asked to end, so that it takes its children along.
struct Kamailio(Process);

impl Drop for Kamailio {
    fn drop(&mut self) {
        let _status = self.0.terminate(PATIENCE);
    }
}

fn kamailio(folder: &Path, address: SocketAddr, define: Option<&str>) -> Kamailio {
    let configuration = folder.join("kamailio.cfg");
    std::fs::write(&configuration, KAMAILIO).expect("a configuration");
    let path = |path: &Path| path.to_str().expect("a path in UTF-8").to_owned();
    let (udp, tcp) = (format!("udp:{address}"), format!("tcp:{address}"));
    let (configuration, folder_text) = (path(&configuration), path(folder));
    let mut arguments = vec!["-f", &configuration, "-DD", "-E", "-m", "64", "-M", "8"];
    arguments.extend(["-l", &udp, "-l", &tcp, "-Y", &folder_text]);
    if let Some(define) = define {
        arguments.extend(["-A", define]);
    }
    Kamailio(Process::start(
        "kamailio",
        &arguments,
        &folder.join("kamailio.log"),
    ))
}

#[test]
fn kamailio_registers_us() {
    for (transport, define) in [
        (Transport::Udp, None),
        (Transport::Tcp, None),
        (Transport::Udp, Some("WITH_SHA256")),
    ] {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let free = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        let address = free.local_addr().expect("it is bound");
        drop(free);
        let _kamailio = kamailio(folder.path(), address, define);
        let log =
            || std::fs::read_to_string(folder.path().join("kamailio.log")).unwrap_or_default();
        let up = wait(PATIENCE, || TcpStream::connect(address).ok());
        assert!(up.is_some(), "Kamailio listens:\n{}", log());
        let mut phone = Phone::new(transport, address, "pbx.test", "pa55");
        phone.is(State::Registered);
        assert_eq!(
            phone.registration.status().last_code,
            Some(200),
            "{}",
            log()
        );
        phone.registration.unregister(clock::now());
        phone.is(State::Gone);
        assert_eq!(
            phone.registration.status().last_code,
            Some(200),
            "{}",
            log()
        );
        let mut phone = Phone::new(transport, address, "pbx.test", "wrong");
        phone.is(State::Waiting);
        let reason = &phone.registration.status().reason;
        assert_eq!(reason, "wrong password or user name", "{}", log());
    }
}
