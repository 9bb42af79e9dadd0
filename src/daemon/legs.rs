//! What a call's task holds of the outside: its media, its ear and voice, the model's reply, a search.
//! Each gives its next event, or waits for ever when it has none to give.

use core::future::pending;
use std::collections::VecDeque;

use tokio::sync::{mpsc, oneshot};

use super::services::Services;
use crate::audio::Codec;
use crate::audio::analysis::{self, Levels};
use crate::conversation::{
    Failure, Passage, ReplyEvent, ReplyId, ReplyRequest, Speech, UtteranceId,
};
use crate::io::attention::{Noticed, attention};
use crate::io::deepgram::aura::{VoiceEvent, VoiceHandle};
use crate::io::deepgram::flux::{EarEvent, Listening};
use crate::io::openai::ReplyStream;
use crate::io::rings::{AgentWriter, CallerReader, Playout};
use crate::io::transcode::{AgentAudio, CallerAudio};
use crate::ticket::CallId;

mod media;
mod recording;
mod second;

pub(crate) use media::MediaLeg;
pub(crate) use recording::RecordingLeg;
pub(crate) use second::SecondLeg;

/// Events of one ear or voice waiting for the call: a second of a lively turn. When full the ear or
/// voice waits; nothing is dropped.
const SPEECH_EVENTS: usize = 16;

/// The next event of a queue that may not be there (any more).
async fn next<T>(queue: &mut Option<mpsc::Receiver<T>>) -> T {
    if let Some(events) = queue {
        if let Some(event) = events.recv().await {
            return event;
        }
        *queue = None;
    }
    pending().await
}

async fn noticed(noticed: &mut Option<Noticed>) -> analysis::Event {
    match noticed {
        Some(noticed) => noticed.event().await,
        None => pending().await,
    }
}

/// The ends of a call's rings that the speech services take.
pub(crate) struct RingEnds {
    pub(crate) caller: CallerReader,
    pub(crate) agent: AgentWriter,
    pub(crate) playout: Playout,
}

/// What ear or voice report.
pub(crate) enum SpeechEvent {
    Ear(EarEvent),
    Voice(VoiceEvent),
    Noticed(analysis::Event),
}

/// Ear and voice of one call.
#[derive(Default)]
pub(crate) struct SpeechLegs {
    listening: Option<Listening>,
    voice: Option<VoiceHandle>,
    playout: Option<Playout>,
    /// The latest utterance, and the latest that was stopped.
    latest: Option<UtteranceId>,
    stopped: Option<UtteranceId>,
    /// What was given to the voice and has not been played; the voice's own queue bounds it.
    unplayed: VecDeque<(UtteranceId, Speech)>,
    ear_events: Option<mpsc::Receiver<EarEvent>>,
    voice_events: Option<mpsc::Receiver<VoiceEvent>>,
    /// What is noticed in the caller's audio beside the ear.
    noticed: Option<Noticed>,
    /// Of what was listened to before.
    earlier: Levels,
    /// Of what was noticed before, what the call's task did not take in time.
    missed: u64,
}

impl SpeechLegs {
    /// Opens both services.
    ///
    /// What was to be said and has not been played is said by the new voice, if this is not the first.
    ///
    /// # Errors
    /// When a codec cannot be made.
    pub(crate) fn open(
        &mut self,
        services: &Services,
        call: &CallId,
        codec: Codec,
        ends: RingEnds,
    ) -> Result<(), String> {
        let (attention, noticed) = attention();
        let caller = CallerAudio::open(&services.transcoder, codec, ends.caller)?;
        let caller = caller.attended(attention);
        self.earlier = self.levels();
        self.missed = self.missed();
        self.noticed = Some(noticed);
        let agent = AgentAudio::open(&services.transcoder, codec, ends.agent)?;
        let (ear_sender, ear_events) = mpsc::channel(SPEECH_EVENTS);
        let (voice_sender, voice_events) = mpsc::channel(SPEECH_EVENTS);
        let (ear, voice) = (&services.ear, &services.voice);
        self.listening = Some(ear.for_call(call.clone()).open(caller, ear_sender));
        self.voice = Some(voice.for_call(call.clone()).open(agent, voice_sender));
        self.playout = Some(ends.playout);
        self.ear_events = Some(ear_events);
        self.voice_events = Some(voice_events);
        for (utterance, speech) in std::mem::take(&mut self.unplayed) {
            self.speak(utterance, speech)
                .map_err(|failure| format!("{failure:?}"))?;
        }
        Ok(())
    }

