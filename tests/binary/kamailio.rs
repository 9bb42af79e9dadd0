//! A real PBX: Kamailio as registrar and proxy, with digest authentication, over UDP and TCP.

use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::lab::{Lab, Process, RINGWELL, wait};

const PATIENCE: Duration = Duration::from_secs(30);

/// A running Kamailio. Its workers end with it.
struct Kamailio {
    process: Process,
    ip: Ipv4Addr,
}

impl Kamailio {
    fn start(lab: &Lab) -> Self {
        let ip = lab.neighbour(10);
        let path = |name: &str| lab.dir.path().join(name);
        let text = include_str!("kamailio/kamailio.cfg").replace("ADDRESS", &ip.to_string());
        std::fs::write(path("kamailio.cfg"), text).expect("its configuration is written");
        std::fs::create_dir_all(path("kamailio")).expect("its folder is made");
        let (file, folder) = (path("kamailio.cfg"), path("kamailio"));
        let text = |path: &std::path::Path| path.to_str().expect("a path in UTF-8").to_owned();
        let (file, folder) = (text(&file), text(&folder));
        let pid = format!("{folder}/pid");
        let arguments = [
            "-f", &file, "-DD", "-E", "-m", "32", "-M", "4", "-Y", &folder, "-P", &pid,
        ];
        let process = Process::start("kamailio", &arguments, &path("kamailio.log"));
        let kamailio = Self { process, ip };
        let listens = || std::net::TcpStream::connect((ip, 5060)).ok();
        let up = wait(PATIENCE, listens);
        let log = std::fs::read_to_string(path("kamailio.log")).unwrap_or_default();
        assert!(
            up.is_some(),
            "Kamailio listens (Debian package kamailio):\n{log}"
        );
        kamailio
    }
}

impl Drop for Kamailio {
    fn drop(&mut self) {
        // SIGKILL would leave its workers behind.
        let _status = self.process.terminate(Duration::from_secs(10));
    }
}

/// A line that registers there as one of its users.
fn extension(lab: &Lab, name: &str, user: &str, password: &str, transport: &str) -> String {
    let file = lab.dir.path().join(format!("{name}.password"));
    std::fs::write(&file, password).expect("the password is written");
    let mode = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(&file, mode).expect("its file is closed to others");
    format!(
        "name = {name:?}\nkind = \"register\"\nregistrar = \"{}\"\ndomain = \"kam.test\"\nuser = {user:?}\n\
         password_file = {file:?}\ntransport = {transport:?}\nexpires = \"1m\"\n",
        lab.neighbour(10)
    )
}

/// A call to a user of Kamailio, and its report.
fn call(lab: &Lab, kamailio: &Kamailio, user: &str, script: &str) -> Value {
    let target = format!("sip:{user}@{}:5060", kamailio.ip);
    let output = Command::new(RINGWELL)
        .args(["call", &target, "--script", script, "--json"])
        .args(["--local", &lab.neighbour(20).to_string()])
        .output()
        .expect("the caller runs");
    serde_json::from_slice(&output.stdout).expect("a report in JSON")
}

#[test]
fn two_extensions_register_take_their_calls_and_take_leave() {
    let mut lab = Lab::start(&[]);
    let kamailio = Kamailio::start(&lab);
    let support = extension(&lab, "support", "gateway", "gwpass", "udp");
    let sales = extension(&lab, "sales", "sales", "salespass", "tcp");
    lab.set_lines(&[&support, &sales]);
    for line in ["support", "sales"] {
        let line = lab.line_is(line, "registered", PATIENCE);
        assert_eq!(line["code"], 200, "{line:#}");
        assert!(line["granted_s"].as_u64() <= Some(20), "{line:#}");
    }
    for (user, line) in [("gateway", "LINE=support"), ("sales", "LINE=sales")] {
        let report = call(
            &lab,
            &kamailio,
            user,
            "wait until it speaks; pause 1 s; hang up",
        );
        assert_eq!(report["ok"], true, "{report:#}\n{}", lab.log());
        assert!(lab.log().contains(line), "{line}:\n{}", lab.log());
    }
    lab.is_idle(PATIENCE);
    // A removed line takes leave at once.
    lab.set_lines(&[&support]);
    lab.until("sales is unknown to the PBX", PATIENCE, |lab| {
        let report = call(lab, &kamailio, "sales", "pause 1 s; hang up");
        (report["ok"] == false).then_some(())
    });
    let ended = lab.gateway().terminate(PATIENCE).expect("it ends");
    assert!(ended.success(), "{ended}\n{}", lab.log());
    let report = call(&lab, &kamailio, "gateway", "pause 1 s; hang up");
    assert_eq!(report["ok"], false, "{report:#}");
    assert!(report.to_string().contains("404"), "{report:#}");
}

#[test]
fn a_registrar_that_starts_again_is_registered_at_again() {
    let lab = Lab::start(&[]);
    let kamailio = Kamailio::start(&lab);
    let support = extension(&lab, "support", "gateway", "gwpass", "udp");
    let sales = extension(&lab, "sales", "sales", "salespass", "tcp");
    lab.set_lines(&[&support, &sales]);
    for line in ["support", "sales"] {
        lab.line_is(line, "registered", PATIENCE);
    }
    drop(kamailio);
    let kamailio = Kamailio::start(&lab);
    for user in ["gateway", "sales"] {
        lab.until("calls arrive again", Duration::from_secs(60), |lab| {
            let report = call(lab, &kamailio, user, "wait until it speaks; hang up");
            (report["ok"] == true).then_some(())
        });
    }
}

#[test]
fn a_wrong_password_is_told_in_words_and_mended_without_a_restart() {
    let lab = Lab::start(&[]);
    let kamailio = Kamailio::start(&lab);
    let support = extension(&lab, "support", "gateway", "wrong", "udp");
    lab.set_lines(&[&support]);
    let line = lab.line_is("support", "not registered", PATIENCE);
    let reason = line["reason"].as_str().unwrap_or_default();
    assert!(reason.contains("password"), "{line:#}");
    assert_eq!(line["code"], 401, "{line:#}");
    assert!(
        line["next_try_s"].as_u64() > Some(5),
        "it does not hammer: {line:#}"
    );
    let support = extension(&lab, "support", "gateway", "gwpass", "udp");
    lab.set_lines(&[&support]);
    lab.line_is("support", "registered", PATIENCE);
    let report = call(&lab, &kamailio, "gateway", "wait until it speaks; hang up");
    assert_eq!(report["ok"], true, "{report:#}\n{}", lab.log());
}
