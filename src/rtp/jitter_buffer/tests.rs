use proptest::prelude::*;

use super::*;
use crate::io::clock;

mod codecs;
mod network;

/// A packet of twenty milliseconds whose every sample says which packet it was.
fn payload(number: u32) -> [u8; FRAME_SAMPLES] {
    [(number % 100) as u8; FRAME_SAMPLES] // loud codes of µ-law
}

fn incoming(payload: &[u8], timestamp: u32, newest: bool, follows: bool) -> Incoming<'_> {
    Incoming {
        payload,
        timestamp,
        marker: false,
        newest,
        follows,
    }
}

/// Drives a buffer of G.711. A packet arrives 12.5 ms before the tick of ours that comes next.
struct Line {
    buffer: JitterBuffer,
    first_timestamp: u32,
    newest: Option<u32>,
    now: u64,
}

impl Line {
    fn new(first_timestamp: u32) -> Self {
        Self {
            buffer: JitterBuffer::new(Codec::G711(Law::Mu)),
            first_timestamp,
            newest: None,
            now: 0,
        }
    }

    fn arrive(&mut self, number: u32) {
        self.arrive_with(number, &payload(number));
    }

    fn arrive_with(&mut self, number: u32, payload: &[u8]) {
        let newest = self.newest.is_none_or(|before| number > before);
        let follows = self.newest.is_some_and(|before| number == before + 1);
        if newest {
            self.newest = Some(number);
        }
        let timestamp = self.first_timestamp.wrapping_add(number * 160);
        let packet = incoming(payload, timestamp, newest, follows);
        self.buffer.handle(packet, self.now);
    }

    /// What is heard in the next tick, and its last sample.
    fn play(&mut self) -> (Played, u8) {
        let (played, frame) = self.play_frame();
        (played, frame[FRAME_SAMPLES - 1])
    }

