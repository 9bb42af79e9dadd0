//! Measurements, not verdicts: `cargo test --release --test bench -- --ignored --nocapture`.

#![cfg(test)]

mod delays;
mod echo;
mod media;
