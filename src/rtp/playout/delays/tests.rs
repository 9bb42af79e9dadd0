use super::*;

#[test]
fn nearly_all_are_waited_for_and_the_rest_is_forgotten() {
    let mut delays = Delays::new(8_000);
    assert!(delays.is_empty());
    delays.handle(-5_000);
    assert_eq!(delays.needed(), -5_000 + 8, "1 ms before anything is known");
    for number in 0..600i64 {
        delays.handle(-5_000 + number % 50 * 8);
    }
    assert_eq!(delays.least(), -5_000);
    assert_eq!(delays.spread(), 49 * 8);
    delays.handle(20_000);
    assert_eq!(delays.spread(), 49 * 8, "one in two hundred");
    for _ in 0..512 {
        delays.handle(-4_000);
    }
    assert_eq!((delays.least(), delays.spread()), (-4_000, 0));
}

#[test]
fn the_wait_is_bounded() {
    let mut delays = Delays::new(48_000);
    for number in 0..512i64 {
        delays.handle(number * 48_000);
    }
    assert_eq!(delays.spread(), 200 * 48);
}
