use super::*;

#[test]
fn dates_of_known_seconds() {
    let check = |seconds: u64, expected: &str| {
        assert_eq!(
            date_time(UNIX_EPOCH + Duration::from_secs(seconds)),
            expected
        );
    };
    check(0, "1970-01-01 00:00:00 UTC");
    check(951_782_399, "2000-02-28 23:59:59 UTC");
    check(951_782_400, "2000-02-29 00:00:00 UTC");
    check(951_868_800, "2000-03-01 00:00:00 UTC");
    check(1_709_164_800, "2024-02-29 00:00:00 UTC");
    check(1_735_689_599, "2024-12-31 23:59:59 UTC");
    check(4_107_542_400, "2100-03-01 00:00:00 UTC");
}

#[test]
fn every_day_follows_the_one_before() {
    let mut before = civil(0);
    for days in 1..60_000 {
        let (year, month, day) = civil(days);
        let expected_next_day = (year, month) == (before.0, before.1) && day == before.2 + 1;
        let expected_next_month = day == 1
            && (28..=31).contains(&before.2)
            && ((year == before.0 && month == before.1 + 1)
                || (year == before.0 + 1 && month == 1 && before.1 == 12));
        assert!(expected_next_day || expected_next_month, "day {days}");
        before = (year, month, day);
    }
}

#[test]
fn a_time_before_the_epoch_is_shown_as_the_epoch() {
    assert_eq!(
        date_time(UNIX_EPOCH - Duration::from_secs(5)),
        "1970-01-01 00:00:00 UTC"
    );
}

#[test]
fn durations_in_words_and_as_stamps() {
    assert_eq!(in_words(Duration::from_millis(48_900)), "48 s");
    assert_eq!(in_words(Duration::from_secs(192)), "3 min 12 s");
    assert_eq!(in_words(Duration::from_secs(3_725)), "1 h 2 min 5 s");
    assert_eq!(stamp(Duration::from_millis(12_400)), "00:12");
    assert_eq!(stamp(Duration::from_secs(6_005)), "100:05");
}
