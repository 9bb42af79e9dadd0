//! Recordings of real calls, against what the caller's own end has sent and heard.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use ringwell::audio::Law;
use serde_json::Value;

use crate::lab::Lab;
use crate::phones::read_at;

/// Samples of half a second.
const HALF: usize = 4_000;

const ON: &[(&str, &str, &str)] = &[
    ("recording", "consent", "\"announce\""),
    ("recording", "free_megabytes", "1"),
];

fn lab() -> Lab {
    let lab = Lab::start(ON);
    lab.knows_articles();
    lab.prompts_are_rendered();
    lab
}

/// A call whose caller keeps what it sent (left) and heard (right).
fn call(lab: &Lab, script: &str) -> (Value, [Vec<i16>; 2]) {
    let (report, [ours, theirs]) = call_in("pcmu", lab, script);
    // What it said, as the wire carries it.
    let ours = ours.iter().map(|it| Law::Mu.decode(Law::Mu.encode(*it)));
    (report, [ours.collect(), theirs])
}

/// The same in this codec, as it was before it was encoded, and as it was decoded.
fn call_in(codec: &str, lab: &Lab, script: &str) -> (Value, [Vec<i16>; 2]) {
    let path = lab.dir.path().join("caller.wav");
    let mut caller = lab.caller("assistant", script);
    let caller = caller.args(["--codec", codec]).arg("--record").arg(&path);
    let output = caller.output().expect("it runs");
    let report: Value = serde_json::from_slice(&output.stdout).expect("a report");
    assert_eq!(report["ok"], true, "{report:#}\n{}", lab.log());
    (report, channels(&path))
}

/// Both channels of a stereo file.
pub fn channels(path: &Path) -> [Vec<i16>; 2] {
    let mut reader = hound::WavReader::open(path).expect("a file that plays");
    assert_eq!(reader.spec().channels, 2);
    let samples = reader.samples::<i16>();
    let samples: Vec<i16> = samples.map(|it| it.expect("a sample")).collect();
    [0, 1].map(|channel| samples.iter().skip(channel).step_by(2).copied().collect())
}

/// The one recording there is.
fn recording(lab: &Lab) -> PathBuf {
    let folder = lab.dir.path().join("state/recordings");
    let files = std::fs::read_dir(&folder).expect("the folder");
    let mut files: Vec<_> = files
        .map(|entry| entry.expect("a file").path())
        .filter(|path| path.extension().is_some_and(|it| it == "wav"))
        .collect();
    assert_eq!(files.len(), 1, "{files:?}");
    files.remove(0)
}

fn is_whole(lab: &Lab) -> [Vec<i16>; 2] {
    lab.until("the recording is closed", Duration::from_secs(10), |lab| {
        (lab.status()["recording"]["running"] == 0).then_some(())
    });
    channels(&recording(lab))
}

/// Where each stretch of sound begins that half a second of silence is before.
fn utterances(channel: &[i16]) -> Vec<usize> {
    let mut starts = Vec::new();
    let mut quiet = HALF;
    for (at, sample) in channel.iter().enumerate() {
        let loud = sample.unsigned_abs() > 500;
        if loud && quiet >= HALF {
            starts.push(at);
        }
        quiet = if loud { 0 } else { quiet + 1 };
    }
    starts
}

/// Samples by which the caller's jitter buffer may move in a call on a busy machine.
const MOVED: usize = 1_600;

/// Where half seconds of the one recording begin, and where they stand in the other, sample for sample. Words that
/// are said twice tell nothing, and a jitter buffer between the two may have moved within some.
fn shared(wanted: &[i16], among: &[i16]) -> Vec<(usize, usize)> {
    let loud =
        |window: &[i16]| window.iter().filter(|it| it.unsigned_abs() > 500).count() > HALF / 2;
    let places = |window: &[i16], all: &[i16]| {
        let places = all.windows(HALF).enumerate();
        let places = places.filter(|(_, it)| *it == window).map(|(at, _)| at);
        places.take(2).collect::<Vec<_>>()
    };
    let starts = (0..wanted.len().saturating_sub(HALF)).step_by(HALF / 2);
    let windows = starts.map(|at| (at, &wanted[at..at + HALF]));
    let found = windows
        .filter(|(_, window)| loud(window))
        .filter_map(|(at, window)| {
            let once = places(window, wanted).len() == 1;
            match places(window, among)[..] {
                [place] if once => Some((at, place)),
                _ => None,
            }
        });
    found.collect()
}

