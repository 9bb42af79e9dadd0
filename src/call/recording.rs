//! Whether the call is being recorded, and what is noted of it. The conversation tells the caller and says
//! when it may begin; from then on it is paused and resumed by a key of either side, and ends with the call, or when a
//! person takes over.

use std::time::Instant;

use super::{Call, Command, Kind};
use crate::conversation;
use crate::ticket::{Entry, RecordingStep};

/// How calls are recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recording {
    /// The key that pauses it, and has it go on.
    pub pause_key: Option<char>,
    /// It goes on when the caller is connected with a person.
    pub after_transfer: bool,
}

/// What is done with a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordingAct {
    /// Record from here on; answered by news.
    Begin,
    /// Silence from here on.
    Pause,
    /// Record again.
    Resume,
    /// It ends here.
    Stop,
    /// It ends here, and what there is of it is deleted.
    Discard,
}

/// What a recording tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordingNews {
    /// The file of this name is there.
    Began(String),
    /// The disk is too slow: something is left out.
    Gap,
    /// It ends, or never began, for this reason.
    Failed(String),
}

/// Where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// The call is not to be recorded, or not any more.
    Off,
    /// The caller has still to be told.
    Awaited,
    Running,
    Paused,
}

impl Stage {
    pub(super) fn new(kind: Kind, recording: Option<Recording>) -> Self {
        match (kind, recording) {
            (Kind::Assistant, Some(_)) => Self::Awaited,
            _ => Self::Off,
        }
    }

    fn is_running(self) -> bool {
        matches!(self, Self::Running | Self::Paused)
    }
}

impl Call {
    /// The caller was told and lets it be, or refuses.
    pub(super) fn record_call(&mut self, allowed: bool, now: Instant) {
        match (self.stage, allowed) {
            (Stage::Awaited, true) => {
                self.stage = Stage::Running;
                self.push(Command::Recording(RecordingAct::Begin));
            }
            (Stage::Off, _) | (_, true) => {}
            (stage, false) => {
                self.stage = Stage::Off;
                if stage.is_running() {
                    self.push(Command::Recording(RecordingAct::Discard));
                }
                self.note_recording(RecordingStep::Refused, now);
            }
        }
    }

    pub(super) fn on_recording_news(&mut self, news: RecordingNews, now: Instant) {
        let step = match news {
            RecordingNews::Began(file) => RecordingStep::Began(file),
            RecordingNews::Gap => RecordingStep::Gap,
            RecordingNews::Failed(reason) => {
                self.stage = Stage::Off;
                RecordingStep::Failed(reason)
            }
        };
        self.note_recording(step, now);
    }

    /// A key of either side; true when it was for the recording.
    pub(super) fn takes_pause_key(&mut self, key: char, now: Instant) -> bool {
        let pauses = self.recording.and_then(|it| it.pause_key) == Some(key);
        if !pauses || !self.stage.is_running() {
            return false;
        }
        let paused = self.stage == Stage::Running;
        let (stage, act, step) = match paused {
            true => (Stage::Paused, RecordingAct::Pause, RecordingStep::Paused),
            false => (Stage::Running, RecordingAct::Resume, RecordingStep::Resumed),
        };
        self.stage = stage;
        self.push(Command::Recording(act));
        self.note_recording(step, now);
        self.conversation
            .handle(conversation::Input::RecordingPaused(paused), now);
        true
    }

    /// A person takes over, whom nobody has told.
    pub(super) fn leave_recording(&mut self, now: Instant) {
        let goes_on = self.recording.is_some_and(|it| it.after_transfer);
        if goes_on || self.stage == Stage::Off {
            return;
        }
        if self.stage.is_running() {
            self.push(Command::Recording(RecordingAct::Stop));
            let reason = "a person took over".to_owned();
            self.note_recording(RecordingStep::Stopped(reason), now);
            self.stage = Stage::Off;
        }
    }

    /// The call ends. One that should have been recorded and was not says so.
    pub(super) fn conclude_recording(&mut self, now: Instant) {
        if self.stage == Stage::Awaited && self.is_answered() {
            let reason = "the caller had not heard the announcement".to_owned();
            self.note_recording(RecordingStep::Failed(reason), now);
        }
        self.stage = Stage::Off;
    }

    fn note_recording(&mut self, step: RecordingStep, now: Instant) {
        if !self.ended {
            let at = self.since_start(now);
            self.push(Command::Record(Entry::Recording { at, step }));
        }
    }
}
