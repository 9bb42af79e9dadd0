use super::*;

pub(super) fn echo_settings() -> Settings {
    Settings {
        delivery: Delivery::AsReceived,
        ..settings()
    }
}

#[test]
fn an_echo_is_what_came_and_nothing_else() {
    let mut world = World::new(echo_settings());
    let mut returned: Vec<Sent> = Vec::new();
    for tick in 0..20 {
        let _ = tick;
        assert_eq!(world.tick(Outgoing::Echo), [], "nothing came yet");
    }
    // bursts of one to four packets, one reordered pair, keys in between
    let mut number = 0;
    let mut tick = 0u32;
    while number < 300 {
        let burst = if tick.is_multiple_of(4) { 4 } else { 0 };
        for _ in 0..burst {
            let swapped = match number % 50 {
                20 => number + 1,
                21 => number - 1,
                _ => number,
            };
            world.receive(&audio(swapped), far());
            number += 1;
        }
        returned.extend(
            world
                .tick(Outgoing::Echo)
                .into_iter()
                .map(|(_, packet)| packet),
        );
        tick += 1;
    }
    for _ in 0..20 {
        returned.extend(
            world
                .tick(Outgoing::Echo)
                .into_iter()
                .map(|(_, packet)| packet),
        );
    }
    let heard: Vec<u8> = returned
        .iter()
        .flat_map(|packet| packet.payload.clone())
        .collect();
    let said: Vec<u8> = (0..300).flat_map(|number| audio(number).payload).collect();
    assert_eq!(heard, said);
    for pair in returned.windows(2) {
        assert_eq!(pair[1].sequence, pair[0].sequence.wrapping_add(1));
        assert_eq!(pair[1].timestamp, pair[0].timestamp.wrapping_add(160));
    }
    assert_eq!(returned.iter().filter(|packet| packet.marker).count(), 1);
}

#[test]
fn an_echo_keeps_pauses_and_never_goes_back_in_time() {
    for pause in [3, 30, 100] {
        let mut world = World::new(echo_settings());
        let mut returned = Vec::new();
        for tick in 0..300u32 {
            if !(100..100 + pause).contains(&tick) {
                let mut packet = audio(tick);
                let sent = if tick < 100 { tick } else { tick - pause };
                packet.sequence = audio(sent).sequence;
                world.receive(&packet, far());
            }
            returned.extend(
                world
                    .tick(Outgoing::Echo)
                    .into_iter()
                    .map(|(_, packet)| packet),
            );
        }
        assert_eq!(returned.len(), 300 - pause as usize, "{pause}");
        let jump = returned[100].timestamp.wrapping_sub(returned[99].timestamp);
        assert_eq!(jump, (pause + 1) * 160, "{pause}");
        assert!(returned[100].marker);
    }
}

#[test]
fn an_echo_waits_for_what_may_come_and_goes_on_without_it() {
    let mut world = World::new(echo_settings());
    let mut returned = Vec::new();
    for number in 0..100 {
        if number != 50 {
            world.receive(&audio(number), far());
        }
        returned.extend(
            world
                .tick(Outgoing::Echo)
                .into_iter()
                .map(|(_, packet)| packet),
        );
    }
    assert_eq!(returned.len(), 96, "60 ms behind");
    assert_eq!(returned[50].payload, audio(51).payload);
    let jump = returned[50].timestamp.wrapping_sub(returned[49].timestamp);
    assert!(jump >= 320, "{jump}");
}

#[test]
fn a_recording_played_twice_comes_back_twice() {
    let mut world = World::new(echo_settings());
    let mut heard = Vec::new();
    for round in 0..2 {
        for tick in 0..60 {
            if tick < 40 {
                world.receive(&audio(tick), far()); // the same numbers and times again
            }
            for (_, packet) in world.tick(Outgoing::Echo) {
                heard.extend(packet.payload);
            }
        }
        let said: Vec<u8> = (0..40).flat_map(|number| audio(number).payload).collect();
        assert_eq!(heard, said.repeat(round + 1));
    }
    assert_eq!(world.session.statistics().lost, 0);
}

#[test]
fn an_idle_echo_keeps_the_firewall_open() {
    let mut world = World::new(echo_settings());
    let sent: Vec<_> = (0..1_600)
        .flat_map(|_| world.tick(Outgoing::Echo))
        .collect();
    assert_eq!(sent.len(), 3);
    assert_eq!(sent[0].1.payload, [0xFF; 160]);
}

#[test]
fn an_echo_of_other_packet_lengths_is_the_same_samples() {
    for samples in [80usize, 240, 480] {
        let mut world = World::new(echo_settings());
        let said: Vec<u8> = (0..48_000).map(|at| (at / 7 % 250) as u8).collect();
        let mut heard = Vec::new();
        let mut given = 0;
        for tick in 0..400 {
            while given < said.len() && given + samples <= (tick + 1) * 160 {
                let packet = Sent {
                    sequence: (given / samples) as u16,
                    timestamp: given as u32,
                    payload: said[given..given + samples].to_vec(),
                    ..audio(0)
                };
                world.receive(&packet, far());
                given += samples;
            }
            for (_, packet) in world.tick(Outgoing::Echo) {
                heard.extend(packet.payload);
            }
        }
        assert_eq!(heard, said, "{samples}");
    }
}
