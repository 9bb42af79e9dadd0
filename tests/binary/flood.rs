//! A flood from everywhere at once: idle and trickling connections, half TLS handshakes, garbage
//! datagrams. A running call keeps its pace, and new calls are answered.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use ringwell::io::clock;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio::runtime::Runtime;
use tokio::time::{sleep, timeout};

use crate::lab::Lab;
use crate::tls::{call, caller};

/// Connections that are kept up, or tried for again and again.
const CONNECTIONS: u16 = 5000;

/// Sources that the connections and datagrams come from. All are admitted, which is the worst case.
const SOURCES: u8 = 50;

/// Handshakes begun and not finished, at once.
const HANDSHAKES: u16 = 200;

/// Garbage datagrams a second, and for how long.
const DATAGRAMS: u32 = 20_000;
const SECONDS: u32 = 8;

#[derive(Default)]
struct Tally {
    over: AtomicBool,
    connected: AtomicU64,
    datagrams: AtomicU64,
}

impl Tally {
    fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }
}

/// What an attacker does with a connection that is up.
#[derive(Clone, Copy)]
enum Manner {
    Idle,
    /// A byte of a request each second.
    Trickle,
    /// The beginning of a ClientHello, and no more.
    HalfHandshake,
}

/// Connects again a second after each time it is closed, until all is over.
async fn nag(from: Ipv4Addr, to: SocketAddr, manner: Manner, tally: Arc<Tally>) {
    while !tally.is_over() {
        // Any failure is the box's defence at work.
        let _ = visit(from, to, manner, &tally).await;
        sleep(Duration::from_secs(1)).await;
    }
}

async fn visit(
    from: Ipv4Addr,
    to: SocketAddr,
    manner: Manner,
    tally: &Tally,
) -> std::io::Result<()> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from((from, 0)))?;
    let mut stream = socket.connect(to).await?;
    tally.connected.fetch_add(1, Ordering::Relaxed);
    if let Manner::HalfHandshake = manner {
        stream.write_all(&[0x16, 3, 1, 2, 0, 1, 0, 1, 0xFC]).await?;
    }
    let mut request = b"OPTIONS sip:echo@127.0.0.1 SIP/2.0\r\nVia: "
        .iter()
        .cycle();
    while !tally.is_over() {
        let mut byte = [0];
        if let Ok(ended) = timeout(Duration::from_secs(1), stream.read(&mut byte)).await
            && ended? == 0
        {
            return Ok(());
        }
        if let (Manner::Trickle, Some(byte)) = (manner, request.next()) {
            stream.write_all(&[*byte]).await?;
        }
    }
    Ok(())
}

fn besiege(lab: &Lab, tally: &Arc<Tally>) -> Runtime {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let source = |number: u16| {
        let host = u8::try_from(number % u16::from(SOURCES)).expect("below the number of sources");
        lab.neighbour(100 + host)
    };
    for number in 0..CONNECTIONS {
        let manner = if number % 2 == 0 {
            Manner::Idle
        } else {
            Manner::Trickle
        };
        let to = SocketAddr::from((lab.ip, 5060));
        runtime.spawn(nag(source(number), to, manner, Arc::clone(tally)));
    }
    for number in 0..HANDSHAKES {
        let to = SocketAddr::from((lab.ip, 5061));
        let manner = Manner::HalfHandshake;
        runtime.spawn(nag(source(number), to, manner, Arc::clone(tally)));
    }
    runtime
}

/// Sends garbage at its rate for its time, on a schedule that it catches up with.
fn shoot(lab: &Lab, tally: &Arc<Tally>) -> JoinHandle<Duration> {
    let to = SocketAddr::from((lab.ip, 5060));
    let sockets: Vec<_> = (0..SOURCES)
        .map(|host| UdpSocket::bind((lab.neighbour(100 + host), 0)).expect("a socket"))
        .collect();
    let tally = Arc::clone(tally);
    std::thread::spawn(move || {
        let garbage: [&[u8]; 4] = [
            &[0xFF; 200],
            b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n",
            &[0; 1200],
            b"\x01\x01\x00\x00\x21\x12\xA4\x42 not an answer we asked for",
        ];
        let start = clock::now();
        for number in 0..DATAGRAMS * SECONDS {
            let due = start + Duration::from_secs(1) * number / DATAGRAMS;
            let ahead = due.saturating_duration_since(clock::now());
            if ahead > Duration::from_millis(2) {
                pause(ahead);
            }
            let which = usize::try_from(number).expect("a small number");
            let socket = &sockets[which % sockets.len()];
            if socket.send_to(garbage[which % garbage.len()], to).is_ok() {
                tally.datagrams.fetch_add(1, Ordering::Relaxed);
            }
        }
        clock::now() - start
    })
}

#[expect(
    clippy::disallowed_methods,
    reason = "paces datagrams to another process"
)]
fn pause(time: Duration) {
    std::thread::sleep(time);
}

fn counted(status: &Value, name: &str) -> u64 {
    status["sockets"][name].as_u64().expect("a count")
}

#[test]
fn a_flood_neither_disturbs_a_call_nor_keeps_new_ones_out() {
    let lab = Lab::start_tls();
    let running = caller(
        &lab,
        "udp",
        "pause 1 s; say before; wait for before; pause 16 s; say after; wait for after; hang up",
    )
    .stdout(Stdio::piped())
    .spawn()
    .expect("the caller runs");
    lab.until("the call is up", Duration::from_secs(20), |lab| {
        (lab.status()["counters"]["calls_answered"] == 1).then_some(())
    });
    let tally = Arc::new(Tally::default());
    let siege = besiege(&lab, &tally);
    lab.until("all have knocked", Duration::from_secs(30), |_| {
        (tally.connected.load(Ordering::Relaxed) >= u64::from(CONNECTIONS)).then_some(())
    });
    let shooting = shoot(&lab, &tally);
    for transport in ["udp", "tcp", "tls"] {
        let report = call(&lab, transport, "pause 1 s; hang up");
        assert_eq!(report["ok"], true, "{transport}: {report:#}\n{}", lab.log());
    }
    let took = shooting.join().expect("the garbage is out");
    let output = running.wait_with_output().expect("the caller ends");
    let report: Value = serde_json::from_slice(&output.stdout).expect("a report");
    let status = lab.status();
    tally.over.store(true, Ordering::Relaxed);
    siege.shutdown_timeout(Duration::from_secs(5));
    let _ = writeln!(
        std::io::stderr(),
        "{} connections, {} datagrams in {took:?}; the call: {}; the box: {}",
        tally.connected.load(Ordering::Relaxed),
        tally.datagrams.load(Ordering::Relaxed),
        report["rtp"],
        status["sockets"],
    );

    assert_eq!(report["ok"], true, "{report:#}\n{}", lab.log());
    assert_eq!(report["rtp"]["lost"], 0, "{report:#}");
    let most = report["rtp"]["spacing_ms"][2].as_f64().expect("a time");
    assert!(most < 120.0, "the longest gap was {most} ms");
    assert!(counted(&status, "garbage") > 10_000, "{status:#}");
    assert!(counted(&status, "connections_refused") > 1000, "{status:#}");
    assert!(counted(&status, "connections_evicted") > 0, "{status:#}");
    assert!(counted(&status, "connections") <= 512, "{status:#}");
    assert_eq!(status["counters"]["calls_panicked"], 0);
    lab.until("the connections are gone", Duration::from_secs(60), |lab| {
        (counted(&lab.status(), "connections") == 0).then_some(())
    });
    lab.is_idle(Duration::from_secs(60));
}
