use super::*;

fn noise(description: &Description, samples: usize) -> Vec<i16> {
    let mut noise = Noise::new(7);
    noise.describe(description);
    let mut made = vec![0; samples];
    made.chunks_mut(160).for_each(|frame| noise.fill(frame));
    made
}

fn level(samples: &[i16]) -> f64 {
    let sum: f64 = samples.iter().map(|&s| f64::from(s).powi(2)).sum();
    -10.0 * (sum / samples.len() as f64 / OVERLOAD.powi(2)).log10()
}

#[test]
fn a_level_is_heard_as_it_is_told() {
    for told in [20, 30, 45, 60] {
        let description = Description::read(&[told]).unwrap();
        assert_eq!(description.level(), told);
        let heard = level(&noise(&description, 16_000));
        assert!((heard - f64::from(told)).abs() < 0.5, "{told}: {heard}");
    }
}

#[test]
fn noise_described_and_made_again_has_its_level_and_spectrum() {
    // dull, shrill, and with a formant
    for payload in [
        vec![40, 20, 127],
        vec![40, 220],
        vec![35, 40, 230, 100, 140, 127, 150],
    ] {
        let described = Description::read(&payload).unwrap();
        let again = Description::of(&noise(&described, 32_000), payload.len() - 1);
        assert!(
            again.level().abs_diff(payload[0]) <= 1,
            "{payload:?} {again:?}"
        );
        for (index, &told) in payload[1..].iter().enumerate() {
            let heard = again.coefficients[index];
            assert!(heard.abs_diff(told) <= 8, "{payload:?}: {again:?}");
        }
    }
}

#[test]
fn the_sign_of_the_first_coefficient_is_minus_the_correlation_of_neighbours() {
    let dull = noise(&Description::read(&[40, 27]).unwrap(), 8_000);
    let products = dull
        .windows(2)
        .map(|pair| i64::from(pair[0]) * i64::from(pair[1]));
    assert!(products.sum::<i64>() > 0);
    let hum: Vec<i16> = (0..800)
        .map(|at| (300.0 * (f64::from(at) * 0.1).sin()) as i16)
        .collect();
    assert!(Description::of(&hum, 1).coefficients[0] < 10);
}

#[test]
fn payloads_survive_a_round_trip() {
    let payload: Vec<u8> = (0..13).map(|at| 20 + at * 9).collect();
    let mut written = [0; PAYLOAD_MAX];
    let description = Description::read(&payload).unwrap();
    assert_eq!(description.write(&mut written), 13);
    assert_eq!(written[..], payload[..]);
    assert_eq!(description.write(&mut written[..3]), 3);
    assert_eq!(description.write(&mut []), 0);
}

#[test]
fn whatever_comes_is_read_and_stays_bounded() {
    assert!(Description::read(&[]).is_none());
    for filler in [0, 1, 127, 128, 253, 254, 255] {
        let mut payload = vec![filler; 400];
        payload[0] = 0x80 | 50;
        let description = Description::read(&payload).unwrap();
        assert_eq!(description.level(), 50);
        let made = noise(&description, 80_000);
        assert!(level(&made) > 30.0, "{filler}: {}", level(&made));
    }
}

#[test]
fn silence_and_nothing_are_described_as_the_lowest_level() {
    assert_eq!(Description::of(&[0; 160], 10).level(), 127);
    assert_eq!(Description::of(&[], 10).level(), 127);
    assert_eq!(Description::of(&[i16::MIN; 160], 99).level(), 0);
}

#[test]
fn a_new_description_is_glided_to_and_a_reset_is_silent() {
    let mut noise = Noise::new(1);
    let mut frame = [1; 160];
    noise.fill(&mut frame);
    assert_eq!(frame, [0; 160]);
    assert!(!noise.is_described());
    noise.describe(&Description::white(60));
    noise.fill(&mut frame);
    noise.describe(&Description::white(20));
    noise.fill(&mut frame);
    assert!(level(&frame[..10]) > level(&frame[150..]) + 6.0);
    noise.reset();
    noise.fill(&mut frame);
    assert_eq!(frame, [0; 160]);
}
