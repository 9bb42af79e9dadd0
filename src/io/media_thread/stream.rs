//! What signalling agreed on, in the words of `rtp`.

use crate::rtp::session::{Control, Stream};
use crate::sdp::{Direction, Negotiated};

impl From<&Negotiated> for Stream {
    fn from(negotiated: &Negotiated) -> Self {
        let (sends, receives) = match negotiated.direction {
            Direction::SendRecv => (true, true),
            Direction::SendOnly => (true, false),
            Direction::RecvOnly => (false, true),
            Direction::Inactive => (false, false),
        };
        Self {
            codec: negotiated.codec,
            send_payload_type: negotiated.send_payload_type,
            receive_payload_type: negotiated.receive_payload_type,
            telephone_event: negotiated.telephone_event,
            comfort_noise: negotiated.comfort_noise,
            ptime_ms: negotiated.ptime_ms,
            remote: negotiated.remote,
            remote_rtcp: negotiated.remote_rtcp,
            control: Control {
                mux: negotiated.rtcp_mux,
                metrics: negotiated.voip_metrics,
            },
            sends,
            receives,
        }
    }
}
