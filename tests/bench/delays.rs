//! How long the gateway itself holds audio: from a received RTP packet to the ear's socket, and from the
//! voice's bytes to the first RTP packet of them. The real binary; caller, ear and voice stand in this
//! process and so share a clock. Every frame carries the time at which it was sent.

mod caller;
mod services;

use std::io::Write as _;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ringwell::io::clock;

use caller::Caller;

/// Where all of it listens.
const HOST: [u8; 4] = [127, 0, 0, 75];
const SIP_PORT: u16 = 5060;
/// Calls unless `RINGWELL_BENCH_CALLS` says otherwise.
const CALLS: usize = 100;
/// Long enough for a greeting and two questions whether somebody is there.
const LASTS: Duration = Duration::from_secs(30);
/// Bytes of one frame.
const FRAME: usize = 160;
/// What a marked frame begins with; then the time in microseconds.
const MARK: [u8; 8] = [0x21, 0x43, 0x2B, 0x0D, 0x1A, 0x2C, 0x3E, 0x15];

/// What was measured, in microseconds, and the clock that all share.
#[derive(Clone)]
struct Times {
    start: Instant,
    ear: Arc<Mutex<Vec<u64>>>,
    voice: Arc<Mutex<Vec<u64>>>,
}

impl Times {
    fn now(&self) -> u64 {
        let since = clock::now().saturating_duration_since(self.start);
        u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
    }

    /// A frame that tells when it was made; loud, so that nothing takes it for silence.
    fn frame(&self) -> [u8; FRAME] {
        let mut frame = [0x20; FRAME];
        frame[..8].copy_from_slice(&MARK);
        frame[8..16].copy_from_slice(&self.now().to_be_bytes());
        frame
    }

    /// When a frame was made.
    fn made(frame: &[u8]) -> Option<u64> {
        let time = frame.strip_prefix(&MARK)?.get(..8)?;
        Some(u64::from_be_bytes(time.try_into().ok()?))
    }

    fn note(&self, delays: &Mutex<Vec<u64>>, made: u64) {
        let delay = self.now().saturating_sub(made);
        let mut delays = delays.lock().unwrap_or_else(PoisonError::into_inner);
        delays.push(delay);
    }
}

/// The gateway's process; ends with this.
struct Gateway {
    process: Child,
    _folder: tempfile::TempDir,
}

impl Gateway {
    fn start(calls: usize, services: std::net::SocketAddr) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let host = std::net::Ipv4Addr::from(HOST);
        let lab = include_str!("../../config/examples/lab.toml");
        let lab = lab
            .replace("127.0.0.1:5060", &format!("{host}:{SIP_PORT}"))
            .replace("127.0.0.1:8900", &services.to_string())
            .replace("address = \"127.0.0.1\"", &format!("address = \"{host}\""))
            .replace("max = 200", &format!("max = {}", calls + 10))
            .replace("realtime = false", "realtime = true");
        let lab = lab + "\n[guard]\ncalls_per_second = 0\ncalls_per_second_overall = 0\n";
        let path = folder.path().join("bench.toml");
        std::fs::write(&path, lab).expect("the configuration is written");
        let process = Command::new(env!("CARGO_BIN_EXE_ringwell"))
            .args(["run", "--config"])
            .arg(path)
            .arg("--state")
            .arg(folder.path().join("state"))
            .env("RUST_LOG", "error")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the gateway starts");
        Self {
            process,
            _folder: folder,
        }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.process.kill().expect("it runs");
        self.process.wait().expect("it has ended");
    }
}

/// Nearest rank, in milliseconds.
fn percentile(sorted: &[u64], per_cent: usize) -> f64 {
    let at = (sorted.len() * per_cent).div_ceil(100).max(1) - 1;
    sorted[at] as f64 / 1000.0
}

#[test]
#[ignore = "a measurement of half a minute"]
fn delays_of_the_assistants_way() {
    let calls = std::env::var("RINGWELL_BENCH_CALLS");
    let calls = calls.map_or(CALLS, |calls| calls.parse().expect("a number of calls"));
    let times = Times {
        start: clock::now(),
        ear: Arc::default(),
        voice: Arc::default(),
    };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let services = runtime
        .block_on(services::start(times.clone()))
        .expect("the services listen");
    let _gateway = Gateway::start(calls, services);
    let mut caller = Caller::new(times.clone());
    caller.until_it_answers();
    caller.call(calls, LASTS);

    let mut keys = serde_json::Map::new();
    for (name, delays) in [("ear", &times.ear), ("voice", &times.voice)] {
        let mut delays = delays.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(delays.len() >= calls, "{name}: {} times", delays.len());
        delays.sort_unstable();
        let [half, most] = [50, 99].map(|per_cent| percentile(&delays, per_cent));
        println!(
            "{name} at {calls} calls: p50 {half:.1} ms, p99 {most:.1} ms of {}",
            delays.len()
        );
        keys.insert(format!("{name}_p50_ms"), half.into());
        keys.insert(format!("{name}_p99_ms"), most.into());
    }
    if let Ok(path) = std::env::var("RINGWELL_BENCH_JSON") {
        let mut file = std::fs::File::create(path).expect("the file can be written");
        let text = serde_json::Value::Object(keys).to_string();
        file.write_all(text.as_bytes()).expect("it is written");
    }
}
