use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;
use crate::io::clock;

/// A packet of twenty milliseconds whose every sample says which packet it was.
fn payload(number: u32) -> [u8; FRAME_SAMPLES] {
    [(number % 100) as u8; FRAME_SAMPLES] // loud codes of µ-law
}

/// Drives a buffer: the sender's packet `n` is sent at tick `n`, arrives at tick `arrivals[n]`.
struct Line {
    buffer: JitterBuffer,
    first_timestamp: u32,
    newest: Option<u32>,
}

impl Line {
    fn new(first_timestamp: u32) -> Self {
        Self {
            buffer: JitterBuffer::new(Codec::G711(Law::Mu)),
            first_timestamp,
            newest: None,
        }
    }

    fn arrive(&mut self, number: u32) {
        let newest = self.newest.is_none_or(|before| number > before);
        if newest {
            self.newest = Some(number);
        }
        let timestamp = self.first_timestamp.wrapping_add(number * 160);
        self.buffer
            .handle(&payload(number), timestamp, false, newest);
    }

    fn play(&mut self) -> (Played, u8) {
        let mut frame = [0; FRAME_SAMPLES];
        let played = self.buffer.play(&mut frame);
        (played, frame[0])
    }
}

/// What is played when packet `n` arrives in tick `arrivals[n]`, `None` if it is lost.
fn run(first_timestamp: u32, arrivals: &[Option<u32>], ticks: u32) -> (Vec<(Played, u8)>, Counts) {
    let mut line = Line::new(first_timestamp);
    let mut played = Vec::new();
    for tick in 0..ticks {
        for (number, arrival) in arrivals.iter().enumerate() {
            if *arrival == Some(tick) {
                line.arrive(number as u32);
            }
        }
        played.push(line.play());
    }
    (played, line.buffer.counts())
}

fn audio(played: &[(Played, u8)]) -> Vec<u8> {
    played
        .iter()
        .filter(|(played, _)| *played == Played::Audio)
        .map(|(_, code)| *code)
        .collect()
}

#[test]
fn before_anything_came_there_is_silence() {
    let mut line = Line::new(0);
    assert_eq!(line.play(), (Played::Silence, 0xFF));
    assert_eq!(line.buffer.depth(), 0);
}

#[test]
fn an_even_stream_is_played_forty_milliseconds_later() {
    let arrivals: Vec<_> = (0..50).map(Some).collect();
    let (played, counts) = run(u32::MAX - 400, &arrivals, 52);
    assert_eq!(played[..2], [(Played::Silence, 0xFF); 2]);
    assert_eq!(audio(&played), (0..50).collect::<Vec<u8>>());
    assert_eq!(counts, Counts::default());
}

#[test]
fn reordered_and_duplicated_packets_are_put_right() {
    let mut line = Line::new(77);
    let mut played = Vec::new();
    for number in (0..40).step_by(2) {
        line.arrive(number + 1);
        line.arrive(number);
        line.arrive(number);
        played.push(line.play());
        played.push(line.play());
    }
    played.extend((0..3).map(|_| line.play()));
    assert_eq!(audio(&played), (0..40).collect::<Vec<u8>>());
    assert_eq!(line.buffer.counts().duplicates, 20);
    assert_eq!(line.buffer.counts().late, 0);
}

#[test]
fn a_lost_packet_fades_and_the_rest_keeps_its_place() {
    let mut arrivals: Vec<_> = (0..20).map(Some).collect();
    arrivals[10] = None;
    let (played, counts) = run(0, &arrivals, 22);
    assert_eq!(played[2 + 9], (Played::Audio, 9));
    let (kind, code) = played[2 + 10];
    assert_eq!(kind, Played::Concealed);
    let before = Law::Mu.decode(9);
    let made_up = Law::Mu.decode(code);
    assert!(
        (i32::from(made_up) * 2 - i32::from(before)).abs() < 600,
        "half as loud"
    );
    assert_eq!(played[2 + 11], (Played::Audio, 11));
    assert_eq!(counts.concealed, 1);
}

#[test]
fn a_long_gap_ends_in_silence() {
    let mut arrivals: Vec<_> = (0..30).map(Some).collect();
    arrivals[10..20].fill(None);
    let (played, _) = run(0, &arrivals, 32);
    assert_eq!(played[2 + 14], (Played::Silence, 0xFF));
    assert_eq!(played[2 + 20], (Played::Audio, 20));
}

