use proptest::prelude::*;

use super::*;
use crate::rtp::rtcp::tests::METRICS;

fn written(metrics: &VoipMetrics) -> Vec<u8> {
    let mut buffer = [0; 44];
    let mut writer = Writer::new(&mut buffer);
    metrics.write(5, 9, &mut writer).unwrap();
    assert_eq!(writer.length, 44);
    buffer.to_vec()
}

/// Field by field as §4.7 draws it.
#[test]
fn the_block_is_laid_out_as_the_rfc_draws_it() {
    let expected = [
        &[0x80, 207, 0, 10, 0, 0, 0, 5][..], // XR of source 5
        &[7, 0, 0, 8, 0, 0, 0, 9],           // VoIP metrics about source 9
        &[16, 4, 128, 2],                    // loss, discard, burst density, gap density
        &[0, 120, 0x13, 0x88],               // burst, gap
        &[0, 48, 0, 85],                     // round trip, end system
        &[127, 127, 127, 16],                // signal, noise, echo return loss, Gmin
        &[72, 127, 38, 37],                  // R, external R, MOS-LQ, MOS-CQ
        &[0xF0, 0, 0, 40],                   // configuration, nominal buffer
        &[0, 60, 0, 200],                    // its maximum now, and at all
    ];
    assert_eq!(written(&METRICS), expected.concat());
}

#[test]
fn what_is_written_is_read_and_other_sources_and_blocks_are_passed_over() {
    let bytes = written(&METRICS);
    assert_eq!(VoipMetrics::read(&bytes, 9), Some(METRICS));
    assert_eq!(VoipMetrics::read(&bytes, 8), None);
    let mut with_other = bytes[..8].to_vec();
    with_other.extend([4, 0, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8]); // a receiver's reference time
    with_other.extend(&bytes[8..]);
    assert_eq!(VoipMetrics::read(&with_other, 9), Some(METRICS));
}

#[test]
fn what_is_not_measured_is_none() {
    let unknown = VoipMetrics {
        r: None,
        listening_mos: None,
        conversation_mos: None,
        ..METRICS
    };
    let bytes = written(&unknown);
    assert_eq!(bytes[32..36], [127; 4]);
    assert_eq!(VoipMetrics::read(&bytes, 9), Some(unknown));
}

proptest! {
    #[test]
    fn arbitrary_blocks_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80), kind in 0u8..8) {
        let mut packet = vec![0x80, 207, 0, 10, 0, 0, 0, 5, kind, 0, 0, 8, 0, 0, 0, 9];
        packet.extend(&bytes);
        if let Some(metrics) = VoipMetrics::read(&packet, 9) {
            prop_assert!((0.0..1.0).contains(&metrics.loss));
        }
        let _ = VoipMetrics::read(&bytes, 9);
    }
}
