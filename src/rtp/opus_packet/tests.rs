use super::*;

#[test]
fn every_configuration_has_its_length() {
    let frames = [
        (0, 480),
        (3, 2880),
        (11, 2880),
        (12, 480),
        (15, 960),
        (16, 120),
        (19, 960),
        (31, 960),
    ];
    for (config, ticks) in frames {
        assert_eq!(duration(&[config << 3]), Some(ticks), "{config}");
        let two = if ticks == 2880 { 5760 } else { ticks * 2 };
        assert_eq!(duration(&[config << 3 | 1, 0]), Some(two), "{config}");
    }
    assert_eq!(duration(&[31 << 3 | 3, 3, 0]), Some(2880));
}

#[test]
fn what_is_no_packet_has_none() {
    assert_eq!(duration(&[]), None);
    assert_eq!(duration(&[31 << 3 | 3]), None, "the count is missing");
    assert_eq!(duration(&[31 << 3 | 3, 0]), None, "no frames");
    assert_eq!(duration(&[3 << 3 | 3, 3]), None, "longer than 120 ms");
}

#[test]
fn a_head_alone_is_silence() {
    assert!(is_silence(&[0xF8]));
    assert!(is_silence(&[0xF8, 0xFF]));
    assert!(!is_silence(&[0xF8, 0xFF, 0xFE]));
}
