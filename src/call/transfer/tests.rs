use super::*;

const SECOND: Duration = Duration::from_secs(1);

struct Bench {
    now: Instant,
    transfer: Transfer,
}

fn bench(mode: Mode) -> Bench {
    let now = crate::io::clock::now();
    let target = Target {
        name: "sales".to_owned(),
        refer_to: Uri::parse("sip:201@192.0.2.1").ok(),
        mode,
        ring_max: 25 * SECOND,
        digits: String::new(),
    };
    let transfer = Transfer::begin(target, now);
    Bench { now, transfer }
}

fn ended(status: Option<u16>) -> News {
    News::TargetEnded(Ended {
        by: Party::Remote,
        status,
        text: String::new(),
        retry_after: None,
    })
}

fn referral(status: u16) -> News {
    News::Referral(Referral::Finished(status))
}

fn unreached(why: Unreached, reason: &str) -> Act {
    Act::Unreached(why, reason.to_owned())
}

impl Bench {
    fn acts(&mut self) -> Vec<Act> {
        std::iter::from_fn(|| self.transfer.poll_act()).collect()
    }

    fn take(&mut self, news: News) -> Vec<Act> {
        self.transfer.handle(news, self.now);
        self.acts()
    }

    fn wait(&mut self, time: Duration) -> Vec<Act> {
        self.now += time;
        self.transfer.handle_timeout(self.now);
        self.acts()
    }

    /// Nothing that happens from now on changes anything.
    fn is_done(&mut self) {
        assert_eq!(self.transfer.poll_timeout(), None);
        for news in [
            News::Dialled { more: false },
            News::Answered,
            News::NoWay("late".to_owned()),
            News::Referral(Referral::Accepted),
            referral(200),
            referral(486),
            ended(Some(200)),
            News::GivenUp("late".to_owned()),
            News::CallerEnded(Party::Remote),
        ] {
            assert_eq!(self.take(news), []);
        }
        assert_eq!(self.wait(24 * 3600 * SECOND), []);
    }
}

/// A bridge whose target rings.
fn ringing(mode: Mode) -> Bench {
    let mut bench = bench(mode);
    assert_eq!(bench.acts(), [Act::Dial]);
    assert_eq!(bench.take(News::Dialled { more: false }), []);
    bench
}

fn referred(accepted: bool) -> Bench {
    let mut bench = bench(Mode::Blind);
    assert_eq!(bench.acts(), [Act::Refer { replaces: false }]);
    if accepted {
        assert_eq!(bench.take(News::Referral(Referral::Accepted)), []);
        assert_eq!(bench.take(News::Referral(Referral::Progress(180))), []);
    }
    bench
}

fn consulted() -> Bench {
    let mut bench = ringing(Mode::Attended);
    assert_eq!(bench.take(News::Answered), [Act::Refer { replaces: true }]);
    assert_eq!(bench.take(News::Referral(Referral::Accepted)), []);
    bench
}

#[test]
fn a_blind_transfer_that_succeeds() {
    let mut bench = referred(true);
    let over = Act::HangUpCaller("transferred to sales".to_owned());
    assert_eq!(bench.take(referral(200)), [Act::Reached, over]);
    bench.is_done();
    // Some say goodbye without the last NOTIFY.
    let mut bench = referred(true);
    assert_eq!(bench.take(News::CallerEnded(Party::Remote)), [Act::Reached]);
    bench.is_done();
}

#[test]
fn a_blind_transfer_that_fails() {
    for (status, why, reason) in [
        (486, Unreached::Busy, "busy (486)"),
        (600, Unreached::Busy, "busy (600)"),
        (480, Unreached::NoAnswer, "no answer (480)"),
        (408, Unreached::NoAnswer, "no answer (408)"),
        (603, Unreached::Unavailable, "declined (603)"),
        (404, Unreached::Unavailable, "no such number (404)"),
        (503, Unreached::Unavailable, "not reached (503)"),
    ] {
        let mut bench = referred(true);
        assert_eq!(bench.take(referral(status)), [unreached(why, reason)]);
        bench.is_done();
    }
    let mut bench = referred(true);
    assert_eq!(bench.wait(32 * SECOND), []);
    let silence = unreached(Unreached::NoAnswer, "no news came of the transfer");
    assert_eq!(bench.wait(SECOND), [silence]);
    bench.is_done();
}

#[test]
fn a_line_that_knows_no_refer_is_bridged() {
    for status in [403, 405, 420, 501, 603] {
        let mut bench = referred(false);
        assert_eq!(bench.take(referral(status)), [Act::Dial]);
        assert_eq!(bench.take(News::Dialled { more: false }), []);
        assert_eq!(bench.take(News::Answered), [Act::Join, Act::Reached]);
        assert!(bench.transfer.is_joined());
    }
    let mut bench = referred(false);
    let refused = unreached(Unreached::NoAnswer, "no answer (408)");
    assert_eq!(bench.take(referral(408)), [refused]);
    bench.is_done();
}

