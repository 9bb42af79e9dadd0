//! Asks for the caller's e-mail address and has it confirmed.
//!
//! ```text
//!   ASKED --address--> CONFIRMING --yes----------------------------> confirmed
//!     | ^ not whole       | ^  \--no, once: spelled back, again--+
//!     | +-- ask again     | +------------------------------------+
//!     |                   | ^--corrected: the new one, spelled back
//!     +-- declines, or    +-- no, twice, or silent twice ---------> unconfirmed
//!         twice nothing --------------------------------------------> none
//! ```

use super::{phrases, spoken_email};

/// What the caller did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Caller<'a> {
    /// Said this.
    Said(&'a str),
    /// Said nothing, or nothing that was understood.
    Silent,
    /// Pressed the key for yes.
    Yes,
    /// Pressed the key for no.
    No,
    /// Wants to leave it.
    Skips,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Ask for it again.
    AskAgain,
    /// Say this address as words, and ask whether it is right.
    ReadBack(String),
    /// Spell this address, and ask whether it is right.
    Spell(String),
    /// Ask for a plain yes or no.
    YesOrNo,
    /// Go on, with this address and whether it was confirmed.
    Finished(Option<(String, bool)>),
}

/// Most characters kept of an address that comes in pieces.
const FRAGMENT_CHARS_MAX: usize = 300;
/// So many plain refusals end it.
const REFUSALS_MAX: u8 = 2;
/// So many new addresses are read back before it is left unconfirmed.
const CORRECTIONS_MAX: u8 = 3;
/// So many answers that bring nothing end it; spelling in pieces takes some.
const MISSES_MAX: u8 = 3;
/// So many silences end it.
const SILENCES_MAX: u8 = 2;

/// One capture.
#[derive(Clone, Debug, Default)]
pub(super) struct EmailCapture {
    confirming: Option<String>,
    fragment: String,
    refusals: u8,
    corrections: u8,
    misses: u8,
    silences: u8,
}

impl EmailCapture {
    /// The address that was understood but not confirmed yet.
    pub(super) fn unconfirmed(&self) -> Option<&str> {
        self.confirming.as_deref()
    }

    /// Takes what the caller did.
    pub(super) fn handle(&mut self, caller: Caller<'_>) -> Next {
        if caller == Caller::Silent {
            self.silences += 1;
        }
        match self.confirming.clone() {
            None => self.on_asked(caller),
            Some(address) => self.on_confirming(address, caller),
        }
    }

    fn on_asked(&mut self, caller: Caller<'_>) -> Next {
        let text = match caller {
            Caller::Said(text) => text,
            Caller::Skips | Caller::No => return Next::Finished(None),
            Caller::Silent | Caller::Yes => return self.miss(Next::AskAgain),
        };
        let whole = format!("{} {text}", self.fragment);
        if let Some(address) = spoken_email::parse(text).or_else(|| spoken_email::parse(&whole)) {
            self.misses = 0;
            self.confirming = Some(address.clone());
            return Next::ReadBack(address);
        }
        if phrases::declines(text) {
            return Next::Finished(None);
        }
        // A caller who pauses while spelling brings the rest with the next turn.
        self.fragment = whole.chars().take(FRAGMENT_CHARS_MAX).collect();
        self.miss(Next::AskAgain)
    }

    fn on_confirming(&mut self, address: String, caller: Caller<'_>) -> Next {
        let text = match caller {
            Caller::Yes => return Next::Finished(Some((address, true))),
            Caller::No => return self.refused(address),
            Caller::Skips => return Next::Finished(Some((address, false))),
            Caller::Silent => return self.miss(Next::YesOrNo),
            Caller::Said(text) => text,
        };
        if let Some(other) = correction(text, &address) {
            return self.corrected(other);
        }
        match phrases::confirmation(text) {
            Some(true) => Next::Finished(Some((address, true))),
            Some(false) => self.refused(address),
            None if spoken_email::parse(text).is_some() => Next::Finished(Some((address, true))),
            None => self.miss(Next::YesOrNo),
        }
    }

    fn refused(&mut self, address: String) -> Next {
        self.refusals += 1;
        if self.refusals >= REFUSALS_MAX {
            return Next::Finished(Some((address, false)));
        }
        Next::Spell(address)
    }

    fn corrected(&mut self, address: String) -> Next {
        self.corrections += 1;
        self.misses = 0;
        self.confirming = Some(address.clone());
        if self.corrections >= CORRECTIONS_MAX {
            return Next::Finished(Some((address, false)));
        }
        Next::Spell(address)
    }

    fn miss(&mut self, next: Next) -> Next {
        self.misses += 1;
        if self.misses >= MISSES_MAX || self.silences >= SILENCES_MAX {
            let unconfirmed = self.confirming.take();
            return Next::Finished(unconfirmed.map(|address| (address, false)));
        }
        next
    }
}

/// Another address in what was said: a whole one, or letters for the part before the "at".
fn correction(text: &str, address: &str) -> Option<String> {
    let letters = phrases::words(text)
        .iter()
        .filter(|word| word.chars().count() == 1)
        .count();
    let hyphenated = text
        .split_whitespace()
        .any(|word| word.split('-').filter(|c| c.len() == 1).count() >= 2);
    let spelled = || {
        let (_, domain) = address.split_once('@')?;
        (letters >= 2 || hyphenated)
            .then(|| spoken_email::parse(&format!("{text} at {domain}")))
            .flatten()
    };
    spoken_email::parse(text)
        .or_else(spelled)
        .filter(|other| other != address)
}

#[cfg(test)]
mod tests;
