//! The stand-in cloud and the test caller.