    fn play_frame(&mut self) -> (Played, [u8; FRAME_SAMPLES]) {
        let mut frame = [0; FRAME_SAMPLES];
        self.buffer.begin(self.now + 100);
        let part = self.buffer.poll(&mut frame).unwrap();
        assert_eq!((part.len, part.ticks), (FRAME_SAMPLES, 160));
        assert_eq!(self.buffer.poll(&mut frame), None, "one frame for a tick");
        self.now += 160;
        (part.played, frame)
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
fn an_even_stream_is_played_in_the_next_tick_from_the_first_packet_on() {
    let mut line = Line::new(u32::MAX - 400);
    for number in 0..200 {
        line.arrive(number);
        assert_eq!(line.play(), (Played::Audio, (number % 100) as u8));
        assert_eq!(line.buffer.delay(), 100, "12.5 ms, until the tick");
    }
    assert_eq!(line.buffer.counts(), Counts::default());
}

#[test]
fn an_uneven_stream_is_waited_for_after_its_first_gap() {
    // every other packet comes 15 ms late, 2.5 ms after its tick
    let mut line = Line::new(0);
    let mut gaps = Vec::new();
    for number in 0..50u32 {
        let sent = line.now;
        let even = number % 2 == 0;
        if even {
            line.arrive(number);
        }
        if line.play().0 != Played::Audio {
            gaps.push(number);
        }
        if !even {
            let next = std::mem::replace(&mut line.now, sent + 120);
            line.arrive(number);
            line.now = next;
        }
    }
    assert_eq!(gaps, [1]);
    assert_eq!(line.buffer.counts().late, 0);
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
fn a_lost_packet_is_made_up_and_the_rest_keeps_its_place() {
    let mut arrivals: Vec<_> = (0..20).map(Some).collect();
    arrivals[10] = None;
    let (played, counts) = run(0, &arrivals, 22);
    assert_eq!(played[9], (Played::Audio, 9));
    let (kind, code) = played[10];
    assert_eq!(kind, Played::Concealed);
    let level = f64::from(Law::Mu.decode(code)) / f64::from(Law::Mu.decode(9));
    assert!((0.5..1.1).contains(&level), "{level}");
    assert_eq!(played[11], (Played::Audio, 11));
    assert_eq!(counts.concealed, 1);
}

#[test]
fn half_a_lost_frame_is_made_up_and_the_other_half_is_heard() {
    let mut line = Line::new(0);
    let mut concealed = Vec::new();
    for number in 0..20u32 {
        for half in 0..2u32 {
            let sequence = number * 2 + half;
            if sequence != 21 {
                let packet = incoming(&[30; 80], sequence * 80, true, sequence != 22);
                line.buffer.handle(packet, line.now);
            }
        }
        let (played, frame) = line.play_frame();
        if played == Played::Concealed {
            assert_eq!(frame[..80], [30; 80]);
            assert!(!level::is_silent(Law::Mu, &frame[80..]));
            concealed.push(number);
        }
    }
    assert_eq!(concealed, [10]);
    assert_eq!(line.buffer.counts().concealed, 1);
}

#[test]
fn a_long_gap_fades_to_silence() {
    let mut arrivals: Vec<_> = (0..30).map(Some).collect();
    arrivals[10..20].fill(None);
    let (played, _) = run(0, &arrivals, 32);
    assert_eq!(played[14].1, 0xFF);
    assert_eq!(played[20], (Played::Audio, 20));
}

#[test]
fn a_stall_loses_nothing_and_its_delay_goes_away() {
    // the network holds packets 20 to 34 back until tick 35
    let mut line = Line::new(5);
    let mut codes = Vec::new();
    for tick in 0..1_500u32 {
        match tick {
            20..35 => {}
            35 => (20..=35).for_each(|number| line.arrive(number)),
            _ => line.arrive(tick),
        }
        let (_, frame) = line.play_frame();
        if tick < 95 {
            codes.extend(frame);
        }
    }
    for number in 0..60 {
        assert!(codes.contains(&number), "{number} was lost");
    }
    let counts = line.buffer.counts();
    assert_eq!((counts.resyncs, counts.late), (1, 0), "{counts:?}");
    assert!(counts.shortened >= 14, "{counts:?}");
    let delay = line.buffer.delay();
    assert!(delay <= 320, "back at the floor: {delay}");
}

#[test]
fn clocks_that_drift_apart_lose_nothing() {
    // for every thousand ticks of ours the sender makes 998 or 1002 packets: far worse than any crystal
    for packets in [998u64, 1_002] {
        let mut line = Line::new(0);
        let mut sent = 0;
        let mut deepest = 0;
        for tick in 0..20_000u64 {
            while u64::from(sent) * 1_000 * 160 < (tick + 1) * packets * 160 {
                line.arrive(sent);
                sent += 1;
            }
            line.play();
            deepest = deepest.max(line.buffer.delay());
        }
        let counts = line.buffer.counts();
        assert_eq!(counts.late, 0, "{packets}");
        assert!(counts.concealed <= 60, "{packets}: {counts:?}");
        assert!(deepest <= 800, "{packets}: {deepest}");
    }
}

#[test]
fn silence_suppression_keeps_the_time() {
    let mut line = Line::new(0);
    let mut log = Vec::new();
    let mut sent = 0u32;
    for tick in 0..400u32 {
        if tick < 10 || (300..310).contains(&tick) {
            let packet = Incoming {
                marker: tick == 0 || tick == 300,
                ..incoming(&[20; 160], tick * 160, true, sent > 0)
            };
            line.buffer.handle(packet, line.now);
            sent += 1;
        }
        log.push(line.play().0);
    }
    let spoken: Vec<_> = (0..log.len())
        .filter(|&at| log[at] == Played::Audio)
        .collect();
    assert_eq!(spoken, (0..10).chain(300..310).collect::<Vec<_>>());
    assert_eq!(line.buffer.counts().concealed, 0, "a pause is no loss");
    assert_eq!(line.buffer.counts().resyncs, 0);
}

#[test]
fn who_says_that_he_is_silent_is_not_made_up() {
    let mut line = Line::new(0);
    for number in 0..10 {
        line.arrive(number);
        line.play();
    }
    line.buffer.handle_silence(&[]);
    assert_eq!(line.play(), (Played::Silence, 0xFF));
}

#[test]
fn a_jump_of_the_timestamp_loses_nothing() {
    for jump in [
        1_000_000_000u32,
        u32::MAX - 1_000_000,
        20_000,
        u32::MAX - 1_000,
        3_000,
    ] {
        let mut line = Line::new(0);
        let mut heard = Vec::new();
        for tick in 0..30u32 {
            let base = if tick < 15 { 0 } else { jump };
            let codes = payload(tick);
            let timestamp = base.wrapping_add(tick * 160);
            let packet = incoming(&codes, timestamp, true, tick > 0);
            line.buffer.handle(packet, line.now);
            let (played, code) = line.play();
            if played == Played::Audio {
                heard.push(code);
            }
        }
        assert_eq!(heard, (0..30).collect::<Vec<u8>>(), "jump {jump}");
    }
}

#[test]
fn other_packet_lengths_are_cut_to_frames() {
    for samples in [80usize, 160, 240, 320, 480] {
        let mut line = Line::new(0);
        let stream: Vec<u8> = (0..160 * 60).map(|at| (at / 7 % 128) as u8).collect();
        let mut heard = Vec::new();
        let mut sent = 0;
        for tick in 0..70 {
            while sent + samples <= stream.len() && sent + samples <= (tick + 1) * 160 {
                let part = &stream[sent..sent + samples];
                let packet = incoming(part, sent as u32, true, sent > 0);
                line.buffer.handle(packet, line.now);
                sent += samples;
            }
            let (played, frame) = line.play_frame();
            if played == Played::Audio {
                heard.extend(frame);
            }
        }
        let whole = stream.len() / samples * samples / 160 * 160;
        assert_eq!(heard[..whole], stream[..whole], "{samples}");
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
        buffer.handle_unpaced(incoming(&payload(number), number * 160, newest, false));
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
    buffer.handle_unpaced(incoming(&payload(0), 0, true, true));
    buffer.handle_unpaced(incoming(&payload(2), 320, true, false));
    assert!(buffer.take(&mut out, now).is_some());
    assert_eq!(buffer.take(&mut out, now), None);
    assert_eq!(buffer.take(&mut out, now + Duration::from_millis(59)), None);
    let chunk = buffer
        .take(&mut out, now + Duration::from_millis(60))
        .unwrap();
    assert_eq!((chunk.position, chunk.contiguous), (320, false));
    assert_eq!(out, payload(2));
    buffer.handle_unpaced(incoming(&payload(1), 160, false, false));
    assert_eq!(buffer.take(&mut out, now), None, "too late");
    assert_eq!(buffer.counts().late, 1);
}

#[test]
fn odd_payloads_are_ignored() {
    let mut buffer = JitterBuffer::new(Codec::G711(Law::Mu));
    buffer.handle(incoming(&[], 0, true, false), 0);
    buffer.handle(incoming(&[0; 1441], 0, true, false), 0);
    assert_eq!(buffer.depth(), 0);
}

proptest! {
    /// Any reordering within two packets, any wrap: what comes in its time is played, in order.
    #[test]
    fn small_disorder_is_invisible(first: u32, swaps in proptest::collection::vec(any::<bool>(), 30)) {
        let mut order: Vec<u32> = (0..60).collect();
        for (pair, swap) in swaps.iter().enumerate() {
            if *swap {
                order.swap(2 * pair, 2 * pair + 1);
            }
        }
        let mut line = Line::new(first);
        let mut played = Vec::new();
        for tick in 0..64usize {
            if let Some(number) = order.get(tick) {
                line.arrive(*number);
            }
            played.push(line.play());
        }
        let heard = audio(&played);
        prop_assert!(heard.is_sorted(), "{heard:?}");
        let Counts { late, lengthened, .. } = line.buffer.counts();
        prop_assert!(late <= 8, "{late}");
        prop_assert!(heard.len() as u64 + late + lengthened >= 58, "{late} {heard:?}");
    }

    /// Whatever comes, reading goes on and the depth stays bounded.
    #[test]
    fn nothing_breaks_it(packets in proptest::collection::vec(
        (any::<u32>(), 0usize..600, any::<bool>(), any::<bool>(), 0u8..3), 1..300,
    ), unpaced: bool, codec in 0usize..3) {
        let now = clock::now();
        let codec = [Codec::G711(Law::A), Codec::G722, Codec::Opus][codec];
        let mut buffer = JitterBuffer::new(codec);
        let mut frame = [0; 1500];
        let bytes = [0x55; 600];
        let mut time = 0;
        for (timestamp, length, marker, newest, reads) in packets {
            let packet = Incoming { marker, ..incoming(&bytes[..length], timestamp, newest, marker) };
            if unpaced {
                buffer.handle_unpaced(packet);
                for _ in 0..reads {
                    buffer.take(&mut frame, now);
                }
            } else {
                buffer.handle(packet, time);
                for _ in 0..reads {
                    time += u64::from(codec.frame_ticks());
                    buffer.begin(time);
                    while buffer.poll(&mut frame).is_some() {}
                }
            }
            prop_assert!(buffer.depth() <= 51 * u64::from(codec.frame_ticks()) + 5760);
        }
    }
}
