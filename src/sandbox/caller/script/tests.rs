use super::*;

fn action(text: &str) -> Action {
    text.parse::<Step>().unwrap().action
}

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

#[test]
fn every_step_is_read() {
    assert_eq!(
        action("say How do I reset it?"),
        Action::Say("How do I reset it?".into())
    );
    assert_eq!(action("Wait until it speaks"), Action::Speaks);
    assert_eq!(action("wait until it stops"), Action::Stops(STOPPED));
    assert_eq!(
        action("wait until it stops for 1.5 s"),
        Action::Stops(seconds(1.5))
    );
    assert_eq!(
        action("wait for How can I help"),
        Action::Words("How can I help".into())
    );
    assert_eq!(
        action("interrupt after 0.8 s say no, stop"),
        Action::Interrupt(seconds(0.8), "no, stop".into())
    );
    assert_eq!(action("press 1 2#"), Action::Press("12#".into()));
    assert_eq!(action("pause 500ms"), Action::Pause(seconds(0.5)));
    assert_eq!(action("hang up"), Action::HangUp);
    assert_eq!(action("wait for hang up"), Action::HungUp);
}

#[test]
fn a_wait_can_have_its_own_patience() {
    let step: Step = "wait for goodbye within 20 s".parse().unwrap();
    assert_eq!(
        (step.action, step.within),
        (Action::Words("goodbye".into()), Some(seconds(20.0)))
    );
    let step: Step = "wait until it stops for 2 s within 4 s".parse().unwrap();
    assert_eq!(
        (step.action, step.within),
        (Action::Stops(seconds(2.0)), Some(seconds(4.0)))
    );
    let step: Step = "wait for mail within a week".parse().unwrap();
    assert_eq!(
        (step.action, step.within),
        (Action::Words("mail within a week".into()), None)
    );
}

#[test]
fn what_is_no_step_is_refused_with_a_reason() {
    for text in [
        "sing",
        "say",
        "say ?!",
        "press x",
        "press",
        "pause",
        "pause long",
        "wait",
        "wait a bit",
        "interrupt say x",
        "interrupt after x say y",
        "hang on",
        "pause -1 s",
        "pause nan s",
        "wait for !",
    ] {
        let error = text.parse::<Step>().unwrap_err();
        assert!(error.to_string().contains(text), "{error}");
    }
}

#[test]
fn a_script_is_lines_or_semicolons_with_comments() {
    let script = parse_script("# greet\nsay hello; wait until it speaks\n\n  hang up ;").unwrap();
    let texts: Vec<String> = script.iter().map(ToString::to_string).collect();
    assert_eq!(texts, ["say hello", "wait until it speaks", "hang up"]);
    assert!(parse_script("say hello; jump").is_err());
}

#[test]
fn what_is_written_is_read_the_same() {
    for text in [
        "say a b",
        "wait until it speaks within 2 s",
        "wait until it stops for 0.8 s",
        "wait for x y",
        "interrupt after 0.25 s say z",
        "press 1*#",
        "pause 1.5 s",
        "hang up",
        "wait for hang up within 3 s",
    ] {
        let step: Step = text.parse().unwrap();
        assert_eq!(step.to_string(), text);
        assert_eq!(step.to_string().parse::<Step>().unwrap(), step);
    }
}
