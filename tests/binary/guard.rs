//! Floods and strangers: whoever may call is served, whoever may not is told of in the log, and
//! fail2ban reads it.

use std::io::ErrorKind;
use std::net::UdpSocket;
use std::process::Command;
use std::time::Duration;

use crate::lab::{Lab, Process, wait};
use crate::sipp::sipp;

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

/// The addresses that the filter finds in a log: by its expression alone, and by fail2ban where it is
/// installed.
fn banned(lab: &Lab, mode: &str) -> Vec<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/config/fail2ban");
    let log = lab.dir.path().join("gateway.log");
    std::fs::write(&log, lab.log()).expect("the log is written");
    let arguments = ["-c", FILTER, folder, mode];
    let alone = found_by(Command::new("python3").args(arguments).arg(&log));
    let alone = alone.expect("Python is installed");
    let filter = format!("{folder}/filter.d/ringwell.conf[mode={mode}]");
    let arguments = ["-o", "ip"];
    let mut whole = Command::new("fail2ban-regex");
    if let Some(whole) = found_by(whole.args(arguments).arg(&log).arg(filter)) {
        assert_eq!(whole, alone);
    }
    alone
}

/// What a program prints, line by line; `None` when it is not installed.
fn found_by(command: &mut Command) -> Option<Vec<String>> {
    let output = match command.output() {
        Err(error) if error.kind() == ErrorKind::NotFound => return None,
        output => output.expect("it runs"),
    };
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8_lossy(&output.stdout);
    Some(text.lines().map(|line| line.trim().to_owned()).collect())
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

/// Everything answered to an INVITE until its final response, without what is different in each call. The
/// number is the host's, since the same Call-ID from elsewhere is a loop (RFC 3261 §8.2.2.2).
fn answers_to(lab: &Lab, host: u8, user: &str) -> Vec<String> {
    let number = usize::from(host);
    let socket = socket(lab, host);
    let patience = Some(Duration::from_secs(5));
    socket.set_read_timeout(patience).expect("a socket option");
    let invite = request(&socket, "INVITE", user, number);
    socket.send(invite.as_bytes()).expect("sent");
    let mut told = Vec::new();
    while let Some(answer) = answer(&socket) {
        let is_final = !answer.starts_with("SIP/2.0 1");
        let own = socket.local_addr().expect("an address").to_string();
        let mut values = vec![
            (own.clone(), "OWN".to_owned()),
            (format!("sip:{user}@"), "sip:USER@".to_owned()),
            (format!("z9hG4bKg{number}"), "BRANCH".to_owned()),
            (format!("Call-ID: g{number}"), "Call-ID: OWN".to_owned()),
        ];
        if let Some((ip, port)) = own.rsplit_once(':') {
            values.push((format!("rport={port}"), "rport=OWN".to_owned()));
            values.push((format!("received={ip}"), "received=OWN".to_owned()));
        }
        // The session's number has as many digits as it likes, so the length is not the same either.
        let random = ["o=", "Content-Length: "];
        let is_kept = |line: &&str| !random.iter().any(|start| line.starts_with(start));
        for line in answer.lines().filter(is_kept) {
            let line = line.split(";tag=").next().unwrap_or_default();
            let port = line
                .strip_prefix("m=audio ")
                .and_then(|it| it.split(' ').next());
            let line = port.map_or(line.to_owned(), |port| line.replacen(port, "PORT", 1));
            let line = values
                .iter()
                .fold(line, |line, (own, name)| line.replace(own, name));
            told.push(line);
        }
        if is_final {
            let to = answer.lines().find(|line| line.starts_with("To:"));
            let to = to.unwrap_or_default();
            let ack = request(&socket, "ACK", user, number);
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

fn scenario(lab: &Lab, host: u8, name: &str, arguments: &[&str]) {
    let path = format!("{}/tests/sipp/{name}.xml", env!("CARGO_MANIFEST_DIR"));
    let limits = [
        "-recv_timeout",
        "10000",
        "-timeout",
        "60s",
        "-timeout_error",
    ];
    let all = [&["-sf", &path, "-trace_logs"][..], &limits, arguments];
    sipp(lab, host, &all.concat());
}

/// Lines that SIPp's scenario wrote with `log`.
fn logged(lab: &Lab) -> Vec<String> {
    let files = std::fs::read_dir(lab.dir.path()).expect("the laboratory's folder");
    let logs = files.flatten().map(|file| file.path());
    let logs = logs.filter(|path| path.to_string_lossy().ends_with("_logs.log"));
    let texts = logs.map(|path| std::fs::read_to_string(path).expect("a log"));
    let texts: Vec<String> = texts.collect();
    let lines = texts.iter().flat_map(|text| text.lines());
    lines.map(str::to_owned).collect()
}

#[test]
fn above_the_rate_calls_are_told_when_to_come_again() {
    let lab = Lab::start(&[
        ("guard", "calls_per_second", "10"),
        ("guard", "burst", "\"1s\""),
    ]);
    let all_at_once = ["-r", "1000", "-m", "16"];
    scenario(&lab, 8, "rfc3261_21_5_4_overload", &all_at_once);
    let told = logged(&lab);
    let told = told.iter().filter(|line| line.contains("503 Retry-After:"));
    let refused = told.count();
    assert!((3..=6).contains(&refused), "{refused} of 16");
    let status = lab.status();
    let refusals = &status["refusals"];
    assert_eq!(refusals["rate"], refused, "{status:#}");
    assert_eq!(refusals["flood"], serde_json::Value::Null, "{status:#}");
    let answered = &status["counters"]["calls_answered"];
    assert_eq!(*answered, 16 - refused, "{status:#}");
    let expected = " REASON=rate METHOD=INVITE TRANSPORT=udp";
    let lines = lines_of(&lab, 8);
    assert_eq!(lines.len(), refused, "{lines:#?}");
    let as_expected = |line: &String| line.ends_with(expected);
    assert!(lines.iter().all(as_expected), "{lines:#?}");
    lab.is_idle(Duration::from_secs(20));
}

/// The ticket of one call from a line that is trusted or not.
fn ticket_of_asserted(trusted: &str) -> String {
    let lab = Lab::start(&[("line", "trust_identity", trusted)]);
    scenario(&lab, 8, "rfc3325_asserted_identity", &["-m", "1"]);
    let ticket = &lab.tickets_are(1, Duration::from_secs(20))[0];
    ticket["contents"].as_str().expect("contents").to_owned()
}

#[test]
fn who_calls_is_believed_on_a_trusted_line_alone() {
    let asserted = [
        "Jane Doe",
        "+15550100199",
        "told by the network",
        "verified by the provider",
    ];
    let ticket = ticket_of_asserted("true");
    for words in asserted {
        assert!(ticket.contains(words), "{words} in {ticket}");
    }
    assert!(ticket.contains("+15550100101 (no-answer)"), "{ticket}");
    let provider_call = "CA00112233445566778899aabbccddeeff";
    assert!(ticket.contains(provider_call), "{ticket}");
    let ticket = ticket_of_asserted("false");
    for words in asserted {
        assert!(!ticket.contains(words), "{words} in {ticket}");
    }
    assert!(ticket.contains("7001"), "{ticket}");
}

#[test]
fn a_telephone_system_that_asks_for_a_pause_is_not_called_again() {
    let target =
        "[{name = \"the sales team\", uri = \"sip:201@{net}.20\", mode = \"bridge\"}]".to_owned();
    let lab = Lab::start(&[("transfer", "target", &target)]);
    lab.knows_articles();
    let ip = lab.neighbour(20).to_string();
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/sipp/rfc3261_21_5_4_asks_for_a_pause.xml"
    );
    let mut arguments = vec!["-sf", path, "-i", &ip, "-p", "5060"];
    arguments.extend(["-nostdin", "-m", "1"]);
    let log = lab.dir.path().join("system.log");
    let mut system = Process::start("sipp", &arguments, &log);
    let script = "wait until it stops; say i want to talk to a person; wait for one moment within 20 s; \
                  wait until it stops for 3 s; hang up";
    let ask = || {
        let report = lab.call("assistant", script);
        assert_eq!(report["ok"], true, "{report:#}\n{}", lab.log());
    };
    ask();
    let ended = system.ended(Duration::from_secs(10));
    assert!(ended.is_some_and(|ended| ended.success()), "{}", lab.log());
    let listening = UdpSocket::bind((ip.as_str(), 5060)).expect("the port is free again");
    ask();
    let tickets = lab.tickets_are(2, Duration::from_secs(20));
    let text = |index: usize| tickets[index]["contents"].as_str().expect("contents");
    assert!(text(0).contains("503"), "{}", text(0));
    assert!(!text(0).contains("asked for a pause"), "{}", text(0));
    assert!(text(1).contains("asked for a pause"), "{}", text(1));
    listening.set_nonblocking(true).expect("a socket option");
    assert!(listening.recv(&mut [0; 100]).is_err(), "nobody was called");
}
