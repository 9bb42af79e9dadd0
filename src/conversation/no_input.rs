//! The ladder for a caller who says nothing, or nothing that can be understood.

/// What to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rung {
    /// Ask again.
    Again,
    /// Offer a person.
    Offer,
    /// A person it is.
    GiveUp,
}

/// How often in a row nothing was understood.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct NoInput {
    misses: u8,
}

impl NoInput {
    /// Nothing was said or understood.
    pub(super) fn miss(&mut self) -> Rung {
        self.misses = self.misses.saturating_add(1);
        match self.misses {
            0..=2 => Rung::Again,
            3 => Rung::Offer,
            _ => Rung::GiveUp,
        }
    }

    /// Something was understood.
    pub(super) fn understood(&mut self) {
        self.misses = 0;
    }
}

#[cfg(test)]
mod tests;
