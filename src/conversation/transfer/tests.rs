use std::collections::BTreeMap;

use super::*;
use crate::conversation::answer::HAND_OVER;
use crate::conversation::{Failure, Heard, Input, ReplyEvent, ReplyRequest, Service, Settings};

const SALES: &str = "I will connect you with sales. One moment, please.";

struct Bench {
    now: Instant,
    talk: Conversation,
    commands: Vec<Command>,
}

fn destination(name: &str) -> Destination {
    Destination {
        name: name.to_owned(),
        announcement: format!("I will connect you with {name}. One moment, please."),
    }
}

impl Bench {
    fn new(destinations: &[&str]) -> Self {
        let now = crate::io::clock::now();
        let settings = Settings {
            destinations: destinations.iter().map(|name| destination(name)).collect(),
            ..Settings::default()
        };
        let mut bench = Self {
            now,
            talk: Conversation::new(settings, now),
            commands: Vec::new(),
        };
        bench.give(Input::Answered);
        bench.pass(200);
        bench.plays_all();
        bench
    }

    fn give(&mut self, input: Input) {
        self.talk.handle(input, self.now);
        self.commands
            .extend(std::iter::from_fn(|| self.talk.poll_command()));
    }

    fn pass(&mut self, millis: u64) {
        let until = self.now + Duration::from_millis(millis);
        while let Some(due) = self.talk.poll_timeout().filter(|due| *due <= until) {
            self.now = self.now.max(due);
            self.talk.handle_timeout(self.now);
            self.commands
                .extend(std::iter::from_fn(|| self.talk.poll_command()));
        }
        self.now = until;
    }

    fn says(&mut self, words: &str) {
        let transcript = words.to_owned();
        self.give(Input::Heard(Heard::StartOfTurn { transcript }));
        let transcript = words.to_owned();
        self.give(Input::Heard(Heard::EndOfTurn { transcript }));
    }

    /// Everything that was given to be said is played.
    fn plays_all(&mut self) {
        let mut ids = self.commands.iter().filter_map(|command| match command {
            Command::Speak(id, _) => Some(*id),
            _ => None,
        });
        let last = ids.next_back();
        if let Some(last) = last {
            self.give(Input::Playing(last));
            self.give(Input::Played(last));
        }
    }

    fn spoken(&self) -> Vec<String> {
        let spoken = self.commands.iter().filter_map(|command| match command {
            Command::Speak(_, speech) => Some(speech.text().to_owned()),
            _ => None,
        });
        spoken.collect()
    }

    fn transfers(&self) -> Vec<String> {
        let asked = self.commands.iter().filter_map(|command| match command {
            Command::Transfer(name) => Some(name.clone()),
            _ => None,
        });
        asked.collect()
    }

    fn asked(&self) -> &ReplyRequest {
        let asked = self
            .commands
            .iter()
            .rev()
            .find_map(|command| match command {
                Command::Ask(request) => Some(request),
                _ => None,
            });
        asked.expect("the model was asked")
    }

    fn model_calls(&mut self, tool: &str, argument: (&str, &str)) {
        self.give(Input::Passages(Vec::new()));
        let id = self.asked().id;
        let (name, value) = argument;
        let call = ToolCall {
            id: "1".to_owned(),
            name: tool.to_owned(),
            arguments: BTreeMap::from([(name.to_owned(), value.to_owned())]),
        };
        self.give(Input::Reply(id, ReplyEvent::ToolCall(call)));
    }

    fn under_way(destinations: &[&str]) -> Self {
        let mut bench = Self::new(destinations);
        bench.says("I want to talk to a person");
        bench.plays_all();
        bench.pass(600);
        assert_eq!(bench.transfers(), [destinations[0]]);
        bench
    }

    fn has(&self, wanted: &Command) -> bool {
        self.commands.contains(wanted)
    }
}

#[test]
fn the_announcement_is_played_to_its_last_word_before_anything_is_done() {
    let mut bench = Bench::new(&["sales", "support"]);
    bench.says("I want to talk to a person");
    assert_eq!(bench.spoken().last().unwrap(), SALES);
    bench.pass(1_000);
    assert!(bench.transfers().is_empty());
    bench.plays_all();
    bench.pass(599);
    assert!(bench.transfers().is_empty());
    bench.pass(1);
    assert_eq!(bench.transfers(), ["sales"]);
}

#[test]
fn without_a_destination_a_person_calls_back() {
    let mut bench = Bench::new(&[]);
    bench.says("I want to talk to a person");
    bench.plays_all();
    bench.pass(2_000);
    assert!(bench.transfers().is_empty());
    assert!(bench.spoken().iter().any(|text| text.contains("e-mail")));
    let mut bench = Bench::new(&[]);
    bench.says("what is this");
    bench.give(Input::Passages(Vec::new()));
    assert!(bench.asked().tools.iter().all(|tool| tool.name != TRANSFER));
}

