//! The process that carries the calls: the bare loop, or our media thread.

use std::env;
use std::io::{BufRead, BufReader, Read, Write, stdin};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use ringwell::io::clock;
use ringwell::io::media_socket::{self, PortPool};
use ringwell::io::media_thread::{CallMedia, EVENTS, MediaThread, Mode, Settings};
use ringwell::rtp::session;
use tokio::sync::mpsc;

use super::super::media::stream;
use super::{pin, raise};

/// Who carries the calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Bare,
    Ours,
}

impl Kind {
    pub(super) const ALL: [Self; 2] = [Self::Bare, Self::Ours];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::Ours => "ours",
        }
    }
}

/// A running carrier, seen from the generator.
pub(super) struct Carrier {
    child: Child,
    input: ChildStdin,
    _output: BufReader<ChildStdout>,
    addresses: Vec<SocketAddr>,
}

impl Carrier {
    /// Starts this program once more, and tells it where the far ends of its calls are.
    pub(super) fn start(kind: Kind, far_ends: &[SocketAddr]) -> Self {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--ignored", "--exact", "echo::carrier::serve_a_measurement"])
            .args(["--nocapture", "--test-threads=1"])
            .env(ROLE, kind.name())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        let ports: Vec<String> = far_ends.iter().map(|far| far.port().to_string()).collect();
        writeln!(input, "{}", ports.join(" ")).unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let answer = output
            .by_ref()
            .lines()
            .map(|line| line.unwrap())
            .find_map(|line| line.split_once(ANSWER).map(|(_, ports)| ports.to_owned()))
            .expect("the carrier answers");
        Self {
            child,
            input,
            _output: output,
            addresses: addresses(&answer),
        }
    }

    pub(super) fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Time that all threads of the process have run, by the scheduler's account.
    pub(super) fn cpu_seconds(&self) -> f64 {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        let nanos = tasks.map(|task| {
            let account = std::fs::read_to_string(task.unwrap().path().join("schedstat")).unwrap();
            let ran = account.split(' ').next().unwrap();
            ran.parse::<u64>().unwrap()
        });
        nanos.sum::<u64>() as f64 / 1e9
    }

    pub(super) fn stop(self) {
        let Self {
            mut child, input, ..
        } = self; // the output stays open until the end
        drop(input);
        child.wait().unwrap();
    }
}

/// Not a measurement: what the process of a carrier runs.
#[test]
#[ignore = "started by the echo's measurement"]
fn serve_a_measurement() {
    let Ok(role) = env::var(ROLE) else { return };
    pin(0);
    let mut line = String::new();
    stdin().read_line(&mut line).unwrap();
    let far_ends = addresses(&line);
    if role == Kind::Bare.name() {
        bare(far_ends.len());
    } else {
        ours(&far_ends);
    }
}

/// Nothing but the system calls: a wake-up, a packet in, a packet out.
fn bare(calls: usize) {
    raise();
    let sockets: Vec<_> = (0..calls).map(|_| socket()).collect();
    let epoll = Epoll::new(EpollCreateFlags::empty()).unwrap();
    for (index, socket) in sockets.iter().enumerate() {
        let event = EpollEvent::new(EpollFlags::EPOLLIN, index as u64);
        epoll.add(socket, event).unwrap();
    }
    let end = EpollEvent::new(EpollFlags::EPOLLIN | EpollFlags::EPOLLHUP, u64::MAX);
    epoll.add(stdin(), end).unwrap();
    answer(sockets.iter().map(|socket| socket.local_addr().unwrap()));
    let mut ready = [EpollEvent::empty(); 512];
    let mut buffer = [0; 2048];
    loop {
        let count = epoll.wait(&mut ready, EpollTimeout::NONE).unwrap_or(0);
        for event in &ready[..count] {
            let Some(socket) = sockets.get(event.data() as usize) else {
                return;
            };
            if let Ok((length, from)) = socket.recv_from(&mut buffer) {
                let _ = socket.send_to(&buffer[..length], from);
            }
        }
    }
}

fn ours(far_ends: &[SocketAddr]) {
    let media = MediaThread::start(Settings::default()).unwrap();
    let settings = media_socket::Settings {
        first_port: 10_000,
        last_port: 29_999,
        ..media_socket::Settings::new(IpAddr::V4(Ipv4Addr::LOCALHOST))
    };
    let pool = PortPool::new(settings, clock::seed()[0]);
    let (events, _told) = mpsc::channel(EVENTS);
    let mut local = Vec::new();
    for (id, far) in (0..).zip(far_ends) {
        let ports = pool.allocate(clock::now()).unwrap();
        local.push(ports.rtp.local_addr().unwrap());
        let session = session::Settings::new(
            stream(*far),
            "box@127.0.0.1".to_owned(),
            clock::wallclock(),
            clock::seed(),
        );
        let call = CallMedia {
            id,
            ports,
            session,
            crypto: None,
            mode: Mode::Echo,
            tap: None,
            events: events.clone(),
        };
        media.add(call).expect("the queue has room");
        while media.calls() <= id {
            std::thread::yield_now(); // the queue of commands holds fewer than all
        }
    }
    answer(local.into_iter());
    let _ = stdin().read_line(&mut String::new());
}

fn answer(local: impl Iterator<Item = SocketAddr>) {
    let ports: Vec<String> = local.map(|local| local.port().to_string()).collect();
    println!("{ANSWER}{}", ports.join(" "));
}

fn socket() -> UdpSocket {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.set_nonblocking(true).unwrap();
    socket
}

fn addresses(ports: &str) -> Vec<SocketAddr> {
    let local = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let ports = ports.split_whitespace();
    ports
        .map(|port| SocketAddr::new(local, port.parse().unwrap()))
        .collect()
}

const ROLE: &str = "RINGWELL_BENCH_ROLE";
const ANSWER: &str = "the calls are at ";
