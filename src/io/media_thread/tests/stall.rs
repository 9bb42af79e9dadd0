//! The media thread stands still for a while, with fifty calls.

use super::*;
use crate::io::rings::CallerReader;

const CALLS: u64 = 50;
/// Frames that each agent has to say: less than half of them before the stall.
const SAID: u32 = 30;

struct Talk {
    line: Line,
    ear: CallerReader,
    packets: u32,
    last: Option<(u16, u32)>,
    /// Frames that the timestamps say were left out.
    left_out: u64,
    spoken: Vec<u32>,
}

impl Talk {
    async fn begin(media: &MediaHandle, pool: &PortPool, id: u64) -> Self {
        let (caller, ear) = rings::caller_ring();
        let (mut writer, agent, _playout) = rings::agent_ring();
        for number in 0..SAID {
            assert!(writer.push(AgentFrame {
                epoch: 0,
                utterance: UtteranceId(1),
                last: number + 1 == SAID,
                audio: Frame::new(&speech(number)),
            }));
        }
        let mode = Mode::Bridge { caller, agent };
        let line = Line::call(media, pool, id, Law::Mu, mode, |_| {}).await;
        Self {
            line,
            ear,
            packets: 0,
            last: None,
            left_out: 0,
            spoken: Vec::new(),
        }
    }

    /// Takes packets until so many have come in all.
    async fn until(&mut self, packets: u32) {
        while self.packets < packets {
            let (_, _, marker, sequence, timestamp, payload) = self.line.receive().await;
            self.packets += 1;
            if let Some((before, clock)) = self.last.replace((sequence, timestamp)) {
                assert_eq!(sequence, before.wrapping_add(1), "no packet is lost");
                let passed = timestamp.wrapping_sub(clock);
                assert_eq!(passed % 160, 0);
                assert!((1..500).contains(&(passed / 160)), "the clock goes on");
                self.left_out += u64::from(passed / 160 - 1);
                assert_eq!(marker, passed > 160 || self.packets == 1);
            }
            let spoken = (0..SAID).find(|number| payload == speech(*number));
            self.spoken.extend(spoken);
        }
    }

    /// Every frame of the agent was said once and in order, and the ear has a frame for each tick, slept through or not.
    async fn end(mut self, media: &MediaHandle, id: u64) -> u64 {
        media.remove(id).unwrap();
        let summary = loop {
            if let MediaEvent::Stopped(summary) = self.line.event().await {
                break summary;
            }
        };
        self.until(summary.session.packets_sent).await;
        assert_eq!(self.spoken, (0..SAID).collect::<Vec<_>>());
        let mut heard = Vec::new();
        while self.ear.read(1, &mut heard).await {}
        let ticks = u64::from(self.packets) + self.left_out;
        assert_eq!(
            heard.len() as u64 / 160,
            ticks.min(u64::from(self.packets) + summary.skipped_frames)
        );
        summary.skipped_frames
    }
}

async fn stalls(length: Duration) {
    let (media, pool) = (start(), pool());
    let mut talks = Vec::new();
    for id in 0..CALLS {
        talks.push(Talk::begin(&media, &pool, id).await);
    }
    for talk in &mut talks {
        talk.until(5).await;
    }
    media.send(0, Command::Stall(length)).unwrap();
    for talk in &mut talks {
        talk.until(SAID + 10).await;
    }
    let mut left_out = 0;
    let mut told = 0;
    for (id, talk) in (0..).zip(talks) {
        left_out += talk.left_out;
        told += talk.end(&media, id).await;
    }
    let counters = media.counters();
    assert!(
        counters.stalls >= 1 && counters.worst_stall >= length,
        "{counters:?}"
    );
    assert!(told >= left_out && counters.skipped_frames >= left_out);
    let whole = length.as_millis() / 20;
    assert!(left_out + CALLS >= CALLS * u64::try_from(whole).unwrap());
}

#[tokio::test]
async fn ten_milliseconds_are_made_up_for() {
    stalls(Duration::from_millis(10)).await;
}

#[tokio::test]
async fn of_twenty_five_milliseconds_one_frame_is_made_up_for() {
    stalls(Duration::from_millis(25)).await;
}

#[tokio::test]
async fn of_a_hundred_milliseconds_one_frame_is_made_up_for() {
    stalls(Duration::from_millis(100)).await;
}
