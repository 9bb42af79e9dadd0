//! RTP control (RFC 3550 §6): when to report, what to report, and what the far end reports.
//!
//! Reports are written in place, since the media thread writes them and must not allocate; what comes
//! in is read with `rtcp-types`, all but SDES, whose reading would allocate and whose names we don't need.

use std::time::{Duration, Instant, SystemTime};

use rtcp_types::{
    Bye, RtcpPacket, RtcpPacketParser, RtcpPacketWriterExt, Sdes, SdesChunk, SdesItem, SenderReport,
};

use super::receiver::Report;
use super::sender::Sender;

mod xr;

pub use xr::VoipMetrics;

/// The control half of one call.
#[derive(Debug)]
pub struct Rtcp {
    /// SDES with our CNAME, as it ends every report.
    description: Vec<u8>,
    next: Instant,
    random: u64,
    start: Instant,
    /// NTP time of `start`, 32.32 bits.
    start_ntp: u64,
    packets_reported: u32,
    last_sender_report: Option<LastSenderReport>,
    /// What the next reports tell beyond their block: whom about, and what.
    metrics: Option<(u32, VoipMetrics)>,
    /// Mean size of the compounds of both sides, lower layers included (RFC 3550 §6.3.3).
    mean_size: f64,
    heard: Heard,
}

#[derive(Clone, Copy, Debug)]
struct LastSenderReport {
    ssrc: u32,
    /// The middle 32 bits of its NTP time.
    middle: u32,
    at: Instant,
}

/// What the far end has reported about the stream we send.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Heard {
    /// Loss in its last interval, in 1/256.
    pub fraction_lost: u8,
    /// Packets it has lost in all.
    pub cumulative_lost: i32,
    /// Jitter it sees, in clock ticks.
    pub jitter: u32,
    /// Time to it and back.
    pub round_trip: Option<Duration>,
    /// Reports received.
    pub reports: u64,
    /// Its own account of how we sound, if it sends extended reports (RFC 3611).
    pub metrics: Option<VoipMetrics>,
    /// It said goodbye.
    pub bye: bool,
}

/// Bytes that are not a compound RTCP packet (RFC 3550 A.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a compound RTCP packet")]
pub struct Malformed;

impl Rtcp {
    /// The control half of a stream that begins now. `wallclock` is the civil time of `now`; a CNAME longer
    /// than 255 bytes is cut.
    #[must_use]
    pub fn new(ssrc: u32, cname: &str, wallclock: SystemTime, seed: u64, now: Instant) -> Self {
        let mut rtcp = Self {
            description: description(ssrc, cname),
            next: now,
            random: seed,
            start: now,
            start_ntp: ntp(wallclock),
            packets_reported: 0,
            last_sender_report: None,
            metrics: None,
            mean_size: FIRST_SIZE,
            heard: Heard::default(),
        };
        rtcp.next = now + rtcp.interval() / 2; // RFC 3550 §6.2: the first comes sooner
        rtcp
    }

    /// Whether a report is due.
    #[must_use]
    pub fn is_due(&self, now: Instant) -> bool {
        now >= self.next
    }

    /// Writes the report: SR if we have sent since the last one, else RR; a report block if `report` is there;
    /// SDES. Gives its length. `None` when the buffer is too small; the next one is scheduled all the same.
    pub fn write_report(
        &mut self,
        sender: &Sender,
        report: Option<(u32, Report)>,
        buffer: &mut [u8],
        now: Instant,
    ) -> Option<usize> {
        self.next = now + self.interval();
        self.compound(sender, report, buffer, now)
    }

    /// Writes a last report with BYE (RFC 3550 §6.6).
    pub fn write_bye(
        &mut self,
        sender: &Sender,
        report: Option<(u32, Report)>,
        buffer: &mut [u8],
        now: Instant,
    ) -> Option<usize> {
        let length = self.compound(sender, report, buffer, now)?;
        let mut writer = Writer::new(buffer.get_mut(length..)?);
        writer.header(1, Bye::PACKET_TYPE, 8)?;
        writer.word(sender.ssrc())?;
        Some(length + writer.length)
    }

    /// What the next reports tell of a source in an extended report; nothing when the far end has not asked for it.
    pub fn tell_metrics(&mut self, metrics: Option<(u32, VoipMetrics)>) {
        self.metrics = metrics;
    }

