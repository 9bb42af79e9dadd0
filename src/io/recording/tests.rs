use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::PermissionsExt;
use std::time::SystemTime;

use tempfile::TempDir;
use tokio::time::timeout;

use super::ring::RECORDING_TICKS;
use super::wav::Wav;
use super::*;
use crate::audio::speech_format::WIDEBAND_RATE;
use crate::audio::{Codec, Law, SAMPLE_RATE};
use crate::io::clock;
use crate::io::rings::Item;
use crate::io::transcode::{Decoder, Encoder};

mod wideband;

const PATIENCE: Duration = Duration::from_secs(10);

struct Desk {
    dir: TempDir,
    recorder: Option<Recorder>,
}

impl Desk {
    fn new() -> Self {
        let mut desk = Self::unattended();
        let recorder = Recorder::start(desk.settings()).unwrap();
        desk.recorder = Some(recorder);
        desk
    }

    /// Nobody tidies the folder.
    fn unattended() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            recorder: None,
        }
    }

    fn settings(&self) -> Settings {
        Settings {
            folder: self.dir.path().join("recordings"),
            keep: Some(Duration::from_secs(3_600)),
            size_max: 1_000_000_000,
            room_min: 0,
        }
    }

    fn path(&self, call: &str) -> PathBuf {
        self.settings().folder.join(format!("{call}.wav"))
    }

    /// Begins a recording and waits until its file is there.
    async fn begin(&self, call: &str) -> (Tap, Switch, mpsc::Receiver<RecordingEvent>) {
        self.begin_at(SAMPLE_RATE, call).await
    }

    async fn begin_at(
        &self,
        rate: u32,
        call: &str,
    ) -> (Tap, Switch, mpsc::Receiver<RecordingEvent>) {
        let (tap, reader) = tap(rate);
        let (sender, mut events) = mpsc::channel(EVENTS);
        let switch = reader.switch();
        let recorder = self.recorder.as_ref().unwrap();
        recorder.begin(&CallId(call.to_owned()), reader, sender);
        let begun = RecordingEvent::Began(format!("{call}.wav"));
        assert_eq!(event(&mut events).await, Some(begun));
        (tap, switch, events)
    }

    /// Ends all, and gives both channels of a recording.
    fn finish(&mut self, call: &str) -> [Vec<i16>; 2] {
        self.recorder = None;
        channels(&self.path(call))
    }
}

async fn event(events: &mut mpsc::Receiver<RecordingEvent>) -> Option<RecordingEvent> {
    timeout(PATIENCE, events.recv()).await.expect("news comes")
}

fn channels(path: &Path) -> [Vec<i16>; 2] {
    channels_at(SAMPLE_RATE, path)
}

fn channels_at(rate: u32, path: &Path) -> [Vec<i16>; 2] {
    let mut reader = hound::WavReader::open(path).unwrap();
    let specification = reader.spec();
    assert_eq!(
        (specification.channels, specification.bits_per_sample),
        (2, 16)
    );
    assert_eq!(specification.sample_rate, rate);
    let samples: Vec<i16> = reader.samples().map(Result::unwrap).collect();
    [0, 1].map(|channel| samples.iter().skip(channel).step_by(2).copied().collect())
}

/// The codes of a tick, different for each tick and side.
fn codes(tick: u32, side: u8) -> [u8; 160] {
    std::array::from_fn(|at| (tick.wrapping_mul(31).wrapping_add(at as u32) as u8) ^ side)
}

fn samples(law: Law, ticks: impl Iterator<Item = u32>, side: u8) -> Vec<i16> {
    let codes = ticks.flat_map(|tick| codes(tick, side));
    codes.map(|code| law.decode(code)).collect()
}

fn take(tap: &mut Tap, law: Law, ticks: std::ops::Range<u32>) {
    for tick in ticks {
        tick_of(tap, law, tick);
    }
}

fn tick_of(tap: &mut Tap, law: Law, tick: u32) {
    tap.begin(1);
    tap.hear(0, Codec::G711(law), Item::Heard(&codes(tick, 0)));
    tap.say(Codec::G711(law), &codes(tick, 0x55));
}

/// Ticks that are made up for at once: what was heard in all of them, what is said in the last.
fn take_late(tap: &mut Tap, ticks: std::ops::Range<u32>) {
    let (last, length) = (ticks.end - 1, ticks.end - ticks.start);
    tap.begin(length);
    for tick in ticks {
        let heard = codes(tick, 0);
        tap.hear(last - tick, Codec::PCMU, Item::Heard(&heard));
    }
    tap.say(Codec::PCMU, &codes(last, 0x55));
}

