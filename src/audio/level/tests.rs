use super::*;

/// The digital milliwatt of G.711 Tables 5 and 6: 1000 Hz at 0 dBm0.
const MILLIWATT_MU: [u8; 8] = [0x1E, 0x0B, 0x0B, 0x1E, 0x9E, 0x8B, 0x8B, 0x9E];
const MILLIWATT_A: [u8; 8] = [0x34, 0x21, 0x21, 0x34, 0xB4, 0xA1, 0xA1, 0xB4];

#[test]
fn the_digital_milliwatt_is_zero() {
    assert!(dbm0(Law::Mu, &MILLIWATT_MU).abs() < 0.05);
    assert!(dbm0(Law::A, &MILLIWATT_A).abs() < 0.05);
}

#[test]
fn silence_is_the_floor() {
    for law in [Law::Mu, Law::A] {
        assert!(dbm0(law, &[law.silence(); 160]) < -60.0);
        assert!(is_silent(law, &[law.silence(); 160]));
        assert!(is_silent(law, &[]));
    }
    assert!(!is_silent(Law::Mu, &MILLIWATT_MU));
}

#[test]
fn the_silence_threshold_is_at_minus_fifty() {
    for law in [Law::Mu, Law::A] {
        let threshold = milliwatt(law) / 100_000.0;
        assert!(
            (threshold / SILENT_SQUARE as f64 - 1.0).abs() < 0.02,
            "{threshold}"
        );
    }
}
