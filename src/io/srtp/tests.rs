use super::{Dropped, SOURCES, Srtp, WINDOW, WrongKeys};
use crate::rtp::packet::Packet;
use crate::sdp::{Crypto, Suite};

const SUITES: [Suite; 6] = [
    Suite::AesCm128HmacSha1_80,
    Suite::AesCm128HmacSha1_32,
    Suite::Aes256CmHmacSha1_80,
    Suite::Aes256CmHmacSha1_32,
    Suite::AeadAes128Gcm,
    Suite::AeadAes256Gcm,
];

fn key(suite: Suite, fill: u8) -> Vec<u8> {
    vec![fill; suite.key_length() + suite.salt_length()]
}

fn crypto(suite: Suite, send: u8, receive: u8) -> Crypto {
    Crypto {
        suite,
        send_key: key(suite, send),
        receive_key: key(suite, receive),
    }
}

/// Two ends that know each other's keys.
fn pair(suite: Suite) -> (Srtp, Srtp) {
    let one = Srtp::new(&crypto(suite, 1, 2)).unwrap();
    let other = Srtp::new(&crypto(suite, 2, 1)).unwrap();
    (one, other)
}

fn packet(ssrc: u32, sequence: u16) -> Vec<u8> {
    let packet = Packet {
        payload_type: 0,
        marker: false,
        sequence,
        timestamp: u32::from(sequence) * 160,
        ssrc,
        payload: &[0x55; 160],
    };
    let mut bytes = vec![0; 200];
    let length = packet.write(&mut bytes).unwrap();
    bytes.truncate(length);
    bytes
}

fn report(ssrc: u32) -> Vec<u8> {
    let mut bytes = vec![0x80, 201, 0, 1];
    bytes.extend(ssrc.to_be_bytes());
    bytes.extend([0x81, 202, 0, 2, 0, 0, 0, 1, 1, 2, b'm', b'e']);
    bytes
}

fn with_room(packet: &[u8]) -> Vec<u8> {
    let mut buffer = packet.to_vec();
    buffer.resize(2048, 0);
    buffer
}

fn protect(srtp: &mut Srtp, packet: &[u8]) -> Vec<u8> {
    let mut buffer = with_room(packet);
    let length = srtp.protect_rtp(&mut buffer, packet.len()).unwrap();
    buffer.truncate(length);
    buffer
}

fn unprotect(srtp: &mut Srtp, packet: &[u8]) -> Result<Vec<u8>, Dropped> {
    let mut buffer = with_room(packet);
    let length = srtp.unprotect_rtp(&mut buffer, packet.len())?;
    buffer.truncate(length);
    Ok(buffer)
}

fn protect_report(srtp: &mut Srtp, packet: &[u8]) -> Vec<u8> {
    let mut buffer = with_room(packet);
    let length = srtp.protect_rtcp(&mut buffer, packet.len()).unwrap();
    buffer.truncate(length);
    buffer
}

fn unprotect_report(srtp: &mut Srtp, packet: &[u8]) -> Result<Vec<u8>, Dropped> {
    let mut buffer = with_room(packet);
    let length = srtp.unprotect_rtcp(&mut buffer, packet.len())?;
    buffer.truncate(length);
    Ok(buffer)
}

fn hex(text: &str) -> Vec<u8> {
    let digits: String = text.split_whitespace().collect();
    let pairs = (0..digits.len()).step_by(2);
    pairs
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap())
        .collect()
}

