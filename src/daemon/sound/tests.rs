use super::*;
use crate::rtp::burst::Pattern;
use crate::rtp::quality::Quality;

fn quality(mos: f64) -> Quality {
    Quality {
        r: 50.0,
        mos,
        listening_mos: mos,
    }
}

fn summary() -> Summary {
    let session = Statistics {
        packets_sent: 200,
        jitter: Duration::from_millis(4),
        pattern: Pattern {
            loss: 0.02,
            discard: 0.01,
            ..Pattern::default()
        },
        received_as: Some(quality(4.0)),
        ..Statistics::default()
    };
    Summary {
        session: Box::new(session),
        ..Summary::default()
    }
}

#[test]
fn a_call_without_packets_has_no_sound() {
    assert_eq!(of(&Summary::default()), None);
}

#[test]
fn what_the_far_end_reports_is_the_other_side() {
    let sound = of(&summary()).unwrap();
    assert_eq!((sound.heard.mos, sound.sent), (4.0, None));
    assert!((sound.heard.loss - 0.03).abs() < 1e-9);
    let mut reported = summary();
    reported.session.sent_as = Some(quality(3.0));
    reported.session.heard.cumulative_lost = 10;
    reported.session.heard.jitter = 80;
    let sent = of(&reported).unwrap().sent.unwrap();
    assert_eq!((sent.mos, sent.loss), (3.0, 0.05));
    assert_eq!(sent.jitter, Duration::from_millis(10));
}

#[test]
fn poor_calls_are_counted_once() {
    let metrics = Metrics::default();
    let mut reported = summary();
    count(&metrics, &of(&reported).unwrap());
    reported.session.sent_as = Some(quality(2.5));
    count(&metrics, &of(&reported).unwrap());
    let value = |counter| metrics.value(counter);
    assert_eq!(
        (value(Counter::CallsRated), value(Counter::CallsPoor)),
        (2, 1)
    );
    assert_eq!(
        (value(Counter::MosHeardSum), value(Counter::MosSentSum)),
        (800, 250)
    );
    assert_eq!(value(Counter::CallsRatedByPeer), 1);
}

#[test]
fn a_caller_who_is_hardly_audible_is_told_of() {
    let heard = analysis::Levels {
        frames: 1_000,
        spoken: 400,
        clipped: 0,
        speech_dbm0: -46.0,
        noise_dbm0: -66.0,
    };
    assert_eq!(levels(&analysis::Levels::default()), None);
    let mut sound = of(&summary()).unwrap();
    let metrics = Metrics::default();
    for (speech_dbm0, clipped, spoken, hint) in [
        (-46.0, 0, 400, "hardly audible"),
        (-5.0, 150, 400, "overdriven"),
        (-99.0, 0, 0, "nobody"),
        (-20.0, 4, 400, ""),
    ] {
        sound.levels = levels(&analysis::Levels {
            speech_dbm0,
            clipped,
            spoken,
            ..heard
        });
        let told = json(&sound)["levels"]["hint"].as_str().map(str::to_owned);
        assert_eq!(told.is_some(), !hint.is_empty());
        assert!(told.unwrap_or_default().contains(hint));
        count(&metrics, &sound);
    }
    assert_eq!(json(&sound)["levels"]["silent_percent"], 60.0);
    assert_eq!(metrics.value(Counter::CallsIllLevelled), 3);
}

#[test]
fn speech_that_ran_dry_is_told() {
    let mut dry = summary();
    (dry.underruns, dry.dry_frames) = (2, 7);
    let sound = of(&dry).unwrap();
    assert_eq!(
        (sound.gaps, sound.gaps_length),
        (2, Duration::from_millis(140))
    );
    assert_eq!(json(&sound)["gaps_ms"], 140.0);
}
