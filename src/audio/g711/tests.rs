use super::*;

const LAWS: [Law; 2] = [Law::Mu, Law::A];

#[test]
fn every_code_survives_a_round_trip() {
    for law in LAWS {
        for code in 0..=u8::MAX {
            let back = law.encode(law.decode(code));
            if law == Law::Mu && code == 0x7F {
                assert_eq!(
                    back, 0xFF,
                    "µ-law has two zeros; the positive one is written"
                );
            } else {
                assert_eq!(back, code, "{law:?} {code:#04x}");
            }
        }
    }
}

/// The width of the interval that a code stands for, on the 16-bit scale.
fn step(law: Law, code: u8) -> i32 {
    match law {
        Law::Mu => 8 << ((!code >> 4) & 7),
        Law::A => 16 << (((code ^ 0x55) >> 4) & 7).saturating_sub(1),
    }
}

#[test]
fn every_sample_lies_in_the_interval_of_its_code() {
    for (law, largest) in [(Law::Mu, 8159 * 4), (Law::A, 4096 * 8)] {
        let mut before = i32::MIN;
        for sample in i16::MIN..=i16::MAX {
            let code = law.encode(sample);
            let value = i32::from(law.decode(code));
            assert!(value >= before, "{law:?} {sample}: not monotonic");
            before = value;
            let sample = i32::from(sample).clamp(-largest, largest);
            let error = (sample - value).abs();
            assert!(error <= step(law, code) / 2, "{law:?} {sample}: {error}");
        }
    }
}

#[test]
fn every_sample_agrees_with_the_formula() {
    for sample in i16::MIN..=i16::MAX {
        assert_eq!(Law::Mu.encode(sample), mu_compress(sample), "{sample}");
        assert_eq!(Law::A.encode(sample), a_compress(sample), "{sample}");
    }
    for code in 0..=u8::MAX {
        assert_eq!(Law::Mu.decode(code), mu_expand(code));
        assert_eq!(Law::A.decode(code), a_expand(code));
    }
}

/// Quantized values at the segment boundaries as printed in Tables 1a, 1b (13 bits) and 2a, 2b (14 bits).
#[test]
fn the_tables_of_the_recommendation() {
    let a = [
        (0x7F, 4032),
        (0x70, 2112),
        (0x60, 1056),
        (0x50, 528),
        (0x40, 264),
        (0x30, 132),
        (0x20, 66),
        (0x10, 33),
        (0x01, 3),
        (0x00, 1),
    ];
    for (character, value) in a {
        let positive = (character | 0x80) ^ 0x55;
        assert_eq!(Law::A.decode(positive), value * 8, "{character:#x}");
        assert_eq!(Law::A.decode(positive ^ 0x80), -value * 8, "{character:#x}");
    }
    let mu = [
        (0x80, 8031),
        (0x8F, 4191),
        (0x9F, 2079),
        (0xAF, 1023),
        (0xBF, 495),
        (0xCF, 231),
        (0xDF, 99),
        (0xEF, 33),
        (0xFE, 2),
        (0xFF, 0),
    ];
    for (code, value) in mu {
        assert_eq!(Law::Mu.decode(code), value * 4, "{code:#x}");
        assert_eq!(Law::Mu.decode(code ^ 0x80), -value * 4, "{code:#x}");
    }
}

#[test]
fn the_decision_values_of_mu_law() {
    // Table 2a: 8159 clips, 4063 begins the last segment, 31 the second, 1 the second step
    for (decision, below, above) in [(4063, 0x90, 0x8F), (31, 0xF0, 0xEF), (1, 0xFF, 0xFE)] {
        assert_eq!(Law::Mu.encode(decision * 4 - 1), below, "{decision}");
        assert_eq!(Law::Mu.encode(decision * 4), above, "{decision}");
    }
    assert_eq!(Law::Mu.encode(i16::MAX), 0x80);
    assert_eq!(Law::Mu.encode(i16::MIN), 0x00);
    assert_eq!(Law::A.encode(i16::MAX), 0xAA);
    assert_eq!(Law::A.encode(i16::MIN), 0x2A);
}

