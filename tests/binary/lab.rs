//! One laboratory: a stand-in cloud and a gateway, both the real binary, on a loopback address of
//! their own, so that several run at once and port 5060 is free in each.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use ringwell::io::clock;
use serde_json::{Value, json};
use tempfile::TempDir;

/// The binary under test; the environment's `RINGWELL` names another build.
pub static RINGWELL: LazyLock<String> = LazyLock::new(|| {
    std::env::var("RINGWELL").unwrap_or_else(|_| env!("CARGO_BIN_EXE_ringwell").to_owned())
});

/// The port of the stand-in cloud.
const CLOUD_PORT: u16 = 8900;

/// What starts a program that finds another hosts file at the usual place; its own mounts and users end with it.
const KNOWING: &str = "mount --bind \"$0\" /etc/hosts && exec \"$@\"";

static NEXT: AtomicU8 = AtomicU8::new(1);

/// A running sandbox and gateway.
pub struct Lab {
    /// State, logs, recordings.
    pub dir: TempDir,
    /// The gateway's address.
    pub ip: Ipv4Addr,
    config: PathBuf,
    _sandbox: Process,
    gateway: Option<Process>,
    expected_errors: Vec<String>,
    generation: u32,
}

/// A child that ends with its owner.
pub struct Process(Child);

impl Process {
    /// Starts a program with its output in a file.
    pub fn start(program: &str, arguments: &[&str], output: &Path) -> Self {
        let log = File::create(output).expect("the log file can be made");
        let errors = log.try_clone().expect("the log file has two ends");
        let child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            .spawn()
            .unwrap_or_else(|error| panic!("{program} starts: {error}"));
        Self(child)
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        let _gone = self.0.kill();
        let _status = self.0.wait();
    }

    /// SIGTERM, and how it ended.
    pub fn terminate(&mut self, patience: Duration) -> Option<std::process::ExitStatus> {
        let id = nix::unistd::Pid::from_raw(i32::try_from(self.0.id()).expect("a pid fits"));
        let _gone = nix::sys::signal::kill(id, nix::sys::signal::Signal::SIGTERM);
        self.ended(patience)
    }

    /// SIGHUP.
    pub fn hang_up(&self) {
        let id = nix::unistd::Pid::from_raw(i32::try_from(self.0.id()).expect("a pid fits"));
        nix::sys::signal::kill(id, nix::sys::signal::Signal::SIGHUP).expect("it runs");
    }

    /// Waits for the end.
    pub fn ended(&mut self, patience: Duration) -> Option<std::process::ExitStatus> {
        wait(patience, || self.0.try_wait().ok().flatten())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Lab {
    /// Starts both, with keys of the laboratory configuration replaced: `("calls", "max", "5")`.
    pub fn start(changes: &[(&str, &str, &str)]) -> Self {
        Self::start_with(changes, &[])
    }

    /// The same, with faults set before the gateway starts.
    pub fn start_with(changes: &[(&str, &str, &str)], faults: &[Value]) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        Self::start_in(dir, next_ip(), changes, faults)
    }

    /// The same, listening for TLS on port 5061, too; `ca.pem` in its folder is whom to trust.
    pub fn start_tls() -> Self {
        Self::start_tls_with(&[])
    }

    /// The same, with more keys replaced.
    pub fn start_tls_with(more: &[(&str, &str, &str)]) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let ip = next_ip();
        crate::tls::write_certificates(dir.path(), ip);
        let file = |name: &str| format!("{:?}", dir.path().join(name));
        let (certificate, key) = (file("certificate.pem"), file("certificate.key"));
        let listen = format!("[\"{ip}:5061\"]");
        let mut changes = vec![
            ("sip", "listen_tls", listen.as_str()),
            ("sip", "certificate", &certificate),
            ("sip", "certificate_key", &key),
        ];
        changes.extend(more);
        Self::start_in(dir, ip, &changes, &[])
    }

    fn start_in(
        dir: TempDir,
        ip: Ipv4Addr,
        changes: &[(&str, &str, &str)],
        faults: &[Value],
    ) -> Self {
        let cloud = format!("{ip}:{CLOUD_PORT}");
        let sandbox = Process::start(
            &RINGWELL,
            &["sandbox", "--listen", &cloud],
            &dir.path().join("sandbox.log"),
        );
        let config = dir.path().join("lab.toml");
        std::fs::write(&config, configuration(ip, changes)).expect("the configuration is written");
        let mut lab = Self {
            dir,
            ip,
            config,
            _sandbox: sandbox,
            gateway: None,
            expected_errors: Vec::new(),
            generation: 0,
        };
        lab.until("the sandbox answers", Duration::from_secs(20), |lab| {
            lab.try_http("GET", "/state", "").map(|_| ())
        });
        for fault in faults {
            lab.fault(fault);
        }
        lab.start_gateway();
        lab
    }

