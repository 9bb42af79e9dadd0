//! The picture of a call: who sent, said or asked what, and when.

use std::time::Duration;

use crate::link::Way;

/// Lines in order of time; printed when the test that owns it fails.
#[derive(Debug, Default)]
pub(crate) struct Ladder {
    lines: Vec<(Duration, String)>,
}

impl Ladder {
    pub(crate) fn note(&mut self, at: Duration, text: impl Into<String>) {
        self.lines.push((at, text.into()));
    }

    /// When a line first stood there.
    pub(crate) fn time_of(&self, text: &str) -> Option<Duration> {
        let found = self.lines.iter().find(|(_, line)| line == text);
        found.map(|(at, _)| *at)
    }

    /// A SIP message: `caller --> box  INVITE (1 INVITE)`.
    pub(crate) fn message(&mut self, at: Duration, way: Way, bytes: &[u8], lost: bool) {
        let text = String::from_utf8_lossy(bytes);
        let mut words = text.split_whitespace();
        let first = words.next().unwrap_or_default();
        let name = if first == "SIP/2.0" {
            words.next().unwrap_or_default()
        } else {
            first
        };
        let cseq = text
            .lines()
            .find_map(|line| line.strip_prefix("CSeq: "))
            .unwrap_or("-");
        let mark = if lost { "X" } else { ">" };
        let arrow = match way {
            Way::FromPhone => format!("phone --{mark} box "),
            Way::ToPhone => format!("box --{mark} phone "),
            Way::FromOffice => format!("office --{mark} box"),
            Way::ToOffice => format!("box --{mark} office"),
        };
        self.note(at, format!("{arrow}  {name} ({cseq})"));
    }
}

impl Drop for Ladder {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for (at, text) in &self.lines {
                println!("{:9.3}  {text}", at.as_secs_f64());
            }
        }
    }
}