#[test]
fn a_call_is_recorded_on_both_sides_sample_by_sample_once_it_was_announced() {
    let lab = lab();
    let (report, [ours, theirs]) = call(
        &lab,
        "wait for call is recorded; wait for help you; wait until it stops; say how do i reset my password?; \
         wait for forgot password within 20 s; wait until it stops; say thank you, that is all, goodbye; \
         wait for hang up",
    );
    let [caller, agent] = is_whole(&lab);
    assert_eq!(caller.len(), agent.len());
    assert_eq!(caller.len() % 160, 0);
    let heard = utterances(&theirs);
    assert!(heard.len() >= 3, "{heard:?} {report:#}");
    // What follows the announcement stands there at one and the same distance: the file keeps the call's time.
    let agents = shared(&theirs, &agent);
    let announced = heard[0] + 2 * HALF;
    assert!(
        agents.iter().all(|(at, _)| *at >= announced),
        "the announcement is not in it: {agents:?} {heard:?}"
    );
    let distances: Vec<_> = agents.iter().map(|(at, place)| at - place).collect();
    assert!(distances.len() >= 2, "{heard:?}");
    let near = |distance: &usize| distance.abs_diff(distances[0]) <= MOVED;
    assert!(distances.iter().all(near), "{distances:?}");
    let callers = shared(&ours, &caller);
    assert!(!callers.is_empty(), "what the caller said is on the left");
    for (at, place) in callers {
        // As the agent heard it: later by the way and the jitter buffer, and by no more.
        let later = (place + distances[0]).saturating_sub(at);
        assert!(later < 8_000, "{later} samples");
    }
    let recent = &lab.status()["recent"][0];
    let name = recording(&lab);
    let name = name.file_name().expect("a name").to_string_lossy();
    assert_eq!(recent["recording"], *name, "{recent:#}");
}

/// A codec's two ends give no samples that are the same, so words and their places are compared.
fn a_wideband_call_is_recorded(codec: &str) {
    let lab = lab();
    let (report, [ours, theirs]) = call_in(
        codec,
        &lab,
        "wait for call is recorded; wait for help you; wait until it stops; say how do i reset my password?; \
         wait for forgot password within 20 s; wait until it stops; press *; wait for is paused; \
         wait until it stops; say four one one one; pause 1 s; press *; wait for goes on within 20 s; \
         wait until it stops; hang up",
    );
    let [caller, agent] = is_whole(&lab);
    let rate = hound::WavReader::open(recording(&lab))
        .expect("it plays")
        .spec();
    assert_eq!(rate.sample_rate, 16_000);
    assert_eq!((caller.len() % 320, caller.len()), (0, agent.len()));
    let [left, right] = [read_at(16_000, &caller), read_at(16_000, &agent)];
    assert!(left.contains("how do i reset my password?"), "{left}");
    assert!(!left.contains("four one one one"), "in a pause: {left}");
    assert!(
        right.contains("help you") && right.contains("forgot password"),
        "{right}"
    );
    assert!(right.contains("goes on"), "{right}");
    assert!(
        !right.contains("is recorded") && !right.contains("reset my"),
        "{right}"
    );
    // Both sides keep the call's time, over the pause too: the answer to the question, the question, and the last
    // sound. (The first words follow the announcement without a pause, the last were begun in the pause.)
    let [said, heard] = [utterances(&ours), utterances(&theirs)];
    let [left, kept] = [utterances(&caller), utterances(&agent)];
    assert!(heard.len() >= 3 && kept.len() >= 3, "{heard:?} {kept:?}");
    let distance = heard[1] - kept[1];
    let later = (left[0] + distance).abs_diff(said[0]);
    assert!(later <= MOVED, "as the box heard it: {later} samples");
    let last = |channel: &[i16]| channel.iter().rposition(|it| it.unsigned_abs() > 500);
    let [there, here] = [&theirs, &agent].map(|it| last(it).expect("it sounds"));
    let moved = (here + distance).abs_diff(there);
    assert!(moved <= MOVED, "{moved} samples at the end: {report:#}");
}

#[test]
fn a_call_in_g722_is_recorded_on_both_sides() {
    a_wideband_call_is_recorded("g722");
}

#[test]
fn a_call_in_opus_is_recorded_on_both_sides() {
    a_wideband_call_is_recorded("opus");
}