    /// The same with another list of those who may call.
    pub fn start_admitting(allow: &str) -> Self {
        Self::start(&[("line", "allow", &format!("[{allow:?}]"))])
    }

    /// Starts the gateway (again) and waits until it answers.
    pub fn start_gateway(&mut self) {
        self.generation += 1;
        let state = self.dir.path().join("state");
        let log = self
            .dir
            .path()
            .join(format!("gateway-{}.log", self.generation));
        let arguments = [
            "run",
            "--config",
            self.config.to_str().expect("a path in UTF-8"),
            "--state",
            state.to_str().expect("a path in UTF-8"),
        ];
        let hosts = self.hosts();
        self.gateway = Some(match hosts.exists() {
            true => {
                let hosts = hosts.to_str().expect("a path in UTF-8");
                let lead = ["-rm", "sh", "-c", KNOWING, hosts, &RINGWELL];
                Process::start("unshare", &[&lead[..], &arguments].concat(), &log)
            }
            false => Process::start(&RINGWELL, &arguments, &log),
        });
        let ready = wait(Duration::from_secs(20), || self.try_status());
        assert!(
            ready.is_some(),
            "the gateway answers; its log:\n{}",
            self.log()
        );
    }

    /// Gives the gateway a hosts file of its own, in which these neighbours have names, and starts it again.
    pub fn name_hosts(&mut self, names: &[(&str, u8)]) {
        let lines = names
            .iter()
            .map(|(name, host)| format!("{} {name}\n", self.neighbour(*host)));
        std::fs::write(self.hosts(), lines.collect::<String>()).expect("the hosts file is written");
        self.kill_gateway();
        self.start_gateway();
    }

    fn hosts(&self) -> PathBuf {
        self.dir.path().join("hosts")
    }

    /// SIGKILL to the gateway.
    pub fn kill_gateway(&mut self) {
        self.gateway.take().expect("the gateway runs").kill();
    }

    /// The gateway.
    pub fn gateway(&mut self) -> &mut Process {
        self.gateway.as_mut().expect("the gateway runs")
    }

    /// Changes the gateway's configuration on disk.
    pub fn configure(&self, edit: impl FnOnce(&mut toml::Table)) {
        let text = std::fs::read_to_string(&self.config).expect("the configuration");
        let mut file: toml::Table = text.parse().expect("it is TOML");
        edit(&mut file);
        let text = toml::to_string(&file).expect("the configuration is written as TOML");
        std::fs::write(&self.config, text).expect("the configuration is written");
    }

    /// SIGHUP.
    pub fn hang_up(&self) {
        self.gateway.as_ref().expect("the gateway runs").hang_up();
    }

    /// The same for its lines, each in TOML; then SIGHUP.
    pub fn set_lines(&self, lines: &[&str]) {
        self.configure(|file| {
            let lines = lines.iter().map(|line| {
                let line: toml::Table = line.parse().expect("a line in TOML");
                toml::Value::Table(line)
            });
            file.insert("line".to_owned(), toml::Value::Array(lines.collect()));
        });
        self.hang_up();
    }

    /// What the status says of a line.
    pub fn line(&self, name: &str) -> Value {
        let status = self.status();
        let lines = status["lines"].as_array().cloned().unwrap_or_default();
        let found = lines.into_iter().find(|line| line["name"] == name);
        found.unwrap_or(Value::Null)
    }

    /// Waits until a line is in a state.
    pub fn line_is(&self, name: &str, state: &str, patience: Duration) -> Value {
        self.until(&format!("line {name} is {state}"), patience, |lab| {
            Some(lab.line(name)).filter(|line| line["state"] == state)
        })
    }

    /// Another address of this laboratory, for a counterparty.
    pub fn neighbour(&self, host: u8) -> Ipv4Addr {
        let [a, b, c, _] = self.ip.octets();
        Ipv4Addr::new(a, b, c, host)
    }

    /// The gateway's configuration file.
    pub fn config(&self) -> &str {
        self.config.to_str().expect("a path in UTF-8")
    }

    /// `sip:USER@` the gateway.
    pub fn uri(&self, user: &str) -> String {
        format!("sip:{user}@{}:5060", self.ip)
    }

    /// What `ringwell status --json` prints.
    pub fn status(&self) -> Value {
        self.try_status().expect("the gateway answers")
    }

