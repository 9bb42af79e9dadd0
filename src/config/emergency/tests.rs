use super::*;

#[test]
fn emergency_numbers_however_they_are_written() {
    for number in EMERGENCY_NUMBERS {
        for written in [
            number.to_owned(),
            format!("9{number}"),
            format!("0{number}"),
            format!("00{number}"),
            format!("8{number}"),
            format!("0-{number}"),
            format!("+1{number}"),
            format!("+{number}"),
            format!("+49 {number}"),
            format!("sip:{number}@pbx.example.com"),
            format!("sips:9{number}@192.0.2.1;user=phone"),
            format!("tel:{number};phone-context=+1"),
            format!("TEL:+44{number}"),
            format!(" {}-{}-{} ", &number[..1], &number[1..2], &number[2..]),
        ] {
            assert!(is_emergency(&written), "{written}");
        }
    }
    assert!(is_emergency("urn:service:sos.fire"));
}

#[test]
fn other_numbers_and_names() {
    for written in [
        "",
        "assistant",
        "201",
        "1118",
        "91",
        "91122",
        "+15550100911",
        "sip:sales@911.example.com",
        "tel:+15550100112",
        "5911",
    ] {
        assert!(!is_emergency(written), "{written}");
    }
}
