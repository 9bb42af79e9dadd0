//! What a helpdesk is told about a call: the record of the call, the draft made of it, and the
//! resumable steps that bring the draft to a helpdesk exactly once. No vendor is named here.

use std::time::{Duration, SystemTime};

pub mod draft;
pub mod record;
pub mod render;
pub mod saga;
mod utc;

pub use draft::{TicketPolicy, draft};
pub use record::CallRecord;

/// Our own name for a call: unique for ever, printed in logs, tickets and look-ups.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallId(pub String);

/// Who said a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaker {
    /// The person calling.
    Caller,
    /// The assistant; its text is what was actually played.
    Agent,
}

/// One durable fact about a call. The store appends them as they happen; a record is their fold,
/// so a crash in mid-call loses nothing that was acknowledged.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry {
    /// The INVITE came.
    Started {
        /// Wall clock.
        at: SystemTime,
        /// The SIP Call-ID.
        sip_call_id: String,
        /// Caller number or user part, cleaned of control characters.
        from: String,
        /// Caller's display name, cleaned; may be empty.
        from_name: String,
        /// What was dialled.
        to: String,
        /// What else the signalling tells of the caller.
        identity: Box<Identity>,
    },
    /// The call was answered, this long after the start.
    Answered(Duration),
    /// Something was said, heard whole or cut short.
    Line {
        /// Since the start of the call.
        at: Duration,
        /// Who.
        speaker: Speaker,
        /// The words heard, or actually played.
        text: String,
        /// The agent was interrupted here.
        interrupted: bool,
    },
    /// A passage of the knowledge base was used in an answer.
    Cited {
        /// Article id in the helpdesk.
        article: String,
        /// Title.
        title: String,
        /// Web address, may be empty.
        url: String,
    },
    /// An e-mail address was captured.
    Email {
        /// As understood.
        address: String,
        /// The caller said it is right.
        confirmed: bool,
    },
    /// The caller is to be called back by a person.
    Escalated {
        /// Why, in plain words.
        reason: String,
    },
    /// The caller is being connected with a person.
    TransferStarted {
        /// Since the start.
        at: Duration,
        /// Whom with: the target's name in the configuration.
        target: String,
    },
    /// How that came out.
    TransferEnded {
        /// Since the start.
        at: Duration,
        /// Whom with.
        target: String,
        /// Why the person was not reached, in plain words; `None` when the caller is connected.
        failure: Option<String>,
    },
    /// Something else was heard of the caller than words.
    Noticed {
        /// Since the start.
        at: Duration,
        /// What, in plain words.
        what: String,
    },
    /// How the call sounded, known when its media has ended.
    Sound(Sound),
    /// Something happened to the recording of the call.
    Recording {
        /// Since the start.
        at: Duration,
        /// What.
        step: RecordingStep,
    },
    /// A turn's stage ledger, each since the caller's end of turn (the ear's message).
    Turn(TurnLedger),
    /// The call is over.
    Ended {
        /// Since the start.
        at: Duration,
        /// How.
        outcome: Outcome,
        /// In plain words.
        reason: String,
    },
}

/// How a call sounded, both ways. Scores are mean opinion scores of a conversation (ITU-T G.107), 1 to 4.5.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sound {
    /// The caller, as we heard him.
    pub heard: Heard,
    /// Ourselves, as the caller's side reports it; `None` when it reports nothing.
    pub sent: Option<Heard>,
    /// To the caller's side and back, if it is known.
    pub round_trip: Option<Duration>,
    /// How loud and how clean the caller was, if anything listened to that.
    pub levels: Option<Levels>,
    /// How often what we said ran dry before its end.
    pub gaps: u32,
    /// The silence of all these gaps together.
    pub gaps_length: Duration,
}

/// How loud and how clean a caller was.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Levels {
    /// The mean level of speech in dBm0; telephones are made for some -20.
    pub speech_dbm0: f64,
    /// The mean level between it in dBm0.
    pub noise_dbm0: f64,
    /// The share of speech that was cut off at the top.
    pub clipped: f64,
    /// The share of the call in which nobody spoke.
    pub silent: f64,
}

