use proptest::prelude::*;

use super::*;

/// The pattern after packets of which those in `missing` never came.
fn after(packets: u16, missing: &[u16]) -> Pattern {
    let mut losses = Losses::default();
    let came = (0..packets).filter(|number| !missing.contains(number));
    came.for_each(|number| losses.came(number.wrapping_add(65_500)));
    losses.pattern()
}

fn near(one: f64, other: f64) -> bool {
    (one - other).abs() < 1e-9
}

#[test]
fn a_whole_stream_has_no_losses() {
    let pattern = after(500, &[]);
    assert_eq!((pattern.loss, pattern.discard), (0.0, 0.0));
    assert_eq!((pattern.burst_density, pattern.gap_density), (0.0, 0.0));
    assert_eq!((pattern.burst_packets, pattern.gap_packets), (0.0, 500.0));
    assert_eq!(Losses::default().pattern().loss, 0.0);
}

#[test]
fn single_losses_far_apart_are_no_bursts() {
    let pattern = after(1_000, &[100, 300, 500, 700]);
    assert!(
        near(pattern.loss, 0.004) && near(pattern.gap_density, 0.004),
        "{pattern:?}"
    );
    assert_eq!((pattern.mean_length, pattern.burst_packets), (1.0, 0.0));
}

/// Losses with fewer than 16 packets between them are one burst.
#[test]
fn losses_close_to_each_other_are_a_burst() {
    let pattern = after(1_000, &[100, 101, 102, 105, 106, 400, 401, 402, 403, 404]);
    assert!(near(pattern.loss, 0.01), "{pattern:?}");
    assert!(near(pattern.mean_length, 10.0 / 3.0), "{pattern:?}");
    assert!(near(pattern.burst_packets, 6.0), "{pattern:?}"); // seven packets and five
    assert!(near(pattern.burst_density, 10.0 / 12.0), "{pattern:?}");
    assert_eq!(pattern.gap_density, 0.0);
}

#[test]
fn a_packet_that_was_overtaken_is_no_loss_and_a_late_one_is_discarded() {
    let mut losses = Losses::default();
    for number in (0..200).filter(|number| ![50, 60].contains(number)) {
        losses.came(number);
        if number == 70 {
            losses.came(50);
            losses.came(60);
            losses.discard(60);
            losses.came(50);
        }
    }
    let pattern = losses.pattern();
    assert!(
        near(pattern.discard, 1.0 / 200.0) && pattern.loss == 0.0,
        "{pattern:?}"
    );
    assert_eq!(losses.packets(), 200);
}

#[test]
fn a_new_source_is_no_loss() {
    let mut losses = Losses::default();
    (0..100).for_each(|number| losses.came(number));
    losses.restart();
    (30_000..30_100).for_each(|number| losses.came(number));
    assert_eq!((losses.pattern().loss, losses.packets()), (0.0, 200));
}

proptest! {
    #[test]
    fn every_packet_is_counted_once(
        lost in proptest::collection::vec(any::<bool>(), 0..400), first: u16
    ) {
        let mut losses = Losses::default();
        losses.came(first);
        let number = |at: usize| first.wrapping_add(u16::try_from(at + 1).unwrap());
        for (at, _) in lost.iter().enumerate().filter(|(_, lost)| !**lost) {
            losses.came(number(at));
        }
        losses.came(number(lost.len()));
        let count = lost.iter().filter(|lost| **lost).count();
        let pattern = losses.pattern();
        prop_assert_eq!(losses.packets(), lost.len() as u64 + 2);
        prop_assert!(near(pattern.loss * losses.packets() as f64, count as f64));
        prop_assert!((0.0..=1.0).contains(&pattern.burst_density));
        prop_assert!((0.0..=1.0).contains(&pattern.gap_density));
        prop_assert!(pattern.mean_length <= count as f64);
    }
}
