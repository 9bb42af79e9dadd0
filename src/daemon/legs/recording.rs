//! A call's recording: the tap's far end until it begins, then its switch and its news.

use tokio::sync::mpsc;

use crate::audio::speech_format::WIDEBAND_RATE;
use crate::audio::{Codec, SAMPLE_RATE};
use crate::call::{RecordingAct, RecordingNews};
use crate::daemon::services::Services;
use crate::io::recording::{EVENTS, RecordingEvent, Switch, Tap, TapReader, tap};
use crate::ticket::CallId;

/// The recording of one call, if it is to have one.
#[derive(Default)]
pub(crate) struct RecordingLeg {
    reader: Option<TapReader>,
    switch: Option<Switch>,
    events: Option<mpsc::Receiver<RecordingEvent>>,
}

impl RecordingLeg {
    /// Makes the tap for the media thread. A call that begins in wideband has a file of that, whatever follows.
    pub(crate) fn tap(&mut self, services: &Services, codec: Codec) -> Option<Tap> {
        services.recorder.as_ref()?;
        let (tap, reader) = tap(match codec {
            Codec::G711(_) => SAMPLE_RATE,
            Codec::G722 | Codec::Opus => WIDEBAND_RATE,
        });
        self.switch = Some(reader.switch());
        self.reader = Some(reader);
        Some(tap)
    }

    /// Does what the call says.
    pub(crate) fn act(&mut self, services: &Services, call: &CallId, act: RecordingAct) {
        if act == RecordingAct::Begin {
            return self.begin(services, call);
        }
        let Some(switch) = &self.switch else {
            return;
        };
        match act {
            RecordingAct::Begin => {}
            RecordingAct::Pause => switch.pause(),
            RecordingAct::Resume => switch.record(),
            RecordingAct::Stop => switch.stop(),
            RecordingAct::Discard => switch.discard(),
        }
    }

    fn begin(&mut self, services: &Services, call: &CallId) {
        let (Some(recorder), Some(reader)) = (&services.recorder, self.reader.take()) else {
            log::error!(CALL_ID = call.0.as_str(); "there is no audio to be recorded");
            return;
        };
        let (sender, events) = mpsc::channel(EVENTS);
        self.events = Some(events);
        recorder.begin(call, reader, sender);
    }

    /// The next thing that the recording tells.
    pub(crate) async fn event(&mut self) -> RecordingEvent {
        super::next(&mut self.events).await
    }

    /// The call's word for it.
    pub(crate) fn understand(call: &CallId, event: RecordingEvent) -> RecordingNews {
        let call = call.0.as_str();
        match event {
            RecordingEvent::Began(file) => {
                log::info!(CALL_ID = call, FILE = file.as_str(); "the call is recorded");
                RecordingNews::Began(file)
            }
            RecordingEvent::Gap => {
                log::warn!(CALL_ID = call; "the disk is too slow for the recording: it has gaps");
                RecordingNews::Gap
            }
            RecordingEvent::Failed(reason) => {
                log::error!(CALL_ID = call; "the call is not recorded any more: {reason}");
                RecordingNews::Failed(reason)
            }
        }
    }
}
