//! One call's signalling (RFC 3261 §13-15): a dialog, its offer/answer, and the verbs of a call.

use super::message::{Request, Response};
use super::{Flow, TransactionId};
use crate::sdp::Negotiated;

/// What the endpoint tells a session.
#[derive(Clone, Debug)]
pub enum Input {
    /// A request inside the dialog (BYE, re-INVITE, OPTIONS ...), to be answered with [`Output::Respond`].
    Request {
        /// The server transaction to answer on.
        transaction: TransactionId,
        /// The request.
        request: Request,
        /// The path it came by; later requests of ours follow it.
        flow: Flow,
    },
    /// The ACK of a 2xx.
    Ack(Request),
    /// CANCEL of the INVITE was received and answered 200; the session answers the INVITE 487.
    Cancelled,
    /// A response to one of our requests.
    Response {
        /// The client transaction.
        transaction: TransactionId,
        /// The response.
        response: Response,
    },
    /// No final response came (Timer B or F), or the transport failed: treated as 408 or 503.
    Failed {
        /// The client transaction.
        transaction: TransactionId,
        /// 408 or 503 (RFC 3261 §8.1.3.1).
        status: super::message::StatusCode,
    },
    /// The connection that the dialog was last heard on is gone.
    FlowLost,
}

/// What a session asks of the endpoint.
#[derive(Clone, Debug)]
pub enum Output {
    /// Answer a server transaction (a 2xx may come several times: the session retransmits it, RFC 3261 §13.3.1.4).
    Respond {
        /// The server transaction.
        transaction: TransactionId,
        /// The response.
        response: Response,
    },
    /// Start a client transaction. The endpoint adds the Via.
    Request {
        /// Chosen by the session, unique within it; the endpoint maps it.
        transaction: TransactionId,
        /// The request without Via.
        request: Request,
        /// Next hop.
        flow: Flow,
    },
    /// Send an ACK of a 2xx (no transaction). The endpoint adds the Via.
    Ack {
        /// The ACK without Via.
        request: Request,
        /// Next hop.
        flow: Flow,
    },
}

/// What a session tells its call.
#[derive(Clone, Debug)]
pub enum Event {
    /// Media is agreed, for the first time or anew.
    Negotiated(Negotiated),
    /// 18x was received (outgoing calls).
    Ringing,
    /// A 2xx was sent or received.
    Answered,
    /// The ACK was received or sent.
    Confirmed,
    /// A key was pressed, told by INFO (application/dtmf-relay): `0-9*#A-D`.
    Digit(char),
    /// The session is over; nothing follows.
    Ended(Ended),
}

/// How a session ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Who ended it.
    pub by: Party,
    /// Status code where a response ended it (487, 488, 408 ...).
    pub status: Option<u16>,
    /// In plain words, also sent as Reason (RFC 3326).
    pub text: String,
}

/// A side of the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Party {
    /// The far end.
    Remote,
    /// This end.
    Local,
    /// Neither: a timer or the network.
    Network,
}
