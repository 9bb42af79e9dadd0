use super::*;

fn voice(period: f64) -> [u8; SPAN] {
    std::array::from_fn(|at| {
        let phase = at as f64 / period * std::f64::consts::TAU;
        Law::Mu.encode(((phase.sin() + 0.5 * (2.0 * phase).sin()) * 8_000.0) as i16)
    })
}

#[test]
fn a_period_more_or_less_is_not_heard() {
    for period in [40.0, 57.0, 73.0] {
        let span = voice(period);
        let mut frame = [0; FRAME_SAMPLES];
        let used = shrink(Law::Mu, &span, &mut frame).unwrap();
        assert!(used > 160 && used <= 280, "{used}");
        let next = |used: u64| span.get(used as usize).copied().unwrap_or(span[0]);
        let steps = |frame: &[u8]| {
            frame
                .windows(2)
                .map(|pair| i32::from(Law::Mu.decode(pair[1])) - i32::from(Law::Mu.decode(pair[0])))
                .map(i32::abs)
                .max()
        };
        let smooth = steps(&span).unwrap();
        let whole: Vec<u8> = frame.iter().copied().chain([next(used)]).collect();
        assert!(steps(&whole).unwrap() <= smooth * 5 / 4, "{period}");
        let used = grow(Law::Mu, &span, &mut frame).unwrap();
        assert!((80..160).contains(&used), "{used}");
        let whole: Vec<u8> = frame.iter().copied().chain([next(used)]).collect();
        assert!(steps(&whole).unwrap() <= smooth * 5 / 4, "{period}");
    }
}

#[test]
fn noise_is_left_alone() {
    let mut state = 1u32;
    let span: [u8; SPAN] = std::array::from_fn(|_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    });
    assert_eq!(shrink(Law::Mu, &span, &mut [0; FRAME_SAMPLES]), None);
}