/// The reference packets of libsrtp's validation, whose first key is that of RFC 3711 B.3 and whose GCM key is that of
/// RFC 7714 §16.1: key and salt, then the encrypted form of one plain packet.
#[test]
fn known_packets_come_out_as_elsewhere() {
    let plain = hex("800f1234 decafbad cafebabe abababab abababab abababab abababab");
    for (suite, key, encrypted) in [
        (
            Suite::AesCm128HmacSha1_80,
            "e1f97a0d3e018be0d64fa32c06de4139 0ec675ad498afeebb6960b3aabe6",
            "800f1234 decafbad cafebabe 4e55dc4ce79978d88ca4d215949d2402 b78d6acc99ea179b8dbb",
        ),
        (
            Suite::Aes256CmHmacSha1_80,
            "f0f04914b513f2763a1b1fa130f10e2998f6f6e43e4309d1e622a0e332b9f1b6 3b04803de51ee7c96423ab5b78d2",
            "800f1234 decafbad cafebabe f1d9de17ff251ff1aa007774b0b4b40d a08d9d9a5b3a55d8873b",
        ),
        (
            Suite::AeadAes128Gcm,
            "000102030405060708090a0b0c0d0e0f a0a1a2a3a4a5a6a7a8a9aaab",
            "800f1234 decafbad cafebabe c5002ede04cfdd2eb91159e0880aa06e d2976826f796b201df3131a127e8a392",
        ),
    ] {
        let crypto = Crypto {
            suite,
            send_key: hex(key),
            receive_key: hex(key),
        };
        let mut srtp = Srtp::new(&crypto).unwrap();
        assert_eq!(protect(&mut srtp, &plain), hex(encrypted), "{suite:?}");
        assert_eq!(unprotect(&mut srtp, &hex(encrypted)), Ok(plain.clone()));
    }
}

#[test]
fn every_suite_carries_both_kinds_both_ways() {
    for suite in SUITES {
        let (mut one, mut other) = pair(suite);
        for number in 0..100 {
            let plain = packet(5, number);
            let there = protect(&mut one, &plain);
            assert!(there[12..172] != plain[12..172]);
            assert_eq!(unprotect(&mut other, &there), Ok(plain), "{suite:?}");
            let back = protect(&mut other, &packet(6, number));
            assert_eq!(unprotect(&mut one, &back), Ok(packet(6, number)));
            let told = protect_report(&mut one, &report(5));
            assert_eq!(unprotect_report(&mut other, &told), Ok(report(5)));
        }
    }
}

#[test]
fn the_roll_over_counter_counts_on_both_sides_and_through_a_refresh() {
    for suite in [Suite::AesCm128HmacSha1_80, Suite::AeadAes256Gcm] {
        let (mut one, mut other) = pair(suite);
        let mut sequence: u16 = 65_000;
        let mut first_round = Vec::new();
        for number in 0..70_000u32 {
            let plain = packet(5, sequence);
            let there = protect(&mut one, &plain);
            if number == 600 {
                first_round.clone_from(&there);
            }
            if number == 600 + 65_536 {
                assert!(there[12..] != first_round[12..], "another key stream");
                assert_ne!(unprotect(&mut other, &first_round), Ok(plain.clone()));
            }
            assert_eq!(unprotect(&mut other, &there), Ok(plain), "{number}");
            if number % 20_000 == 19_999 {
                // A re-INVITE with the same keys.
                one.replace(&mut Srtp::new(&crypto(suite, 1, 2)).unwrap());
                other.replace(&mut Srtp::new(&crypto(suite, 2, 1)).unwrap());
            }
            sequence = sequence.wrapping_add(if number % 1000 == 0 { 30 } else { 1 });
        }
    }
}

#[test]
fn packets_out_of_order_at_the_wrap_are_taken() {
    let (mut one, mut other) = pair(Suite::AesCm128HmacSha1_80);
    let numbers = [65_533u16, 65_534, 65_535, 0, 1, 2];
    let packets: Vec<_> = numbers
        .map(|number| protect(&mut one, &packet(5, number)))
        .into();
    for index in [0, 1, 3, 2, 5, 4] {
        let taken = unprotect(&mut other, &packets[index]);
        assert_eq!(taken, Ok(packet(5, numbers[index])), "{index}");
    }
}

#[test]
fn replayed_and_ancient_packets_are_dropped() {
    for suite in SUITES {
        let (mut one, mut other) = pair(suite);
        let packets: Vec<_> = (0..400)
            .map(|number| protect(&mut one, &packet(5, number)))
            .collect();
        let window = WINDOW;
        for there in &packets[100..] {
            assert!(unprotect(&mut other, there).is_ok());
            assert_eq!(unprotect(&mut other, there), Err(Dropped::Replayed));
        }
        assert_eq!(
            unprotect(&mut other, &packets[399 - window]),
            Err(Dropped::Replayed)
        );
        assert_eq!(unprotect(&mut other, &packets[0]), Err(Dropped::Replayed));
        let told = protect_report(&mut one, &report(5));
        assert!(unprotect_report(&mut other, &told).is_ok());
        assert_eq!(unprotect_report(&mut other, &told), Err(Dropped::Replayed));
    }
}

