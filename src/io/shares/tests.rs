use core::net::Ipv4Addr;

use super::*;
use crate::io::clock;

const SMALL: Share = Share { burst: 3, rate: 10 };

fn source(number: u32) -> IpAddr {
    Ipv4Addr::from_bits(0x0a00_0000 + number).into()
}

#[test]
fn a_burst_passes_and_the_rate_after_it() {
    let mut now = clock::now();
    let mut shares = Shares::new(now);
    let passed = |shares: &mut Shares, now| {
        (0..10)
            .filter(|_| shares.take(source(1), SMALL, now))
            .count()
    };
    assert_eq!(passed(&mut shares, now), 3);
    now += Duration::from_millis(200);
    assert_eq!(passed(&mut shares, now), 2);
    now += Duration::from_secs(60);
    assert_eq!(passed(&mut shares, now), 3);
}

#[test]
fn an_empty_bucket_tells_when_there_is_a_token() {
    let now = clock::now();
    let mut bucket = Bucket::full(now);
    for _ in 0..3 {
        bucket.take(SMALL, now).unwrap();
    }
    let at = bucket.take(SMALL, now).unwrap_err();
    assert_eq!(at, now + Duration::from_millis(100));
    assert!(bucket.take(SMALL, at).is_ok());
}

#[test]
fn one_source_does_not_use_up_what_another_has() {
    let now = clock::now();
    let mut shares = Shares::new(now);
    while shares.take(source(1), SMALL, now) {}
    assert!(shares.take(source(2), SMALL, now));
}

#[test]
fn the_table_is_bounded_and_forgets_who_is_quiet() {
    let now = clock::now();
    let mut shares = Shares::new(now);
    let sources = u32::try_from(SOURCES_MAX).unwrap() * 2;
    let passed = (0..sources).filter(|n| shares.take(source(*n), SMALL, now));
    assert_eq!(
        passed.count(),
        SOURCES_MAX + 3,
        "the others share one bucket"
    );
    assert_eq!(shares.sources.len(), SOURCES_MAX);
    let later = now + Duration::from_secs(1);
    assert!(shares.take(source(sources), SMALL, later));
    assert_eq!(shares.sources.len(), 1);
}
