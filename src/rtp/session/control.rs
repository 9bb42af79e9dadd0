//! The control half of a session: reports both ways, and what follows from them about how the call sounds.

use core::net::SocketAddr;
use std::time::{Duration, Instant};

use super::{Channel, Session, Transmit};
use crate::audio::FRAME;
use crate::rtp::quality::{Path, Quality, burst_ratio};
use crate::rtp::receiver::Report;
use crate::rtp::rtcp::VoipMetrics;

/// Whether a datagram of a shared port is control (RFC 5761 §4): its packet types are 192 to 223, which as RTP would be
/// the payload types 64 to 95 with a marker, and nobody uses those.
#[must_use]
pub fn is_control(datagram: &[u8]) -> bool {
    matches!(datagram, [_, 192..=223, ..])
}

impl Session {
    /// Takes a control packet, of whichever port.
    pub fn handle_rtcp(&mut self, bytes: &[u8], from: SocketAddr, now: Instant) {
        if !self.latch.same_host(from) && self.stream.remote_rtcp != Some(from) {
            self.counts.strays += 1;
            return;
        }
        let reports = self.rtcp.heard().reports;
        if self.rtcp.handle(bytes, self.sending.ssrc(), now).is_err() {
            self.counts.malformed += 1;
            return;
        }
        self.counts.rtcp_received += 1;
        if self.rtcp.heard().reports > reports {
            self.sent_when_heard = self.sending.sender().packets();
        }
        self.rtcp_source = Some(from);
        if self.heard_any {
            self.show_life(now); // a muted telephone may send nothing else
        }
    }

    /// Whether control packets come to the RTP port (RFC 5761); see [`is_control`].
    #[must_use]
    pub fn shares_port(&self) -> bool {
        self.stream.control.mux
    }

    /// The report that is due, if one is.
    pub(super) fn poll_control(&mut self, buffer: &mut [u8], now: Instant) -> Option<Transmit> {
        if !self.rtcp.is_due(now) {
            return None;
        }
        let report = self.report();
        self.prepare_metrics();
        let len = self
            .rtcp
            .write_report(self.sending.sender(), report, buffer, now)?;
        self.control(len)
    }

    /// The last packet of the session: RTCP BYE.
    pub fn goodbye(&mut self, buffer: &mut [u8], now: Instant) -> Option<Transmit> {
        let report = self.report();
        self.prepare_metrics();
        let len = self
            .rtcp
            .write_bye(self.sending.sender(), report, buffer, now)?;
        self.control(len)
    }

    fn report(&mut self) -> Option<(u32, Report)> {
        let receiver = &mut self.source.as_mut()?.receiver;
        Some((receiver.ssrc(), receiver.report()))
    }

    /// RTCP goes where it comes from, if that is the latched host; else where signalling or RFC 3550 §11 say; with RTP
    /// where the two share a port.
    fn control(&mut self, len: usize) -> Option<Transmit> {
        let (to, port) = if self.stream.control.mux {
            (self.latch.destination()?, Channel::Rtp)
        } else {
            let source = self
                .rtcp_source
                .filter(|from| self.latch.same_host(*from))
                .or_else(|| self.latch.control(self.stream.remote_rtcp))?;
            (source, Channel::Rtcp)
        };
        self.counts.rtcp_sent += 1;
        Some(Transmit {
            len,
            to,
            channel: Channel::Rtcp,
            port,
        })
    }

    /// Lets the next report tell how we hear the far end, if it wants to know.
    fn prepare_metrics(&mut self) {
        let source = self.source.as_ref().map(|source| source.receiver.ssrc());
        let wanted = source.filter(|_| self.stream.control.metrics && self.losses.packets() > 0);
        let quality = self.received_quality();
        let metrics = wanted.zip(quality).map(|(source, quality)| {
            let depth = millis(self.buffer_delay());
            let round_trip = self.rtcp.heard().round_trip.map_or(0, millis);
            let metrics = VoipMetrics::new(
                &self.losses.pattern(),
                &quality,
                self.stream.ptime_ms,
                [round_trip, millis(self.end_delay())],
                [depth, depth, depth],
            );
            (source, metrics)
        });
        self.rtcp.tell_metrics(metrics);
    }

    /// How we hear the far end; `None` before anything came.
    pub(super) fn received_quality(&self) -> Option<Quality> {
        if self.losses.packets() == 0 {
            return None;
        }
        let pattern = self.losses.pattern();
        let loss = pattern.loss + pattern.discard;
        let path = Path {
            codec: self.codec(),
            loss,
            burst_ratio: burst_ratio(pattern.mean_length, loss),
            delay: self.one_way() + self.end_delay(),
        };
        Some(path.quality())
    }

    /// How the far end hears us, by its own verdict or by its reports; `None` before it has reported.
    pub(super) fn sent_quality(&self) -> Option<Quality> {
        let heard = self.rtcp.heard();
        let Some(metrics) = heard.metrics else {
            let sent = f64::from(self.sent_when_heard.max(1));
            return (heard.reports > 0).then(|| {
                self.sent_path(
                    f64::from(heard.cumulative_lost.max(0)) / sent,
                    ASSUMED_END_DELAY,
                )
            });
        };
        let there = Duration::from_millis(metrics.end_system_ms.into());
        let computed = self.sent_path(metrics.loss + metrics.discard, there);
        let r = metrics.r.unwrap_or(computed.r);
        Some(Quality {
            r,
            mos: metrics
                .conversation_mos
                .unwrap_or(crate::rtp::quality::mos(r)),
            listening_mos: metrics.listening_mos.unwrap_or(computed.listening_mos),
        })
    }

    fn sent_path(&self, loss: f64, end_delay: Duration) -> Quality {
        let path = Path {
            codec: self.codec(),
            loss,
            burst_ratio: 1.0,
            delay: self.one_way() + end_delay,
        };
        path.quality()
    }

    fn one_way(&self) -> Duration {
        self.rtcp.heard().round_trip.unwrap_or_default() / 2
    }

    fn buffer_delay(&self) -> Duration {
        let ticks = u32::try_from(self.buffer.delay()).unwrap_or(0);
        Duration::from_secs(1) * ticks / self.stream.codec.clock_rate()
    }

    /// What our end adds: the packet that must be full before it goes, the jitter buffer, the frame that plays.
    fn end_delay(&self) -> Duration {
        let packet = Duration::from_millis(self.stream.ptime_ms.into());
        packet + self.buffer_delay() + FRAME
    }
}

/// What a far end adds that does not tell: a packet, two of jitter buffer, a frame that plays.
const ASSUMED_END_DELAY: Duration = Duration::from_millis(80);

fn millis(time: Duration) -> u16 {
    u16::try_from(time.as_millis()).unwrap_or(u16::MAX)
}
