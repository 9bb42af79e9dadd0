//! A real PBX: Kamailio as registrar and proxy, with digest authentication, over UDP, TCP and TLS.

use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::lab::{Lab, Process, RINGWELL, wait};

const PATIENCE: Duration = Duration::from_secs(30);

/// A running Kamailio. Its workers end with it.
pub struct Kamailio {
    process: Process,
    /// Its address.
    pub ip: Ipv4Addr,
}

impl Kamailio {
    /// Starts one.
    pub fn start(lab: &Lab) -> Self {
        let ip = lab.neighbour(10);
        let path = |name: &str| lab.dir.path().join(name);
        let (file, folder) = (path("kamailio.cfg"), path("kamailio"));
        std::fs::create_dir_all(&folder).expect("its folder is made");
        certificate(&folder, "pbx");
        let text = include_str!("kamailio/kamailio.cfg").replace("ADDRESS", &ip.to_string());
        let text = text.replace("FOLDER", &folder.to_string_lossy());
        std::fs::write(&file, text).expect("its configuration is written");
        let text = |path: &Path| path.to_str().expect("a path in UTF-8").to_owned();
        let (file, folder) = (text(&file), text(&folder));
        let pid = format!("{folder}/pid");
        let arguments = [
            "-f", &file, "-DD", "-E", "-m", "64", "-M", "8", "-Y", &folder, "-P", &pid,
        ];
        let process = Process::start("kamailio", &arguments, &path("kamailio.log"));
        let kamailio = Self { process, ip };
        let listens = || std::net::TcpStream::connect((ip, 5060)).ok();
        let up = wait(PATIENCE, listens);
        let log = std::fs::read_to_string(path("kamailio.log")).unwrap_or_default();
        assert!(
            up.is_some(),
            "Kamailio listens (Debian packages kamailio, kamailio-tls-modules):\n{log}"
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

/// A certificate of its own for `NAME.test`, and its key.
fn certificate(folder: &Path, name: &str) {
    let made = rcgen::generate_simple_self_signed([format!("{name}.test")]);
    let made = made.expect("a certificate is made");
    let write = |end: &str, text: String| {
        let path = folder.join(format!("{name}.{end}"));
        std::fs::write(path, text).expect("the certificate is written");
    };
    write("pem", made.cert.pem());
    write("key", made.signing_key.serialize_pem());
}

/// A line that registers there as one of its users.
pub fn extension(lab: &Lab, name: &str, user: &str, password: &str, transport: &str) -> String {
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
pub fn call(lab: &Lab, kamailio: &Kamailio, user: &str, script: &str) -> Value {
    let target = format!("sip:{user}@{}:5060", kamailio.ip);
    let output = Command::new(&*RINGWELL)
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
fn an_extension_registers_by_tls_with_an_authority_and_a_name_of_its_own() {
    let mut lab = Lab::start(&[]);
    let kamailio = Kamailio::start(&lab);
    let (own, pbx) = (
        lab.dir.path().to_owned(),
        lab.dir.path().join("kamailio/pbx.pem"),
    );
    certificate(&own, "box");
    lab.configure(|file| {
        let sip = file.get_mut("sip").and_then(toml::Value::as_table_mut);
        let sip = sip.expect("[sip]");
        let listen = vec![toml::Value::from(format!("{}:5061", lab.ip))];
        sip.insert("listen_tls".to_owned(), listen.into());
        for (key, file) in [("certificate", "box.pem"), ("certificate_key", "box.key")] {
            let path = own.join(file).to_string_lossy().into_owned();
            sip.insert(key.to_owned(), path.into());
        }
    });
    lab.kill_gateway();
    lab.start_gateway();
    let support = extension(&lab, "support", "gateway", "gwpass", "tls");
    lab.set_lines(&[&support]);
    let line = lab.line_is("support", "not registered", PATIENCE);
    assert_eq!(
        line["code"],
        Value::Null,
        "nobody vouches for the PBX: {line:#}"
    );
    assert!(
        lab.log().contains("invalid peer certificate"),
        "{}",
        lab.log()
    );
    let trusting = format!("{support}tls_name = \"pbx.test\"\ntls_ca = {pbx:?}\n");
    lab.set_lines(&[&trusting]);
    let line = lab.line_is("support", "registered", PATIENCE);
    let path = line["path"].as_str().unwrap_or_default();
    assert!(
        path.starts_with("tls ") && path.ends_with(":5061"),
        "{line:#}"
    );
    let report = call(
        &lab,
        &kamailio,
        "gateway",
        "wait until it speaks; pause 1 s; hang up",
    );
    assert_eq!(report["ok"], true, "{report:#}\n{}", lab.log());
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
