use super::*;
use crate::call::tests::Bench;
use crate::call::{Input, Mode, Target};
use crate::sip::message::{Method, Name, Uri};
use crate::sip::session::Output;
use crate::ticket::Outcome;

fn notice(bench: &mut Bench, event: Event) {
    bench.handle(Input::Noticed(event));
}

fn noticed(bench: &Bench) -> Vec<String> {
    let record = bench.record();
    record.noticed().into_iter().map(str::to_owned).collect()
}

fn escalated(bench: &Bench) -> usize {
    let entries = bench.record().entries;
    let escalated = entries
        .iter()
        .filter(|entry| matches!(entry, Entry::Escalated { .. }));
    escalated.count()
}

/// What the BYE gives as its reason.
fn reason(bench: &Bench) -> String {
    let requests = bench.commands.iter().filter_map(|command| match command {
        Command::Sip(Output::Request { request, .. }) => Some(request),
        _ => None,
    });
    let bye = requests.last().expect("a request was sent");
    assert_eq!(bye.method, Method::Bye);
    let reason = bye.headers.get(&Name::Reason).expect("it has a reason");
    String::from_utf8_lossy(reason).into_owned()
}

#[test]
fn a_fax_machine_is_refused_once_and_the_ticket_says_so() {
    let mut bench = Bench::talking();
    notice(&mut bench, Event::Tone(Tone::FaxCalling));
    notice(&mut bench, Event::Tone(Tone::FaxCalling));
    assert!(
        reason(&bench).contains("takes no fax"),
        "{}",
        reason(&bench)
    );
    bench.bye_answered();
    assert_eq!(bench.ended(), Outcome::Abandoned);
    assert_eq!(noticed(&bench), [FAX]);
    assert!(bench.needs_ticket());
}

#[test]
fn a_fax_machine_that_is_ignored_is_a_caller() {
    let mut bench = Bench::talking();
    bench.call.fax = Fax::Ignore;
    notice(&mut bench, Event::Tone(Tone::FaxCalling));
    assert!(!bench.record().is_ended());
    assert!(noticed(&bench).is_empty());
}

fn with_fax() -> Bench {
    let mut bench = Bench::talking();
    bench.call.fax = Fax::Transfer("the fax".to_owned());
    bench.call.targets = vec![Target {
        name: "the fax".to_owned(),
        refer_to: Uri::parse("sip:209@192.0.2.9").ok(),
        mode: Mode::Bridge,
        ring_max: Duration::from_secs(25),
        digits: String::new(),
    }];
    bench
}

#[test]
fn a_fax_machine_is_connected_without_a_word() {
    let mut bench = with_fax();
    let spoken = bench.spoken().len();
    notice(&mut bench, Event::Tone(Tone::FaxCalling));
    assert_eq!(bench.count("OpenSecondLeg"), 1);
    assert_eq!(
        (bench.spoken().len(), bench.count("StopSpeaking")),
        (spoken, 1)
    );
    assert!(!bench.record().is_ended());
}

#[test]
fn a_fax_that_is_not_reached_is_told_to_nobody() {
    let mut bench = with_fax();
    let spoken = bench.spoken().len();
    notice(&mut bench, Event::Tone(Tone::FaxAnswering));
    bench.handle(Input::NoSecondLeg("no port is free".to_owned()));
    assert!(reason(&bench).contains("not reached"), "{}", reason(&bench));
    assert_eq!(bench.spoken().len(), spoken);
    bench.bye_answered();
    bench.ended();
    assert_eq!(bench.record().transfers().len(), 1);
}

#[test]
fn a_key_that_is_heard_counts() {
    let mut bench = Bench::talking();
    notice(&mut bench, Event::Key('0'));
    assert_eq!(escalated(&bench), 1);
}

#[test]
fn a_key_that_is_heard_and_signalled_counts_once() {
    let mut bench = Bench::talking();
    notice(&mut bench, Event::Key('1'));
    bench.pass(400);
    assert!(!bench.call.sounds.keys.by_signal('1', bench.now));
    assert!(bench.call.sounds.keys.by_signal('1', bench.now));
    notice(&mut bench, Event::Key('0'));
    assert_eq!(escalated(&bench), 0, "who can signal is not listened to");
    bench.handle(Input::Digit('5'));
    bench.handle(Input::Digit('0'));
    assert_eq!(escalated(&bench), 1);
}

#[test]
fn busy_tone_is_a_caller_who_hung_up() {
    let mut bench = Bench::talking();
    notice(&mut bench, Event::Tone(Tone::Busy));
    bench.bye_answered();
    assert_eq!(bench.ended(), Outcome::Abandoned);
    assert_eq!(noticed(&bench), ["busy tone"]);
}

#[test]
fn while_it_rings_at_the_callers_side_nothing_is_said() {
    let mut bench = Bench::talking();
    notice(&mut bench, Event::Tone(Tone::RingBack));
    let spoken = bench.spoken().len();
    bench.pass(60_000);
    assert_eq!(bench.spoken().len(), spoken);
    notice(&mut bench, Event::RingBackOver);
    bench.pass(8_000);
    assert!(bench.spoken().len() > spoken);
}

#[test]
fn a_telephone_that_holds_us_goes_before_what_is_heard() {
    let mut bench = Bench::talking();
    bench.call.on_held(true, bench.now);
    notice(&mut bench, Event::Tone(Tone::RingBack));
    notice(&mut bench, Event::RingBackOver);
    let spoken = bench.spoken().len();
    bench.pass(60_000);
    assert_eq!(bench.spoken().len(), spoken);
}
