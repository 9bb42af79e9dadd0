use super::*;

#[test]
fn frames_of_each_form_are_twenty_milliseconds() {
    for (codec, heard, spoken) in [
        (Codec::PCMU, (8_000, 160), (8_000, 160)),
        (Codec::PCMA, (8_000, 160), (8_000, 160)),
        (Codec::G722, (16_000, 640), (16_000, 640)),
        (Codec::Opus, (16_000, 640), (24_000, 960)),
    ] {
        let form = |format: SpeechFormat| (format.sample_rate(), format.frame_bytes());
        assert_eq!(form(SpeechFormat::heard_in(codec)), heard, "{codec:?}");
        assert_eq!(form(SpeechFormat::spoken_in(codec)), spoken, "{codec:?}");
    }
}

#[test]
fn quiet_is_known_in_every_form() {
    for (format, quiet, loud) in [
        (
            SpeechFormat::G711(Law::Mu),
            vec![0xFF, 0x7F, 0xF0, 0x70],
            vec![0xEF, 0x6F, 0x00, 0x80],
        ),
        (
            SpeechFormat::G711(Law::A),
            vec![0xD5, 0x55, 0xD2, 0x52],
            vec![0xDD, 0x5D, 0x2A, 0xAA],
        ),
    ] {
        assert!(format.is_quiet(&quiet), "{format:?}");
        for byte in loud {
            assert!(!format.is_quiet(&[byte]), "{format:?} {byte:x}");
        }
    }
    let format = SpeechFormat::Linear16(16_000);
    assert!(format.is_quiet(&linear(&[0, 127, -127, 5])));
    for loud in [128, -128, i16::MIN, i16::MAX] {
        assert!(!format.is_quiet(&linear(&[0, loud])), "{loud}");
    }
}

#[test]
fn samples_survive_as_bytes() {
    let wanted = [0, 1, -1, i16::MIN, i16::MAX, 258];
    assert!(samples(&linear(&wanted)).eq(wanted));
}
