//! Calls that the box makes: which way they go and as whom.

use crate::sip::Flow;
use crate::sip::session::{Call, Policy};

/// A way to call somebody.
#[derive(Clone, Debug)]
pub(crate) struct Dial {
    /// Whom, and as whom.
    pub(crate) call: Call,
    /// The path of the INVITE.
    pub(crate) flow: Flow,
    /// The line's rules.
    pub(crate) policy: Policy,
}
