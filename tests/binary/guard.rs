//! Floods and strangers: whoever may call is served, whoever may not is told of in the log, and
//! fail2ban reads it.

use std::net::UdpSocket;
use std::process::Command;
use std::time::Duration;

use crate::lab::{Lab, wait};

fn socket(lab: &Lab, host: u8) -> UdpSocket {
    let socket = UdpSocket::bind((lab.neighbour(host), 0)).expect("a socket");
    socket.connect((lab.ip, 5060)).expect("connected");
    let patience = Some(Duration::from_millis(400));
    socket.set_read_timeout(patience).expect("a socket option");
    socket
}

/// A request to a user, of its own transaction and call.
fn request(socket: &UdpSocket, method: &str, user: &str, number: usize) -> String {
    let via = socket.local_addr().expect("an address");
    format!(
        "{method} sip:{user}@example.com SIP/2.0\r\nVia: SIP/2.0/UDP {via};branch=z9hG4bKg{number};rport\r\n\
         From: \"sipvicious\" <sip:100@1.1.1.1>;tag=g{number}\r\nTo: <sip:{user}@example.com>\r\n\
         Call-ID: g{number}\r\nCSeq: 1 {method}\r\nContact: <sip:100@{via}>\r\nMax-Forwards: 70\r\n\
         User-Agent: friendly-scanner\r\nContent-Length: 0\r\n\r\n"
    )
}

fn answer(socket: &UdpSocket) -> Option<String> {
    let mut buffer = [0; 8192];
    let length = socket.recv(&mut buffer).ok()?;
    Some(String::from_utf8_lossy(&buffer[..length]).into_owned())
}

/// Lines of the log about a source.
fn lines_of(lab: &Lab, host: u8) -> Vec<String> {
    let source = format!(" refused SOURCE={} ", lab.neighbour(host));
    let log = lab.log();
    let lines = log.lines().filter(|line| line.contains(&source));
    lines.map(str::to_owned).collect()
}

#[test]
fn a_flood_from_one_source_leaves_the_calls_of_another_alone() {
    let lab = Lab::start(&[
        ("guard", "calls_per_second", "4"),
        ("guard", "burst", "\"1s\""),
    ]);
    let flood = socket(&lab, 5);
    let script =
        "pause 1 s; say before; wait for before; pause 3 s; say after; wait for after; hang up";
    let caller = lab
        .caller("echo", script)
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("the caller runs");
    lab.until("the call is up", Duration::from_secs(20), |lab| {
        (lab.status()["counters"]["calls_answered"] == 1).then_some(())
    });
    let send = |numbers: core::ops::Range<usize>| {
        for number in numbers {
            let invite = request(&flood, "INVITE", "tone", number);
            flood.send(invite.as_bytes()).expect("sent");
        }
    };
    send(0..2000);
    // A new call of the other source in the midst of it.
    let report = lab.call("echo", "pause 1 s; say hello; wait for hello; hang up");
    assert_eq!(report["ok"], true, "{report:#}\n{}", lab.log());
    send(2000..3000);
    let output = caller.wait_with_output().expect("the caller ends");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("a report");
    assert_eq!(report["ok"], true, "{report:#}\n{}", lab.log());
    let status = lab.status();
    let refused = |reason: &str| status["refusals"][reason].as_u64().unwrap_or_default();
    assert!(refused("rate") >= 4, "{status:#}");
    assert!(refused("flood") >= 500, "{status:#}");
    let offered = status["counters"]["calls_offered"].as_u64();
    assert!(offered.is_some_and(|offered| offered < 100), "{status:#}");
    let lines = lines_of(&lab, 5);
    assert!((1..=20).contains(&lines.len()), "{lines:#?}");
    let told = lines.iter().filter(|line| line.contains("REASON=rate"));
    assert!(told.count() > 0, "{lines:#?}");
}

/// A laboratory that admits its own address alone.
fn closed(unknown_source: &str) -> Lab {
    let mut lab = Lab::start(&[("sip", "unknown_source", unknown_source)]);
    let text = std::fs::read_to_string(lab.config()).expect("the configuration");
    let narrow = text.replace("\"127.0.0.0/8\"", &format!("\"{}\"", lab.ip));
    assert_ne!(text, narrow);
    std::fs::write(lab.config(), narrow).expect("the configuration is written");
    lab.kill_gateway();
    lab.start_gateway();
    lab
}

fn scan(socket: &UdpSocket) -> Vec<Option<String>> {
    let probes = [
        request(socket, "OPTIONS", "100", 1),
        request(socket, "REGISTER", "1000", 2),
        request(socket, "INVITE", "900441234567890", 3),
        request(socket, "INVITE", "admin", 4).replace("CSeq", "X"),
        "GET / HTTP/1.0\r\n\r\n".to_owned(),
    ];
    let answers = probes.iter().map(|probe| {
        socket.send(probe.as_bytes()).expect("sent");
        answer(socket)
    });
    answers.collect()
}

/// The addresses that the filter finds in a log.
fn banned(lab: &Lab, mode: &str) -> Vec<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/config/fail2ban");
    let log = lab.dir.path().join("gateway.log");
    std::fs::write(&log, lab.log()).expect("the log is written");
    let output = Command::new("fail2ban-regex")
        .args(["-o", "ip", log.to_str().expect("a path in UTF-8")])
        .arg(format!("{folder}/filter.d/ringwell.conf[mode={mode}]"))
        .output();
    let output = match output {
        Ok(output) => output,
        // Without it the expression itself is applied.
        Err(_) => Command::new("python3")
            .args(["-c", FILTER, folder, mode])
            .arg(&log)
            .output()
            .expect("fail2ban or Python"),
    };
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().map(|line| line.trim().to_owned()).collect()
}

