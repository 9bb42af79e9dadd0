use super::*;

const PAIRS: [(u32, u32); 8] = [
    (8_000, 16_000),
    (16_000, 8_000),
    (24_000, 16_000),
    (24_000, 8_000),
    (48_000, 16_000),
    (16_000, 48_000),
    (48_000, 8_000),
    (8_000, 48_000),
];

fn sine(frequency: f64, rate: u32, samples: usize) -> Vec<i16> {
    let turn = core::f64::consts::TAU * frequency / f64::from(rate);
    (0..samples)
        .map(|at| (10_000.0 * (turn * at as f64).sin()) as i16)
        .collect()
}

/// Resampled in frames of 20 ms.
fn through(from: u32, to: u32, samples: &[i16]) -> Vec<i16> {
    let mut resampler = Resampler::new(from, to).unwrap();
    let mut output = Vec::new();
    for frame in samples.chunks(from as usize / 50) {
        resampler.process(frame, &mut output);
    }
    output
}

fn root_mean_square(samples: &[i16]) -> f64 {
    let sum: f64 = samples.iter().map(|&s| f64::from(s).powi(2)).sum();
    (sum / samples.len() as f64).sqrt()
}

#[test]
fn the_telephone_band_passes_and_images_do_not() {
    for (from, to) in PAIRS {
        for frequency in [300.0, 1_000.0, 2_000.0, 3_000.0, 3_400.0] {
            let input = sine(frequency, from, from as usize / 2);
            let output = through(from, to, &input);
            let steady = &output[output.len() / 5..];
            let change = 20.0 * (root_mean_square(steady) / root_mean_square(&input)).log10();
            println!("{from} to {to}, {frequency} Hz: {change:.3} dB");
            let allowed = if frequency < 3_100.0 { 0.3 } else { 1.5 };
            assert!(
                change.abs() < allowed,
                "{from} to {to}, {frequency}: {change}"
            );
        }
    }
    for (from, frequency) in [(16_000, 4_800.0), (48_000, 5_000.0), (24_000, 6_000.0)] {
        let output = through(from, 8_000, &sine(frequency, from, from as usize / 2));
        let left = root_mean_square(&output[output.len() / 5..]);
        assert!(left < 70.0, "{from}, {frequency} Hz: {left} of 7071");
    }
}

#[test]
fn the_delay_is_what_is_told() {
    for (from, to) in PAIRS {
        let mut input = vec![0; from as usize / 5];
        input[from as usize / 10] = 20_000;
        let output = through(from, to, &input);
        let peak = (0..output.len())
            .max_by_key(|at| output[*at].unsigned_abs())
            .unwrap();
        let told = Resampler::new(from, to).unwrap().delay();
        let measured = peak as f64 / f64::from(to) - 0.1;
        assert!(
            (measured - told.as_secs_f64()).abs() < 0.000_2,
            "{from} to {to}: {measured}, told {told:?}"
        );
        let most = if from.min(to) == 8_000 { 10 } else { 5 };
        assert!(told <= Duration::from_millis(most));
    }
}

#[test]
fn frames_of_any_length_make_the_same_sound() {
    let input = sine(440.0, 24_000, 4_800);
    let whole = through(24_000, 16_000, &input);
    assert_eq!(whole.len(), 3_200);
    let mut resampler = Resampler::new(24_000, 16_000).unwrap();
    let mut output = Vec::new();
    for frame in input.chunks(7) {
        resampler.process(frame, &mut output);
    }
    assert_eq!(whole, output);
}

#[test]
fn equal_rates_pass_untouched_and_odd_ones_are_refused() {
    let input = sine(440.0, 8_000, 77);
    assert_eq!(through(8_000, 8_000, &input), input);
    assert!(Resampler::new(11_025, 8_000).is_err());
    assert!(Resampler::new(0, 8_000).is_err());
}

#[test]
fn a_reset_forgets() {
    let mut resampler = Resampler::new(8_000, 16_000).unwrap();
    let (mut first, mut second) = (Vec::new(), Vec::new());
    resampler.process(&sine(500.0, 8_000, 170), &mut first);
    resampler.reset();
    resampler.process(&sine(500.0, 8_000, 160), &mut second);
    assert_eq!(first, second);
}

#[test]
fn full_scale_saturates() {
    let square: Vec<i16> = (0..1_600)
        .map(|at| if at / 8 % 2 == 0 { i16::MAX } else { i16::MIN })
        .collect();
    let output = through(8_000, 16_000, &square);
    assert!(output.contains(&i16::MAX) && output.contains(&i16::MIN));
}

#[test]
fn a_whole_piece_is_as_long_and_in_place() {
    for (from, to) in PAIRS {
        let input = sine(1_004.0, from, from as usize / 4 + 11);
        let output = resampled(&input, from, to).unwrap();
        assert_eq!(output.len(), input.len() * to as usize / from as usize);
        let wanted = sine(1_004.0, to, output.len());
        let edge = to as usize / 20;
        let inner = edge..output.len() - edge;
        let error: Vec<i16> = inner.map(|at| output[at] - wanted[at]).collect();
        let error = root_mean_square(&error);
        assert!(error < 150.0, "{from} to {to}: {error} of 7071");
    }
    assert!(resampled(&[0; 10], 44_100, 8_000).is_err());
}
