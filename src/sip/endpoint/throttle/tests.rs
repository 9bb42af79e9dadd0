use core::net::Ipv4Addr;

use super::*;
use crate::io::clock;

const ONE: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 1));
const TWO: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 2));

fn limits(calls: u32, calls_overall: u32) -> Limits {
    Limits {
        requests: 10,
        calls,
        calls_overall,
        burst: Duration::from_secs(1),
    }
}

/// How many of `count` requests at one instant passed, were refused, and were not answered.
fn at_once(
    throttle: &mut Throttle,
    source: IpAddr,
    kind: Kind,
    count: u32,
    now: Instant,
) -> [usize; 3] {
    let verdicts: Vec<_> = (0..count)
        .map(|_| throttle.judge(source, kind, now))
        .collect();
    [Verdict::Pass, Verdict::Refuse, Verdict::Silence]
        .map(|wanted| verdicts.iter().filter(|found| **found == wanted).count())
}

#[test]
fn above_the_rate_503_above_twice_the_rate_silence() {
    let now = clock::now();
    let mut throttle = Throttle::new(limits(5, 0));
    assert_eq!(at_once(&mut throttle, ONE, Kind::Call, 50, now), [5, 5, 40]);
    // Another source, and another kind of request, are not touched by it.
    assert_eq!(at_once(&mut throttle, TWO, Kind::Call, 5, now), [5, 0, 0]);
    assert_eq!(
        at_once(&mut throttle, ONE, Kind::Other, 10, now),
        [10, 0, 0]
    );
    let later = now + Duration::from_millis(400);
    assert_eq!(at_once(&mut throttle, ONE, Kind::Call, 9, later), [2, 2, 5]);
    let long_after = now + Duration::from_secs(3600);
    let counts = at_once(&mut throttle, ONE, Kind::Call, 9, long_after);
    assert_eq!(counts, [5, 4, 0], "what is saved up has a limit");
}

#[test]
fn a_steady_rate_below_the_limit_always_passes() {
    let start = clock::now();
    let mut throttle = Throttle::new(limits(30, 30));
    for count in 0..3000 {
        let now = start + Duration::from_millis(34) * count;
        assert_eq!(throttle.judge(ONE, Kind::Call, now), Verdict::Pass);
    }
}

#[test]
fn many_sources_share_what_there_is_overall() {
    let now = clock::now();
    let mut throttle = Throttle::new(limits(5, 8));
    assert_eq!(at_once(&mut throttle, ONE, Kind::Call, 5, now), [5, 0, 0]);
    assert_eq!(at_once(&mut throttle, TWO, Kind::Call, 5, now), [3, 2, 0]);
    // A flood that its own bucket stops takes nothing from the others.
    let mut throttle = Throttle::new(limits(5, 8));
    at_once(&mut throttle, ONE, Kind::Call, 5000, now);
    assert_eq!(at_once(&mut throttle, TWO, Kind::Call, 3, now), [3, 0, 0]);
}

#[test]
fn nought_is_no_limit_and_time_that_goes_back_does_no_harm() {
    let now = clock::now() + Duration::from_secs(60);
    let mut throttle = Throttle::new(Limits::default());
    assert_eq!(
        at_once(&mut throttle, ONE, Kind::Call, 500, now),
        [500, 0, 0]
    );
    let mut throttle = Throttle::new(limits(2, 0));
    at_once(&mut throttle, ONE, Kind::Call, 2, now);
    let before = now - Duration::from_secs(30);
    assert_eq!(throttle.judge(ONE, Kind::Call, before), Verdict::Refuse);
    assert_eq!(throttle.judge(ONE, Kind::Call, now), Verdict::Refuse);
}

#[test]
fn the_table_is_bounded_and_keeps_those_who_are_heard() {
    let start = clock::now();
    let mut throttle = Throttle::new(limits(1, 0));
    assert_eq!(throttle.judge(ONE, Kind::Call, start), Verdict::Pass);
    for number in 0..20_000_u32 {
        let other = IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + number));
        throttle.judge(other, Kind::Call, start);
        if number % 1000 == 0 {
            let verdict = throttle.judge(ONE, Kind::Call, start);
            assert_ne!(verdict, Verdict::Pass, "after {number} others");
        }
        assert!(throttle.sources() <= SOURCES_MAX);
    }
    let mapped = "::ffff:198.51.100.1".parse().unwrap();
    assert_ne!(throttle.judge(mapped, Kind::Call, start), Verdict::Pass);
}