#[test]
fn a_stall_loses_nothing_and_its_delay_goes_away() {
    // the network holds packets 20 to 34 back until tick 35
    let arrivals: Vec<_> = (0..600)
        .map(|number| {
            Some(if (20..35).contains(&number) {
                35
            } else {
                number
            })
        })
        .collect();
    let mut line = Line::new(5);
    let mut heard = Vec::new();
    for tick in 0..600u32 {
        for (number, arrival) in arrivals.iter().enumerate() {
            if *arrival == Some(tick) {
                line.arrive(number as u32);
            }
        }
        heard.push(line.play());
        if tick == 60 {
            let heard = audio(&heard);
            let heard_until = heard.len() as u8;
            assert!((40..=45).contains(&heard.len()), "{}", heard.len());
            assert!(heard.into_iter().eq(0..heard_until), "nothing was lost");
        }
    }
    let counts = line.buffer.counts();
    assert_eq!(counts.resyncs, 1);
    assert!((8..=15).contains(&counts.shortened), "{counts:?}");
    assert!(line.buffer.depth() <= MAX_TARGET + LARGE_EXCESS);
}

#[test]
fn growing_delay_raises_the_target_and_calm_lowers_it() {
    let mut line = Line::new(0);
    let mut number = 0;
    for round in 0..6 {
        for _ in 0..20 {
            line.arrive(number);
            number += 1;
            line.play();
        }
        for _ in 0..6 {
            line.play(); // the network stands still, the sender's clock too
        }
        let _ = round;
    }
    assert_eq!(line.buffer.target, MAX_TARGET);
    for _ in 0..4 * CALM_FRAMES + 100 {
        line.arrive(number);
        number += 1;
        line.play();
    }
    assert_eq!(line.buffer.target, MIN_TARGET);
}

#[test]
fn clocks_that_drift_apart_change_nothing_for_long() {
    // for every hundred ticks of ours the sender makes 99 or 101 packets: far worse than any crystal
    for packets in [99u32, 101] {
        let mut line = Line::new(0);
        let mut sent = 0;
        let mut heard = Vec::new();
        for tick in 0..10_000u32 {
            while sent * 100 < (tick + 1) * packets {
                line.arrive(sent);
                sent += 1;
            }
            heard.push(line.play());
            let limit = MAX_TARGET + LARGE_EXCESS + 4 * STEP;
            assert!(
                line.buffer.depth() <= limit,
                "{packets} {}",
                line.buffer.depth()
            );
        }
        let played = audio(&heard).len() as u32;
        assert!(played > sent * 95 / 100, "{packets}: {played} of {sent}");
        assert_eq!(line.buffer.counts().late, 0);
    }
}

#[test]
fn silence_suppression_keeps_the_time() {
    let mut buffer = JitterBuffer::new(Codec::G711(Law::Mu));
    let mut frame = [0; FRAME_SAMPLES];
    let mut log = Vec::new();
    for tick in 0..400u32 {
        let talking = tick < 10 || (300..310).contains(&tick);
        if talking {
            let marker = tick == 0 || tick == 300;
            buffer.handle(&payload(tick), tick * 160, marker, true);
        }
        log.push(buffer.play(&mut frame));
    }
    let spoken: Vec<_> = (0..log.len())
        .filter(|&at| log[at] == Played::Audio)
        .collect();
    assert_eq!(spoken, (2..12).chain(302..312).collect::<Vec<_>>());
    assert_eq!(buffer.counts(), Counts::default());
}

#[test]
fn a_jump_of_the_timestamp_begins_anew() {
    for jump in [
        1_000_000_000u32,
        u32::MAX - 1_000_000,
        20_000,
        u32::MAX - 1_000,
    ] {
        let mut buffer = JitterBuffer::new(Codec::G711(Law::Mu));
        let mut frame = [0; FRAME_SAMPLES];
        let mut heard = Vec::new();
        for tick in 0..30u32 {
            let base = if tick < 15 { 0 } else { jump };
            buffer.handle(&payload(tick), base.wrapping_add(tick * 160), false, true);
            if buffer.play(&mut frame) == Played::Audio {
                heard.push(frame[0]);
            }
        }
        assert_eq!(heard.last(), Some(&27), "jump {jump}: {heard:?}");
        assert!(heard.len() >= 25, "jump {jump}: {heard:?}");
    }
}

