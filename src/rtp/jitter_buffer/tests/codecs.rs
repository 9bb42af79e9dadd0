//! What only a decoder can make up.

use super::*;

/// Gives what is heard in each tick as (length, ticks, kind).
fn tick(buffer: &mut JitterBuffer, now: u64) -> Vec<(usize, u32, Played)> {
    let mut bytes = [0; 1500];
    buffer.begin(now);
    std::iter::from_fn(|| buffer.poll(&mut bytes))
        .map(|part| (part.len, part.ticks, part.played))
        .collect()
}

/// A packet of Opus of these milliseconds in `length` bytes.
fn packet(milliseconds: u32, length: usize) -> Vec<u8> {
    let toc = match milliseconds {
        5 => 29 << 3,
        10 => 30 << 3,
        20 => 31 << 3,
        _ => 11 << 3, // 60
    };
    let mut packet = vec![7; length];
    packet[0] = toc;
    packet
}

#[test]
fn a_lost_packet_of_opus_is_told_before_the_next() {
    let mut buffer = JitterBuffer::new(Codec::Opus);
    let mut heard = Vec::new();
    for number in 0..12u32 {
        let now = u64::from(number) * 960;
        if number != 6 {
            let bytes = packet(20, 50 + number as usize);
            let follows = number > 0 && number != 7;
            buffer.handle(incoming(&bytes, number * 960, true, follows), now);
        }
        heard.push(tick(&mut buffer, now + 600));
    }
    for (number, parts) in heard.iter().enumerate() {
        let expected = match number {
            6 => (0, 960, Played::Lost),
            _ => (50 + number, 960, Played::Audio),
        };
        assert_eq!(parts[..], [expected], "{number}");
    }
    assert_eq!(buffer.counts().concealed, 1);
}

#[test]
fn packets_of_opus_of_any_length_cover_their_time_once() {
    for milliseconds in [5u32, 10, 20, 60] {
        let mut buffer = JitterBuffer::new(Codec::Opus);
        let ticks = milliseconds * 48;
        let (mut packets, mut sent, mut heard, mut lost) = (0u32, 0, 0u64, 0);
        for number in 0..120u64 {
            while u64::from(sent + ticks) <= (number + 1) * 960 {
                let bytes = packet(milliseconds, 20);
                buffer.handle(incoming(&bytes, sent, true, sent > 0), number * 960);
                sent += ticks;
            }
            for (len, part, played) in tick(&mut buffer, number * 960 + 600) {
                heard += u64::from(part);
                packets += u32::from(len > 0);
                lost += u32::from(played == Played::Lost);
            }
        }
        assert!(heard.abs_diff(120 * 960) <= 2880, "{milliseconds}: {heard}");
        assert!(packets >= sent / ticks - 8, "{milliseconds}: {packets}");
        assert_eq!(lost, 0, "{milliseconds}");
        assert_eq!(buffer.counts().late, 0);
    }
}

#[test]
fn opus_that_says_it_is_silent_is_not_lost() {
    let mut buffer = JitterBuffer::new(Codec::Opus);
    let mut kinds = Vec::new();
    let mut follows = false;
    for number in 0..60u32 {
        let now = u64::from(number) * 960;
        let length = if number == 9 { 1 } else { 60 };
        if !(10..50).contains(&number) {
            let bytes = packet(20, length);
            buffer.handle(incoming(&bytes, number * 960, true, follows), now);
            follows = true;
        }
        kinds.extend(tick(&mut buffer, now + 600).iter().map(|it| it.2));
    }
    assert!(kinds[11..50].iter().all(|it| *it == Played::Silence));
    assert!(kinds[51..].iter().all(|it| *it == Played::Audio));
    assert_eq!(buffer.counts().concealed, 0);
}

#[test]
fn a_frame_of_g722_is_whole_or_lost() {
    let mut buffer = JitterBuffer::new(Codec::G722);
    let mut heard = Vec::new();
    for number in 0..30u32 {
        let now = u64::from(number) * 160;
        if number != 12 {
            let bytes = [number as u8; 160];
            let follows = number > 0 && number != 13;
            buffer.handle(incoming(&bytes, number * 160, true, follows), now);
        }
        heard.extend(tick(&mut buffer, now + 100));
    }
    for (number, part) in heard.iter().enumerate() {
        let expected = match number {
            12 => (0, 160, Played::Lost),
            _ => (160, 160, Played::Audio),
        };
        assert_eq!(*part, expected, "{number}");
    }
}
