//! baresip as an office telephone: configured in a folder, driven through its TCP control port.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use crate::lab::{Process, wait};

/// A running baresip.
pub struct Baresip {
    folder: PathBuf,
    control: TcpStream,
    pending: Vec<u8>,
    _process: Process,
}

impl Baresip {
    /// Starts one on an address of its own. What it says comes from a WAV file (mono); what it hears it records in
    /// its folder.
    pub fn start(folder: &Path, ip: Ipv4Addr, transport: &str, says: &Path) -> Self {
        Self::start_with(folder, ip, transport, says, "")
    }

    /// The same with more parameters of its account: `;mediaenc=srtp-mand`.
    pub fn start_with(
        folder: &Path,
        ip: Ipv4Addr,
        transport: &str,
        says: &Path,
        parameters: &str,
    ) -> Self {
        Self::start_configured(folder, ip, transport, says, parameters, "")
    }

    /// The same with more lines of its configuration: `sip_certificate FILE`, `sip_cafile FILE`.
    pub fn start_configured(
        folder: &Path,
        ip: Ipv4Addr,
        transport: &str,
        says: &Path,
        parameters: &str,
        lines: &str,
    ) -> Self {
        let account = format!("<sip:phone@{ip};transport={transport}>;regint=0{parameters}");
        Self::launch(folder, ip, says, &account, lines)
    }

    /// With an account of its own: `<sip:201@pbx.test>;auth_user=201;regint=60`.
    pub fn start_as(folder: &Path, ip: Ipv4Addr, says: &Path, account: &str) -> Self {
        Self::launch(folder, ip, says, account, "")
    }

    fn launch(folder: &Path, ip: Ipv4Addr, says: &Path, account: &str, lines: &str) -> Self {
        std::fs::create_dir_all(folder).expect("the folder can be made");
        let text = config(ip, folder, says) + lines;
        std::fs::write(folder.join("config"), text).expect("config is written");
        let codecs = match account.contains(";audio_codecs=") {
            true => "",
            false => ";audio_codecs=PCMU/8000/1,PCMA/8000/1",
        };
        let account = format!("{account};answermode=auto;dtmfmode=rtpevent{codecs}\n");
        std::fs::write(folder.join("accounts"), account).expect("accounts are written");
        let path = folder.to_str().expect("a path in UTF-8");
        let log = folder.join("log");
        let process = Process::start("baresip", &["-4", "-f", path], &log);
        let address = SocketAddr::from((ip, 4444));
        let control = wait(Duration::from_secs(10), || TcpStream::connect(address).ok())
            .unwrap_or_else(|| panic!("baresip listens; {:?}", std::fs::read_to_string(&log)));
        control
            .set_read_timeout(Some(Duration::from_millis(50)))
            .expect("a socket option");
        Self {
            folder: folder.to_owned(),
            control,
            pending: Vec::new(),
            _process: process,
        }
    }

    /// Gives a command of its menu, such as `dial`, `sndcode`, `hangup`.
    pub fn command(&mut self, command: &str, parameter: &str) {
        let text = json!({"command": command, "params": parameter, "token": ""}).to_string();
        let framed = format!("{}:{text},", text.len());
        self.control
            .write_all(framed.as_bytes())
            .expect("baresip takes commands");
    }

    /// Waits for an event of this type (`CALL_ESTABLISHED`, `CALL_CLOSED` ...).
    pub fn wait_for(&mut self, kind: &str, patience: Duration) -> Value {
        let found = wait(patience, || {
            let mut bytes = [0; 4096];
            if let Ok(length) = self.control.read(&mut bytes) {
                self.pending.extend_from_slice(&bytes[..length]);
            }
            while let Some(event) = netstring(&mut self.pending) {
                if event["type"] == kind {
                    return Some(event);
                }
            }
            None
        });
        found.unwrap_or_else(|| panic!("baresip reports {kind}; {}", self.log()))
    }

    /// Its log.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// What it heard in its calls that are over, as samples at 8 kHz.
    pub fn heard(&self) -> Vec<i16> {
        let stretches = self.recorded();
        let mono = |(rate, samples)| {
            assert_eq!(rate, 8_000);
            samples
        };
        stretches.into_iter().flat_map(mono).collect()
    }

    /// The same in any codec: recording by recording, its rate and its samples, of one channel.
    pub fn recorded(&self) -> Vec<(u32, Vec<i16>)> {
        let files = std::fs::read_dir(&self.folder).expect("its folder");
        let recordings = files.flatten().map(|file| file.path());
        let recordings = recordings.filter(|path| path.to_string_lossy().ends_with("-dec.wav"));
        let stretches = recordings.map(|path| {
            let mut wav = hound::WavReader::open(path).expect("its recording");
            let spec = wav.spec();
            let samples = wav.samples().flatten().step_by(spec.channels.into());
            (spec.sample_rate, samples.collect())
        });
        stretches.collect()
    }
}

fn config(ip: Ipv4Addr, folder: &Path, says: &Path) -> String {
    let modules = [
        "g711", "g722", "opus", "srtp", "aufile", "sndfile", "uuid", "account", "menu", "ctrl_tcp",
    ];
    let modules: String = modules
        .iter()
        .map(|name| format!("module {name}.so\n"))
        .collect();
    format!(
        "sip_listen {ip}:5060\ncall_max_calls 4\n\
         snd_path {}\naudio_source aufile,{}\naudio_alert aufile,{}\n\
         ausrc_srate {}\nauplay_srate 8000\nausrc_channels 1\nauplay_channels 1\n\
         rtp_ports 30000-30100\nrtp_timeout 60\n\
         module_path /usr/lib/baresip/modules\n{modules}ctrl_tcp_listen {ip}:4444\nstatmode_default off\n",
        folder.display(),
        says.display(),
        folder.join("alert.wav").display(),
        rate(says),
    )
}

/// Samples a second of a WAV file.
fn rate(says: &Path) -> u32 {
    let wav = hound::WavReader::open(says);
    wav.map_or(8_000, |wav| wav.spec().sample_rate)
}

/// Takes one netstring with JSON from the front.
fn netstring(pending: &mut Vec<u8>) -> Option<Value> {
    let colon = pending.iter().position(|byte| *byte == b':')?;
    let length: usize = std::str::from_utf8(&pending[..colon]).ok()?.parse().ok()?;
    let end = colon + 1 + length;
    if pending.len() <= end {
        return None;
    }
    let value = serde_json::from_slice(&pending[colon + 1..end]).unwrap_or(Value::Null);
    pending.drain(..=end);
    Some(value)
}
