use super::*;
use crate::conversation::{Command, Heard, Input, Settings, Speech, UtteranceId};

/// A conversation under a hand-driven clock whose utterances are played at once, and how many there were.
struct Bench {
    now: Instant,
    conversation: Conversation,
    spoken: Vec<(UtteranceId, String)>,
}

impl Bench {
    /// Greeted, and waiting for the caller.
    fn listening() -> Self {
        let now = crate::io::clock::now();
        let conversation = Conversation::new(Settings::default(), now);
        let mut bench = Self {
            now,
            conversation,
            spoken: Vec::new(),
        };
        bench.handle(Input::Answered);
        bench.pass(300);
        assert_eq!(bench.spoken.len(), 1);
        bench
    }

    fn handle(&mut self, input: Input) {
        self.conversation.handle(input, self.now);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(command) = self.conversation.poll_command() {
            if let Command::Speak(id, Speech::Prompt(text) | Speech::Text(text)) = command {
                self.spoken.push((id, text));
                for input in [
                    Input::Rendering(id),
                    Input::Rendered(id, Duration::ZERO),
                    Input::Playing(id),
                    Input::Played(id),
                ] {
                    self.conversation.handle(input, self.now);
                }
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

    fn notice(&mut self, presence: Presence) {
        self.handle(Input::Presence(presence));
    }
}

#[test]
fn nobody_is_asked_while_he_speaks() {
    let mut bench = Bench::listening();
    bench.pass(6_000);
    bench.notice(Presence::Speaks(true));
    bench.pass(4_000);
    assert_eq!(bench.spoken.len(), 1, "{:?}", bench.spoken);
    bench.handle(Input::Heard(Heard::StartOfTurn {
        transcript: "well".to_owned(),
    }));
    bench.pass(2_000);
    assert_eq!(bench.spoken.len(), 1, "{:?}", bench.spoken);
}

#[test]
fn a_voice_without_words_is_believed_for_a_while_only() {
    let mut bench = Bench::listening();
    bench.pass(6_000);
    bench.notice(Presence::Speaks(true));
    bench.pass(9_500);
    assert_eq!(bench.spoken.len(), 2, "{:?}", bench.spoken);
}

#[test]
fn music_is_waited_out_and_then_listened_after() {
    let mut bench = Bench::listening();
    bench.pass(3_000);
    bench.notice(Presence::Sounds(true));
    bench.pass(60_000);
    assert_eq!(bench.spoken.len(), 1, "{:?}", bench.spoken);
    bench.notice(Presence::Sounds(false));
    bench.pass(6_900);
    assert_eq!(bench.spoken.len(), 1, "{:?}", bench.spoken);
    bench.pass(200);
    assert_eq!(bench.spoken.len(), 2, "{:?}", bench.spoken);
}

#[test]
fn a_line_that_is_never_quiet_is_asked_after_two_minutes() {
    let mut bench = Bench::listening();
    bench.notice(Presence::Sounds(true));
    bench.pass(120_000);
    assert_eq!(bench.spoken.len(), 1, "{:?}", bench.spoken);
    bench.pass(10_000);
    assert_eq!(bench.spoken.len(), 2, "{:?}", bench.spoken);
}