#[test]
fn other_packet_lengths_are_cut_to_frames() {
    for samples in [80usize, 240, 320, 480] {
        let mut buffer = JitterBuffer::new(Codec::G711(Law::A));
        let total = samples * 12;
        let stream: Vec<u8> = (0..total).map(|at| (at / 7) as u8).collect();
        for (number, part) in stream.chunks(samples).enumerate() {
            buffer.handle(part, (number * samples) as u32, number == 0, true);
        }
        let mut heard = Vec::new();
        let mut frame = [0; FRAME_SAMPLES];
        for _ in 0..(total + 320).div_ceil(FRAME_SAMPLES) {
            buffer.play(&mut frame);
            heard.extend(frame);
        }
        assert_eq!(heard[320..320 + total], stream, "{samples}");
    }
}

#[test]
fn taking_gives_what_came_and_nothing_else() {
    let now = clock::now();
    let mut buffer = JitterBuffer::new(Codec::G711(Law::Mu));
    let mut out = [0; 480];
    assert_eq!(buffer.take(&mut out, now), None);
    for number in [0u32, 2, 1, 3] {
        let newest = number != 1;
        buffer.handle_unpaced(&payload(number), number * 160, newest, false);
    }
    for number in 0..4u64 {
        let chunk = buffer.take(&mut out, now).unwrap();
        assert_eq!(chunk.len, 160);
        assert_eq!(chunk.position, number * 160);
        assert_eq!(chunk.contiguous, number > 0);
        assert_eq!(out[..160], payload(number as u32));
    }
    assert_eq!(buffer.take(&mut out, now), None);
}

#[test]
fn taking_waits_for_a_missing_packet_then_goes_on() {
    let now = clock::now();
    let mut buffer = JitterBuffer::new(Codec::G711(Law::Mu));
    let mut out = [0; 160];
    buffer.handle_unpaced(&payload(0), 0, true, true);
    buffer.handle_unpaced(&payload(2), 320, true, false);
    assert!(buffer.take(&mut out, now).is_some());
    assert_eq!(buffer.take(&mut out, now), None);
    assert_eq!(buffer.take(&mut out, now + Duration::from_millis(59)), None);
    let chunk = buffer
        .take(&mut out, now + Duration::from_millis(60))
        .unwrap();
    assert_eq!((chunk.position, chunk.contiguous), (320, false));
    assert_eq!(out, payload(2));
    buffer.handle_unpaced(&payload(1), 160, false, false);
    assert_eq!(buffer.take(&mut out, now), None, "too late");
    assert_eq!(buffer.counts().late, 1);
}

#[test]
fn odd_payloads_are_ignored() {
    let mut buffer = JitterBuffer::new(Codec::G711(Law::Mu));
    buffer.handle(&[], 0, false, true);
    buffer.handle(&[0; 1441], 0, false, true);
    assert_eq!(buffer.depth(), 0);
}

proptest! {
    /// Any reordering within two packets, any wrap: everything is played once, in order.
    #[test]
    fn small_disorder_is_invisible(first: u32, swaps in proptest::collection::vec(any::<bool>(), 30)) {
        let mut order: Vec<u32> = (0..60).collect();
        for (pair, swap) in swaps.iter().enumerate() {
            if *swap {
                order.swap(2 * pair, 2 * pair + 1);
            }
        }
        let mut line = Line::new(first);
        let mut waiting: VecDeque<u32> = order.into();
        let mut played = Vec::new();
        for _ in 0..64 {
            if let Some(number) = waiting.pop_front() {
                line.arrive(number);
            }
            played.push(line.play());
        }
        prop_assert_eq!(audio(&played), (0..60).collect::<Vec<u8>>());
    }

    /// Whatever comes, reading goes on and the depth stays bounded.
    #[test]
    fn nothing_breaks_it(packets in proptest::collection::vec(
        (any::<u32>(), 0usize..600, any::<bool>(), any::<bool>(), 0u8..3), 1..300,
    ), unpaced: bool) {
        let now = clock::now();
        let mut buffer = JitterBuffer::new(Codec::G711(Law::A));
        let mut frame = [0; FRAME_SAMPLES];
        let bytes = [0x55; 600];
        for (timestamp, length, marker, newest, reads) in packets {
            if unpaced {
                buffer.handle_unpaced(&bytes[..length], timestamp, newest, marker);
                for _ in 0..reads {
                    buffer.take(&mut frame, now);
                }
            } else {
                buffer.handle(&bytes[..length], timestamp, marker, newest);
                for _ in 0..reads {
                    buffer.play(&mut frame);
                }
            }
            prop_assert!(buffer.depth() <= ring::CAPACITY + 1440);
        }
    }
}
