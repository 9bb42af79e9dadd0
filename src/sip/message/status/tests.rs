use super::StatusCode;

#[test]
fn codes_know_their_class() {
    let classes = |code: u16| {
        let status = StatusCode::new(code).expect("a code");
        (
            status.is_provisional(),
            status.is_success(),
            status.is_redirection(),
            status.is_final(),
        )
    };
    assert_eq!(classes(100), (true, false, false, false));
    assert_eq!(classes(199), (true, false, false, false));
    assert_eq!(classes(200), (false, true, false, true));
    assert_eq!(classes(302), (false, false, true, true));
    assert_eq!(classes(699), (false, false, false, true));
    assert_eq!((StatusCode::new(99), StatusCode::new(700)), (None, None));
}

#[test]
fn every_code_has_a_phrase() {
    assert_eq!(
        StatusCode::REQUEST_TERMINATED.reason_phrase(),
        "Request Terminated"
    );
    assert_eq!(StatusCode(486).reason_phrase(), "Busy Here");
    for (code, class) in [
        (150, "Progress"),
        (299, "Success"),
        (399, "Redirection"),
        (499, "Request Failure"),
        (599, "Server Failure"),
        (699, "Global Failure"),
    ] {
        assert_eq!(StatusCode(code).reason_phrase(), class);
    }
    assert_eq!(StatusCode(486).to_string(), "486");
}
