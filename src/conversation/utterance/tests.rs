use super::*;

const RATE: f64 = 10.0;

struct Bench {
    start: Instant,
    mouth: Mouth,
}

impl Bench {
    fn new() -> Self {
        Self {
            start: crate::io::clock::now(),
            mouth: Mouth::new(RATE),
        }
    }

    fn at(&self, millis: u64) -> Instant {
        self.start + Duration::from_millis(millis)
    }

    fn speak(&mut self, text: &str) -> UtteranceId {
        let speech = Speech::Text(text.to_owned());
        match self.mouth.speak(speech, Purpose::Answer, self.start) {
            Some(Command::Speak(id, _)) => id,
            other => panic!("not spoken: {other:?}"),
        }
    }
}

fn texts(said: &[Said]) -> Vec<(&str, bool)> {
    said.iter()
        .map(|said| (said.text.as_str(), said.interrupted))
        .collect()
}

#[test]
fn played_whole() {
    let mut bench = Bench::new();
    let id = bench.speak("one two three");
    assert!(!bench.mouth.is_idle() && bench.mouth.audible(bench.at(0)).is_none());
    assert_eq!(
        bench.mouth.handle_playing(id, bench.at(100)),
        Some(Purpose::Answer)
    );
    assert_eq!(bench.mouth.handle_playing(id, bench.at(200)), None);
    assert!(bench.mouth.audible(bench.at(200)).is_some());
    let said = bench.mouth.handle_played(id, bench.at(1_400));
    assert_eq!(texts(&said), [("one two three", false)]);
    assert_eq!(said[0].at, bench.at(100));
    assert!(bench.mouth.is_idle());
}

#[test]
fn a_cut_utterance_was_heard_up_to_a_word() {
    let check = |heard: u64, expected: &[(&str, bool)]| {
        let mut bench = Bench::new();
        let id = bench.speak("one two three four");
        bench
            .mouth
            .handle_rendered(id, Duration::from_millis(1_800));
        bench.mouth.handle_playing(id, bench.at(0));
        bench.mouth.stop();
        let said = bench
            .mouth
            .handle_stopped(Some((id, Duration::from_millis(heard))), bench.at(heard));
        assert_eq!(texts(&said), expected, "after {heard} ms");
    };
    check(0, &[]);
    check(240, &[]);
    check(300, &[("one", true)]);
    check(600, &[("one", true)]);
    check(700, &[("one two", true)]);
    check(1_300, &[("one two three", true)]);
    check(1_800, &[("one two three four", false)]);
    check(9_000, &[("one two three four", false)]);
}

#[test]
fn an_utterance_not_rendered_yet_is_cut_by_estimate() {
    let mut bench = Bench::new();
    let id = bench.speak("one two three four");
    bench.mouth.handle_playing(id, bench.at(0));
    bench.mouth.stop();
    let said = bench
        .mouth
        .handle_stopped(Some((id, Duration::from_millis(700))), bench.at(700));
    assert_eq!(texts(&said), [("one two", true)]);
}

#[test]
fn what_came_before_the_cut_was_heard_and_what_comes_after_was_not() {
    let mut bench = Bench::new();
    let first = bench.speak("first words");
    let second = bench.speak("second words");
    bench.speak("third words");
    bench.mouth.handle_playing(first, bench.at(0));
    let unheard = bench.mouth.stop().unwrap();
    assert_eq!(unheard.len(), 2);
    let said = bench
        .mouth
        .handle_stopped(Some((second, Duration::from_millis(700))), bench.at(2_000));
    assert_eq!(texts(&said), [("first words", false), ("second", true)]);
    assert!(bench.mouth.stop().is_none());
}

#[test]
fn a_stop_before_anything_sounded_leaves_nothing_said() {
    for position in [None, Some((UtteranceId(1), Duration::from_secs(3)))] {
        let mut bench = Bench::new();
        let greeting = bench.speak("hello");
        bench.mouth.handle_playing(greeting, bench.at(0));
        bench.mouth.handle_played(greeting, bench.at(500));
        bench.speak("not heard");
        bench.mouth.stop();
        assert!(
            bench
                .mouth
                .handle_stopped(position, bench.at(600))
                .is_empty()
        );
    }
}

