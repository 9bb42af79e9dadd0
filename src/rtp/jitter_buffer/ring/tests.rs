use super::*;

/// The same with a flag for each place.
struct Plain {
    present: Vec<bool>,
    samples: Vec<u8>,
}

impl Plain {
    fn places(place: u64, length: usize) -> impl Iterator<Item = usize> {
        (place..place + length as u64).map(index)
    }

    fn run(&self, place: u64, limit: usize) -> (bool, usize) {
        let first = self.present[index(place)];
        let same = |at: &usize| self.present[*at] == first;
        (first, Self::places(place, limit).take_while(same).count())
    }
}

#[test]
fn it_is_what_a_flag_for_each_place_would_be() {
    let mut ring = Ring::new();
    let mut bytes = vec![0; CAPACITY];
    let mut plain = Plain {
        present: vec![false; CAPACITY],
        samples: vec![0; CAPACITY],
    };
    let mut state = 7_u64;
    let mut random = move |below: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    for round in 0..20_000_u64 {
        let place = round * 40 + random(4000);
        let length = random(500) as usize;
        match random(4) {
            0 | 1 => {
                let payload = vec![round as u8; length];
                let mut new = false;
                for at in Plain::places(place, length) {
                    new |= !plain.present[at];
                    plain.present[at] = true;
                    plain.samples[at] = round as u8;
                }
                assert_eq!(ring.write(&mut bytes, place, &payload), new);
            }
            2 => {
                let (present, count) = plain.run(place, length.max(1));
                assert_eq!(ring.run(place, length.max(1)), (present, count));
                let mut seen = vec![0; length];
                let all = length == 0 || present && count == length;
                assert_eq!(ring.peek(&bytes, place, &mut seen), all);
                let mut taken = vec![0; length];
                let wanted = if present { count.min(length) } else { 0 };
                assert_eq!(ring.take(&bytes, place, &mut taken), wanted);
                for (sample, at) in taken[..wanted].iter().zip(Plain::places(place, wanted)) {
                    assert_eq!(*sample, plain.samples[at]);
                    plain.present[at] = false;
                }
            }
            _ => {
                ring.discard(place, length as u64);
                Plain::places(place, length).for_each(|at| plain.present[at] = false);
            }
        }
        assert_eq!(ring.has(place), plain.present[index(place)]);
    }
}

#[test]
fn the_whole_of_it_is_taken_around_its_end() {
    let mut ring = Ring::new();
    let mut bytes = vec![0; CAPACITY];
    let payload: Vec<u8> = (0..CAPACITY).map(|at| at as u8).collect();
    assert!(ring.write(&mut bytes, 5000, &payload));
    assert!(!ring.write(&mut bytes, 5000, &payload), "all was there");
    let mut taken = vec![0; CAPACITY];
    assert_eq!(ring.take(&bytes, 5000, &mut taken), CAPACITY);
    assert_eq!(taken, payload);
    assert_eq!(ring.run(5000, CAPACITY), (false, CAPACITY));
}

#[test]
fn what_follows_is_stored_in_the_room_that_was_told() {
    let mut ring = Ring::new();
    let mut bytes = vec![0; CAPACITY];
    for (place, together) in [(0, 160), (5 * CAPACITY as u64 - 40, 40)] {
        assert_eq!(ring.room(&bytes, place, 160), (&[0; 160][..together], &0));
        ring.write(&mut bytes, place, &[7; 160]);
        let (audio, presence) = ring.room(&bytes, place, 160);
        assert_eq!(audio, &[7; 160][..together]);
        assert_ne!(*presence, 0);
    }
}
