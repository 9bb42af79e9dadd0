use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::conversation::{Passage, ReplyEvent, ReplyId, ToolCall};
use crate::ticket::{Entry, Speaker};

/// A conversation under a hand-driven clock; what it said waits to be played.
struct Bench {
    now: Instant,
    started: Instant,
    conversation: Conversation,
    queued: VecDeque<(UtteranceId, String)>,
    reply: Option<ReplyId>,
    searches: Vec<String>,
    recorded: Vec<Entry>,
    stops: usize,
    cancelled: usize,
    hung_up: Option<String>,
    last_request: Option<crate::conversation::ReplyRequest>,
}

fn prompts() -> Prompts {
    Prompts::default()
}

fn passage(article: &str, text: &str) -> Passage {
    Passage {
        article: article.to_owned(),
        title: format!("About {article}"),
        url: String::new(),
        text: text.to_owned(),
        score: 1.0,
    }
}

impl Bench {
    fn new() -> Self {
        let now = crate::io::clock::now();
        Self {
            now,
            started: now,
            conversation: Conversation::new(Settings::default(), now),
            queued: VecDeque::new(),
            reply: None,
            searches: Vec::new(),
            recorded: Vec::new(),
            stops: 0,
            cancelled: 0,
            hung_up: None,
            last_request: None,
        }
    }

    /// Answered, and the greeting was played.
    fn greeted() -> Self {
        let mut bench = Self::new();
        bench.handle(Input::Answered);
        bench.pass(200);
        bench.play_all();
        bench
    }

    /// Escalated, and the caller was asked for the address.
    fn capturing() -> Self {
        let mut bench = Self::greeted();
        bench.handle(Input::Digit('0'));
        bench.play_all();
        bench
    }

    fn handle(&mut self, input: Input) {
        self.conversation.handle(input, self.now);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(command) = self.conversation.poll_command() {
            match command {
                Command::Speak(id, speech) => self.queued.push_back((id, speech.text().to_owned())),
                Command::StopSpeaking => {
                    self.stops += 1;
                    self.queued.clear();
                }
                Command::Search(query) => self.searches.push(query),
                Command::Ask(request) => {
                    self.reply = Some(request.id);
                    self.last_request = Some(request);
                }
                Command::CancelReply(_) => self.cancelled += 1,
                Command::Record(entry) => self.recorded.push(entry),
                Command::RecordCall(_) => unreachable!("no call is recorded here"),
                Command::HangUp(reason) => self.hung_up = Some(reason),
                Command::Transfer(_) | Command::CancelTransfer => {
                    unreachable!("there is nobody to transfer to")
                }
            }
        }
    }

    /// Lets time pass, firing timers on the way.
    fn pass(&mut self, millis: u64) {
        let until = self.now + Duration::from_millis(millis);
        while let Some(due) = self.conversation.poll_timeout().filter(|due| *due <= until) {
            self.now = self.now.max(due);
            self.conversation.handle_timeout(self.now);
            self.drain();
        }
        self.now = until;
    }

    fn begin_playing(&mut self) -> Option<UtteranceId> {
        let (id, text) = self.queued.front()?.clone();
        let millis = 60 * u64::try_from(text.len()).unwrap();
        self.handle(Input::Rendering(id));
        self.handle(Input::Rendered(id, Duration::from_millis(millis)));
        self.handle(Input::Playing(id));
        Some(id)
    }

    /// Plays all that is queued.
    fn play_all(&mut self) {
        while let Some(id) = self.begin_playing() {
            let (_, text) = self.queued.pop_front().unwrap();
            self.pass(60 * u64::try_from(text.len()).unwrap());
            self.handle(Input::Played(id));
        }
    }

    fn heard(&mut self, text: &str) {
        self.handle(Input::Heard(Heard::StartOfTurn {
            transcript: text.to_owned(),
        }));
        self.handle(Input::Heard(Heard::EndOfTurn {
            transcript: text.to_owned(),
        }));
    }

