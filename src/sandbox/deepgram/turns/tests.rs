use super::*;
use crate::sandbox::tone_speech::Encoder;

const RATE: u32 = 8_000;

fn thresholds(eager: Option<f64>, end: f64) -> Thresholds {
    Thresholds {
        eager,
        end,
        timeout: Duration::from_secs(5),
    }
}

fn speech(text: &str) -> Vec<i16> {
    Encoder::new(RATE).say(text)
}

fn silence(millis: usize) -> Vec<i16> {
    vec![0; millis * 8]
}

fn play(turns: &mut Turns, pieces: &[Vec<i16>]) -> Vec<Info> {
    let all: Vec<i16> = pieces.concat();
    all.chunks(640)
        .flat_map(|chunk| turns.push(chunk))
        .collect()
}

fn without_updates(infos: &[Info]) -> Vec<(Event, String)> {
    infos
        .iter()
        .filter(|info| info.event != Event::Update)
        .map(|info| (info.event, info.transcript()))
        .collect()
}

#[test]
fn a_turn_starts_with_a_word_and_ends_260_ms_after_the_last() {
    let mut turns = Turns::new(RATE, thresholds(None, 0.7));
    let infos = play(
        &mut turns,
        &[silence(500), speech("hello, i need help"), silence(1_000)],
    );
    let events = without_updates(&infos);
    assert_eq!(
        events,
        [
            (Event::StartOfTurn, "Hello,".to_owned()),
            (Event::EndOfTurn, "Hello, I need help".to_owned()),
        ]
    );
    let end = infos
        .iter()
        .find(|info| info.event == Event::EndOfTurn)
        .unwrap();
    let spoken = Duration::from_millis(500 + 18 * 40);
    let after = end.window.1.saturating_sub(spoken).as_millis();
    assert!((240..=290).contains(&after), "{after}");
    assert_eq!(end.turn, 0);
    assert!(end.confidence >= 0.7);
    assert_eq!(infos.last().unwrap().turn, 1);
    assert!(infos.last().unwrap().words.is_empty());
}

#[test]
fn updates_come_each_quarter_second_of_audio_and_not_without_it() {
    let mut turns = Turns::new(RATE, thresholds(None, 0.7));
    let infos = play(&mut turns, &[silence(2_000)]);
    assert_eq!(infos.len(), 8);
    assert!(
        infos
            .iter()
            .all(|info| info.event == Event::Update && info.words.is_empty())
    );
    assert_eq!(infos[3].window, (Duration::ZERO, Duration::from_secs(1)));
    assert!(turns.push(&[]).is_empty());
}

#[test]
fn an_eager_end_is_followed_by_the_same_words_or_by_resumption() {
    let mut turns = Turns::new(RATE, thresholds(Some(0.4), 0.7));
    let infos = play(
        &mut turns,
        &[
            speech("one two"),
            silence(180),
            speech("three"),
            silence(1_000),
        ],
    );
    let events = without_updates(&infos);
    let kinds: Vec<Event> = events.iter().map(|(event, _)| *event).collect();
    assert_eq!(
        kinds,
        [
            Event::StartOfTurn,
            Event::EagerEndOfTurn,
            Event::TurnResumed,
            Event::EagerEndOfTurn,
            Event::EndOfTurn
        ]
    );
    assert_eq!(events[1].1, "One two");
    assert_eq!(events[3].1, "One two three");
    assert_eq!(events[3].1, events[4].1);
}

#[test]
fn without_an_eager_threshold_there_is_no_eager_end() {
    let mut turns = Turns::new(RATE, thresholds(None, 0.85));
    let infos = play(&mut turns, &[speech("one two"), silence(2_000)]);
    assert!(infos.iter().all(|info| info.event != Event::EagerEndOfTurn));
}

#[test]
fn a_threshold_of_one_leaves_only_the_timeout() {
    let mut turns = Turns::new(RATE, thresholds(None, 1.0));
    let infos = play(&mut turns, &[speech("yes"), silence(4_900)]);
    assert_eq!(without_updates(&infos).len(), 1);
    let infos = play(&mut turns, &[silence(200)]);
    assert_eq!(
        without_updates(&infos),
        [(Event::EndOfTurnByTimeout, "Yes".to_owned())]
    );
}

#[test]
fn an_open_turn_does_not_end_while_no_audio_comes() {
    let mut turns = Turns::new(RATE, thresholds(None, 0.7));
    let infos = play(&mut turns, &[speech("hello there"), silence(100)]);
    assert!(infos.iter().all(|info| info.event != Event::EndOfTurn));
    assert!(turns.push(&[]).is_empty());
    let infos = play(&mut turns, &[silence(300)]);
    assert_eq!(without_updates(&infos)[0].0, Event::EndOfTurn);
}

#[test]
fn thresholds_can_change_in_mid_turn() {
    let mut turns = Turns::new(RATE, thresholds(None, 1.0));
    play(&mut turns, &[speech("hello there"), silence(1_000)]);
    turns.configure(thresholds(None, 0.9));
    let infos = play(&mut turns, &[silence(20)]);
    assert_eq!(without_updates(&infos)[0].0, Event::EndOfTurn);
}

#[test]
fn what_is_left_is_told_at_the_end() {
    let mut turns = Turns::new(RATE, thresholds(None, 0.7));
    assert!(turns.finish().is_none());
    play(&mut turns, &[speech("half a sen"), silence(30)]);
    assert_eq!(turns.finish().unwrap().transcript(), "Half a sen");
}

#[test]
fn words_have_times_inside_their_window() {
    let mut turns = Turns::new(RATE, thresholds(None, 0.7));
    let infos = play(
        &mut turns,
        &[
            speech("first"),
            silence(600),
            speech("second turn"),
            silence(600),
        ],
    );
    let ends: Vec<&Info> = infos
        .iter()
        .filter(|info| info.event == Event::EndOfTurn)
        .collect();
    assert_eq!(ends.len(), 2);
    assert_eq!(ends[1].turn, 1);
    assert_eq!(ends[1].window.0, ends[0].window.1);
    for info in ends {
        for word in &info.words {
            assert!(
                info.window.0 <= word.start && word.start < word.end && word.end <= info.window.1
            );
        }
    }
}