#[test]
fn silence_is_the_code_of_zero() {
    for law in LAWS {
        assert_eq!(law.encode(0), law.silence());
    }
}

#[test]
fn conversion_keeps_the_sound() {
    for code in 0..=u8::MAX {
        for (from, to) in [(Law::Mu, Law::A), (Law::A, Law::Mu)] {
            let before = i32::from(from.decode(code));
            let after = i32::from(to.decode(from.convert(code, to)));
            let step = (before.abs() / 16).max(16);
            assert!((before - after).abs() <= step, "{from:?} {code:#04x}");
            assert_eq!(from.convert(code, from), code);
        }
    }
}

/// One half of a law as the recommendation states it, independent of our code: decision values in segments of
/// even steps; the value of a code is the middle of its interval, that of µ-law's first is zero.
struct Standard {
    /// Where each interval begins; the last ends at the overload point.
    decisions: Vec<i32>,
    /// 16-bit samples to a unit.
    unit: i32,
}

impl Standard {
    fn of(law: Law) -> Self {
        let (mut decisions, unit) = match law {
            Law::Mu => (vec![0, 1], 4),
            Law::A => (vec![0], 8),
        };
        let segments: [(usize, i32); 8] = match law {
            Law::Mu => {
                core::array::from_fn(|segment| (if segment == 0 { 15 } else { 16 }, 2 << segment))
            }
            Law::A => core::array::from_fn(|segment| (16, 2 << segment.saturating_sub(1))),
        };
        for (intervals, step) in segments {
            for _ in 0..intervals {
                decisions.push(decisions.last().unwrap() + step);
            }
        }
        Self { decisions, unit }
    }

    /// Which interval holds a sample. Sixteen bits stand for the stretch from their number to the next one, whose
    /// middle lies on no decision value: so doubled and one more.
    fn interval(&self, sample: i16) -> usize {
        let doubled = (2 * i32::from(sample) + 1).abs();
        let above = |decision: &&i32| doubled > **decision * self.unit * 2;
        self.decisions[1..128].iter().filter(above).count()
    }

    fn value(&self, law: Law, interval: usize) -> i32 {
        if law == Law::Mu && interval == 0 {
            return 0;
        }
        (self.decisions[interval] + self.decisions[interval + 1]) * self.unit / 2
    }
}

/// Table 1b and 2b: the character signal before inversion is the interval's number; positive values have the
/// first bit set. A-law inverts the even bits, µ-law all but the sign's.
fn character(law: Law, interval: usize, negative: bool) -> u8 {
    let sign = if negative { 0 } else { 0x80 };
    let number = u8::try_from(interval).unwrap();
    match law {
        Law::A => (sign | number) ^ 0x55,
        Law::Mu => sign | (number ^ 0x7F),
    }
}

#[test]
fn all_codes_and_all_samples_are_exact() {
    for (law, overload) in [(Law::Mu, 8159), (Law::A, 4096)] {
        let standard = Standard::of(law);
        assert_eq!(standard.decisions.len(), 129);
        assert_eq!(standard.decisions[128], overload);
        for sample in i16::MIN..=i16::MAX {
            let wanted = character(law, standard.interval(sample), sample < 0);
            assert_eq!(law.encode(sample), wanted, "{law:?} {sample}");
        }
        for interval in 0..128 {
            let value = standard.value(law, interval);
            let (positive, negative) = (
                character(law, interval, false),
                character(law, interval, true),
            );
            assert_eq!(i32::from(law.decode(positive)), value, "{law:?} {interval}");
            assert_eq!(
                i32::from(law.decode(negative)),
                -value,
                "{law:?} {interval}"
            );
        }
    }
}
