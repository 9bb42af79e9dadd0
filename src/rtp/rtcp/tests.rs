use proptest::prelude::*;
use rtcp_types::{Compound, Packet, ReceiverReport, ReportBlock};

use super::*;
use crate::io::clock;

fn wallclock() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

fn rtcp(ssrc: u32, now: Instant) -> Rtcp {
    Rtcp::new(ssrc, "box@192.0.2.1", wallclock(), 42, now)
}

fn sent(ssrc: u32) -> Sender {
    let mut sender = Sender::new(ssrc, 1, 8000);
    let mut buffer = [0; 200];
    assert!(
        sender
            .write(0, false, 8000, &[0xFF; 160], &mut buffer)
            .is_some()
    );
    sender.advance(160);
    sender
}

const REPORT: Report = Report {
    fraction_lost: 12,
    cumulative_lost: -3,
    extended_highest_sequence: 65_540,
    jitter: 17,
};

/// Values that the block can hold exactly.
pub(super) const METRICS: VoipMetrics = VoipMetrics {
    loss: 16.0 / 256.0,
    discard: 4.0 / 256.0,
    burst_density: 128.0 / 256.0,
    gap_density: 2.0 / 256.0,
    burst_ms: 120,
    gap_ms: 5_000,
    round_trip_ms: 48,
    end_system_ms: 85,
    r: Some(72.0),
    listening_mos: Some(3.8),
    conversation_mos: Some(3.7),
    buffer_ms: [40, 60, 200],
};

/// The same compound by the library's builders.
fn oracle(sender: Option<(&Sender, u64)>, ours: u32, block: bool, bye: bool) -> Vec<u8> {
    let report = || {
        ReportBlock::builder(9)
            .fraction_lost(12)
            .cumulative_lost(0xFF_FFFD)
            .extended_sequence_number(65_540)
            .interarrival_jitter(17)
    };
    let sdes = Sdes::builder().add_chunk(
        SdesChunk::builder(ours).add_item(SdesItem::builder(SdesItem::CNAME, "box@192.0.2.1")),
    );
    let mut compound = Compound::builder();
    if let Some((sender, ntp)) = sender {
        let mut builder = SenderReport::builder(ours)
            .ntp_timestamp(ntp)
            .rtp_timestamp(sender.clock())
            .packet_count(sender.packets())
            .octet_count(sender.octets());
        if block {
            builder = builder.add_report_block(report());
        }
        compound = compound.add_packet(builder);
    } else {
        let mut builder = ReceiverReport::builder(ours);
        if block {
            builder = builder.add_report_block(report());
        }
        compound = compound.add_packet(builder);
    }
    compound = compound.add_packet(sdes);
    if bye {
        compound = compound.add_packet(Bye::builder().add_source(ours));
    }
    let mut buffer = [0; 500];
    let length = compound.write_into(&mut buffer).unwrap();
    buffer[..length].to_vec()
}

#[test]
fn reports_are_what_the_library_writes() {
    let now = clock::now();
    let mut buffer = [0; 500];
    let sender = sent(5);
    for block in [None, Some((9, REPORT))] {
        let mut rtcp = rtcp(5, now);
        let length = rtcp.write_report(&sender, block, &mut buffer, now).unwrap();
        let expected = oracle(Some((&sender, ntp(wallclock()))), 5, block.is_some(), false);
        assert_eq!(buffer[..length], expected, "a sender report");
        let length = rtcp.write_report(&sender, block, &mut buffer, now).unwrap();
        let expected = oracle(None, 5, block.is_some(), false);
        assert_eq!(buffer[..length], expected, "nothing was sent since");
        let length = rtcp.write_bye(&sender, block, &mut buffer, now).unwrap();
        let expected = oracle(None, 5, block.is_some(), true);
        assert_eq!(buffer[..length], expected, "goodbye");
    }
}

#[test]
fn every_cname_length_gives_a_compound_that_parses() {
    let now = clock::now();
    let mut buffer = [0; 500];
    for length in 0..300 {
        let name = "é".repeat(length / 2) + &"x".repeat(length % 2);
        let mut rtcp = Rtcp::new(5, &name, wallclock(), 1, now);
        let length = rtcp
            .write_report(&sent(5), Some((9, REPORT)), &mut buffer, now)
            .unwrap();
        let packets: Vec<_> = Compound::parse(&buffer[..length])
            .unwrap()
            .map(Result::unwrap)
            .collect();
        assert!(matches!(packets[..], [Packet::Sr(_), Packet::Sdes(_)]));
    }
}

#[test]
fn the_round_trip_is_measured() {
    let now = clock::now();
    let later = |milliseconds| now + Duration::from_millis(milliseconds);
    let (mut one, mut two) = (rtcp(1, now), rtcp(2, now));
    let mut buffer = [0; 500];
    let length = one
        .write_report(&sent(1), None, &mut buffer, later(1_000))
        .unwrap();
    two.handle(&buffer[..length], 2, later(1_030)).unwrap();
    let length = two
        .write_report(&sent(2), Some((1, REPORT)), &mut buffer, later(3_500))
        .unwrap();
    one.handle(&buffer[..length], 1, later(3_545)).unwrap();
    let heard = one.heard();
    let round_trip = heard.round_trip.unwrap();
    assert!(round_trip.abs_diff(Duration::from_millis(75)) < Duration::from_millis(1));
    assert_eq!(heard.fraction_lost, 12);
    assert_eq!(heard.cumulative_lost, -3);
    assert_eq!((heard.jitter, heard.reports, heard.bye), (17, 1, false));
    let length = two
        .write_bye(&sent(2), None, &mut buffer, later(4_000))
        .unwrap();
    one.handle(&buffer[..length], 1, later(4_000)).unwrap();
    assert!(one.heard().bye);
}

