use super::*;
use crate::audio::{Codec, Law};
use crate::io::clock;
use crate::sandbox::caller::script::parse_script;
use crate::sandbox::tone_speech::encode;

/// A far end that says what the test tells it, and a clock of its own.
struct Stage {
    actor: Actor,
    ear: Ear,
    now: Instant,
    position: u64,
    /// Our speech goes on for so long.
    busy: Duration,
    over: Option<bool>,
    wishes: Vec<(u128, Wish)>,
    start: Instant,
}

impl Stage {
    fn new(script: &str) -> Self {
        let now = clock::now();
        Self {
            actor: Actor::new(&parse_script(script).unwrap(), Duration::from_secs(5)),
            ear: Ear::new(Codec::PCMU, now),
            now,
            position: 0,
            busy: Duration::ZERO,
            over: None,
            wishes: Vec::new(),
            start: now,
        }
    }

    fn tick(&mut self, frame: &[i16]) {
        let audio: Vec<u8> = frame.iter().map(|sample| Law::Mu.encode(*sample)).collect();
        self.ear.hear(&audio, self.position, self.now);
        self.position += frame.len() as u64;
        loop {
            let scene = Scene {
                ear: &self.ear,
                busy: !self.busy.is_zero(),
                over: self.over,
            };
            let Some(wish) = self.actor.poll(&scene, self.now) else {
                break;
            };
            match &wish {
                Wish::Say(..) => self.busy = Duration::from_millis(400),
                Wish::Press(_) => self.busy = Duration::from_millis(100),
                Wish::HangUp => self.over = Some(false),
                Wish::GiveUp(_) => {}
            }
            let at = self.now.saturating_duration_since(self.start).as_millis();
            self.wishes.push((at, wish));
        }
        self.now += Duration::from_millis(20);
        self.busy = self.busy.saturating_sub(Duration::from_millis(20));
    }

    fn speak(&mut self, text: &str) {
        for frame in encode(text).chunks(160) {
            self.tick(frame);
        }
    }

    fn silence(&mut self, millis: u32) {
        for _ in 0..millis / 20 {
            self.tick(&[0; 160]);
        }
    }

    fn taken(&mut self) -> Vec<Wish> {
        self.wishes.drain(..).map(|(_, wish)| wish).collect()
    }
}

#[test]
fn a_conversation_goes_step_by_step() {
    let mut stage = Stage::new(
        "wait for help you; wait until it stops; say hi; wait until it stops; press 5; hang up",
    );
    stage.silence(200);
    stage.speak("how can i help you today?");
    assert!(stage.taken().is_empty());
    stage.silence(600);
    assert!(stage.taken().is_empty());
    stage.silence(200);
    assert_eq!(stage.taken(), [Wish::Say("hi".into(), false)]);
    stage.silence(3_000);
    assert!(stage.taken().is_empty(), "it has not answered yet");
    stage.speak("yes.");
    stage.silence(900);
    assert_eq!(stage.taken(), [Wish::Press("5".into()), Wish::HangUp]);
    assert!(stage.actor.is_done());
}

#[test]
fn an_interruption_begins_so_long_after_the_far_end() {
    let mut stage = Stage::new("interrupt after 0.8 s say stop; wait until it stops; hang up");
    stage.silence(1_000);
    stage.speak("this is a long text that ends");
    let (at, wish) = stage.wishes[0].clone();
    assert_eq!(wish, Wish::Say("stop".into(), true));
    assert!((1_800..=1_820).contains(&at), "{at}");
    stage.silence(2_000);
    assert_eq!(stage.wishes.len(), 1, "what was interrupted is no answer");
    stage.speak("sorry");
    stage.silence(1_000);
    assert_eq!(stage.wishes[1].1, Wish::HangUp);
}

#[test]
fn patience_ends() {
    let mut stage = Stage::new("wait for goodbye");
    stage.silence(5_100);
    assert_eq!(
        stage.taken(),
        [Wish::GiveUp("timed out after 5 s: wait for goodbye".into())]
    );
    let mut stage = Stage::new("wait until it speaks within 1 s");
    stage.silence(1_100);
    assert_eq!(stage.wishes[0].0, 1_000);
    // A step that does something is not hurried.
    let mut stage = Stage::new("pause 8 s; hang up");
    stage.silence(8_100);
    assert_eq!(stage.taken(), [Wish::HangUp]);
}

#[test]
fn the_far_end_may_hang_up_when_it_is_expected() {
    let mut stage = Stage::new("wait for hang up");
    stage.silence(100);
    stage.over = Some(true);
    stage.silence(100);
    assert!(stage.taken().is_empty() && stage.actor.is_done());
    let mut stage = Stage::new("wait for hello; hang up");
    stage.silence(100);
    stage.over = Some(true);
    stage.silence(100);
    assert_eq!(
        stage.taken(),
        [Wish::GiveUp(
            "the far end hung up before: wait for hello".into()
        )]
    );
}

#[test]
fn words_are_waited_for_again() {
    let mut stage = Stage::new("wait for one; wait for one; hang up");
    stage.speak("one");
    stage.silence(500);
    assert!(stage.taken().is_empty());
    stage.speak("and one");
    assert_eq!(stage.taken(), [Wish::HangUp]);
}

#[test]
fn a_script_that_ends_hangs_up() {
    let mut stage = Stage::new("pause 1 s");
    stage.silence(1_200);
    assert_eq!(stage.taken(), [Wish::HangUp]);
}