#[test]
fn what_is_said_in_a_pause_is_silence_of_its_length() {
    let lab = lab();
    let (report, [ours, theirs]) = call(
        &lab,
        "wait for help you; wait until it stops; press *; wait for is paused; wait until it stops; \
         say four one one one; pause 1 s; press *; wait for goes on within 20 s; wait until it stops; hang up",
    );
    let [caller, agent] = is_whole(&lab);
    assert_eq!(caller.len(), agent.len());
    assert!(!utterances(&ours).is_empty(), "{report:#}");
    assert_eq!(shared(&ours, &caller), [], "it is not on the disk");
    let distances: Vec<_> = shared(&theirs, &agent)
        .into_iter()
        .map(|(at, place)| at - place)
        .collect();
    let [first, .., last] = distances[..] else {
        panic!("what was said before and after it is there: {distances:?}");
    };
    assert!(
        first.abs_diff(last) <= MOVED,
        "the pause has its length: {distances:?}"
    );
}

#[test]
fn a_crash_leaves_a_recording_that_plays() {
    let mut lab = lab();
    let mut caller = lab
        .caller("assistant", "wait for help you; pause 60 s; hang up")
        .stdout(std::process::Stdio::null())
        .spawn()
        .expect("it runs");
    lab.until("something is recorded", Duration::from_secs(40), |lab| {
        let begun = lab.status()["recording"]["begun"] == 1;
        let long = || std::fs::metadata(recording(lab)).is_ok_and(|it| it.len() > 100_000);
        (begun && long()).then_some(())
    });
    lab.kill_gateway();
    let [left, right] = channels(&recording(&lab));
    let length = std::fs::metadata(recording(&lab))
        .expect("it is there")
        .len();
    assert!(left.len() == right.len() && left.len() >= 8_000);
    let missing = (length as usize - 44) / 4 - left.len();
    assert!(
        missing <= 8_000 + 1_600,
        "at most a second and a round: {missing}"
    );
    assert!(right.iter().any(|sample| sample.unsigned_abs() > 500));
    caller.kill().expect("it runs");
    caller.wait().expect("it ends");
    lab.start_gateway();
    assert_eq!(channels(&recording(&lab))[0].len(), left.len());
}

/// A disk of three megabytes, for as long as a test runs.
struct SmallDisk(String);

impl SmallDisk {
    fn mount(folder: String) -> Option<Self> {
        let arguments = ["-t", "tmpfs", "-o", "size=3m", "tmpfs", &folder];
        let status = Command::new("mount").args(arguments).status();
        status.is_ok_and(|it| it.success()).then(|| Self(folder))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let status = Command::new("umount").args(["-l", &self.0]).status();
        assert!(std::thread::panicking() || status.is_ok_and(|it| it.success()));
    }
}

#[test]
fn a_full_disk_ends_the_recording_and_not_the_call() {
    let mut lab = Lab::start(ON);
    let folder = lab.dir.path().join("state/recordings");
    let folder = folder.to_str().expect("a path in UTF-8").to_owned();
    let Some(disk) = SmallDisk::mount(folder.clone()) else {
        eprintln!("SKIPPED: no small disk can be mounted here; the unit tests write to /dev/full");
        return;
    };
    lab.knows_articles();
    lab.prompts_are_rendered();
    lab.expect_alarm("the call is not recorded any more");
    let filler = Path::new(&folder).join("filler");
    let caller = lab
        .caller(
            "assistant",
            "wait for help you; wait until it stops; pause 6 s; say how do i reset my password?; \
             wait for forgot password within 20 s; hang up",
        )
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("it runs");
    lab.until("a recording runs", Duration::from_secs(40), |lab| {
        (lab.status()["recording"]["running"] == 1).then_some(())
    });
    lab.until(
        "a part of it is on the disk",
        Duration::from_secs(20),
        |lab| {
            let [left, _] = channels(&recording(lab));
            (left.len() > HALF).then_some(())
        },
    );
    let filled = std::fs::write(&filler, vec![7; 4_000_000]);
    lab.until("it has ended", Duration::from_secs(30), |lab| {
        (lab.status()["recording"]["failed"] == 1).then_some(())
    });
    let output = caller.wait_with_output().expect("it ends");
    let report: Value = serde_json::from_slice(&output.stdout).expect("a report");
    let [left, _] = channels(&recording(&lab));
    drop(disk);
    assert!(filled.is_err(), "the disk was full");
    assert_eq!(report["ok"], true, "{report:#}\n{}", lab.log());
    assert!(!left.is_empty(), "what was there is kept");
}
