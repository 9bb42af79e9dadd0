//! One call as media.