#[test]
fn another_key_and_every_flipped_bit_are_noticed() {
    for suite in SUITES {
        let (mut one, mut other) = pair(suite);
        let mut stranger = Srtp::new(&crypto(suite, 9, 9)).unwrap();
        let there = protect(&mut one, &packet(5, 1));
        assert_eq!(unprotect(&mut stranger, &there), Err(Dropped::Forged));
        let told = protect_report(&mut one, &report(5));
        assert_eq!(unprotect_report(&mut stranger, &told), Err(Dropped::Forged));
        for bit in 0..there.len() * 8 {
            let mut broken = there.clone();
            broken[bit / 8] ^= 1 << (bit % 8);
            assert!(unprotect(&mut other, &broken).is_err(), "{suite:?} {bit}");
        }
        for bit in 0..told.len() * 8 {
            let mut broken = told.clone();
            broken[bit / 8] ^= 1 << (bit % 8);
            assert!(unprotect_report(&mut other, &broken).is_err(), "{bit}");
        }
        assert!(unprotect(&mut other, &there).is_ok(), "none left a trace");
        assert!(unprotect_report(&mut other, &told).is_ok());
    }
}

#[test]
fn a_forged_first_packet_does_not_shift_the_window() {
    let (mut one, mut other) = pair(Suite::AesCm128HmacSha1_80);
    let mut forged = packet(5, 40_000);
    forged.extend([0; 10]);
    assert_eq!(unprotect(&mut other, &forged), Err(Dropped::Forged));
    let there = protect(&mut one, &packet(5, 20_000));
    assert!(unprotect(&mut other, &there).is_ok());
}

#[test]
fn sources_may_change_and_are_bounded() {
    let (mut one, mut other) = pair(Suite::AesCm128HmacSha1_80);
    for ssrc in 0..100 {
        let there = protect(&mut one, &packet(ssrc, 7));
        assert!(unprotect(&mut other, &there).is_ok());
        assert_eq!(unprotect(&mut other, &there), Err(Dropped::Replayed));
        assert!(other.receiving.sources.len() <= SOURCES);
    }
    for ssrc in 1000..2000 {
        let mut forged = packet(ssrc, 7);
        forged.extend([0; 10]);
        assert_eq!(unprotect(&mut other, &forged), Err(Dropped::Forged));
    }
    let latest: Vec<_> = other
        .receiving
        .sources
        .iter()
        .map(|(ssrc, _)| *ssrc)
        .collect();
    assert!(latest.into_iter().eq((84..100).rev()));
}

#[test]
fn a_new_key_begins_anew_and_the_other_way_goes_on() {
    let suite = Suite::AesCm128HmacSha1_80;
    let (mut one, mut other) = pair(suite);
    let old = protect(&mut one, &packet(5, 1));
    let before = protect(&mut other, &packet(6, 65_535));
    assert!(unprotect(&mut one, &before).is_ok());
    // One changes its key; the other keeps its own, and its roll-over counter.
    one.replace(&mut Srtp::new(&crypto(suite, 3, 2)).unwrap());
    other.replace(&mut Srtp::new(&crypto(suite, 2, 3)).unwrap());
    assert_eq!(unprotect(&mut other, &old), Err(Dropped::Forged));
    let new = protect(&mut one, &packet(5, 1));
    assert_eq!(unprotect(&mut other, &new), Ok(packet(5, 1)));
    let after = protect(&mut other, &packet(6, 0));
    assert_eq!(unprotect(&mut one, &after), Ok(packet(6, 0)));
    assert_eq!(unprotect(&mut one, &before), Err(Dropped::Replayed));
    // Another suite changes both ways.
    let suite = Suite::AeadAes128Gcm;
    one.replace(&mut Srtp::new(&crypto(suite, 3, 2)).unwrap());
    other.replace(&mut Srtp::new(&crypto(suite, 2, 3)).unwrap());
    let there = protect(&mut one, &packet(5, 2));
    assert_eq!(unprotect(&mut other, &there), Ok(packet(5, 2)));
}

#[test]
fn control_packets_that_say_they_are_not_encrypted_are_dropped() {
    for suite in SUITES {
        let (mut one, mut other) = pair(suite);
        let mut told = protect_report(&mut one, &report(5));
        let flag = match suite {
            Suite::AeadAes128Gcm | Suite::AeadAes256Gcm => told.len() - 4,
            _ => told.len() - 14,
        };
        told[flag] &= 0x7F;
        assert_eq!(unprotect_report(&mut other, &told), Err(Dropped::Malformed));
    }
}

