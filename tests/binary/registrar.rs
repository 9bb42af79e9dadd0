//! A registrar of the test's own, on real sockets, over UDP and TCP: it checks the digest, keeps the Contacts,
//! and misbehaves as registrars in the field do.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use ringwell::sip::Transport;
use ringwell::sip::digest::Algorithm;
use ringwell::sip::message::{
    Auth, Frame, Message, Method, Name, Request, Response, StatusCode, StreamFramer, Uri, parse,
};

/// How a registrar behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// As it should.
    Well,
    /// It answers nothing.
    Silent,
    /// Every nonce is good for one request.
    NoncesOnce,
    /// It calls its own fresh nonce stale.
    NoncesStale,
    /// It grants so many seconds, whatever is asked.
    Grants(u32),
    /// It refuses less than so many seconds with 423.
    AtLeast(u32),
    /// Its 200 lists no Contact.
    ListsNothing,
    /// It answers everything so.
    Answers(u16),
}

/// What a registrar asks for, and how it behaves at first.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// The realm it names.
    pub realm: &'static str,
    /// The user that may register.
    pub user: &'static str,
    /// Whose password this is; `None` lets everybody in.
    pub password: Option<&'static str>,
    /// The digest algorithm.
    pub algorithm: Algorithm,
    /// `auth` or `auth-int`.
    pub qop: &'static str,
    /// How it behaves.
    pub way: Way,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            realm: "pbx.test",
            user: "1001",
            password: Some("pa55"),
            algorithm: Algorithm::Md5,
            qop: "auth",
            way: Way::Well,
        }
    }
}

/// A request that came.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The request.
    pub request: Request,
    /// How it came.
    pub transport: Transport,
    /// Where from.
    pub source: SocketAddr,
}

