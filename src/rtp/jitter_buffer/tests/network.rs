//! Whole networks against the buffer.

use super::*;

/// What a network does to a stream of twenty-millisecond packets.
#[derive(Clone, Debug)]
struct Network {
    /// Of each packet: its delay in ticks, whether it is lost, and whether it comes twice.
    fates: Vec<(u64, bool, bool)>,
    /// Millionths by which the sender's clock is faster.
    drift: i64,
    /// What lasts of the packets are quiet, of sixteen.
    quiet: u32,
}

/// What came of it.
struct Outcome {
    frames: usize,
    deepest: u64,
    delay: u64,
    lost: u32,
    counts: Counts,
}

/// Bad for as long as there are fates, then calm for thirty seconds.
fn suffer(network: &Network) -> Outcome {
    let calm = 1_500;
    let bad = network.fates.len();
    let mut arrivals = Vec::new();
    let mut lost = 0;
    for number in 0..bad + calm {
        let (delay, gone, twice) = network.fates.get(number).copied().unwrap_or_default();
        let sent = number as i64 * 160;
        let sent = (sent - sent * network.drift / 1_000_000).cast_unsigned();
        lost += u32::from(gone);
        if !gone {
            arrivals.push((sent + delay, number as u32));
        }
        if twice && !gone {
            arrivals.push((sent + delay + 37, number as u32));
        }
    }
    arrivals.sort_unstable();
    let mut arrivals = arrivals.into_iter().peekable();
    let mut line = Line::new(3_000_000_000);
    let mut outcome = (0, 0);
    for tick in 1..(bad + calm) as u64 {
        while let Some((at, number)) = arrivals.next_if(|(at, _)| *at <= tick * 160) {
            line.now = at;
            let codes = if number % 16 < network.quiet {
                [0xFF; FRAME_SAMPLES]
            } else {
                payload(number)
            };
            line.arrive_with(number, &codes);
        }
        line.now = tick * 160 - 100; // reads at tick * 160
        line.play();
        outcome.0 += 1;
        outcome.1 = outcome.1.max(line.buffer.depth());
    }
    Outcome {
        frames: outcome.0,
        deepest: outcome.1,
        delay: line.buffer.delay(),
        lost,
        counts: line.buffer.counts(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// A frame for each tick, however bad it is; and when it is over, so is the delay.
    #[test]
    fn after_a_bad_network_the_delay_returns_to_its_floor(
        fates in proptest::collection::vec(
            (0u64..2_000, proptest::bool::weighted(0.1), proptest::bool::weighted(0.05)), 0..400,
        ),
        drift in -200i64..200,
        quiet in 0u32..8,
    ) {
        let outcome = suffer(&Network { fates: fates.clone(), drift, quiet });
        prop_assert_eq!(outcome.frames, fates.len() + 1_499);
        prop_assert!(outcome.deepest <= 51 * 160, "{}", outcome.deepest);
        prop_assert!(outcome.delay <= 400, "{} {:?}", outcome.delay, outcome.counts);
    }
}

/// A little generator: the traces must be the same each time.
fn next(state: &mut u64) -> f64 {
    *state = state
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1);
    (*state >> 11) as f64 / (1u64 << 53) as f64
}

/// Exponential delays whose 95th percentile is so many milliseconds.
fn jittery(milliseconds: f64, loss: f64) -> Network {
    let mut state = 9;
    let mean = milliseconds * 8.0 / 3.0;
    let fates = (0..3_000).map(|_| {
        let delay = -mean * (1.0 - next(&mut state)).ln();
        (delay as u64, next(&mut state) < loss, false)
    });
    Network {
        fates: fates.collect(),
        drift: 50,
        quiet: 4,
    }
}

#[test]
fn what_jitter_and_loss_cost() {
    println!("jitter p95 ms, loss %: late, made up, of lost, moved");
    for (milliseconds, loss) in [
        (0.0, 0.0),
        (20.0, 0.0),
        (50.0, 0.0),
        (100.0, 0.0),
        (20.0, 0.05),
    ] {
        let outcome = suffer(&jittery(milliseconds, loss));
        let Counts {
            late,
            concealed,
            resyncs,
            ..
        } = outcome.counts;
        println!(
            "{milliseconds}, {loss}: {late}, {concealed}, {}, {resyncs}",
            outcome.lost
        );
        let beyond = concealed.saturating_sub(u64::from(outcome.lost));
        if milliseconds <= 50.0 {
            assert!(beyond <= 60, "2 % of 3000: {:?}", outcome.counts);
        }
        if milliseconds == 0.0 {
            assert_eq!((late, concealed, resyncs), (0, 0, 0));
            assert!(outcome.delay <= 160, "{}", outcome.delay);
        }
    }
}
