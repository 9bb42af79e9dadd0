use proptest::prelude::*;

use super::*;

fn receiver(first: u16) -> Receiver {
    let mut receiver = Receiver::new(1, first);
    assert_eq!(receiver.handle_sequence(first), Order::Newest { gap: 0 });
    receiver
}

#[test]
fn a_stream_that_wraps_loses_nothing() {
    let mut receiver = receiver(65_530);
    for step in 1..200u16 {
        let sequence = 65_530u16.wrapping_add(step);
        assert_eq!(receiver.handle_sequence(sequence), Order::Newest { gap: 0 });
    }
    assert_eq!(
        (receiver.expected(), receiver.received(), receiver.lost()),
        (200, 200, 0)
    );
    assert_eq!(receiver.report().extended_highest_sequence, 65_536 + 193);
}

#[test]
fn a_stream_that_begins_at_zero_has_no_cycle() {
    let mut receiver = receiver(0);
    assert_eq!(receiver.handle_sequence(1), Order::Newest { gap: 0 });
    assert_eq!(receiver.report().extended_highest_sequence, 1);
    assert_eq!(receiver.expected(), 2);
}

#[test]
fn loss_reordering_and_duplicates() {
    let mut receiver = receiver(10);
    assert_eq!(receiver.handle_sequence(13), Order::Newest { gap: 2 });
    assert_eq!(receiver.lost(), 2);
    assert_eq!(receiver.handle_sequence(11), Order::Old);
    assert_eq!(receiver.lost(), 1);
    let report = receiver.report();
    assert_eq!((report.fraction_lost, report.cumulative_lost), (64, 1));
    assert_eq!(receiver.handle_sequence(14), Order::Newest { gap: 0 });
    assert_eq!(receiver.handle_sequence(14), Order::Duplicate);
    assert_eq!(receiver.handle_sequence(14), Order::Duplicate);
    let report = receiver.report();
    assert_eq!((report.fraction_lost, report.cumulative_lost), (0, -1));
}

#[test]
fn a_wild_number_is_not_believed_until_the_next_follows() {
    let mut receiver = receiver(100);
    assert_eq!(receiver.handle_sequence(40_000), Order::Invalid);
    assert_eq!(receiver.handle_sequence(101), Order::Newest { gap: 0 });
    assert_eq!(
        receiver.handle_sequence(40_001),
        Order::Invalid,
        "the suspicion is over"
    );
    assert_eq!(receiver.handle_sequence(40_002), Order::Restarted);
    assert_eq!(receiver.handle_sequence(40_003), Order::Newest { gap: 0 });
    assert_eq!(receiver.lost(), 0);
}

#[test]
fn jitter_of_a_steady_stream_is_zero_and_of_an_uneven_one_converges() {
    let mut receiver = receiver(0);
    for step in 0..100u32 {
        receiver.handle_times(step * 160, 5_000 + step * 160);
    }
    assert_eq!(receiver.jitter(), 0);
    for step in 100..1_000u32 {
        let late = if step % 2 == 0 { 80 } else { 0 };
        receiver.handle_times(step * 160, 5_000 + step * 160 + late);
    }
    assert!(
        (75..=80).contains(&receiver.jitter()),
        "{}",
        receiver.jitter()
    );
    let before = receiver.jitter();
    receiver.handle_times(3_000_000_000, 0);
    assert_eq!(receiver.jitter(), before, "a jump is no jitter");
}

proptest! {
    #[test]
    fn any_order_of_numbers_keeps_its_sums(numbers in proptest::collection::vec(any::<u16>(), 1..300)) {
        let mut receiver = Receiver::new(1, numbers[0]);
        for number in numbers {
            receiver.handle_sequence(number);
            receiver.handle_times(u32::from(number) * 160, u32::from(number));
        }
        let report = receiver.report();
        prop_assert!((-0x80_0000..=0x7F_FFFF).contains(&report.cumulative_lost));
    }
}
