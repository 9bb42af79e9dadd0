//! Measurements, not verdicts: `cargo test --release --test bench -- --ignored --nocapture`.

mod delays;
mod media;