#[test]
fn who_is_named_is_called_and_a_key_calls_the_first() {
    let mut bench = Bench::new(&["sales", "support team"]);
    bench.says("I need a real person of the Support Team please");
    bench.plays_all();
    bench.pass(600);
    assert_eq!(bench.transfers(), ["support team"]);
    let mut bench = Bench::new(&["sales", "support team"]);
    bench.give(Input::Digit('0'));
    bench.plays_all();
    bench.pass(600);
    assert_eq!(bench.transfers(), ["sales"]);
}

#[test]
fn the_model_chooses_from_the_list_and_nothing_else() {
    let mut bench = Bench::new(&["sales", "support"]);
    bench.says("connect me to support");
    bench.model_calls(TRANSFER, (TARGET, "support"));
    let offered = bench
        .asked()
        .tools
        .iter()
        .find(|tool| tool.name == TRANSFER);
    assert_eq!(offered.unwrap().choices, ["sales", "support"]);
    bench.plays_all();
    bench.pass(600);
    assert_eq!(bench.transfers(), ["support"]);

    for number in ["911", "sip:+15550100@evil.example", "Support", ""] {
        let mut bench = Bench::new(&["sales", "support"]);
        bench.says("connect me to support");
        bench.model_calls(TRANSFER, (TARGET, number));
        bench.plays_all();
        bench.pass(2_000);
        assert!(bench.transfers().is_empty(), "{number}");
        // Nobody is called, and a person calls back.
        assert!(bench.spoken().iter().any(|text| text.contains("e-mail")));
    }
    let mut bench = Bench::new(&["sales"]);
    bench.says("my invoice is wrong");
    bench.model_calls(HAND_OVER, ("reason", "a wrong invoice"));
    bench.plays_all();
    bench.pass(2_000);
    assert!(bench.transfers().is_empty());
}

#[test]
fn words_during_the_announcement_stop_it_and_a_yes_does_not() {
    for (words, stops) in [
        ("no wait I have a question", true),
        ("how much is it", true),
        ("yes please", false),
        ("mhm", false),
        ("okay thank you", false),
    ] {
        // While it is played.
        let mut bench = Bench::new(&["sales"]);
        bench.says("I want to talk to a person");
        bench.says(words);
        bench.plays_all();
        bench.pass(600);
        assert_eq!(bench.transfers().is_empty(), stops, "{words}");
        assert_eq!(bench.has(&Command::StopSpeaking), stops, "{words}");
        // In the moment after it.
        let mut bench = Bench::new(&["sales"]);
        bench.says("I want to talk to a person");
        bench.plays_all();
        bench.pass(500);
        bench.says(words);
        bench.pass(700);
        assert_eq!(bench.transfers().is_empty(), stops, "{words}");
    }
}

#[test]
fn a_caller_who_begins_to_speak_holds_the_act_up() {
    let mut bench = Bench::new(&["sales"]);
    bench.says("I want to talk to a person");
    bench.plays_all();
    bench.pass(500);
    let transcript = "actually".to_owned();
    bench.give(Input::Heard(Heard::StartOfTurn { transcript }));
    bench.pass(3_000);
    assert!(bench.transfers().is_empty());
}

#[test]
fn a_caller_who_waits_hears_that_it_takes_long() {
    let mut bench = Bench::under_way(&["sales"]);
    bench.pass(7_000);
    let waiting = Settings::default().prompts.transfer_waiting;
    assert_eq!(bench.spoken().last(), Some(&waiting));
    bench.plays_all();
    bench.says("hurry up I have no time for this");
    assert!(!bench.has(&Command::CancelTransfer));
    bench.pass(7_000);
    let count = bench
        .spoken()
        .iter()
        .filter(|text| **text == waiting)
        .count();
    assert_eq!(count, 2);
}

#[test]
fn a_person_reached_ends_the_conversation() {
    let mut bench = Bench::under_way(&["sales"]);
    bench.give(Input::Connected);
    assert!(bench.talk.is_over());
    assert_eq!(bench.talk.outcome(), Outcome::Escalated);
    assert_eq!(bench.talk.poll_timeout(), None);
}