    /// Asks, and has a passage found.
    fn asked(&mut self, text: &str) -> ReplyId {
        self.heard(text);
        self.handle(Input::Passages(vec![passage(
            "42",
            "We are open from nine to six on weekdays.",
        )]));
        self.reply.expect("the model is asked")
    }

    fn replies(&mut self, id: ReplyId, text: &str) {
        self.handle(Input::Reply(id, ReplyEvent::Text(text.to_owned())));
        self.handle(Input::Reply(id, ReplyEvent::Done));
    }

    fn calls(&mut self, id: ReplyId, tool: &str, reason: &str) {
        let arguments = BTreeMap::from([("reason".to_owned(), reason.to_owned())]);
        let call = ToolCall {
            id: "call-1".to_owned(),
            name: tool.to_owned(),
            arguments,
        };
        self.handle(Input::Reply(id, ReplyEvent::ToolCall(call)));
    }

    fn queued(&self) -> Vec<&str> {
        self.queued.iter().map(|(_, text)| text.as_str()).collect()
    }

    fn lines(&self) -> Vec<(Speaker, &str, bool)> {
        let lines = self.recorded.iter().filter_map(|entry| match entry {
            Entry::Line {
                speaker,
                text,
                interrupted,
                ..
            } => Some((*speaker, text.as_str(), *interrupted)),
            _ => None,
        });
        lines.collect()
    }

    fn escalations(&self) -> Vec<&str> {
        let reasons = self.recorded.iter().filter_map(|entry| match entry {
            Entry::Escalated { reason } => Some(reason.as_str()),
            _ => None,
        });
        reasons.collect()
    }
}

#[test]
fn greets_after_the_lead_in_and_listens() {
    let mut bench = Bench::new();
    bench.handle(Input::Answered);
    bench.pass(199);
    assert!(bench.queued().is_empty());
    bench.pass(1);
    assert_eq!(bench.queued(), [prompts().greeting]);
    bench.play_all();
    assert_eq!(
        bench.lines(),
        [(Speaker::Agent, prompts().greeting.as_str(), false)]
    );
}