    fn try_status(&self) -> Option<Value> {
        let path = self.dir.path().join("state/control.sock");
        let mut socket = UnixStream::connect(path).ok()?;
        socket.write_all(b"status\n").ok()?;
        let mut answer = String::new();
        socket.read_to_string(&mut answer).ok()?;
        serde_json::from_str(&answer).ok()
    }

    /// What the stand-in cloud holds.
    pub fn state(&self) -> Value {
        self.try_http("GET", "/state", "")
            .expect("the sandbox answers")
    }

    /// Sets a fault.
    pub fn fault(&self, fault: &Value) {
        self.try_http("POST", "/faults", &fault.to_string())
            .expect("the sandbox takes the fault");
    }

    /// Ends all faults.
    pub fn clear_faults(&self) {
        self.fault(&json!({"clear": true}));
    }

    /// The tickets of the helpdesk.
    pub fn tickets(&self) -> Vec<Value> {
        self.state()["tickets"]
            .as_array()
            .cloned()
            .expect("a list of tickets")
    }

    /// Waits until the helpdesk has this many tickets.
    pub fn tickets_are(&self, count: usize, patience: Duration) -> Vec<Value> {
        let found = wait(patience, || {
            Some(self.tickets()).filter(|list| list.len() >= count)
        });
        let tickets = found.unwrap_or_else(|| self.tickets());
        assert_eq!(
            tickets.len(),
            count,
            "tickets: {tickets:#?}\n{}",
            self.log()
        );
        tickets
    }

    /// Places a call with the built-in test caller and gives its JSON report.
    pub fn call(&self, user: &str, script: &str) -> Value {
        let output = self.caller(user, script).output().expect("the caller runs");
        let text = String::from_utf8_lossy(&output.stdout);
        serde_json::from_str(&text).unwrap_or_else(|error| {
            panic!(
                "the caller reports JSON ({error}):\n{text}\n{}\n{}",
                String::from_utf8_lossy(&output.stderr),
                self.log()
            )
        })
    }

    /// The command of such a call.
    pub fn caller(&self, user: &str, script: &str) -> Command {
        let mut command = Command::new(&*RINGWELL);
        command.args(["call", &self.uri(user), "--script", script, "--json"]);
        command.args(["--local", &self.ip.to_string()]);
        command
    }

    /// The gateway's log so far, of all its lives.
    pub fn log(&self) -> String {
        let lives = 1..=self.generation;
        let texts = lives.map(|life| {
            let path = self.dir.path().join(format!("gateway-{life}.log"));
            std::fs::read_to_string(path).unwrap_or_default()
        });
        texts.collect()
    }

    /// An alarm with these words is part of the test.
    pub fn expect_alarm(&mut self, words: &str) {
        self.expected_errors.push(words.to_owned());
    }

    /// Polls until `probe` gives something.
    pub fn until<T>(
        &self,
        what: &str,
        patience: Duration,
        mut probe: impl FnMut(&Self) -> Option<T>,
    ) -> T {
        wait(patience, || probe(self))
            .unwrap_or_else(|| panic!("in {patience:?}: {what}\n{}", self.log()))
    }

    /// Waits until the knowledge base is on this side.
    pub fn knows_articles(&self) {
        self.until("the articles are here", Duration::from_secs(20), |lab| {
            (lab.status()["knowledge"]["articles"].as_u64() >= Some(1)).then_some(())
        });
    }

    /// Waits until all fixed prompts are on disk.
    pub fn prompts_are_rendered(&self) {
        self.until("the prompts are rendered", Duration::from_secs(30), |lab| {
            (lab.status()["services"]["prompts"] == "rendered").then_some(())
        });
    }

    /// Waits until no ticket is on its way.
    pub fn outbox_is_empty(&self, patience: Duration) {
        self.until("the outbox is empty", patience, |lab| {
            (lab.status()["outbox"]["pending"] == 0).then_some(())
        });
    }

    /// Waits until every call, port and transaction that lingers by design is gone.
    pub fn is_idle(&self, patience: Duration) {
        self.until("no call is left", patience, |lab| {
            lab.status()["calls"]
                .as_array()
                .is_some_and(Vec::is_empty)
                .then_some(())
        });
    }

    /// Waits until no port and no session is held: a refused call lasts until its ACK has come, and a port
    /// until the media thread has let go of it.
    pub fn gives_everything_back(&self) {
        self.until("everything is given back", Duration::from_secs(40), |lab| {
            let status = lab.status();
            (status["ports"]["in_use"] == 0 && status["transactions"]["sessions"] == 0)
                .then_some(())
        });
    }

