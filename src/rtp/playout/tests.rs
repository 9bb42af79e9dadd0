use super::*;

fn arrival(timestamp: u32) -> Arrival {
    Arrival {
        timestamp,
        ticks: 160,
        marker: false,
        newest: true,
        follows: true,
    }
}

#[test]
fn packets_of_one_millisecond_of_jitter_wait_no_longer_than_a_tick() {
    let mut playout = Playout::new(Codec::G711(crate::audio::Law::Mu));
    let mut read = 0;
    for number in 0..300u32 {
        let sent = u64::from(number) * 160;
        let late = u64::from(number % 2) * 8;
        let verdict = playout.handle(arrival(number * 160), sent + late);
        assert!(matches!(verdict, Verdict::At(_) | Verdict::Anew(_)));
        read = playout.begin(sent + 100).unwrap();
        if playout.is_wrong() {
            match playout.adjust(Content::Quiet) {
                Move::Skip(ticks) => playout.skip(ticks),
                other => assert_eq!(other, Move::Stay),
            }
        }
        playout.consume(160);
    }
    assert!(playout.delay() <= 160, "{}", playout.delay());
    assert_eq!(playout.resyncs(), 0);
    assert!(read > 0);
}

#[test]
fn a_burst_after_a_pause_without_time_goes_on_where_it_was() {
    let mut playout = Playout::new(Codec::G711(crate::audio::Law::Mu));
    playout.handle(arrival(0), 0);
    for tick in 0..100u64 {
        playout.begin(tick * 160 + 100);
        playout.consume(160);
    }
    let verdict = playout.handle(arrival(160), 100 * 160);
    assert_eq!(verdict, Verdict::At(ORIGIN + 160));
    assert_eq!(playout.read(), Some(ORIGIN + 160));
    assert_eq!(playout.resyncs(), 1);
}
