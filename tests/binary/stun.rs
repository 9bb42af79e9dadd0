//! The public address by STUN (RFC 8489), on the real binary: asked at the start from the SIP socket, told
//! in the status, and by `check --live`.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::lab::{Lab, RINGWELL};

/// What the server says that it sees.
const PUBLIC: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 7);

/// The second word of each STUN message.
const MAGIC: u32 = 0x2112_A442;

/// A STUN server that sees everybody at [`PUBLIC`]. It ends with the test.
struct Server {
    address: SocketAddr,
    askers: Arc<Mutex<Vec<SocketAddr>>>,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    fn start() -> Self {
        Self::seeing(Some)
    }

    /// One that sees a port as another, or does not answer it.
    fn seeing(port: fn(u16) -> Option<u16>) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
        let patience = Some(Duration::from_millis(50));
        socket.set_read_timeout(patience).expect("a socket option");
        let address = socket.local_addr().expect("an address");
        let (askers, ended) = (Arc::default(), Arc::new(AtomicBool::new(false)));
        let (seen, over) = (Arc::clone(&askers), Arc::clone(&ended));
        let thread = std::thread::spawn(move || serve(&socket, &seen, &over, port));
        Self {
            address,
            askers,
            ended,
            thread: Some(thread),
        }
    }

    fn askers(&self) -> Vec<SocketAddr> {
        let askers = self.askers.lock().unwrap_or_else(PoisonError::into_inner);
        askers.clone()
    }

    /// By its name, so that it is looked up.
    fn by_name(&self) -> String {
        format!("localhost:{}", self.address.port())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join();
        }
    }
}

fn serve(
    socket: &UdpSocket,
    askers: &Mutex<Vec<SocketAddr>>,
    ended: &AtomicBool,
    port: fn(u16) -> Option<u16>,
) {
    let mut buffer = [0; 1500];
    while !ended.load(Ordering::Relaxed) {
        let Ok((length, from)) = socket.recv_from(&mut buffer) else {
            continue;
        };
        let request = &buffer[..length];
        let Some(port) = port(from.port()) else {
            continue;
        };
        assert_eq!((length, &request[..4]), (20, &[0, 1, 0, 0][..]));
        let mut answer = vec![1, 1, 0, 12];
        answer.extend(&request[4..20]);
        answer.extend([0, 0x20, 0, 8, 0, 1]);
        let [high, low, ..] = MAGIC.to_be_bytes();
        answer.extend((port ^ u16::from_be_bytes([high, low])).to_be_bytes());
        answer.extend((PUBLIC.to_bits() ^ MAGIC).to_be_bytes());
        let mut askers = askers.lock().unwrap_or_else(PoisonError::into_inner);
        askers.push(from);
        socket.send_to(&answer, from).expect("sent");
    }
}

fn said(arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(&*RINGWELL).args(arguments).output();
    let output = output.expect("the binary runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    (output.status.code(), text)
}

#[test]
fn the_public_address_is_asked_at_the_start_from_the_sip_socket() {
    let server = Server::start();
    let name = server.by_name();
    let lab = Lab::start(&[("sip", "stun_server", &format!("{name:?}"))]);
    let status = lab.until("the address is known", Duration::from_secs(20), |lab| {
        let told = lab.status()["public_address"].clone();
        (told["address"] == PUBLIC.to_string()).then_some(told)
    });
    assert_eq!(status["told_by"], "stun", "{status:#}");
    assert_eq!(status["stun_server"], name, "{status:#}");
    let seen = format!("{PUBLIC}:5060");
    assert_eq!(status["stun_seen_as"], seen, "{status:#}");
    let own = SocketAddr::from((lab.ip, 5060));
    assert!(server.askers().contains(&own), "{:?}", server.askers());
    let state = lab.dir.path().join("state");
    let state = state.to_str().expect("a path in UTF-8");
    let (_, text) = said(&["status", "--state", state]);
    assert!(text.contains("public_address"), "{text}");
    assert!(text.contains(&seen), "{text}");
    // A peer inside is told our own address all the same.
    let report = lab.call("echo", "pause 1 s; say hello; wait for hello; hang up");
    assert_eq!(report["ok"], true, "{report:#}\n{}", lab.log());
    let (code, text) = said(&["check", "--live", "--config", lab.config()]);
    assert_eq!(code, Some(0), "{text}");
    let words = format!("ok     STUN server: {name} sees us at {PUBLIC}:");
    assert!(text.contains(&words), "{text}");
    assert!(text.contains("ok     media ports from outside: "), "{text}");
}

#[test]
fn a_closed_media_range_is_called_one_and_a_router_that_renumbers_is_told_of() {
    for (port, code, words) in [
        (
            (|port| (!(24_000..24_010).contains(&port)).then_some(port)) as fn(u16) -> Option<u16>,
            Some(69),
            "WRONG  media ports from outside: ",
        ),
        (
            |port| Some(port + u16::from((24_000..24_010).contains(&port))),
            Some(0),
            "note   media ports from outside: port 24000 is seen as 203.0.113.7:24001",
        ),
    ] {
        let server = Server::seeing(port);
        let place = format!("\"{}\"", server.address);
        let lab = Lab::start(&[
            ("sip", "stun_server", &place),
            ("media", "ports", "\"24000-24009\""),
            ("calls", "max", "2"),
        ]);
        let (ended, text) = said(&["check", "--live", "--config", lab.config()]);
        assert_eq!(ended, code, "{text}");
        assert!(text.contains(words), "{text}");
        assert!(text.contains("UDP 24000-24009"), "{text}");
    }
}

#[test]
fn a_silent_server_does_no_harm_and_is_named() {
    let silent = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let place = silent.local_addr().expect("an address");
    let lab = Lab::start(&[("sip", "stun_server", &format!("\"{place}\""))]);
    let report = lab.call("echo", "pause 1 s; say hello; wait for hello; hang up");
    assert_eq!(report["ok"], true, "{report:#}\n{}", lab.log());
    let (code, text) = said(&["check", "--live", "--config", lab.config()]);
    assert_eq!(code, Some(69), "{text}");
    let words = format!("WRONG  STUN server: {place} tells no address");
    assert!(text.contains(&words), "{text}");
    let words = format!("{place} does not answer");
    lab.until("the silence is told", Duration::from_secs(60), |lab| {
        let trouble = &lab.status()["public_address"]["stun_trouble"];
        trouble.as_str()?.contains(&words).then_some(())
    });
    let status = lab.status();
    let address = &status["public_address"]["address"];
    assert!(address.is_null(), "{status:#}");
}