#[tokio::test]
async fn both_sides_are_kept_sample_by_sample_in_both_laws() {
    for law in [Law::Mu, Law::A] {
        let mut desk = Desk::new();
        let (mut tap, ..) = desk.begin("c1").await;
        take(&mut tap, law, 0..100);
        drop(tap);
        let [left, right] = desk.finish("c1");
        assert_eq!(left, samples(law, 0..100, 0));
        assert_eq!(right, samples(law, 0..100, 0x55));
    }
}

#[tokio::test]
async fn a_pause_is_silence_of_its_length_also_at_the_end() {
    let mut desk = Desk::new();
    let (mut tap, switch, _events) = desk.begin("c1").await;
    take(&mut tap, Law::Mu, 0..10);
    switch.pause();
    take(&mut tap, Law::Mu, 10..40);
    switch.record();
    take(&mut tap, Law::Mu, 40..50);
    tap.stall();
    take(&mut tap, Law::Mu, 51..60);
    switch.pause();
    take(&mut tap, Law::Mu, 60..75);
    drop(tap);
    let [left, right] = desk.finish("c1");
    for (channel, side) in [(left, 0), (right, 0x55)] {
        let mut expected = samples(Law::Mu, 0..10, side);
        expected.resize(40 * 160, 0);
        expected.extend(samples(Law::Mu, 40..50, side));
        expected.resize(51 * 160, 0);
        expected.extend(samples(Law::Mu, 51..60, side));
        expected.resize(75 * 160, 0);
        assert!(channel == expected, "side {side}");
    }
}

#[tokio::test]
async fn a_stall_makes_the_file_neither_longer_nor_shorter() {
    let mut desk = Desk::new();
    let (mut tap, ..) = desk.begin("c1").await;
    take(&mut tap, Law::Mu, 0..10);
    (0..3).for_each(|_| tap.stall());
    take_late(&mut tap, 10..14); // what was heard in all four follows
    (0..3).for_each(|_| tap.stall());
    take_late(&mut tap, 16..18); // of two nothing is left
    drop(tap);
    let mut expected = samples(Law::Mu, 0..14, 0);
    expected.resize(16 * 160, 0);
    expected.extend(samples(Law::Mu, 16..18, 0));
    let [left, right] = desk.finish("c1");
    assert!(left == expected);
    let mut expected = samples(Law::Mu, 0..10, 0x55);
    for last in [13, 17] {
        expected.resize(last as usize * 160, 0);
        expected.extend(samples(Law::Mu, last..last + 1, 0x55));
    }
    assert!(right == expected);
}

#[tokio::test]
async fn what_was_said_before_the_announcement_was_played_is_not_there() {
    let mut desk = Desk::new();
    let (mut tap, reader) = tap(SAMPLE_RATE);
    take(&mut tap, Law::Mu, 0..10);
    let (sender, mut events) = mpsc::channel(EVENTS);
    let recorder = desk.recorder.as_ref().unwrap();
    recorder.begin(&CallId("c1".to_owned()), reader, sender);
    assert!(event(&mut events).await.is_some());
    take(&mut tap, Law::Mu, 10..15);
    drop(tap);
    assert_eq!(desk.finish("c1")[0], samples(Law::Mu, 10..15, 0));
}

#[tokio::test]
async fn a_stop_ends_the_file_there_and_nothing_begins_it_again() {
    let mut desk = Desk::new();
    let (mut tap, switch, mut events) = desk.begin("c1").await;
    take(&mut tap, Law::Mu, 0..10);
    switch.stop();
    switch.record();
    take(&mut tap, Law::Mu, 10..20);
    assert_eq!(
        event(&mut events).await,
        None,
        "the writer has let go of it"
    );
    assert_eq!(desk.finish("c1")[0], samples(Law::Mu, 0..10, 0));
}

#[tokio::test]
async fn a_recording_that_is_refused_is_deleted() {
    let mut desk = Desk::new();
    let (mut tap, switch, mut events) = desk.begin("c1").await;
    take(&mut tap, Law::Mu, 0..10);
    assert!(desk.path("c1").exists());
    switch.discard();
    assert_eq!(event(&mut events).await, None);
    desk.recorder = None;
    assert!(!desk.path("c1").exists());
}