    fn compound(
        &mut self,
        sender: &Sender,
        report: Option<(u32, Report)>,
        buffer: &mut [u8],
        now: Instant,
    ) -> Option<usize> {
        let mut writer = Writer::new(buffer);
        let blocks = u8::from(report.is_some());
        let block_bytes = u16::from(blocks) * REPORT_BLOCK;
        if sender.packets() == self.packets_reported {
            writer.header(blocks, RECEIVER_REPORT, 8 + block_bytes)?;
            writer.word(sender.ssrc())?;
        } else {
            self.packets_reported = sender.packets();
            let ntp = self.ntp(now);
            writer.header(blocks, SenderReport::PACKET_TYPE, 28 + block_bytes)?;
            writer.word(sender.ssrc())?;
            writer.word((ntp >> 32) as u32)?;
            writer.word(low_word(ntp))?;
            writer.word(sender.clock())?;
            writer.word(sender.packets())?;
            writer.word(sender.octets())?;
        }
        if let Some((ssrc, report)) = report {
            let last = self.last_sender_report.filter(|last| last.ssrc == ssrc);
            let delay = last.map_or(Duration::ZERO, |last| {
                now.saturating_duration_since(last.at)
            });
            writer.word(ssrc)?;
            let lost = report.cumulative_lost.cast_unsigned() & 0x00FF_FFFF;
            writer.word(u32::from(report.fraction_lost) << 24 | lost)?;
            writer.word(report.extended_highest_sequence)?;
            writer.word(report.jitter)?;
            writer.word(last.map_or(0, |last| last.middle))?;
            writer.word(sixteenths(delay))?;
        }
        writer.bytes(&self.description)?;
        if let Some((source, metrics)) = &self.metrics {
            metrics.write(sender.ssrc(), *source, &mut writer)?;
        }
        let length = writer.length;
        self.count_size(length);
        Some(length)
    }

    /// Takes a compound packet. `ours` is our synchronization source.
    ///
    /// # Errors
    /// [`Malformed`], and nothing of it is used.
    pub fn handle(&mut self, bytes: &[u8], ours: u32, now: Instant) -> Result<(), Malformed> {
        let (_, mut rest) = split(bytes, true)?;
        while !rest.is_empty() {
            (_, rest) = split(rest, false)?;
        }
        self.count_size(bytes.len());
        self.handle_compound(bytes, ours, now);
        Ok(())
    }

    /// Uses a compound whose lengths add up.
    fn handle_compound(&mut self, bytes: &[u8], ours: u32, now: Instant) {
        let mut rest = bytes;
        while let Ok((packet, after)) = split(rest, false) {
            rest = after;
            match packet[1] {
                SenderReport::PACKET_TYPE => {
                    let Ok(report) = SenderReport::parse(packet) else {
                        continue;
                    };
                    self.last_sender_report = Some(LastSenderReport {
                        ssrc: report.ssrc(),
                        middle: low_word(report.ntp_timestamp() >> 16),
                        at: now,
                    });
                    self.handle_blocks(report.report_blocks(), ours, now);
                }
                RECEIVER_REPORT => {
                    if let Ok(report) = rtcp_types::ReceiverReport::parse(packet) {
                        self.handle_blocks(report.report_blocks(), ours, now);
                    }
                }
                xr::XR => {
                    let metrics = VoipMetrics::read(packet, ours);
                    self.heard.metrics = metrics.or(self.heard.metrics);
                }
                Bye::PACKET_TYPE => self.heard.bye = true,
                _ => {}
            }
        }
    }

    fn handle_blocks<'a>(
        &mut self,
        blocks: impl Iterator<Item = rtcp_types::ReportBlock<'a>>,
        ours: u32,
        now: Instant,
    ) {
        for block in blocks.filter(|block| block.ssrc() == ours) {
            self.heard.reports += 1;
            self.heard.fraction_lost = block.fraction_lost();
            let lost = block.cumulative_lost();
            self.heard.cumulative_lost = (lost << 8).cast_signed() >> 8; // 24 bits with a sign
            self.heard.jitter = block.interarrival_jitter();
            let last = block.last_sender_report_timestamp();
            if last == 0 {
                continue; // it has not seen a report of ours
            }
            let since = low_word(self.ntp(now) >> 16).wrapping_sub(last);
            let there = block.delay_since_last_sender_report_timestamp();
            let round_trip = since.wrapping_sub(there);
            if round_trip.cast_signed() >= 0 {
                let nanos = (u64::from(round_trip) * 1_000_000_000) >> 16;
                self.heard.round_trip = Some(Duration::from_nanos(nanos));
            }
        }
    }

    /// What the far end has reported.
    #[must_use]
    pub fn heard(&self) -> Heard {
        self.heard
    }

    /// RFC 3550 §6.3.1 for two members, each of which sends: the reduced minimum of §6.2 unless reports are so
    /// long that they would take more than their share; times 0.5 to 1.5, over e - 1.5.
    fn interval(&mut self) -> Duration {
        self.random = self.random.wrapping_mul(MULTIPLIER).wrapping_add(INCREMENT);
        let fraction = (self.random >> 33) as f64 / f64::from(1u32 << 31);
        let shared = MEMBERS * self.mean_size / CONTROL_BANDWIDTH;
        let interval = REDUCED_MINIMUM.max(shared);
        Duration::from_secs_f64(interval * (0.5 + fraction) / (core::f64::consts::E - 1.5))
    }

    fn count_size(&mut self, length: usize) {
        let size = length as f64 + LOWER_LAYERS;
        self.mean_size += (size - self.mean_size) / 16.0;
    }

    fn ntp(&self, now: Instant) -> u64 {
        let passed = now.saturating_duration_since(self.start);
        self.start_ntp.wrapping_add(fixed(passed))
    }
}

