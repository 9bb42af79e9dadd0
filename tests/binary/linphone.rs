//! linphone as an office telephone: the same protocols on a stack that shares nothing with baresip's.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use crate::lab::wait;

/// A running linphonec, driven by the commands of its prompt.
pub struct Linphone {
    folder: PathBuf,
    child: Child,
    prompt: ChildStdin,
}

impl Linphone {
    /// Starts one with SIP on `port` of all addresses and audio on the ports above it. It says what the
    /// WAV file holds and records what it hears. `settings` are more lines of its configuration, each
    /// under a `[section]`.
    pub fn start(folder: &Path, port: u16, says: &Path, settings: &str) -> Self {
        Self::start_with(folder, port, says, "", settings)
    }

    /// The same with more lines of its section `[sip]`: `media_encryption=srtp`, `root_ca=FILE`.
    pub fn start_with(folder: &Path, port: u16, says: &Path, sip: &str, settings: &str) -> Self {
        std::fs::create_dir_all(folder.join(".local/share/linphone")).expect("its folder");
        let config = format!(
            "[sip]\nsip_port={port}\nsip_tcp_port={port}\nsip_tls_port=-1\nuse_rfc2833=1\n{sip}\
             [rtp]\naudio_rtp_port={}\n[video]\nenabled=0\n[net]\ndns_srv_enabled=0\n\
             [sound]\nplayback_dev_id=none\n{settings}",
            port + 1
        );
        std::fs::write(folder.join("linrc"), config).expect("its configuration");
        let log = File::create(folder.join("log")).expect("its log");
        let errors = log.try_clone().expect("the log file has two ends");
        let mut child = Command::new("linphonec")
            .args(["-a", "-c", "linrc"])
            .env("HOME", folder)
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(log)
            .stderr(errors)
            .spawn()
            .expect("linphonec starts");
        let prompt = child.stdin.take().expect("a pipe");
        let mut phone = Self {
            folder: folder.to_owned(),
            child,
            prompt,
        };
        phone.wait_for("linphonec>");
        phone.command("soundcard use files");
        phone.command(&format!("play {}", says.display()));
        phone.command("record heard.wav");
        phone
    }

    /// Gives a command of its prompt, such as `call`, `pause`, `resume`, `transfer`, `terminate`.
    pub fn command(&mut self, command: &str) {
        writeln!(self.prompt, "{command}").expect("linphone takes commands");
    }

    /// Waits until its log says so.
    pub fn wait_for(&mut self, words: &str) {
        let said = wait(Duration::from_secs(20), || {
            self.log().contains(words).then_some(())
        });
        assert!(said.is_some(), "linphone says {words:?}; {}", self.log());
    }

    /// Its log.
    pub fn log(&self) -> String {
        let bytes = std::fs::read(self.folder.join("log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// What it heard since its stream began last, as samples at 8 kHz.
    pub fn heard(&self) -> Vec<i16> {
        let bytes = std::fs::read(self.folder.join("heard.wav")).expect("its recording");
        // The header's lengths are only right after a tidy end; the samples are all there.
        let samples = bytes.get(44..).unwrap_or_default().chunks_exact(2);
        samples
            .map(|pair| i16::from_le_bytes([pair[0], pair[1]]))
            .collect()
    }
}

impl Drop for Linphone {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _status = self.child.wait();
    }
}