#[tokio::test]
async fn a_disk_that_stalls_costs_silence_and_is_told_once() {
    let mut desk = Desk::new();
    // The writer looks every 200 ms; what comes faster than a ring holds stands for a disk that is too slow.
    let (mut tap, _switch, mut events) = desk.begin("c1").await;
    let made = 20 * RECORDING_TICKS as u32;
    take(&mut tap, Law::Mu, 0..made);
    assert_eq!(event(&mut events).await, Some(RecordingEvent::Gap));
    // It may have been told while ticks still came: the ring is empty some looks later.
    tokio::time::sleep(Duration::from_secs(1)).await;
    take(&mut tap, Law::Mu, made..made + 1);
    drop(tap);
    let recorder = desk.recorder.as_ref().unwrap();
    let dropped = recorder.counters().ticks_dropped.load(Ordering::Relaxed);
    assert!(dropped > 0);
    let [left, right] = desk.finish("c1");
    let length = (made as usize + 1) * 160;
    assert_eq!((left.len(), right.len()), (length, length));
    assert_eq!(left[..1600], samples(Law::Mu, 0..10, 0));
    assert_eq!(
        right[length - 160..],
        samples(Law::Mu, made..made + 1, 0x55)
    );
    let heard = (0..=made).filter(|tick| {
        let at = *tick as usize * 160;
        left[at..at + 160] == samples(Law::Mu, *tick..*tick + 1, 0)
    });
    assert_eq!(heard.count() as u64, u64::from(made) + 1 - dropped);
}

#[tokio::test]
async fn a_file_can_be_played_while_it_grows() {
    let mut desk = Desk::new();
    let (mut tap, ..) = desk.begin("c1").await;
    let path = desk.path("c1");
    let mut told = 0;
    for second in 0..3 {
        take(&mut tap, Law::Mu, second * 50..(second + 1) * 50);
        let grown = timeout(PATIENCE, async {
            while fs::metadata(&path).unwrap().len() < 44 + u64::from(second + 1) * 32_000 {
                tokio::task::yield_now().await;
            }
        });
        grown.await.expect("the file grows");
        let [left, _] = channels(&path);
        assert!(left.len() >= told && left.len() + 8_000 >= (second as usize) * 8_000);
        told = left.len();
    }
    assert!(told > 0, "the header follows");
    drop(tap);
    assert_eq!(desk.finish("c1")[0].len(), 150 * 160);
}

#[tokio::test]
async fn only_the_owner_may_read_and_no_file_is_overwritten() {
    let desk = Desk::new();
    let (_tap, ..) = desk.begin("c1").await;
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&desk.path("c1")), 0o600);
    assert_eq!(mode(&desk.settings().folder), 0o700);
    let (_tap, reader) = tap(SAMPLE_RATE);
    let (sender, mut events) = mpsc::channel(EVENTS);
    let recorder = desk.recorder.as_ref().unwrap();
    recorder.begin(&CallId("c1".to_owned()), reader, sender);
    assert!(matches!(
        event(&mut events).await,
        Some(RecordingEvent::Failed(reason)) if reason.contains("cannot be made")
    ));
    assert_eq!(recorder.counters().failed.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn with_too_little_room_nothing_is_begun() {
    let mut desk = Desk::new();
    desk.recorder = Some(
        Recorder::start(Settings {
            room_min: u64::MAX,
            ..desk.settings()
        })
        .unwrap(),
    );
    let (_tap, reader) = tap(SAMPLE_RATE);
    let (sender, mut events) = mpsc::channel(EVENTS);
    let recorder = desk.recorder.as_ref().unwrap();
    recorder.begin(&CallId("c1".to_owned()), reader, sender);
    assert!(matches!(
        event(&mut events).await,
        Some(RecordingEvent::Failed(reason)) if reason.contains("MB are free")
    ));
    assert!(!desk.path("c1").exists());
}

#[test]
fn a_full_disk_is_told_and_leaves_what_was_there() {
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let refused = Wav::begin(full, 8_000).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::StorageFull);
}

#[test]
fn old_files_and_the_oldest_of_too_many_are_deleted_and_others_left_alone() {
    let desk = Desk::unattended();
    let settings = Settings {
        size_max: 2_500,
        ..desk.settings()
    };
    fs::create_dir(&settings.folder).unwrap();
    let now = clock::wallclock();
    let file = |name: &str, age: u64| {
        let path = settings.folder.join(name);
        fs::write(&path, [0; 1_000]).unwrap();
        let changed: SystemTime = now - Duration::from_secs(age);
        let file = File::options().write(true).open(&path).unwrap();
        file.set_modified(changed).unwrap();
        path
    };
    let ancient = file("a.wav", 4_000);
    let written = file("b.wav", 3_000);
    let oldest = file("c.wav", 2_000);
    let newer = file("d.wav", 1_000);
    let newest = file("e.wav", 10);
    let foreign = file("notes.txt", 9_000);
    let deleted = shelf::tidy(&settings, std::slice::from_ref(&written), now);
    assert_eq!(deleted, 3);
    let left = [&ancient, &written, &oldest, &newer, &newest, &foreign].map(|it| it.exists());
    assert_eq!(left, [false, true, false, false, true, true]);
}