/// One packet of a compound, and what follows it.
fn split(bytes: &[u8], first: bool) -> Result<(&[u8], &[u8]), Malformed> {
    let &[flags, kind, high, low, ..] = bytes else {
        return Err(Malformed);
    };
    let is_report = matches!(kind, SenderReport::PACKET_TYPE | RECEIVER_REPORT);
    let length = (usize::from(u16::from_be_bytes([high, low])) + 1) * 4;
    if flags >> 6 != 2 || first && (!is_report || flags & PADDING != 0) || bytes.len() < length {
        return Err(Malformed);
    }
    Ok(bytes.split_at(length))
}

/// SDES with a CNAME, for the end of each report.
fn description(ssrc: u32, cname: &str) -> Vec<u8> {
    let mut end = cname.len().min(255);
    while !cname.is_char_boundary(end) {
        end -= 1;
    }
    let item = SdesItem::builder(SdesItem::CNAME, &cname[..end]);
    let builder = Sdes::builder().add_chunk(SdesChunk::builder(ssrc).add_item(item));
    let mut buffer = [0; 300];
    let length = builder
        .write_into(&mut buffer)
        .expect("a chunk with one item of at most 255 bytes fits in 300");
    buffer[..length].to_vec()
}

/// Writes words in network order into a buffer that may be too short.
struct Writer<'a> {
    buffer: &'a mut [u8],
    length: usize,
}

impl<'a> Writer<'a> {
    fn new(buffer: &'a mut [u8]) -> Self {
        Self { buffer, length: 0 }
    }

    fn bytes(&mut self, bytes: &[u8]) -> Option<()> {
        let end = self.length + bytes.len();
        self.buffer
            .get_mut(self.length..end)?
            .copy_from_slice(bytes);
        self.length = end;
        Some(())
    }

    fn word(&mut self, word: u32) -> Option<()> {
        self.bytes(&word.to_be_bytes())
    }

    /// Version 2, no padding; `bytes` is the whole packet's length.
    fn header(&mut self, count: u8, kind: u8, bytes: u16) -> Option<()> {
        let [high, low] = (bytes / 4 - 1).to_be_bytes();
        self.bytes(&[0x80 | count, kind, high, low])
    }
}

/// NTP time, 32.32 bits; before 1970 it is 1970.
fn ntp(time: SystemTime) -> u64 {
    let since = time
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    fixed(since).wrapping_add(UNIX_EPOCH_IN_NTP << 32)
}

/// Seconds as 32.32 bits.
fn fixed(duration: Duration) -> u64 {
    let fraction = (u64::from(duration.subsec_nanos()) << 32) / 1_000_000_000;
    (duration.as_secs() << 32).wrapping_add(fraction)
}

/// Seconds as 16.16 bits.
fn sixteenths(duration: Duration) -> u32 {
    low_word(fixed(duration) >> 16)
}

fn low_word(word: u64) -> u32 {
    (word & u64::from(u32::MAX)) as u32
}

/// Of a call.
const MEMBERS: f64 = 2.0;
/// Of G.711 in packets of 20 ms, headers of IP and UDP included, which §6.2 counts: 80 kbit/s.
const SESSION_KILOBITS: f64 = 80.0;
/// Seconds: 360 over the bandwidth in kbit/s (RFC 3550 §6.2).
const REDUCED_MINIMUM: f64 = 360.0 / SESSION_KILOBITS;
/// Bytes a second: 5 % (RFC 3550 §6.2).
const CONTROL_BANDWIDTH: f64 = SESSION_KILOBITS * 1_000.0 / 8.0 * 0.05;
/// Bytes of IPv4 and UDP.
const LOWER_LAYERS: f64 = 28.0;
/// A first guess at a compound's size: SR with a block, and a CNAME.
const FIRST_SIZE: f64 = 128.0;
const RECEIVER_REPORT: u8 = 201;
const REPORT_BLOCK: u16 = 24;
const PADDING: u8 = 0x20;
const UNIX_EPOCH_IN_NTP: u64 = 2_208_988_800;
/// A linear congruential generator (Knuth's MMIX numbers): spreads reports, guards nothing.
const MULTIPLIER: u64 = 6_364_136_223_846_793_005;
const INCREMENT: u64 = 1_442_695_040_888_963_407;

#[cfg(test)]
mod tests;