    /// Whether anybody keeps a connection to the stand-in cloud, idle ones among them.
    pub fn cloud_is_connected(&self) -> bool {
        let ip = u32::from_le_bytes(self.ip.octets());
        let cloud = format!("{ip:08X}:{CLOUD_PORT:04X}");
        let connections = std::fs::read_to_string("/proc/net/tcp").expect("the kernel tells");
        connections.lines().any(|line| {
            let mut columns = line.split_whitespace().skip(2);
            columns.next() == Some(cloud.as_str()) && columns.next() == Some("01") // established
        })
    }

    /// Ports, streams and sessions are what they were before the calls: a registered line has a session of its own.
    pub fn nothing_is_left(&self, patience: Duration) {
        self.is_idle(patience);
        let status = self.until("everything is given back", patience, |lab| {
            let status = lab.status();
            let registered = |line: &&Value| line["state"] == "registered";
            let lines = status["lines"].as_array().into_iter().flatten();
            let lines = lines.filter(registered).count();
            let sessions = &status["transactions"]["sessions"];
            (*sessions == lines && status["ports"]["in_use"] == 0 && status["media"]["calls"] == 0)
                .then_some(status)
        });
        assert_eq!(status["counters"]["calls_panicked"], 0, "{status:#}");
    }

    fn try_http(&self, method: &str, path: &str, body: &str) -> Option<Value> {
        let cloud = SocketAddr::from((self.ip, CLOUD_PORT));
        let mut stream = TcpStream::connect_timeout(&cloud, Duration::from_secs(2)).ok()?;
        stream
            .set_read_timeout(Some(Duration::from_secs(10)))
            .ok()?;
        let request = format!(
            "{method} {path} HTTP/1.0\r\nHost: {cloud}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).ok()?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).ok()?;
        let answer = String::from_utf8_lossy(&answer);
        let (head, body) = answer.split_once("\r\n\r\n")?;
        assert!(head.contains(" 200 "), "{method} {path} {body}: {answer}");
        Some(serde_json::from_str(body).unwrap_or(Value::Null))
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let log = self.log();
        let errors = log.lines().filter(|line| is_error(line));
        let alarms: Vec<_> = errors
            .filter(|line| {
                !self
                    .expected_errors
                    .iter()
                    .any(|words| line.contains(words.as_str()))
            })
            .collect();
        assert!(
            alarms.is_empty(),
            "an ERROR line fails the test that caused it: {alarms:#?}"
        );
    }
}

/// An address of 127.0.0.0/8 that no other laboratory has.
fn next_ip() -> Ipv4Addr {
    let network = 64 + u8::try_from(std::process::id() % 128).expect("below 128");
    Ipv4Addr::new(127, network, NEXT.fetch_add(1, Ordering::Relaxed), 1)
}

/// The laboratory's configuration on an address of its own, with changes.
fn configuration(ip: Ipv4Addr, changes: &[(&str, &str, &str)]) -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/config/examples/lab.toml");
    let text = std::fs::read_to_string(path).expect("the laboratory's configuration");
    let text = text.replace("127.0.0.1", &ip.to_string());
    let mut file: toml::Table = text
        .parse()
        .expect("the laboratory's configuration is TOML");
    let [a, b, c, _] = ip.octets();
    for (table, key, value) in changes {
        // `{net}` stands for the neighbourhood, without the host.
        let value = value.replace("{net}", &format!("{a}.{b}.{c}"));
        let value: toml::Table = format!("v = {value}").parse().expect("a TOML value");
        let entry = file
            .entry((*table).to_owned())
            .or_insert_with(|| toml::Table::new().into());
        let entry = match entry {
            toml::Value::Array(list) => list.first_mut().expect("a first element"),
            other => other,
        };
        let keys = entry.as_table_mut().expect("a table");
        keys.insert((*key).to_owned(), value["v"].clone());
    }
    toml::to_string(&file).expect("the configuration is written as TOML")
}

/// A line at the level of ERROR, or a panic's message.
fn is_error(line: &str) -> bool {
    line.split_whitespace().nth(1) == Some("ERROR") || line.contains("panicked at")
}

/// Polls every 20 ms until `probe` gives something or patience ends.
pub fn wait<T>(patience: Duration, mut probe: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = clock::now() + patience;
    loop {
        if let Some(found) = probe() {
            return Some(found);
        }
        if clock::now() >= deadline {
            return None;
        }
        pause();
    }
}

#[expect(clippy::disallowed_methods, reason = "polls another process")]
fn pause() {
    std::thread::sleep(Duration::from_millis(20));
}
