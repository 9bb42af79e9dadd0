use super::*;

fn account(waited: u64, stolen: u64) -> Account {
    Account {
        waited: Duration::from_millis(waited),
        stolen: Duration::from_millis(stolen),
        now: clock::now(),
        wallclock: clock::wallclock(),
    }
}

fn stall(work: Option<(u64, u64)>) -> Stall {
    let millis = Duration::from_millis;
    Stall {
        thread: 0,
        late: millis(30),
        work: work.map(|(took, ran)| (millis(took), millis(ran))),
        calls: 50,
    }
}

#[test]
fn the_cause_is_what_explains_most_of_the_delay() {
    let millis = Duration::from_millis;
    let before = account(100, 0);
    let cases = [
        (Some((32, 31)), account(100, 0), Cause::Work(millis(31))),
        (
            Some((32, 2)),
            account(128, 0),
            Cause::Scheduling(millis(28)),
        ),
        (Some((32, 2)), account(100, 0), Cause::Blocked(millis(30))),
        (None, account(130, 20), Cause::Scheduling(millis(30))),
        (None, account(101, 20), Cause::Stolen(millis(20))),
        (None, account(101, 0), Cause::Unknown),
    ];
    for (work, after, cause) in cases {
        assert_eq!(stall(work).cause(&before, &after), cause);
    }
}

#[test]
fn lateness_counts_from_where_the_work_should_have_begun() {
    let start = clock::now();
    let millis = |millis| start + Duration::from_millis(millis);
    let mut watchman = Watchman::new(3, start);
    assert!(watchman.wake(millis(2), millis(11)).is_none());
    watchman.rest(millis(12));
    // It slept when it should have begun.
    let stall = watchman.wake(millis(14), millis(24)).unwrap();
    assert_eq!((stall.thread, stall.late), (3, STALL));
    assert_eq!(stall.work, None);
    // It was still at work.
    watchman.rest(millis(60));
    let stall = watchman.wake(millis(26), millis(60)).unwrap();
    assert_eq!(stall.late, Duration::from_millis(34));
    assert_eq!(stall.work.unwrap().0, Duration::from_millis(36));
}

#[test]
fn the_system_keeps_an_account_of_this_thread() {
    let schedule = schedule_of(nix::unistd::gettid().as_raw());
    // The kernel writes a running thread's time down when it looks at it next.
    let patience = clock::now() + Duration::from_secs(10);
    while word(&schedule, 0) == 0 {
        assert!(clock::now() < patience, "this thread has run");
        std::thread::yield_now();
    }
    let before = Account::read(&schedule);
    let after = Account::read(&schedule);
    assert!(after.waited >= before.waited && after.stolen >= before.stolen);
    assert!(clock_set(&before, &after).abs() < 1_000);
    let ahead = Account {
        wallclock: before.wallclock + Duration::from_hours(1),
        ..before
    };
    assert_eq!(clock_set(&before, &ahead), 3_600_000);
    assert_eq!(clock_set(&ahead, &before), -3_600_000);
}