    /// The next event of either.
    pub(crate) async fn event(&mut self) -> SpeechEvent {
        tokio::select! {
            event = next(&mut self.ear_events) => SpeechEvent::Ear(event),
            event = next(&mut self.voice_events) => SpeechEvent::Voice(event),
            event = noticed(&mut self.noticed) => SpeechEvent::Noticed(event),
        }
    }

    /// Whether keys are to be listened for: where the far end cannot send them.
    pub(crate) fn heed_keys(&self, heeds: bool) {
        if let Some(noticed) = &self.noticed {
            noticed.heed_keys(heeds);
        }
    }

    /// What the caller's audio was like; of the longest stretch in one codec.
    pub(crate) fn levels(&self) -> Levels {
        let latest = self.noticed.as_ref().map(Noticed::levels);
        match latest.unwrap_or_default() {
            latest if latest.frames >= self.earlier.frames => latest,
            _ => self.earlier,
        }
    }

    /// What was noticed in it, and dropped since the call's task did not take it in time.
    pub(crate) fn missed(&self) -> u64 {
        self.missed + self.noticed.as_ref().map_or(0, Noticed::dropped)
    }

    /// The assistant is done: ear and voice are let go.
    pub(crate) fn close(&mut self) {
        *self = Self {
            earlier: self.levels(),
            missed: self.missed(),
            ..Self::default()
        };
    }

    /// Speaks after whatever is queued.
    pub(crate) fn speak(&mut self, utterance: UtteranceId, speech: Speech) -> Result<(), Failure> {
        self.latest = Some(utterance);
        match (&self.voice, &self.playout) {
            (Some(voice), Some(playout)) => {
                voice.speak(utterance, speech.clone(), playout.epoch())?;
                self.unplayed.push_back((utterance, speech));
                Ok(())
            }
            _ => Err(Failure::Unavailable("the voice is not open".to_owned())),
        }
    }

    /// True for an utterance that nobody waits for any more: its failure is no news.
    pub(crate) fn is_stopped(&self, utterance: UtteranceId) -> bool {
        self.stopped.is_some_and(|stopped| utterance <= stopped)
    }

    /// An utterance has been played, and those before it.
    pub(crate) fn played(&mut self, utterance: UtteranceId) {
        self.unplayed.retain(|(waiting, _)| *waiting > utterance);
    }

    /// Silences the agent at once; gives what sounded last and how many frames of it.
    pub(crate) fn stop(&mut self) -> Option<(UtteranceId, u32)> {
        self.stopped = self.latest;
        self.unplayed.clear();
        let position = self.playout.as_ref()?.stop();
        if let Some(voice) = &self.voice {
            voice.stop();
        }
        position
    }
}

/// The reply that is wanted, if one is.
#[derive(Default)]
pub(crate) struct ModelLeg {
    reply: Option<(ReplyId, ReplyStream)>,
}

impl ModelLeg {
    /// Asks; a reply that still runs is dropped.
    pub(crate) fn ask(&mut self, services: &Services, call: &CallId, request: ReplyRequest) {
        self.reply = Some((
            request.id,
            services.model.for_call(call.clone()).ask(request),
        ));
    }

    /// Drops the reply.
    pub(crate) fn cancel(&mut self, reply: ReplyId) {
        self.reply.take_if(|(running, _)| *running == reply);
    }

    /// Which reply runs.
    pub(crate) fn id(&self) -> Option<ReplyId> {
        self.reply.as_ref().map(|(id, _)| *id)
    }

    /// Its next event.
    pub(crate) async fn event(&mut self) -> ReplyEvent {
        if let Some((_, stream)) = &mut self.reply
            && let Some(event) = stream.rx.recv().await
        {
            return event;
        }
        self.reply = None; // all has been said: its queue need not stay until the next
        pending().await
    }
}

/// A search that runs, if one does.
#[derive(Default)]
pub(crate) struct SearchLeg {
    result: Option<oneshot::Receiver<Vec<Passage>>>,
}

impl SearchLeg {
    /// Searches on a blocking thread; a search that still runs is dropped.
    pub(crate) fn start(&mut self, services: &Services, question: String) {
        let (sender, result) = oneshot::channel();
        let knowledge = services.knowledge.clone();
        let limit = services.limits.passages;
        tokio::task::spawn_blocking(move || {
            // Nobody wants it any more when the call is over.
            let _ = sender.send(knowledge.search(&question, limit));
        });
        self.result = Some(result);
    }

    /// What was found; nothing when the search broke.
    pub(crate) async fn result(&mut self) -> Vec<Passage> {
        let Some(result) = &mut self.result else {
            return pending().await;
        };
        let passages = result.await.unwrap_or_default();
        self.result = None;
        passages
    }
}
