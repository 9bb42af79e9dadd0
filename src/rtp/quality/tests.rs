use super::*;
use crate::audio::Law;

fn path(loss: f64, delay: u64) -> Path {
    Path {
        codec: Codec::G711(Law::Mu),
        loss,
        burst_ratio: 1.0,
        delay: Duration::from_millis(delay),
    }
}

#[test]
fn an_undisturbed_call_has_the_recommendations_rating() {
    let quality = path(0.0, 0).quality();
    assert!((quality.r - 93.2).abs() < 0.1, "{quality:?}");
    assert!((quality.mos - 4.41).abs() < 0.01, "{quality:?}");
    assert_eq!(quality.mos, quality.listening_mos);
}

/// G.107 Table B.1: ratings and their scores.
#[test]
fn ratings_have_the_scores_of_annex_b() {
    for (r, expected) in [
        (90.0, 4.34),
        (80.0, 4.03),
        (70.0, 3.60),
        (60.0, 3.10),
        (50.0, 2.58),
    ] {
        assert!((mos(r) - expected).abs() < 0.01, "{r}: {}", mos(r));
    }
    assert_eq!(
        (mos(-5.0), mos(0.0), mos(100.0), mos(120.0)),
        (1.0, 1.0, 4.5, 4.5)
    );
}

/// The usual straight-line approximation: 0.024 for each millisecond, and 0.11 more beyond 177.3 ms.
#[test]
fn delay_costs_what_the_approximation_says() {
    for delay in [50, 100, 150, 200, 300] {
        let exact = 93.2 - path(0.0, delay).quality().r;
        let delay = delay as f64;
        let line = 0.024 * delay + 0.11 * (delay - 177.3).max(0.0);
        assert!((exact - line).abs() < 0.5, "{delay} ms: {exact} and {line}");
    }
}

#[test]
fn loss_costs_more_in_bursts_and_in_a_codec_that_bears_less() {
    let random = path(0.05, 50);
    let bursts = Path {
        burst_ratio: 3.0,
        ..random
    };
    let g722 = Path {
        codec: Codec::G722,
        ..random
    };
    assert!((random.equipment_impairment() - 95.0 * 5.0 / 30.1).abs() < 1e-9);
    assert!(bursts.quality().r < random.quality().r);
    assert!(g722.quality().r < random.quality().r);
    assert_eq!(path(1.0, 5_000).quality().mos, 1.0);
}

#[test]
fn a_burst_ratio_is_relative_to_chance() {
    assert_eq!(burst_ratio(1.0, 0.1), 1.0);
    assert!((burst_ratio(3.0, 0.1) - 2.7).abs() < 1e-9);
    assert_eq!(burst_ratio(0.0, 0.0), 1.0);
}

#[test]
fn a_verdict_falls_with_loss_and_delay_and_stays_on_the_scale() {
    let mut last = f64::INFINITY;
    for percent in 0..=100 {
        let quality = path(f64::from(percent) / 100.0, 20).quality();
        assert!(quality.mos <= last && (1.0..=4.5).contains(&quality.mos));
        assert!(quality.listening_mos >= quality.mos);
        last = quality.mos;
    }
    let ratings = (0..1_000)
        .step_by(10)
        .map(|delay| path(0.0, delay).quality().r);
    let ratings: Vec<f64> = ratings.collect();
    assert!(ratings.windows(2).all(|pair| pair[1] <= pair[0] + 1e-9));
}