#[test]
fn a_playing_report_that_crosses_the_stop_counts() {
    let mut bench = Bench::new();
    let id = bench.speak("one two three four");
    bench.mouth.stop();
    bench.mouth.handle_playing(id, bench.at(0));
    bench.mouth.handle_played(id, bench.at(1_800));
    let said = bench
        .mouth
        .handle_stopped(Some((id, Duration::from_millis(1_800))), bench.at(1_900));
    assert_eq!(texts(&said), [("one two three four", false)]);
}

#[test]
fn without_an_answer_the_clock_tells_what_was_heard() {
    let mut bench = Bench::new();
    let id = bench.speak("one two three four");
    bench.mouth.handle_playing(id, bench.at(0));
    bench.mouth.stop();
    let said = bench.mouth.resolve_stops(bench.at(700));
    assert_eq!(texts(&said), [("one two", true)]);
    assert!(bench.mouth.handle_stopped(None, bench.at(800)).is_empty());
}

#[test]
fn the_voice_tells_how_fast_it_is() {
    let mut bench = Bench::new();
    let id = bench.speak("twenty five characters ..");
    bench.mouth.handle_rendered(id, Duration::from_secs(1));
    assert!((bench.mouth.characters_per_second - 25.0).abs() < 0.01);
}

#[test]
fn what_never_ends_is_not_audible_for_ever() {
    let mut bench = Bench::new();
    let id = bench.speak("one two three four");
    bench.mouth.handle_playing(id, bench.at(0));
    let (_, until) = bench.mouth.audible(bench.at(0)).unwrap();
    assert!(until > bench.at(1_800) && until < bench.at(5_000));
    assert!(bench.mouth.audible(until).is_none());
}

#[test]
fn only_words_just_said_come_back_as_an_echo() {
    let mut bench = Bench::new();
    let id = bench.speak("aaaa bbbb cccc dddd eeee ffff gggg hhhh iiii jjjj kkkk llll");
    bench.mouth.handle_rendered(id, Duration::from_secs(6));
    bench.mouth.handle_playing(id, bench.at(0));
    assert_eq!(bench.mouth.echo(bench.at(500)).trim(), "aaaa bbbb");
    let late = bench.mouth.echo(bench.at(5_000));
    assert!(!late.contains("aaaa") && late.contains("jjjj") && !late.contains("llll"));
    bench.mouth.handle_played(id, bench.at(6_000));
    assert!(bench.mouth.echo(bench.at(6_500)).contains("llll"));
    assert_eq!(bench.mouth.echo(bench.at(10_500)), "");
}

#[test]
fn a_full_queue_drops_and_counts() {
    let mut bench = Bench::new();
    for _ in 0..QUEUE_UTTERANCES_MAX {
        bench.speak("word");
    }
    assert!(
        bench
            .mouth
            .speak(Speech::Text("more".into()), Purpose::Answer, bench.start)
            .is_none()
    );
    assert_eq!(bench.mouth.dropped, 1);
    assert!(bench.mouth.is_frugal(bench.start));
    assert!(!bench.mouth.is_frugal(bench.at(61_000)));
}

#[test]
fn the_awaited_utterance_waits_since_its_turn_came() {
    let mut bench = Bench::new();
    let first = bench.speak("first");
    let second = bench.speak("second");
    assert_eq!(bench.mouth.awaited().unwrap(), bench.at(0));
    bench.mouth.handle_playing(first, bench.at(100));
    assert!(bench.mouth.awaited().is_none());
    bench.mouth.handle_played(first, bench.at(900));
    assert_eq!(bench.mouth.awaited().unwrap(), bench.at(900));
    bench.mouth.handle_playing(second, bench.at(950));
    assert!(bench.mouth.heard_share(bench.at(1_250)) > 0.4);
}