#[test]
fn a_person_not_reached_is_told_and_a_call_back_offered() {
    let prompts = Settings::default().prompts;
    for (why, said) in [
        (Unreached::Busy, prompts.transfer_busy),
        (Unreached::NoAnswer, prompts.transfer_no_answer),
        (Unreached::Unavailable, prompts.transfer_failed),
    ] {
        let mut bench = Bench::under_way(&["sales"]);
        bench.give(Input::Unreached(why, "busy (486)".to_owned()));
        let spoken = bench.spoken();
        assert_eq!(
            spoken[spoken.len() - 2..],
            [said, prompts.transfer_offer.clone()]
        );
        bench.plays_all();
        bench.says("yes");
        let reason = "the caller wanted sales: busy (486)".to_owned();
        let escalated = crate::ticket::Entry::Escalated { reason };
        assert!(bench.has(&Command::Record(escalated)));
        assert!(!bench.has(&Command::CancelTransfer));
    }
    let mut bench = Bench::under_way(&["sales"]);
    bench.give(Input::Unreached(Unreached::Busy, "busy".to_owned()));
    bench.plays_all();
    bench.says("when are you open");
    assert!(matches!(bench.commands.last(), Some(Command::Search(_))));
}

#[test]
fn after_three_attempts_a_person_calls_back() {
    let mut bench = Bench::under_way(&["sales"]);
    for _ in 0..3 {
        bench.give(Input::Unreached(Unreached::Busy, "busy".to_owned()));
        bench.plays_all();
        bench.says("connect me with a person now");
        bench.plays_all();
        bench.pass(600);
    }
    assert_eq!(bench.transfers().len(), 3);
    assert!(bench.spoken().iter().any(|text| text.contains("e-mail")));
}

#[test]
fn whatever_ends_the_conversation_gives_the_attempt_up() {
    for input in [Input::Drain, Input::HungUp] {
        let mut bench = Bench::under_way(&["sales"]);
        bench.give(input);
        assert!(bench.has(&Command::CancelTransfer));
    }
    let mut bench = Bench::under_way(&["sales"]);
    bench.pass(2_000_000);
    assert!(bench.has(&Command::CancelTransfer));
}

#[test]
fn a_service_lost_meanwhile_matters_only_if_nobody_is_reached() {
    let lost = || Input::Failed(Service::Ear, Failure::Unavailable("gone".to_owned()));
    let mut bench = Bench::under_way(&["sales"]);
    bench.give(lost());
    assert!(!bench.has(&Command::CancelTransfer));
    bench.give(Input::Connected);
    assert_eq!(bench.talk.outcome(), Outcome::Escalated);

    let mut bench = Bench::under_way(&["sales"]);
    bench.give(lost());
    bench.give(Input::Unreached(Unreached::Busy, "busy".to_owned()));
    assert!(
        bench
            .spoken()
            .contains(&Settings::default().prompts.apology)
    );
}

#[test]
fn somebody_outside_may_have_the_caller_connected() {
    let mut bench = Bench::new(&["sales"]);
    bench.says("when are you open");
    bench.give(Input::Connecting("sales".to_owned()));
    bench.give(Input::Unreached(
        Unreached::NoAnswer,
        "no answer".to_owned(),
    ));
    let offer = Settings::default().prompts.transfer_offer;
    assert_eq!(bench.spoken().last(), Some(&offer));

    let mut over = Bench::under_way(&["sales"]);
    over.give(Input::Connected);
    let commands = over.commands.len();
    over.give(Input::Connecting("sales".to_owned()));
    assert_eq!(over.commands.len(), commands);
}

/// As telephones do that are asked to call somebody else.
#[test]
fn a_hold_stops_no_transfer_and_who_comes_back_is_told_how_it_went() {
    let mut bench = Bench::under_way(&["sales"]);
    bench.give(Input::Held(true));
    let spoken = bench.spoken().len();
    bench.pass(20_000);
    assert!(!bench.has(&Command::CancelTransfer));
    bench.give(Input::Unreached(Unreached::Busy, "busy (486)".to_owned()));
    bench.pass(20_000);
    assert_eq!(bench.spoken().len(), spoken, "nobody hears it");
    bench.give(Input::Held(false));
    let prompts = Settings::default().prompts;
    assert_eq!(
        bench.spoken()[spoken..],
        [prompts.transfer_busy, prompts.transfer_offer]
    );

    let mut bench = Bench::under_way(&["sales"]);
    bench.give(Input::Held(true));
    bench.give(Input::Connected);
    assert!(bench.talk.is_over());
    assert!(!bench.has(&Command::CancelTransfer));

    // What is only announced is dropped.
    let mut bench = Bench::new(&["sales"]);
    bench.says("I want to talk to a person");
    bench.give(Input::Held(true));
    bench.pass(20_000);
    assert_eq!(bench.transfers(), [""; 0]);
}
