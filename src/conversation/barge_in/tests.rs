use super::*;

const OURS: &str = "You can reset your password on the settings page, under security.";

fn check(transcript: &str, expected: Verdict) {
    assert_eq!(judge(transcript, OURS), expected, "{transcript}");
}

#[test]
fn words_of_his_own_are_an_interruption() {
    for text in [
        "stop",
        "no wait",
        "sorry, but I have another question",
        "which page is that",
        "okay so what now",
    ] {
        check(text, Verdict::Interruption);
    }
}

#[test]
fn going_along_is_not() {
    for text in ["mhm", "Okay.", "yes", "uh-huh, right", "", "s"] {
        check(text, Verdict::Backchannel);
    }
}

#[test]
fn our_own_words_coming_back_are_an_echo() {
    for text in [
        "reset your password",
        "Password",
        "You can reset your password on the settings page",
        "can reset your password on a settings page",
        "settings page under security",
    ] {
        check(text, Verdict::Echo);
    }
    check("reset my password", Verdict::Interruption);
    check("page settings", Verdict::Interruption);
    check(
        "how do I reset the password of my colleague please",
        Verdict::Interruption,
    );
}

#[test]
fn nothing_is_an_echo_of_silence() {
    assert_eq!(judge("password", ""), Verdict::Interruption);
}