#[test]
fn a_target_that_refer_cannot_name_is_dialled() {
    let mut target = bench(Mode::Blind).transfer.target;
    target.refer_to = None;
    let now = crate::io::clock::now();
    let mut transfer = Transfer::begin(target, now);
    assert_eq!(transfer.poll_act(), Some(Act::Dial));
}

#[test]
fn a_bridge_lasts_until_either_side_hangs_up() {
    let mut bench = ringing(Mode::Bridge);
    assert_eq!(bench.take(News::Answered), [Act::Join, Act::Reached]);
    let caller = Act::HangUpCaller("sales hung up".to_owned());
    assert_eq!(bench.take(ended(None)), [caller]);
    bench.is_done();

    let mut bench = ringing(Mode::Bridge);
    bench.take(News::Answered);
    let target = Act::HangUpTarget("the caller hung up".to_owned());
    assert_eq!(bench.take(News::CallerEnded(Party::Remote)), [target]);
    bench.is_done();

    let mut bench = ringing(Mode::Bridge);
    bench.take(News::Answered);
    assert_eq!(bench.wait(JOINED_MAX).len(), 2);
    bench.is_done();
}

#[test]
fn a_target_that_is_not_reached() {
    for (status, why) in [
        (486, Unreached::Busy),
        (603, Unreached::Unavailable),
        (480, Unreached::NoAnswer),
        (503, Unreached::Unavailable),
        (408, Unreached::NoAnswer),
    ] {
        for mode in [Mode::Bridge, Mode::Attended] {
            let mut bench = ringing(mode);
            let acts = bench.take(ended(Some(status)));
            assert!(matches!(&acts[..], [Act::Unreached(told, _)] if *told == why));
            bench.is_done();
        }
    }
    let mut bench = ringing(Mode::Bridge);
    assert_eq!(bench.wait(24 * SECOND), []);
    let acts = bench.wait(SECOND);
    let reason = "nobody answered in time";
    let cancel = Act::HangUpTarget(reason.to_owned());
    assert_eq!(acts, [cancel, unreached(Unreached::NoAnswer, reason)]);
    bench.is_done();

    let mut bench = self::bench(Mode::Bridge);
    bench.acts();
    let acts = bench.take(News::NoWay("no port is free".to_owned()));
    assert_eq!(acts, [unreached(Unreached::Unavailable, "no port is free")]);
    bench.is_done();

    let mut bench = self::bench(Mode::Bridge);
    bench.acts();
    assert_eq!(bench.wait(25 * SECOND).len(), 1);
    bench.is_done();
}

#[test]
fn an_attended_transfer() {
    let done = || {
        let reason = "transferred to sales".to_owned();
        (Act::HangUpTarget(reason.clone()), Act::HangUpCaller(reason))
    };
    let mut bench = consulted();
    let (target, caller) = done();
    assert_eq!(bench.take(referral(200)), [Act::Reached, target, caller]);
    bench.is_done();
    // The target hangs up on the leg that was replaced before the news come.
    let mut bench = consulted();
    assert_eq!(bench.take(ended(None)), []);
    assert_eq!(bench.take(referral(200)), [Act::Reached, done().1]);
    bench.is_done();
    // The caller's side leaves before the news come.
    let mut bench = consulted();
    let acts = bench.take(News::CallerEnded(Party::Remote));
    assert_eq!(acts, [Act::Reached, done().0]);
    bench.is_done();
}

#[test]
fn an_attended_transfer_that_is_refused_is_bridged() {
    for status in [405, 481, 486, 603] {
        let mut bench = consulted();
        assert_eq!(bench.take(referral(status)), [Act::Join, Act::Reached]);
    }
    let mut bench = consulted();
    assert_eq!(bench.wait(15 * SECOND), [Act::Join, Act::Reached]);
    // The target has gone meanwhile.
    let mut bench = consulted();
    bench.take(ended(None));
    let acts = bench.take(referral(481));
    assert!(matches!(acts[..], [Act::Unreached(..)]), "{acts:?}");
    bench.is_done();
}

#[test]
fn a_caller_who_gives_up_or_a_call_that_goes_on_ends_the_attempt() {
    let early = [
        bench as fn(Mode) -> Bench,
        ringing,
        |_| referred(false),
        |_| consulted(),
    ];
    for begin in early {
        for news in [
            News::CallerEnded(Party::Network),
            News::GivenUp("the caller asked something".to_owned()),
        ] {
            let mut bench = begin(Mode::Bridge);
            bench.acts();
            let acts = bench.take(news);
            assert!(
                matches!(acts[..], [Act::HangUpTarget(_), Act::Unreached(..)]),
                "{acts:?}"
            );
            bench.is_done();
        }
    }
}