#[test]
fn answers_from_the_passages_clause_by_clause() {
    let mut bench = Bench::greeted();
    bench.heard("When are you open?");
    assert_eq!(bench.searches, ["When are you open?"]);
    bench.handle(Input::Passages(vec![passage(
        "42",
        "We are open from nine to six.",
    )]));
    let request = bench.last_request.clone().unwrap();
    assert_eq!(request.tools.len(), 2);
    let shown = format!("{:?}", request.history);
    assert!(
        shown.contains("[42] About 42") && shown.ends_with(r#"Caller("When are you open?")]"#),
        "{shown}"
    );

    bench.handle(Input::Reply(
        request.id,
        ReplyEvent::Text("We are open from nine, ".to_owned()),
    ));
    assert_eq!(bench.queued(), ["We are open from nine,"]);
    bench.replies(request.id, "until six.");
    assert_eq!(bench.queued(), ["We are open from nine,", "until six."]);
    bench.play_all();

    assert!(
        bench
            .recorded
            .iter()
            .any(|e| matches!(e, Entry::Cited { article, .. } if article == "42"))
    );
    assert!(
        bench
            .recorded
            .iter()
            .any(|e| matches!(e, Entry::Turn(ledger) if ledger.first_packet.is_some()))
    );
    assert_eq!(bench.conversation.outcome(), Outcome::Answered);
}

#[test]
fn a_call_that_asks_and_is_not_answered_is_abandoned() {
    let mut bench = Bench::greeted();
    bench.asked("When are you open?");
    bench.handle(Input::HungUp);
    assert_eq!(bench.conversation.outcome(), Outcome::Abandoned);
    assert!(bench.conversation.is_over() && bench.conversation.poll_timeout().is_none());
}

#[test]
fn thanks_after_an_answer_do_not_open_a_question() {
    let mut bench = Bench::greeted();
    let id = bench.asked("When are you open?");
    bench.replies(id, "From nine to six.");
    bench.play_all();
    bench.heard("Great, thank you very much");
    bench.handle(Input::Passages(vec![]));
    let shown = format!("{:?}", bench.last_request.as_ref().unwrap().history);
    assert!(!shown.contains("no article"), "{shown}");
    bench.calls(bench.reply.unwrap(), "end_call", "");
    assert_eq!(bench.queued(), [prompts().goodbye]);
    bench.play_all();
    assert!(bench.hung_up.is_none());
    bench.pass(200);
    assert_eq!(
        bench.hung_up.as_deref(),
        Some("the assistant has said goodbye")
    );
    assert_eq!(bench.conversation.outcome(), Outcome::Answered);
}

#[test]
fn an_interruption_keeps_only_what_was_played() {
    let mut bench = Bench::greeted();
    let id = bench.asked("When are you open?");
    bench.replies(id, "We are open from nine to six.");
    let utterance = bench.begin_playing().unwrap();
    bench.pass(60 * 11);
    bench.handle(Input::Heard(Heard::StartOfTurn {
        transcript: "and on Sunday".to_owned(),
    }));
    assert_eq!(bench.stops, 1);
    bench.handle(Input::Stopped(Some((
        utterance,
        Duration::from_millis(60 * 11),
    ))));
    assert_eq!(
        bench.lines().last(),
        Some(&(Speaker::Agent, "We are open", true))
    );

    bench.handle(Input::Heard(Heard::EndOfTurn {
        transcript: "and on Sunday".to_owned(),
    }));
    bench.handle(Input::Passages(vec![]));
    let history = bench.last_request.unwrap().history;
    assert!(
        format!("{history:?}").contains(r#"Agent("We are open")"#),
        "{history:?}"
    );
    assert_eq!(
        bench.searches.last().unwrap(),
        "When are you open? and on Sunday"
    );
}

#[test]
fn going_along_and_echo_do_not_stop_us() {
    let mut bench = Bench::greeted();
    let id = bench.asked("When are you open?");
    bench.replies(id, "We are open from nine to six.");
    bench.begin_playing();
    bench.pass(600);
    for text in ["mhm", "okay", "yes", "we are open"] {
        bench.heard(text);
    }
    assert_eq!((bench.stops, bench.searches.len()), (0, 1));
    bench.heard("stop please");
    assert_eq!(bench.stops, 1);
}

#[test]
fn the_greeting_can_be_interrupted() {
    let mut bench = Bench::new();
    bench.handle(Input::Answered);
    bench.pass(200);
    bench.begin_playing();
    bench.pass(500);
    bench.handle(Input::Heard(Heard::Update {
        transcript: "my printer is broken".to_owned(),
    }));
    assert_eq!(bench.stops, 1);
}

#[test]
fn a_caller_who_goes_on_speaking_cancels_the_reply_and_both_parts_count() {
    let mut bench = Bench::greeted();
    bench.asked("When are you open");
    bench.heard("on a Sunday in December");
    assert_eq!(bench.cancelled, 1);
    assert_eq!(
        bench.searches.last().unwrap(),
        "When are you open on a Sunday in December"
    );
}

#[test]
fn results_that_nobody_waits_for_are_dropped() {
    let mut bench = Bench::greeted();
    bench.handle(Input::Passages(vec![passage("early", "early")]));
    assert!(bench.last_request.is_none());
    bench.heard("one thing please");
    bench.pass(800);
    bench.handle(Input::Passages(vec![passage("late", "late")]));
    assert!(format!("{:?}", bench.last_request).contains("has no article"));
}

#[test]
fn the_ladder_of_silence_ends_in_a_promise() {
    let mut bench = Bench::greeted();
    let mut said = Vec::new();
    for _ in 0..4 {
        bench.pass(7_000);
        said.extend(bench.queued().iter().map(|text| (*text).to_owned()));
        bench.play_all();
    }
    let p = prompts();
    let expected = [
        &p.no_input,
        &p.no_input,
        &p.offer_person,
        &p.promise,
        &p.goodbye,
    ];
    assert_eq!(said.iter().collect::<Vec<_>>(), expected);
    bench.pass(200);
    assert!(bench.hung_up.is_some());
    assert_eq!(bench.conversation.outcome(), Outcome::Escalated);
    assert_eq!(bench.escalations().len(), 1);
}

#[test]
fn what_is_not_understood_is_asked_again_twice_and_then_a_person_is_offered() {
    let mut bench = Bench::greeted();
    for expected in [
        prompts().not_understood,
        prompts().not_understood,
        prompts().offer_person,
    ] {
        bench.handle(Input::Heard(Heard::EndOfTurn {
            transcript: String::new(),
        }));
        assert_eq!(bench.queued(), [expected]);
        bench.play_all();
    }
    bench.heard("No");
    assert_eq!(bench.queued(), [prompts().go_on]);
    bench.play_all();
    bench.heard("What does it cost?");
    assert_eq!(bench.searches, ["What does it cost?"]);
}

#[test]
fn yes_to_the_offer_escalates() {
    for yes in [Some("yes please"), None] {
        let mut bench = Bench::greeted();
        for _ in 0..3 {
            bench.handle(Input::Heard(Heard::EndOfTurn {
                transcript: String::new(),
            }));
            bench.play_all();
        }
        match yes {
            Some(text) => bench.heard(text),
            None => bench.handle(Input::Digit('1')),
        }
        assert_eq!(bench.queued(), [prompts().escalation, prompts().ask_email]);
    }
}

#[test]
fn handing_over_captures_and_confirms_the_address() {
    let mut bench = Bench::greeted();
    let id = bench.asked("I want my money back");
    bench.handle(Input::Reply(
        id,
        ReplyEvent::Text("I cannot do that myself.".to_owned()),
    ));
    bench.calls(id, "hand_over", "wants a refund");
    let p = prompts();
    assert_eq!(
        bench.queued(),
        ["I cannot do that myself.", &p.escalation, &p.ask_email]
    );
    assert_eq!(bench.escalations(), ["wants a refund"]);
    bench.play_all();
    bench.heard("jane dot doe at example dot com");
    assert_eq!(
        bench.queued(),
        ["I have jane dot doe at example dot com. Did I get that right?"]
    );
    bench.play_all();
    bench.heard("yes");
    assert_eq!(bench.queued(), [p.promise, p.goodbye]);
    let email = Entry::Email {
        address: "jane.doe@example.com".to_owned(),
        confirmed: true,
    };
    assert!(bench.recorded.contains(&email));
    bench.play_all();
    bench.pass(200);
    assert_eq!(bench.conversation.outcome(), Outcome::Escalated);
    assert!(bench.hung_up.is_some());
}

#[test]
fn keys_confirm_refuse_and_skip() {
    for (keys, confirmed) in [("1", true), ("22", false), ("0", false)] {
        let mut bench = Bench::capturing();
        bench.heard("jane at example dot com");
        for key in keys.chars() {
            bench.handle(Input::Digit(key));
        }
        let email = Entry::Email {
            address: "jane@example.com".to_owned(),
            confirmed,
        };
        assert!(bench.recorded.contains(&email), "{keys}");
    }
}

#[test]
fn a_yes_near_the_end_of_the_read_back_counts_and_one_at_its_begin_does_not() {
    for (heard_millis, counts) in [(300, false), (3_000, true)] {
        let mut bench = Bench::capturing();
        bench.heard("jane at example dot com");
        bench.begin_playing();
        bench.pass(heard_millis);
        bench.heard("yes");
        let confirmed = bench.recorded.iter().any(|e| {
            matches!(
                e,
                Entry::Email {
                    confirmed: true,
                    ..
                }
            )
        });
        assert_eq!(confirmed, counts, "after {heard_millis} ms");
    }
}

#[test]
fn asking_for_a_person_needs_no_model() {
    let mut bench = Bench::greeted();
    bench.heard("Can I talk to a real person please");
    assert_eq!(bench.queued(), [prompts().escalation, prompts().ask_email]);
    assert!(bench.searches.is_empty());
}

#[test]
fn a_failing_service_is_an_apology_a_ticket_and_the_end() {
    for service in [Service::Ear, Service::Voice, Service::Model] {
        let mut bench = Bench::greeted();
        bench.asked("When are you open?");
        bench.handle(Input::Failed(
            service,
            Failure::Unavailable("closed".to_owned()),
        ));
        assert_eq!(bench.queued(), [prompts().apology, prompts().goodbye]);
        assert!(bench.escalations()[0].ends_with("the caller asked: When are you open?"));
        bench.play_all();
        bench.pass(200);
        assert!(bench.hung_up.is_some());
        assert_eq!(bench.conversation.outcome(), Outcome::Failed);
    }
}

#[test]
fn a_service_lost_before_the_answer_is_told_instead_of_the_greeting() {
    let mut bench = Bench::new();
    bench.handle(Input::Failed(
        Service::Voice,
        Failure::Refused("key".to_owned()),
    ));
    assert!(bench.queued().is_empty());
    bench.handle(Input::Answered);
    bench.pass(200);
    assert_eq!(bench.queued(), [prompts().apology, prompts().goodbye]);
}

#[test]
fn a_model_that_stalls_is_an_apology_within_three_seconds() {
    let mut bench = Bench::greeted();
    bench.asked("When are you open?");
    bench.pass(2_199);
    assert!(bench.queued().is_empty());
    bench.pass(1);
    assert_eq!(bench.queued(), [prompts().apology, prompts().goodbye]);
}

#[test]
fn a_model_that_stalls_in_the_middle_is_an_apology() {
    let mut bench = Bench::greeted();
    let id = bench.asked("When are you open?");
    bench.handle(Input::Reply(id, ReplyEvent::Text("We are ".to_owned())));
    bench.pass(2_500);
    assert_eq!(bench.queued(), [prompts().apology, prompts().goodbye]);
}

#[test]
fn an_empty_reply_is_a_failure() {
    let mut bench = Bench::greeted();
    let id = bench.asked("When are you open?");
    bench.handle(Input::Reply(id, ReplyEvent::Done));
    assert_eq!(bench.queued(), [prompts().apology, prompts().goodbye]);
}

#[test]
fn a_silent_voice_is_an_apology_from_the_cache() {
    let mut bench = Bench::greeted();
    let id = bench.asked("When are you open?");
    bench.replies(id, "From nine to six.");
    bench.pass(1_500);
    assert_eq!(bench.stops, 1);
    assert_eq!(bench.queued(), [prompts().apology, prompts().goodbye]);
}

#[test]
fn dead_air_is_filled_once_and_then_given_up() {
    let mut settings = Settings::default();
    settings.timing.first_token = Duration::from_secs(60);
    let mut bench = Bench::greeted();
    bench.conversation.settings = Arc::new(settings);
    bench.asked("When are you open?");
    bench.pass(2_499);
    assert!(bench.queued().is_empty());
    bench.pass(1);
    assert_eq!(bench.queued(), [prompts().filler]);
    bench.play_all();
    bench.pass(6_000 - 2_500 - 60 * u64::try_from(prompts().filler.len()).unwrap());
    assert_eq!(bench.queued(), [prompts().apology, prompts().goodbye]);
    assert_eq!(bench.conversation.outcome(), Outcome::Failed);
}

#[test]
fn the_call_ends_even_if_nothing_is_ever_played() {
    let mut bench = Bench::new();
    bench.handle(Input::Answered);
    bench.pass(120_000);
    assert!(bench.hung_up.is_some());
    assert!(bench.lines().is_empty());
    assert_eq!(bench.conversation.outcome(), Outcome::Failed);
}

#[test]
fn without_voice_and_cache_nothing_is_waited_for() {
    let mut bench = Bench::greeted();
    bench.asked("When are you open?");
    let lost = || Input::Failed(Service::Voice, Failure::Unavailable("closed".to_owned()));
    for _ in 0..3 {
        bench.handle(lost());
    }
    bench.pass(200);
    assert!(bench.hung_up.is_some());
    assert_eq!(bench.conversation.outcome(), Outcome::Failed);
}

#[test]
fn a_goodbye_can_be_interrupted_but_a_promise_cannot() {
    let mut bench = Bench::greeted();
    let id = bench.asked("that was all for today");
    bench.calls(id, "end_call", "");
    bench.begin_playing();
    bench.heard("bye bye");
    assert_eq!(bench.stops, 0);
    bench.heard("wait, one more question");
    assert_eq!(bench.stops, 1);
    bench.pass(700);
    assert!(bench.hung_up.is_none());
    assert_eq!(bench.searches.len(), 2);

    let mut bench = Bench::capturing();
    bench.handle(Input::Digit('0'));
    bench.begin_playing();
    bench.heard("wait, one more question");
    assert_eq!(bench.stops, 0);
}

#[test]
fn draining_says_goodbye_and_leaves_a_ticket() {
    let mut bench = Bench::greeted();
    bench.handle(Input::Drain);
    assert_eq!(bench.queued(), [prompts().drain, prompts().goodbye]);
    bench.play_all();
    bench.pass(200);
    assert!(bench.hung_up.is_some());
    assert_eq!(bench.conversation.outcome(), Outcome::Interrupted);

    let mut early = Bench::new();
    early.handle(Input::Drain);
    assert!(early.conversation.is_over());
}

#[test]
fn a_call_cannot_last_for_ever() {
    let mut bench = Bench::greeted();
    for _ in 0..200 {
        let id = bench.asked("When are you open?");
        bench.replies(id, "From nine to six on weekdays.");
        bench.play_all();
        bench.pass(6_000);
        if bench.hung_up.is_some() {
            break;
        }
    }
    assert!(bench.hung_up.is_some());
    let length = bench.now - bench.started;
    assert!(length > Duration::from_secs(15 * 60) && length < Duration::from_secs(17 * 60));
}

#[test]
fn a_turn_that_the_ear_leaves_open_is_taken_as_ended() {
    let mut bench = Bench::greeted();
    bench.handle(Input::Heard(Heard::StartOfTurn {
        transcript: "my printer".to_owned(),
    }));
    bench.handle(Input::Heard(Heard::Update {
        transcript: "my printer is broken".to_owned(),
    }));
    bench.pass(8_000);
    assert_eq!(bench.searches, ["my printer is broken"]);
}

#[test]
fn a_search_that_never_ends_has_found_nothing() {
    let mut bench = Bench::greeted();
    bench.heard("When are you open?");
    bench.pass(800);
    assert!(format!("{:?}", bench.last_request).contains("has no article"));
}

#[test]
fn hanging_up_in_the_middle_records_what_was_heard() {
    let mut bench = Bench::new();
    bench.handle(Input::Answered);
    bench.pass(200);
    bench.begin_playing();
    bench.pass(60 * 6);
    bench.handle(Input::HungUp);
    assert_eq!(bench.lines(), [(Speaker::Agent, "Hello,", true)]);
    bench.handle(Input::Answered);
    bench.heard("hello");
    assert!(bench.queued.is_empty() && bench.searches.is_empty());
}

#[test]
fn an_unconfirmed_address_is_noted_when_the_caller_hangs_up() {
    let mut bench = Bench::capturing();
    bench.heard("jane at example dot com");
    bench.handle(Input::HungUp);
    let email = Entry::Email {
        address: "jane@example.com".to_owned(),
        confirmed: false,
    };
    assert!(bench.recorded.contains(&email));
}
