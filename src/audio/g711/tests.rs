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
