//! The agent's speech, frame by frame, and how far its utterances have come.

use crate::conversation::UtteranceId;
use crate::io::rings::{AgentFrame, AgentReader, Frame};

/// The utterance whose last frame has not come yet.
#[derive(Clone, Copy)]
pub(super) struct Playing {
    utterance: UtteranceId,
    epoch: u32,
    /// Nothing of it was there when it was to sound.
    pub(super) dry: bool,
}

/// What a tick has to say about an utterance once its packet is gone.
#[derive(Default)]
pub(super) struct Progress {
    pub(super) begun: Option<UtteranceId>,
    pub(super) ended: Option<UtteranceId>,
    pub(super) dry: Option<UtteranceId>,
}

/// The agent's next frame, if any; keeps account of the utterance it belongs to.
pub(super) fn next_frame(
    agent: &mut AgentReader,
    playing: &mut Option<Playing>,
    progress: &mut Progress,
) -> Option<Frame> {
    while let Some(frame) = agent.pop() {
        let AgentFrame {
            epoch,
            utterance,
            last,
            audio,
        } = frame;
        if playing.is_none_or(|playing| playing.utterance != utterance) {
            progress.begun = Some(utterance);
        }
        *playing = (!last).then_some(Playing {
            utterance,
            epoch,
            dry: false,
        });
        if last {
            progress.ended = Some(utterance);
        }
        if !audio.bytes().is_empty() {
            return Some(audio);
        }
        if progress.ended.is_some() {
            break; // a bare end: what follows it waits a tick, so that both are told
        }
    }
    if let Some(current) = playing {
        if current.epoch != agent.epoch() {
            *playing = None; // it was stopped
        } else if progress.begun.is_none() {
            if !current.dry {
                progress.dry = Some(current.utterance);
            }
            current.dry = true;
        }
    }
    None
}
