//! Two calls joined by a relay.

use super::*;
use crate::sdp::Suite;

/// Two far ends joined by a relay, perhaps on two threads, the second one encrypted.
struct Joined {
    media: MediaHandle,
    pool: PortPool,
    one: Line,
    other: Line,
}

impl Joined {
    async fn start(threads: usize, laws: [Law; 2]) -> Self {
        let media = MediaThread::start(Settings {
            threads,
            realtime: false,
            ..Settings::default()
        })
        .unwrap();
        let pool = pool();
        let (here, there) = rings::relay();
        let keys = Crypto {
            suite: Suite::AesCm128HmacSha1_80,
            send_key: vec![1; 30],
            receive_key: vec![2; 30],
        };
        let one = Line::call(&media, &pool, 1, laws[0], Mode::Relay(here), |_| {}).await;
        let mode = Mode::Relay(there);
        let other = Line::call_with(&media, &pool, 2, laws[1], mode, Some(keys), |_| {}).await;
        Self {
            media,
            pool,
            one,
            other,
        }
    }
}

fn payload_type(law: Law) -> u8 {
    match law {
        Law::Mu => 0,
        Law::A => 8,
    }
}

/// Speaks at pace until the listener has heard some frames in a row as they were said: at first the buffer on the
/// way may still stretch them to find its delay.
async fn speaks(speaker: &mut Line, laws: [Law; 2], listener: &mut Line, first: u32) {
    let mut heard = Vec::new();
    let mut number = first;
    let mut pace = tokio::time::interval(Duration::from_millis(20));
    let found = timeout(PATIENCE, async {
        while !(first..number).any(|from| is_in_a_row(&heard, from, laws)) {
            tokio::select! {
                _ = pace.tick() => {
                    let timestamp = number * 160;
                    speaker.send(&speech(number), payload_type(laws[0]), timestamp, number == first).await;
                    number += 1;
                }
                packet = listener.receive() => {
                    assert_eq!(packet.1, payload_type(laws[1]));
                    heard.extend(packet.5);
                }
            }
        }
    });
    found.await.expect("what one says the other hears");
}

/// Whether six frames from a number on were heard one after the other, in the listener's law.
fn is_in_a_row(heard: &[u8], from: u32, laws: [Law; 2]) -> bool {
    let codes = (from..from + 6).flat_map(speech);
    let said: Vec<u8> = codes.map(|code| laws[0].convert(code, laws[1])).collect();
    heard.windows(said.len()).any(|window| window == said)
}

#[tokio::test]
async fn a_relay_carries_both_ways_in_the_law_of_each_side() {
    for (threads, laws) in [
        (1, [Law::Mu, Law::Mu]),
        (1, [Law::A, Law::Mu]),
        (2, [Law::Mu, Law::A]),
    ] {
        let mut joined = Joined::start(threads, laws).await;
        speaks(&mut joined.one, laws, &mut joined.other, 0).await;
        let back = [laws[1], laws[0]];
        speaks(&mut joined.other, back, &mut joined.one, 1000).await;
    }
}

#[tokio::test]
async fn keys_are_pressed_on_the_other_side() {
    let mut joined = Joined::start(1, [Law::Mu, Law::A]).await;
    for repeat in 0..3 {
        joined
            .one
            .send(
                &[7, 0x80 * u8::from(repeat > 0), 3, 32],
                101,
                160,
                repeat == 0,
            )
            .await;
    }
    let key = timeout(PATIENCE, async {
        loop {
            let (_, payload_type, _, _, _, payload) = joined.other.receive().await;
            if payload_type == 101 {
                return payload[0];
            }
        }
    });
    assert_eq!(key.await.expect("the key arrives"), 7);
    while joined.one.event().await != MediaEvent::Digit('7') {}
}

#[tokio::test]
async fn a_key_that_cannot_be_pressed_is_counted() {
    let mut joined = Joined::start(1, [Law::Mu, Law::Mu]).await;
    let without = Negotiated {
        telephone_event: None,
        ..negotiated(Law::Mu, joined.one.socket.local_addr().unwrap())
    };
    joined.media.update(1, &without).unwrap();
    joined.other.send(&[7, 0x80, 3, 32], 101, 160, true).await;
    while joined.other.event().await != MediaEvent::Digit('7') {}
    for _ in 0..5 {
        joined.one.receive().await;
    }
    joined.media.remove(1).unwrap();
    loop {
        if let MediaEvent::Stopped(summary) = joined.one.event().await {
            assert_eq!(summary.keys_lost, 1);
            return;
        }
    }
}

#[tokio::test]
async fn a_side_that_holds_gives_silence_and_comes_back() {
    let laws = [Law::Mu, Law::Mu];
    let mut joined = Joined::start(1, laws).await;
    speaks(&mut joined.one, laws, &mut joined.other, 0).await;
    let local = joined.one.socket.local_addr().unwrap();
    let held = Negotiated {
        direction: Direction::Inactive,
        ..negotiated(Law::Mu, local)
    };
    joined.media.update(1, &held).unwrap();
    joined.one.send(&speech(1), 0, 100_000, true).await;
    // At last nothing but silence, at pace.
    let mut silent = 0;
    while silent < 20 {
        let (.., payload) = joined.other.receive().await;
        silent = if payload == [0xFF; 160] {
            silent + 1
        } else {
            0
        };
    }
    joined.media.update(1, &negotiated(Law::Mu, local)).unwrap();
    speaks(&mut joined.one, laws, &mut joined.other, 2000).await;
}