#[test]
fn a_report_about_somebody_else_is_not_ours() {
    let now = clock::now();
    let (mut one, mut two) = (rtcp(1, now), rtcp(2, now));
    let mut buffer = [0; 500];
    let length = two
        .write_report(&sent(2), Some((77, REPORT)), &mut buffer, now)
        .unwrap();
    one.handle(&buffer[..length], 1, now).unwrap();
    assert_eq!(one.heard(), Heard::default());
}

#[test]
fn what_is_no_compound_is_refused_whole() {
    let now = clock::now();
    let mut two = rtcp(2, now);
    let mut buffer = [0; 500];
    let length = two
        .write_bye(&sent(2), Some((1, REPORT)), &mut buffer, now)
        .unwrap();
    let whole = buffer[..length].to_vec();
    let mut bad: Vec<Vec<u8>> = (0..length)
        .filter(|cut| ![length - 8, 52].contains(cut)) // ends of a packet
        .map(|cut| whole[..cut].to_vec())
        .collect();
    bad.push(whole[52..].to_vec()); // begins with SDES
    let mut version = whole.clone();
    version[0] = 0x41;
    bad.push(version);
    let mut padding = whole.clone();
    padding[0] |= PADDING;
    bad.push(padding);
    let mut long = whole;
    long[3] = 0xFF;
    bad.push(long);
    for bytes in bad {
        let mut one = rtcp(1, now);
        assert_eq!(one.handle(&bytes, 1, now), Err(Malformed), "{bytes:?}");
        assert_eq!(one.heard(), Heard::default());
    }
}

#[test]
fn reports_come_at_the_reduced_minimum_unevenly() {
    let now = clock::now();
    let mut rtcp = rtcp(1, now);
    let first = rtcp.next - now;
    assert!(
        first >= Duration::from_secs(1) && first < Duration::from_secs(4),
        "{first:?}"
    );
    let intervals: Vec<f64> = (0..2_000).map(|_| rtcp.interval().as_secs_f64()).collect();
    let mean = intervals.iter().sum::<f64>() / 2_000.0;
    assert!((mean - 4.5 / 1.218_28).abs() < 0.2, "{mean}");
    assert!(
        intervals
            .iter()
            .all(|interval| (1.8..5.6).contains(interval))
    );
    assert!(!rtcp.is_due(now));
    assert!(rtcp.is_due(now + Duration::from_secs(4)));
}

/// RFC 3550 §6.2: control takes a twentieth of the bandwidth, however long the reports are.
#[test]
fn long_reports_come_less_often() {
    let now = clock::now();
    let mut rtcp = rtcp(1, now);
    (0..1_000).for_each(|_| rtcp.count_size(1_400));
    let mean = (0..2_000)
        .map(|_| rtcp.interval().as_secs_f64())
        .sum::<f64>()
        / 2_000.0;
    assert!(
        (mean - 2.0 * 1_428.0 / 500.0 / 1.218_28).abs() < 0.3,
        "{mean}"
    );
}

#[test]
fn extended_reports_are_told_and_heard() {
    let now = clock::now();
    let (mut one, mut two) = (rtcp(1, now), rtcp(2, now));
    let mut buffer = [0; 500];
    two.tell_metrics(Some((1, METRICS)));
    let length = two
        .write_bye(&sent(2), Some((1, REPORT)), &mut buffer, now)
        .unwrap();
    let packets: Vec<_> = Compound::parse(&buffer[..length])
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert!(
        matches!(
            packets[..],
            [
                Packet::Sr(_),
                Packet::Sdes(_),
                Packet::Xr(_),
                Packet::Bye(_)
            ]
        ),
        "{packets:?}"
    );
    one.handle(&buffer[..length], 1, now).unwrap();
    assert_eq!(one.heard().metrics, Some(METRICS));
    assert!(one.heard().bye);
    // A report without any says nothing else.
    two.tell_metrics(None);
    let length = two.write_report(&sent(2), None, &mut buffer, now).unwrap();
    one.handle(&buffer[..length], 1, now).unwrap();
    assert_eq!(one.heard().metrics, Some(METRICS));
}

#[test]
fn a_small_buffer_is_not_overrun() {
    let now = clock::now();
    for length in 0..84 {
        let mut rtcp = rtcp(1, now);
        let mut buffer = vec![0; length];
        let report = Some((9, REPORT));
        assert_eq!(rtcp.write_bye(&sent(1), report, &mut buffer, now), None);
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..120), plausible: bool) {
        let now = clock::now();
        let mut rtcp = rtcp(1, now);
        if plausible && bytes.len() >= 8 {
            bytes[0] = 0x80 | bytes[0] & 0x1F;
            bytes[1] = 200 + bytes[1] % 8;
            let words = u16::try_from(bytes.len() / 4 - 1).unwrap();
            bytes[2..4].copy_from_slice(&words.to_be_bytes());
            bytes.truncate(usize::from(words + 1) * 4);
        }
        let _ = rtcp.handle(&bytes, 1, now);
    }
}
