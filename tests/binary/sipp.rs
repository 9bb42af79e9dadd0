//! SIPp against the gateway, and tshark as the witness of what went over the wire.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::lab::{Lab, Process, wait};

/// Runs SIPp to its end against the gateway and asserts that no call failed.
pub fn sipp(lab: &Lab, host: u8, arguments: &[&str]) -> String {
    let ip = lab.neighbour(host).to_string();
    let target = format!("{}:5060", lab.ip);
    let output = Command::new("sipp")
        .args([
            &target,
            "-i",
            &ip,
            "-mi",
            &ip,
            "-p",
            "5060",
            "-nostdin",
            "-trace_err",
        ])
        .args(arguments)
        .current_dir(lab.dir.path())
        .output()
        .expect("sipp runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "sipp: {}\n{text}\n{}",
        errors(lab),
        lab.log()
    );
    text
}

/// Where SIPp has its audio in [`one_call`]: outside of baresip's ports, which it takes on every address.
pub const MEDIA_PORT: u16 = 31_000;

/// Runs one call of a scenario with audio, as [`sipp`], from the third host.
pub fn one_call(lab: &Lab, scenario: &str) {
    let port = MEDIA_PORT.to_string();
    sipp(lab, 3, &["-sf", scenario, "-m", "1", "-mp", &port]);
}

fn errors(lab: &Lab) -> String {
    let files = std::fs::read_dir(lab.dir.path()).expect("the laboratory's folder");
    let logs = files.flatten().map(|file| file.path());
    let logs = logs.filter(|path| path.to_string_lossy().ends_with("_errors.log"));
    logs.filter_map(|path| std::fs::read_to_string(path).ok())
        .collect()
}

/// The largest number of the row of SIPp's last scenario screen that begins with these words: the
/// columns after the arrow are messages, retransmissions, timeouts, unexpected messages.
pub fn columns(screen: &str, row: &str) -> Vec<u64> {
    let mut rows = screen
        .lines()
        .filter(|line| line.trim_start().starts_with(row));
    let last = rows
        .next_back()
        .unwrap_or_else(|| panic!("{row} in {screen}"));
    let numbers = last.split_whitespace().filter_map(|word| word.parse().ok());
    numbers
        .skip(usize::from(row.parse::<u64>().is_ok()))
        .collect()
}

/// A capture of everything an address says and hears.
pub struct Capture {
    path: PathBuf,
    process: Process,
}

impl Capture {
    /// Starts capturing, and waits until it does.
    pub fn start(lab: &Lab, filter: &str) -> Self {
        let path = lab.dir.path().join("capture.pcap");
        let log = lab.dir.path().join("tshark.log");
        let name = path.to_str().expect("a path in UTF-8");
        let arguments = [
            "-i",
            "lo",
            "-f",
            filter,
            "-w",
            name,
            "-F",
            "pcap",
            "-a",
            "duration:120",
            "-q",
        ];
        let process = Process::start("tshark", &arguments, &log);
        let started = wait(Duration::from_secs(20), || {
            let said = std::fs::read_to_string(&log).unwrap_or_default();
            said.contains("Capturing on").then_some(())
        });
        assert!(
            started.is_some(),
            "tshark captures: {:?}",
            std::fs::read_to_string(&log)
        );
        // It says so a moment before the kernel's filter is in place.
        wait(Duration::from_millis(500), || None::<()>);
        Self { path, process }
    }

    /// Ends it and gives the file.
    pub fn finish(mut self) -> PathBuf {
        // What was just sent is still on its way through the kernel's ring.
        wait(Duration::from_millis(500), || None::<()>);
        self.process.terminate(Duration::from_secs(10));
        self.path
    }
}

/// The RTP audio of payload type 0 in a capture, by sender: payloads in the order of sequence numbers.
pub fn audio(capture: &Path, ports: &[u16]) -> BTreeMap<String, Vec<u8>> {
    let mut arguments = vec![
        "-r".to_owned(),
        capture.display().to_string(),
        "-n".to_owned(),
    ];
    for port in ports {
        arguments.extend(["-d".to_owned(), format!("udp.port=={port},rtp")]);
    }
    let fields = ["ip.src", "rtp.p_type", "rtp.seq", "rtp.payload"];
    arguments.extend(["-Y", "rtp", "-T", "fields"].map(str::to_owned));
    arguments.extend(
        fields
            .iter()
            .flat_map(|field| ["-e".to_owned(), (*field).to_owned()]),
    );
    let output = Command::new("tshark")
        .args(&arguments)
        .output()
        .expect("tshark reads");
    let mut streams: BTreeMap<String, BTreeMap<u16, Vec<u8>>> = BTreeMap::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let columns: Vec<_> = line.split('\t').collect();
        let [source, "0", sequence, payload] = columns[..] else {
            continue;
        };
        let sequence = sequence.parse().expect("a sequence number");
        let stream = streams.entry(source.to_owned()).or_default();
        stream.insert(sequence, unhex(payload));
    }
    let joined = streams
        .into_iter()
        .map(|(source, packets)| (source, in_order(&packets)));
    joined.collect()
}

/// Joins packets whose sequence numbers may wrap once: they begin after the largest gap.
fn in_order(packets: &BTreeMap<u16, Vec<u8>>) -> Vec<u8> {
    let numbers: Vec<_> = packets.keys().copied().collect();
    let gap = |index: &usize| {
        numbers[*index].wrapping_sub(numbers[index.checked_sub(1).unwrap_or(numbers.len() - 1)])
    };
    let start = (0..numbers.len()).max_by_key(gap).unwrap_or(0);
    let ordered = numbers[start..].iter().chain(&numbers[..start]);
    ordered.flat_map(|number| packets[number].clone()).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let pairs = digits.as_chunks::<2>().0.iter();
    let bytes = pairs.map(|pair| {
        let pair = std::str::from_utf8(pair).expect("hexadecimal digits");
        u8::from_str_radix(pair, 16).expect("hexadecimal digits")
    });
    bytes.collect()
}

/// What tshark finds wrong with SIP, SDP, RTP or RTCP that this address sent.
pub fn malformed(capture: &Path, sender: &str) -> String {
    let field = if sender.contains(':') {
        "ipv6.src"
    } else {
        "ip.src"
    };
    let filter = format!("{field}=={sender} && (_ws.malformed || _ws.expert.severity==error)");
    let output = Command::new("tshark")
        .args(["-r", &capture.display().to_string(), "-n", "-Y", &filter])
        .output()
        .expect("tshark reads");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
