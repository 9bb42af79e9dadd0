//! What a description says about RTCP beyond its port (RFC 3605 is in [`super::offer_answer`]).
//!
//! `a=rtcp-mux` (RFC 5761 §5.1.1) is agreed on when both sides state it. `a=rtcp-xr:voip-metrics` (RFC 3611 §5) asks the
//! side that reads it to send these blocks; each side asks for itself.

use super::{Attribute, Media};

const MUX: &str = "rtcp-mux";
const EXTENDED: &str = "rtcp-xr";
const METRICS: &str = "voip-metrics";

impl Media {
    /// RTP and RTCP may share this stream's port.
    pub(super) fn shares_port(&self) -> bool {
        let mut names = self.attributes.iter().map(|attribute| &attribute.name);
        names.any(|name| name.eq_ignore_ascii_case(MUX))
    }

    /// Whoever wrote this wants VoIP metrics.
    pub(super) fn wants_metrics(&self) -> bool {
        let blocks = self.attribute(EXTENDED).unwrap_or_default();
        let mut blocks = blocks.split_whitespace();
        blocks.any(|block| block.eq_ignore_ascii_case(METRICS))
    }

    /// Offers to share the port, and asks for metrics. Who knows neither passes over both (RFC 8866 §5.13).
    pub(super) fn offer_control(&mut self) {
        self.attributes.push(Attribute::flag(MUX));
        self.attributes.push(Attribute::new(EXTENDED, METRICS));
    }

    /// Takes what is offered, and asks for metrics where they are known.
    pub(super) fn answer_control(&mut self, offered: &Self) {
        if offered.shares_port() {
            self.attributes.push(Attribute::flag(MUX));
        }
        if offered.wants_metrics() {
            self.attributes.push(Attribute::new(EXTENDED, METRICS));
        }
    }
}
