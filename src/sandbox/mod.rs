//! The stand-in cloud and the test caller.

pub mod tone_speech;

mod g711;