impl Levels {
    /// What is wrong with them and can be mended, in plain words.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        if self.silent >= NOBODY {
            return Some("nobody was heard to speak");
        }
        if self.speech_dbm0 < FAINT_DBM0 {
            return Some("the caller was hardly audible: raise the line's input level");
        }
        (self.clipped > OVERDRIVEN)
            .then_some("the caller was overdriven: lower the line's input level")
    }
}

/// Of a call: not even a cough.
const NOBODY: f64 = 0.998;
/// 20 dB below what telephones are made for: an ear makes little of it.
const FAINT_DBM0: f64 = -42.0;
/// A share of speech that everybody hears as distorted.
const OVERDRIVEN: f64 = 0.2;

/// One direction of a call.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Heard {
    /// The score.
    pub mos: f64,
    /// Share of packets that were lost or too late to be heard.
    pub loss: f64,
    /// Interarrival jitter.
    pub jitter: Duration,
}

/// What becomes of a call's recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordingStep {
    /// It began, in the file of this name.
    Began(String),
    /// From here there is silence, because somebody wanted that.
    Paused,
    /// And here it goes on.
    Resumed,
    /// The disk was too slow: somewhere there is silence where something was said.
    Gap,
    /// It ends before the call, for this reason.
    Stopped(String),
    /// The caller wants none; what there was is deleted.
    Refused,
    /// It could not be begun, or broke off, for this reason.
    Failed(String),
}

/// What the signalling tells of a caller beyond his address; everything cleaned, empty where nothing is
/// told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// The number as E.164 (`+15550100199`).
    pub number: String,
    /// Who vouches for it, in words; empty when it is the caller's own telephone.
    pub asserted_by: String,
    /// The number that was called first, where the call was diverted to us, and why.
    pub diverted_from: String,
    /// The provider's name for the call.
    pub provider_call: String,
    /// What the provider found out about the number: `TN-Validation-Passed-A`.
    pub verification: String,
}

/// When the stages of one answer happened, since the ear reported the end of the caller's turn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TurnLedger {
    /// Turn number, from 1.
    pub turn: u32,
    /// Passages were found.
    pub passages: Option<Duration>,
    /// The model's first token.
    pub first_token: Option<Duration>,
    /// The first clause went to the voice.
    pub first_clause: Option<Duration>,
    /// The voice's first audio.
    pub first_audio: Option<Duration>,
    /// The first RTP packet of the answer.
    pub first_packet: Option<Duration>,
}

/// How a call came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Every question was answered from the knowledge base.
    Answered,
    /// A person has to act.
    Escalated,
    /// The caller left before anything was settled.
    Abandoned,
    /// A service or the network failed.
    Failed,
    /// The daemon was stopped or killed in mid-call.
    Interrupted,
}

/// A ticket ready for any helpdesk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// Looked up before a ticket is created; also a tag (`ringwell-<call id>`).
    pub call_id: CallId,
    /// At most 255 characters.
    pub subject: String,
    /// Summary first, then the timestamped transcript. HTML, everything escaped.
    pub body_html: String,
    /// The same as text.
    pub body_text: String,
    /// Who called.
    pub requester: Requester,
    /// Tags, without the call's own.
    pub tags: Vec<String>,
}

/// Whom a ticket belongs to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requester {
    /// Name to create the user with.
    pub name: String,
    /// Confirmed e-mail address; an unconfirmed one is only in the body.
    pub email: Option<String>,
    /// Caller number as given by the line; may be withheld.
    pub phone: Option<String>,
}

impl Draft {
    /// The tag that names this call in a helpdesk, for the look-up before a repeated create.
    #[must_use]
    pub fn call_tag(&self) -> String {
        self.call_id.tag()
    }
}

impl CallId {
    /// The tag that names this call in a helpdesk: `ringwell-<call id>`.
    #[must_use]
    pub fn tag(&self) -> String {
        format!("ringwell-{}", self.0)
    }
}

impl std::fmt::Display for CallId {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}