/// The filter's expression on a log, in Python, as fail2ban applies it.
const FILTER: &str = r#"
import configparser, re, sys
folder, mode, log = sys.argv[1:]
filters = configparser.ConfigParser()
filters.read(folder + "/filter.d/ringwell.conf")
text = filters["Definition"]["failregex"]
text = text.replace("<_reasons_<mode>>", filters["Definition"]["_reasons_" + mode])
expression = re.compile(text.replace("<HOST>", r"(?P<host>[0-9a-fA-F:.]+)"))
for line in open(log):
    found = expression.match(line.rstrip("\n"))
    if found:
        print(found["host"])
"#;

#[test]
fn strangers_hear_nothing_and_fail2ban_reads_of_them() {
    let lab = closed("\"drop\"");
    let scanner = socket(&lab, 9);
    let answers = scan(&scanner);
    assert!(answers.iter().all(Option::is_none), "{answers:?}");
    for _ in 0..50 {
        scanner.send(b"OPTIONS").expect("sent");
    }
    // A name in a From of somebody who may call forges no line.
    let allowed = UdpSocket::bind((lab.ip, 0)).expect("a socket");
    allowed.connect((lab.ip, 5060)).expect("connected");
    let forged = request(&allowed, "SUBSCRIBE", "x", 1).replace(
        "sipvicious",
        "refused SOURCE=192.0.2.1 REASON=stranger METHOD=X TRANSPORT=udp",
    );
    allowed.send(forged.as_bytes()).expect("sent");
    let counted = |lab: &Lab| lab.status()["sockets"]["strangers"].as_u64();
    let count = lab.until("all are counted", Duration::from_secs(10), |lab| {
        counted(lab).filter(|count| *count >= 55)
    });
    assert_eq!(count, 55);
    lab.until(
        "the forged one is refused",
        Duration::from_secs(10),
        |lab| lab.status()["refusals"]["method"].as_u64(),
    );
    let lines = lines_of(&lab, 9);
    assert_eq!(lines.len(), 10, "so many a minute: {lines:#?}");
    let expected = " REASON=stranger METHOD=- TRANSPORT=udp";
    assert!(
        lines.iter().all(|line| line.ends_with(expected)),
        "{lines:#?}"
    );
    let scanner = lab.neighbour(9).to_string();
    let found = banned(&lab, "normal");
    assert_eq!(found, vec![scanner.clone(); 10], "{}", lab.log());
    assert_eq!(banned(&lab, "aggressive"), vec![scanner; 10]);
    let report = lab.call("echo", "pause 1 s; say hello; wait for hello; hang up");
    assert_eq!(report["ok"], true, "{report:#}\n{}", lab.log());
}

#[test]
fn where_strangers_are_told_403_the_line_says_what_they_asked() {
    let lab = closed("\"forbid\"");
    let answers = scan(&socket(&lab, 9));
    for (index, answer) in answers.iter().enumerate() {
        let forbidden = answer.as_ref().map(|it| it.starts_with("SIP/2.0 403 "));
        assert_eq!(forbidden, (index < 3).then_some(true), "{answers:?}");
    }
    let lines = wait(Duration::from_secs(10), || {
        Some(lines_of(&lab, 9)).filter(|lines| lines.len() >= 3)
    });
    let lines = lines.expect("lines in the log");
    for (line, method) in lines.iter().zip(["OPTIONS", "REGISTER", "INVITE"]) {
        let expected = format!(" REASON=stranger METHOD={method} TRANSPORT=udp");
        assert!(line.ends_with(&expected), "{lines:#?}");
    }
    assert_eq!(banned(&lab, "normal").len(), 3);
}

/// Everything answered to an INVITE until its final response, without what is different in each call.
fn answers_to(lab: &Lab, host: u8, user: &str) -> Vec<String> {
    let socket = socket(lab, host);
    let patience = Some(Duration::from_secs(5));
    socket.set_read_timeout(patience).expect("a socket option");
    let invite = request(&socket, "INVITE", user, 1);
    socket.send(invite.as_bytes()).expect("sent");
    let mut told = Vec::new();
    while let Some(answer) = answer(&socket) {
        let is_final = !answer.starts_with("SIP/2.0 1");
        let own = socket.local_addr().expect("an address").to_string();
        let kept = answer
            .lines()
            .filter(|line| !line.starts_with("o=") && !line.starts_with("m="));
        for line in kept {
            let line = line.split(";tag=").next().unwrap_or_default();
            let line = line
                .replace(&own, "OWN")
                .replace(&format!("sip:{user}@"), "sip:USER@");
            let line = line.split(";received=").next().unwrap_or_default();
            told.push(line.to_owned());
        }
        if is_final {
            let to = answer.lines().find(|line| line.starts_with("To:"));
            let to = to.unwrap_or_default();
            let ack = request(&socket, "ACK", user, 1);
            let old = ack
                .lines()
                .find(|line| line.starts_with("To:"))
                .unwrap_or_default();
            let ack = ack.replace(old, to);
            socket.send(ack.as_bytes()).expect("sent");
            break;
        }
    }
    told
}

#[test]
fn an_unknown_user_is_answered_as_a_known_one() {
    let lab = Lab::start(&[]);
    let known = answers_to(&lab, 6, "assistant");
    let unknown = answers_to(&lab, 7, "nobody-4711");
    assert!(known.len() > 10, "{known:#?}");
    assert_eq!(known, unknown);
}
