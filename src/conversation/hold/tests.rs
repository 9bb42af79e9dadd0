use std::time::Duration;

use super::*;
use crate::conversation::{
    Command, Input, Passage, ReplyEvent, ReplyId, Settings, Speech, UtteranceId,
};
use crate::ticket::{Entry, Outcome};

/// A conversation under a hand-driven clock, and all it said and did.
struct Bench {
    now: Instant,
    conversation: Conversation,
    spoken: Vec<(UtteranceId, String)>,
    reply: Option<ReplyId>,
    stops: usize,
    cancelled: usize,
    recorded: Vec<Entry>,
    hung_up: Option<String>,
}

const HOUR: u64 = 3_600_000;

impl Bench {
    fn new() -> Self {
        let now = crate::io::clock::now();
        let mut settings = Settings::default();
        settings.timing.call_max = Duration::from_secs(2 * 3_600);
        Self {
            now,
            conversation: Conversation::new(settings, now),
            spoken: Vec::new(),
            reply: None,
            stops: 0,
            cancelled: 0,
            recorded: Vec::new(),
            hung_up: None,
        }
    }

    /// Answered, greeted, asked; the model is replying.
    fn replying() -> Self {
        let mut bench = Self::new();
        bench.handle(Input::Answered);
        bench.pass(300);
        bench.play_last();
        bench.hear("how do I reset my password");
        let passage = Passage {
            article: "1".to_owned(),
            title: "Passwords".to_owned(),
            url: String::new(),
            text: "Press forgot password.".to_owned(),
            score: 1.0,
        };
        bench.handle(Input::Passages(vec![passage]));
        let text = ReplyEvent::Text("Press forgot password on the page. ".to_owned());
        bench.handle(Input::Reply(bench.reply.unwrap(), text));
        bench
    }

    fn handle(&mut self, input: Input) {
        self.conversation.handle(input, self.now);
        self.drain();
    }

    fn hear(&mut self, words: &str) {
        let transcript = words.to_owned();
        self.handle(Input::Heard(Heard::StartOfTurn {
            transcript: transcript.clone(),
        }));
        self.handle(Input::Heard(Heard::EndOfTurn { transcript }));
    }

    fn drain(&mut self) {
        while let Some(command) = self.conversation.poll_command() {
            match command {
                Command::Speak(id, Speech::Prompt(text) | Speech::Text(text)) => {
                    self.spoken.push((id, text));
                }
                Command::StopSpeaking => {
                    self.stops += 1;
                    self.handle(Input::Stopped(None));
                }
                Command::Ask(request) => self.reply = Some(request.id),
                Command::CancelReply(_) => self.cancelled += 1,
                Command::Record(entry) => self.recorded.push(entry),
                Command::HangUp(reason) => self.hung_up = Some(reason),
                Command::Search(_)
                | Command::RecordCall(_)
                | Command::Transfer(_)
                | Command::CancelTransfer => {}
            }
        }
    }

    fn pass(&mut self, millis: u64) {
        let until = self.now + Duration::from_millis(millis);
        while let Some(due) = self.conversation.poll_timeout().filter(|due| *due <= until) {
            self.now = self.now.max(due);
            self.conversation.handle_timeout(self.now);
            self.drain();
        }
        self.now = until;
    }

    fn play_last(&mut self) {
        let (id, _) = self.spoken.last().cloned().unwrap();
        self.handle(Input::Rendering(id));
        self.handle(Input::Rendered(id, Duration::from_secs(1)));
        self.handle(Input::Playing(id));
        self.pass(1_000);
        self.handle(Input::Played(id));
    }
}

#[test]
fn on_hold_speech_and_the_answer_stop_and_an_hour_passes_in_silence() {
    let mut bench = Bench::replying();
    let spoken = bench.spoken.len();
    bench.handle(Input::Held(true));
    assert_eq!((bench.stops, bench.cancelled), (1, 1));
    bench.hear("your call is important to us please stay on the line");
    bench.handle(Input::Digit('0'));
    bench.pass(HOUR);
    assert_eq!((bench.spoken.len(), &bench.hung_up), (spoken, &None));

    // Back: nothing is said before the caller's silence has lasted.
    bench.handle(Input::Held(false));
    let no_input = bench.conversation.settings.timing.no_input;
    bench.pass(u64::try_from(no_input.as_millis()).unwrap() - 1);
    assert_eq!(bench.spoken.len(), spoken);
    bench.pass(1);
    assert_eq!(bench.spoken.len(), spoken + 1);
    let heard_on_hold = bench
        .recorded
        .iter()
        .any(|entry| matches!(entry, Entry::Line { text, .. } if text.contains("important")));
    assert!(!heard_on_hold, "{:?}", bench.recorded);
}

#[test]
fn whoever_comes_back_is_heard_at_once_but_the_musics_last_words_are_not() {
    let mut bench = Bench::replying();
    bench.handle(Input::Held(true));
    let transcript = "la la la".to_owned();
    bench.handle(Input::Heard(Heard::StartOfTurn { transcript }));
    bench.handle(Input::Held(false));
    let transcript = "la la la hello".to_owned();
    bench.handle(Input::Heard(Heard::EndOfTurn { transcript }));
    assert!(bench.conversation.last_words.contains("password"));
    bench.hear("what does it cost");
    assert_eq!(bench.conversation.last_words, "what does it cost");
}

#[test]
fn a_call_that_is_answered_on_hold_is_greeted_afterwards() {
    let mut bench = Bench::new();
    bench.handle(Input::Held(true));
    bench.handle(Input::Answered);
    bench.pass(HOUR);
    assert!(bench.spoken.is_empty());
    bench.handle(Input::Held(false));
    bench.pass(1_000);
    assert_eq!(bench.spoken.len(), 1);
    let mut bench = Bench::new();
    bench.handle(Input::Answered);
    bench.handle(Input::Held(true));
    bench.pass(HOUR);
    assert!(bench.spoken.is_empty());
}

#[test]
fn a_service_lost_on_hold_is_told_when_the_caller_is_back() {
    let mut bench = Bench::replying();
    bench.handle(Input::Held(true));
    let spoken = bench.spoken.len();
    let failure = Failure::Unavailable("503".to_owned());
    bench.handle(Input::Failed(Service::Ear, failure));
    bench.pass(HOUR);
    assert_eq!((bench.spoken.len(), &bench.hung_up), (spoken, &None));
    bench.handle(Input::Held(false));
    assert!(bench.spoken.len() > spoken);
    assert_eq!(bench.conversation.outcome(), Outcome::Failed);
}

/// The longest hold is the longest call; nobody is told.
#[test]
fn the_longest_call_and_a_shutdown_end_a_hold_without_words() {
    let mut bench = Bench::replying();
    bench.handle(Input::Held(true));
    let spoken = bench.spoken.len();
    bench.pass(3 * HOUR);
    assert_eq!(bench.spoken.len(), spoken);
    assert_eq!(
        bench.hung_up.as_deref(),
        Some("the call reached its longest duration")
    );
    let mut bench = Bench::replying();
    bench.handle(Input::Held(true));
    let spoken = bench.spoken.len();
    bench.handle(Input::Drain);
    bench.pass(10_000);
    assert_eq!(bench.spoken.len(), spoken);
    assert!(bench.hung_up.is_some());
}
