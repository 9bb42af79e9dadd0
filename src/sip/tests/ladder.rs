//! The picture every SIP engineer reads, printed when a scenario fails.

use core::fmt;

use bytes::Bytes;

/// One message on the link.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) at_ms: u64,
    pub(super) from: usize,
    pub(super) label: String,
    pub(super) lost: bool,
}

/// The names of the two ends.
const NAMES: [&str; 2] = ["caller", "box"];

/// Method or status and CSeq, such as `INVITE (1 INVITE)` or `200 (2 BYE)`.
pub(super) fn label(message: &Bytes) -> String {
    let text = String::from_utf8_lossy(message);
    let mut words = text.split_whitespace();
    let first = words.next().unwrap_or_default();
    let name = match first {
        "SIP/2.0" => words.next().unwrap_or_default(),
        method => method,
    };
    let cseq = text.lines().find_map(|line| line.strip_prefix("CSeq: "));
    let with_sdp = if text.contains("\r\n\r\nv=0") {
        " sdp"
    } else {
        ""
    };
    format!("{name} ({}){with_sdp}", cseq.unwrap_or("-"))
}

impl fmt::Display for Line {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.at_ms as f64 / 1000.0;
        let arrow = match (self.from, self.lost) {
            (0, false) => "-->",
            (0, true) => "--X",
            (_, false) => "<--",
            (_, true) => "X--",
        };
        write!(
            out,
            "{seconds:9.3}  {} {arrow} {}  {}",
            NAMES[0], NAMES[1], self.label
        )
    }
}
