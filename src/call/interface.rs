//! What a call takes and gives.

use std::time::Duration;

use super::{RecordingAct, RecordingNews, SecondLeg};
use crate::audio::analysis;
use crate::conversation::{
    Failure, Heard, Passage, ReplyEvent, ReplyId, ReplyRequest, Service, Speech, UtteranceId,
};
use crate::sdp::Negotiated;
use crate::sip::session;
use crate::ticket::Entry;

/// What answers a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The assistant.
    Assistant,
    /// Diagnostic: the caller's own audio.
    Echo,
    /// Diagnostic: a 1004 Hz milliwatt.
    Tone,
}

/// One of the two legs of a call that is being connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leg {
    /// The caller's.
    Caller,
    /// The target's.
    Second,
}

/// Inputs of a call.
#[derive(Clone, Debug)]
pub enum Input {
    /// From the endpoint.
    Sip(session::Input),
    /// The ear's socket is ready (or it never will be: see [`Input::Failed`]).
    EarReady,
    /// The voice's socket is ready.
    VoiceReady,
    /// From the ear.
    Heard(Heard),
    /// Result of a search.
    Passages(Vec<Passage>),
    /// From the model.
    Reply(ReplyId, ReplyEvent),
    /// First audio of an utterance came.
    Rendering(UtteranceId),
    /// All audio of an utterance came.
    Rendered(UtteranceId, Duration),
    /// First packet of an utterance went out.
    Playing(UtteranceId),
    /// Last packet of an utterance went out.
    Played(UtteranceId),
    /// Speaking has stopped.
    Stopped(Option<(UtteranceId, Duration)>),
    /// A key was pressed, as the far end signals by telephone-event.
    Digit(char),
    /// Something was noticed in the caller's audio.
    Noticed(analysis::Event),
    /// No RTP from the caller for the configured time.
    MediaTimeout,
    /// A service is lost for this call.
    Failed(Service, Failure),
    /// Answer to [`Command::OpenSecondLeg`]: the way to the target. [`Command::SecondLegOver`] follows once.
    SecondLeg(Box<SecondLeg>),
    /// The other answer: there is none, for this reason.
    NoSecondLeg(String),
    /// From the endpoint, for the second leg.
    SecondSip(session::Input),
    /// The target has pressed a key, by telephone-event.
    SecondDigit(char),
    /// Answer to [`RecordingAct::Begin`], or what became of it.
    Recording(RecordingNews),
    /// No RTP from the target for the configured time.
    SecondMediaTimeout,
    /// The daemon stops: end politely.
    Drain,
    /// The daemon's patience is over: end now.
    Kill(String),
}

/// Outputs of a call.
#[derive(Clone, Debug)]
pub enum Command {
    /// To the endpoint.
    Sip(session::Output),
    /// The codec is known: open ear and voice (assistant calls, once).
    OpenServices(Negotiated),
    /// Start the stream (at the answer), or change it (re-INVITE).
    Media(Negotiated),
    /// Render and play.
    Speak(UtteranceId, Speech),
    /// Stop speaking; answer with [`Input::Stopped`].
    StopSpeaking,
    /// Search the knowledge base.
    Search(String),
    /// Ask the model.
    Ask(ReplyRequest),
    /// Drop a reply.
    CancelReply(ReplyId),
    /// Do this with the recording of the call.
    Recording(RecordingAct),
    /// Keep this fact durably.
    Record(Entry),
    /// Find a way to call the target of this name; answered by [`Input::SecondLeg`] or [`Input::NoSecondLeg`].
    OpenSecondLeg {
        /// Its name.
        target: String,
        /// Not by the ways that were tried since the last time this was asked for.
        elsewhere: bool,
    },
    /// To the endpoint, of the second leg.
    SecondSip(session::Output),
    /// Start the second leg's stream, in silence, or change it.
    SecondMedia(Negotiated),
    /// Let the caller hear a ring-back tone in place of the assistant.
    RingBack,
    /// Let the caller hear what the target's side plays before the answer, in place of the assistant.
    JoinEarly,
    /// Let the caller hear the assistant again after either.
    Resume,
    /// Let the caller and the target hear each other, and nobody else: ear, voice and model are not
    /// needed any more.
    Join,
    /// Press a key as telephone-event on a leg that takes such.
    Press(Leg, char),
    /// The second leg is over: release what is of it.
    SecondLegOver,
    /// The call is over: release everything. Nothing follows.
    Over,
}