/// A packet with a header extension of this profile and these bytes.
fn extended(profile: u16, words: u16, elements: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut bytes = packet(5, 1)[..12].to_vec();
    bytes[0] |= 0x10;
    bytes.extend(profile.to_be_bytes());
    bytes.extend(words.to_be_bytes());
    bytes.extend(elements);
    bytes.extend(payload);
    bytes
}

#[test]
fn header_extensions_are_carried_or_dropped_but_never_misread() {
    for suite in SUITES {
        for (profile, elements) in [
            (0xBEDE, &[0x10, 0xAA, 0, 0][..]),
            (0xBEDE, &[0x31, 1, 2, 0, 0, 0, 0x10, 7]),
            (0x1000, &[1, 2, 9, 9]),
            (0x1000, &[1, 0, 0, 0]),
            (0x1234, &[1, 2, 3, 4]),
            (0xBEDE, &[]),
        ] {
            let (mut one, mut other) = pair(suite);
            let words = u16::try_from(elements.len() / 4).unwrap();
            let plain = extended(profile, words, elements, &[0x55; 40]);
            let there = protect(&mut one, &plain);
            assert_eq!(unprotect(&mut other, &there), Ok(plain));
        }
        for (profile, words, elements) in [
            (0xBEDE, 1, &[0x1F, 1, 2, 3][..]), // runs over its end
            (0xBEDE, 1, &[0xF0, 1, 2, 3]),     // reserved: the rest is to be skipped
            (0x1000, 1, &[1, 200, 0, 0]),
            (0x1000, 1, &[0, 0, 0, 7]),
            (0x1234, 500, &[0; 8]),
        ] {
            let (_, mut other) = pair(suite);
            for length in [0, 1, 4, 20] {
                let bytes = extended(profile, words, elements, &vec![0; length]);
                assert_eq!(unprotect(&mut other, &bytes), Err(Dropped::Malformed));
            }
        }
    }
}

#[test]
fn garbage_is_dropped_without_a_trace() {
    let mut state = 0x1234_5678_9ABC_DEF0_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for suite in SUITES {
        let (mut one, mut other) = pair(suite);
        for number in 0..3_000 {
            let length = usize::try_from(next() % 64).unwrap();
            let mut bytes: Vec<u8> = (0..length).map(|_| next().to_le_bytes()[3]).collect();
            if let Some(first) = bytes.first_mut().filter(|_| number % 2 == 0) {
                *first = *first & 0x3F | 0x80;
            }
            if number % 4 == 0 && bytes.len() > 16 {
                bytes[0] = 0x90;
                bytes[12..16].copy_from_slice(&[0xBE, 0xDE, 0, 1]);
            }
            assert!(unprotect(&mut other, &bytes).is_err());
            assert!(unprotect_report(&mut other, &bytes).is_err());
        }
        assert!(other.receiving.sources.is_empty());
        let there = protect(&mut one, &packet(5, 1));
        assert_eq!(unprotect(&mut other, &there), Ok(packet(5, 1)));
    }
}

#[test]
fn what_cannot_be_sent_is_not_sent() {
    let (mut one, _) = pair(Suite::AesCm128HmacSha1_80);
    let plain = packet(5, 1);
    let mut tight = plain.clone();
    assert_eq!(one.protect_rtp(&mut tight, plain.len()), None, "no room");
    assert_eq!(one.protect_rtp(&mut [0; 40], 4), None);
    assert_eq!(one.protect_rtcp(&mut [0x80; 40], 4), None);
    assert_eq!(one.protect_rtcp(&mut [0x80; 40], 400), None);
}

#[test]
fn keys_of_wrong_lengths_are_refused() {
    for suite in SUITES {
        for length in [0, 10, 27, 29, 31, 45, 47] {
            let wrong = vec![1; length];
            let right = key(suite, 1);
            for (send_key, receive_key) in [(&wrong, &right), (&right, &wrong)] {
                let crypto = Crypto {
                    suite,
                    send_key: send_key.clone(),
                    receive_key: receive_key.clone(),
                };
                assert_eq!(Srtp::new(&crypto).err(), Some(WrongKeys));
            }
        }
    }
}
