//! Measurements, not verdicts: `cargo test --release --test bench -- --ignored --nocapture`.

#![cfg(test)]

mod analysis;
mod concealment;
mod delays;
mod echo;
mod line;
mod media;
mod words;