/// A bridge whose INVITE is on its way by the first of several ways.
fn with_another_way() -> Bench {
    let mut bench = bench(Mode::Bridge);
    assert_eq!(bench.acts(), [Act::Dial]);
    assert_eq!(bench.take(News::Dialled { more: true }), []);
    bench
}

#[test]
fn rfc_3263_section_4_3_a_way_that_leads_nowhere_is_left_for_the_next() {
    let by_network = |status| {
        News::TargetEnded(Ended {
            by: Party::Network,
            status: Some(status),
            text: String::new(),
            retry_after: None,
        })
    };
    for failed in [by_network(408), by_network(503), ended(Some(503))] {
        let mut bench = with_another_way();
        assert_eq!(bench.take(failed.clone()), [Act::DialElsewhere]);
        assert_eq!(bench.take(News::Dialled { more: false }), []);
        // The last one's failure is the target's.
        let acts = bench.take(failed);
        let [Act::Unreached(..)] = acts[..] else {
            panic!("{acts:?}");
        };
        bench.is_done();
    }
    // What the person's side says itself is final.
    for status in [486, 408, 404, 603, 500] {
        let mut bench = with_another_way();
        let acts = bench.take(ended(Some(status)));
        assert!(
            matches!(acts[..], [Act::Unreached(..)]),
            "{status} {acts:?}"
        );
    }
}

#[test]
fn a_silent_way_is_left_while_there_is_another() {
    let mut bench = with_another_way();
    assert_eq!(bench.wait(SILENCE - SECOND / 1000), []);
    assert_eq!(bench.wait(SECOND / 1000), [Act::DialElsewhere]);
    assert_eq!(bench.take(News::Dialled { more: true }), []);
    // One that has answered anything may let it ring.
    assert_eq!(bench.take(News::Heard), []);
    assert_eq!(bench.wait(SILENCE + SECOND), []);
    assert_eq!(bench.take(News::Answered), [Act::Join, Act::Reached]);
    // Without another, silence lasts as long as the target may ring.
    let mut bench = ringing(Mode::Bridge);
    assert_eq!(bench.wait(SILENCE + SECOND), []);
}

/// A call that was answered by a machine which wants these keys.
fn keying(mode: Mode, digits: &str) -> Bench {
    let mut target = bench(mode).transfer.target;
    target.digits = digits.to_owned();
    let now = crate::io::clock::now();
    let transfer = Transfer::begin(target, now);
    let mut bench = Bench { now, transfer };
    bench.acts();
    bench.take(News::Dialled { more: false });
    assert_eq!(bench.take(News::Answered), []);
    bench
}

impl Bench {
    /// When the next act comes, in milliseconds, and what it is.
    fn next(&mut self) -> (u64, Vec<Act>) {
        let start = self.now;
        loop {
            self.now = self.transfer.poll_timeout().expect("something follows");
            self.transfer.handle_timeout(self.now);
            let acts = self.acts();
            if !acts.is_empty() {
                let millis = (self.now - start).as_millis();
                return (millis.try_into().unwrap(), acts);
            }
        }
    }
}

#[test]
fn keys_are_pressed_before_the_two_hear_each_other() {
    for (mode, connects) in [
        (Mode::Bridge, vec![Act::Join, Act::Reached]),
        (Mode::Attended, vec![Act::Refer { replaces: true }]),
    ] {
        let mut bench = keying(mode, "1,#");
        assert_eq!(bench.next(), (500, vec![Act::Press('1')]));
        assert_eq!(bench.take(News::Pressed(Ok(()))), []);
        assert_eq!(bench.next(), (2_250, vec![Act::Press('#')]));
        // A key is over when its answer has come, however late that is.
        assert_eq!(bench.wait(SECOND), []);
        assert_eq!(bench.take(News::Pressed(Ok(()))), []);
        assert_eq!(bench.next(), (250, connects));
    }
}

#[test]
fn without_its_keys_a_target_is_not_reached() {
    for news in [
        News::Pressed(Err(405)),
        ended(None),
        News::CallerEnded(Party::Remote),
        News::GivenUp("the caller asked something".to_owned()),
    ] {
        let mut bench = keying(Mode::Bridge, "12");
        assert_eq!(bench.next().1, [Act::Press('1')]);
        let gone = matches!(news, News::TargetEnded(_));
        let acts = bench.take(news);
        let (Act::Unreached(Unreached::Unavailable, _), before) = acts.split_last().unwrap() else {
            panic!("{acts:?}");
        };
        assert!(gone || matches!(before, [Act::HangUpTarget(_)]), "{acts:?}");
        bench.is_done();
    }
    let mut bench = keying(Mode::Bridge, "12");
    assert_eq!(bench.next().1, [Act::Press('1')]);
    let (_, acts) = bench.next();
    assert!(
        matches!(&acts[..], [Act::HangUpTarget(_), Act::Unreached(_, why)] if why.contains("nothing was heard")),
        "{acts:?}"
    );
    bench.is_done();
}