#[tokio::test]
async fn when_the_other_call_ends_there_is_silence() {
    let laws = [Law::Mu, Law::Mu];
    let mut joined = Joined::start(1, laws).await;
    speaks(&mut joined.other, laws, &mut joined.one, 0).await;
    joined.media.remove(2).unwrap();
    while !matches!(joined.other.event().await, MediaEvent::Stopped(_)) {}
    let mut silent = 0;
    while silent < 20 {
        let (.., payload) = joined.one.receive().await;
        silent = if payload == [0xFF; 160] {
            silent + 1
        } else {
            0
        };
    }
    assert_eq!(joined.pool.usage(clock::now()).in_use, 1);
}

#[tokio::test]
async fn from_the_assistant_to_a_person_and_back() {
    let (media, pool) = (start(), pool());
    let (mut caller, mut ear, mut voice, _playout) = bridge(&media, &pool).await;
    assert!(voice.push(utterance(1, 1, true).next().unwrap()));
    assert_eq!(caller.event().await, MediaEvent::Playing(UtteranceId(1)));
    assert_eq!(caller.event().await, MediaEvent::Played(UtteranceId(1)));

    let (here, there) = rings::relay();
    let mode = Mode::Relay(there);
    let mut person = Line::call(&media, &pool, 2, Law::A, mode, |_| {}).await;
    media.relay(1, here).unwrap();
    speaks(&mut person, [Law::A, Law::Mu], &mut caller, 0).await;
    speaks(&mut caller, [Law::Mu, Law::A], &mut person, 1000).await;
    // The assistant hears silence meanwhile, and what it says waits.
    let mut audio = Vec::new();
    while audio.len() < 20 * 160 {
        assert!(ear.read(5, &mut audio).await);
    }
    let said: Vec<u8> = (1005..1010).flat_map(speech).collect();
    assert!(!audio.windows(said.len()).any(|window| window == said));
    assert!(voice.push(utterance(2, 1, true).next().unwrap()));

    media.resume(1).unwrap();
    loop {
        match caller.event().await {
            MediaEvent::Playing(utterance) => break assert_eq!(utterance, UtteranceId(2)),
            event => assert!(matches!(event, MediaEvent::FirstPacket(_)), "{event:?}"),
        }
    }
    let mut number = 3000;
    let mut pace = tokio::time::interval(Duration::from_millis(20));
    let found = timeout(PATIENCE, async {
        while !(3000..number).any(|from| is_in_a_row(&audio, from, [Law::Mu, Law::Mu])) {
            tokio::select! {
                _ = pace.tick() => {
                    caller.send(&speech(number), 0, number * 160, number == 3000).await;
                    number += 1;
                }
                going_on = ear.read(5, &mut audio) => assert!(going_on),
            }
        }
    });
    found.await.expect("the assistant hears again");
    media.resume(1).unwrap(); // nothing to resume
    assert!(voice.push(utterance(3, 1, true).next().unwrap()));
    while caller.event().await != MediaEvent::Played(UtteranceId(3)) {}
}

#[tokio::test]
async fn new_rings_close_the_old_ones() {
    let (media, pool) = (start(), pool());
    let (mut caller, _ear, mut voice, _playout) = bridge(&media, &pool).await;
    let (here, _there) = rings::relay();
    media.relay(1, here).unwrap();
    let (writer, _reader) = rings::caller_ring();
    let (mut next, reader, _playout) = rings::agent_ring();
    media.bridge(1, writer, reader).unwrap();
    assert!(next.push(utterance(9, 1, true).next().unwrap()));
    assert_eq!(caller.event().await, MediaEvent::Playing(UtteranceId(9)));
    let closed = timeout(PATIENCE, async {
        while voice.room().await {
            voice.push(utterance(1, 1, true).next().unwrap());
            tokio::task::yield_now().await;
        }
    });
    closed.await.expect("the old voice learns that it is over");
    // An echo has no rings to change.
    let mut echo = Line::call(&media, &pool, 2, Law::Mu, Mode::Echo, |_| {}).await;
    let (here, _there) = rings::relay();
    media.relay(2, here).unwrap();
    echo.send(&speech(1), 0, 160, true).await;
    assert_eq!(echo.receive().await.5, speech(1));
}

#[tokio::test]
async fn new_rings_while_it_rings_are_gone_on_with_afterwards() {
    let (media, pool) = (start(), pool());
    let (mut caller, _ear, mut voice, _playout) = bridge(&media, &pool).await;
    media.play(1, Tone::milliwatt(Law::Mu)).unwrap();
    let (writer, _reader) = rings::caller_ring();
    let (mut next, reader, _playout) = rings::agent_ring();
    media.bridge(1, writer, reader).unwrap();
    let closed = timeout(PATIENCE, async {
        while voice.room().await {
            tokio::task::yield_now().await;
        }
    });
    closed.await.expect("the old voice learns that it is over");
    while caller.receive().await.5 == [Law::Mu.silence(); 160] {}
    assert!(next.push(utterance(9, 1, true).next().unwrap()));
    media.resume(1).unwrap();
    assert_eq!(caller.event().await, MediaEvent::Playing(UtteranceId(9)));
}