/// A running registrar. It ends with this.
pub struct Registrar {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    ended: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

struct State {
    settings: Settings,
    nonce: u64,
    spent: bool,
    refused: usize,
    bindings: Vec<Uri>,
    seen: Vec<Seen>,
}

/// How often a thread looks whether it shall end.
const TICK: Duration = Duration::from_millis(20);

impl Registrar {
    /// Listens over UDP and TCP; port 0 takes a free one.
    pub fn start(address: SocketAddr, settings: Settings) -> Self {
        let tcp = TcpListener::bind(address).expect("a TCP address of the registrar");
        let address = tcp.local_addr().expect("it is bound");
        let udp = UdpSocket::bind(address).expect("the same UDP address of the registrar");
        tcp.set_nonblocking(true).expect("a mode of a socket");
        udp.set_read_timeout(Some(TICK)).expect("a time limit");
        let state = Arc::new(Mutex::new(State {
            settings,
            nonce: 1,
            spent: false,
            refused: 0,
            bindings: Vec::new(),
            seen: Vec::new(),
        }));
        let ended = Arc::new(AtomicBool::new(false));
        let datagrams = {
            let (state, ended) = (Arc::clone(&state), Arc::clone(&ended));
            std::thread::spawn(move || serve_datagrams(&udp, &state, &ended))
        };
        let streams = {
            let (state, ended) = (Arc::clone(&state), Arc::clone(&ended));
            std::thread::spawn(move || serve_streams(&tcp, &state, &ended))
        };
        Self {
            address,
            state,
            ended,
            threads: vec![datagrams, streams],
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on it behaves so.
    pub fn behave(&self, way: Way) {
        lock(&self.state).settings.way = way;
    }

    /// From now on this is the password.
    pub fn set_password(&self, password: &'static str) {
        lock(&self.state).settings.password = Some(password);
    }

    /// It forgets all Contacts, as by a restart.
    pub fn forget(&self) {
        lock(&self.state).bindings.clear();
    }

    /// The Contacts that it holds.
    pub fn bindings(&self) -> Vec<Uri> {
        lock(&self.state).bindings.clone()
    }

    /// All requests that came, retransmissions too.
    pub fn seen(&self) -> Vec<Seen> {
        lock(&self.state).seen.clone()
    }

    /// Wrong answers to challenges.
    pub fn refused(&self) -> usize {
        lock(&self.state).refused
    }
}

impl Drop for Registrar {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ended = thread.join();
        }
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn serve_datagrams(socket: &UdpSocket, state: &Mutex<State>, ended: &AtomicBool) {
    let mut buffer = vec![0; 65_536];
    while !ended.load(Ordering::Relaxed) {
        let Ok((length, source)) = socket.recv_from(&mut buffer) else {
            continue;
        };
        let bytes = Bytes::copy_from_slice(&buffer[..length]);
        if let Ok(Message::Request(request)) = parse(bytes)
            && let Some(answer) = lock(state).answer(request, Transport::Udp, source)
        {
            let _sent = socket.send_to(&answer, source);
        }
    }
}

fn serve_streams(listener: &TcpListener, state: &Mutex<State>, ended: &AtomicBool) {
    let mut streams: Vec<(TcpStream, SocketAddr, StreamFramer)> = Vec::new();
    let mut buffer = vec![0; 65_536];
    while !ended.load(Ordering::Relaxed) {
        if let Ok((stream, source)) = listener.accept() {
            stream.set_nonblocking(true).expect("a mode of a socket");
            streams.push((stream, source, StreamFramer::new()));
        }
        streams.retain_mut(|(stream, source, framer)| {
            match stream.read(&mut buffer) {
                Ok(0) => return false,
                Ok(length) => framer.push(&buffer[..length]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => return false,
            }
            for frame in framer.by_ref() {
                let Frame::Message(Message::Request(request)) = frame else {
                    continue;
                };
                let answer = lock(state).answer(request, Transport::Tcp, *source);
                if answer.is_some_and(|answer| stream.write_all(&answer).is_err()) {
                    return false;
                }
            }
            true
        });
        pause();
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the pace of a counterparty's own loop"
)]
fn pause() {
    std::thread::sleep(Duration::from_millis(2));
}

impl State {
    fn answer(
        &mut self,
        request: Request,
        transport: Transport,
        source: SocketAddr,
    ) -> Option<Bytes> {
        self.seen.push(Seen {
            request: request.clone(),
            transport,
            source,
        });
        // As some registrars do, it is silent to a Request-URI with a user part.
        if self.settings.way == Way::Silent || request.uri.user().is_some() {
            return None;
        }
        let mut response = self.decide(&request);
        if let Some(mut via) = response.top_via() {
            via.set_received(source.ip());
            via.set_rport(source.port());
            response.set_top_via(&via);
        }
        if let Some(to) = response.to().filter(|to| to.tag().is_none()) {
            response.headers.set(Name::To, to.with_tag("registrar"));
        }
        Some(response.write())
    }

    fn decide(&mut self, request: &Request) -> Response {
        let say = |status| Response::to_request(request, StatusCode(status));
        match self.settings.way {
            Way::Answers(status) => return say(status),
            _ if request.method != Method::Register => return say(405),
            _ => {}
        }
        if let Some(password) = self.settings.password {
            let answer = request.headers.get(&Name::Authorization);
            let answer = answer.and_then(Auth::parse);
            let Some(auth) = answer else {
                return self.challenge(request, false);
            };
            let told = auth.get("nonce").unwrap_or_default();
            if told != self.nonce().as_bytes() || self.spent {
                return self.challenge(request, self.settings.way != Way::NoncesOnce);
            }
            if self.settings.way == Way::NoncesStale {
                return self.challenge(request, true);
            }
            self.spent = self.settings.way == Way::NoncesOnce;
            let response = auth.get("response").unwrap_or_default();
            if response != self.expected(&auth, request, password).as_bytes() {
                self.refused += 1;
                return self.challenge(request, false);
            }
        }
        self.bind(request)
    }

    fn nonce(&self) -> String {
        format!("nonce-{}", self.nonce)
    }

    fn challenge(&mut self, request: &Request, stale: bool) -> Response {
        self.nonce += 1;
        self.spent = false;
        let settings = self.settings;
        let challenge = format!(
            "Digest realm=\"{}\", nonce=\"{}\", stale={stale}, algorithm={}, qop=\"{}\"",
            settings.realm,
            self.nonce(),
            settings.algorithm.name(),
            settings.qop
        );
        Response::to_request(request, StatusCode::UNAUTHORIZED)
            .with_header(Name::WwwAuthenticate, challenge)
    }

    fn expected(&self, auth: &Auth, request: &Request, password: &str) -> String {
        let Settings {
            realm,
            user,
            algorithm,
            qop,
            ..
        } = self.settings;
        let told = |name| auth.get(name).unwrap_or_default();
        let secret = [user.as_bytes(), realm.as_bytes(), password.as_bytes()];
        let secret = algorithm.hash(&secret);
        let body = algorithm.hash(&[&request.body]);
        let mut asked = vec![request.method.as_bytes(), request.uri.as_bytes()];
        if qop == "auth-int" {
            asked.push(body.as_bytes());
        }
        let asked = algorithm.hash(&asked);
        algorithm.hash(&[
            secret.as_bytes(),
            &told("nonce"),
            &told("nc"),
            &told("cnonce"),
            qop.as_bytes(),
            asked.as_bytes(),
        ])
    }

    fn bind(&mut self, request: &Request) -> Response {
        let contacts = request.headers.addresses(&Name::Contact);
        let header = request.headers.number(&Name::Expires);
        let asked = |params: &ringwell::sip::message::Params| -> u32 {
            let own = params.get("expires");
            let own = own.and_then(|own| String::from_utf8_lossy(&own).parse().ok());
            own.or(header).unwrap_or(3600)
        };
        if let Way::AtLeast(least) = self.settings.way
            && contacts
                .iter()
                .any(|it| (1..least).contains(&asked(&it.params)))
        {
            return Response::to_request(request, StatusCode::INTERVAL_TOO_BRIEF)
                .with_header(Name::MinExpires, least.to_string());
        }
        let mut response = Response::to_request(request, StatusCode::OK);
        for contact in contacts {
            let expires = match (self.settings.way, asked(&contact.params)) {
                (_, 0) => 0,
                (Way::Grants(seconds), _) => seconds,
                (_, asked) => asked,
            };
            self.bindings.retain(|held| *held != contact.uri);
            if expires > 0 {
                self.bindings.push(contact.uri.clone());
                if self.settings.way != Way::ListsNothing {
                    let listed = contact.with_param("expires", Some(&expires.to_string()));
                    response.headers.push(Name::Contact, listed);
                }
            }
        }
        response
    }
}
