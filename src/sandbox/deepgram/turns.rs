//! Flux's state machine: audio in, turns out. Its clock is the audio.

use std::time::Duration;

use crate::sandbox::tone_speech::{Decoder, Word, Words};

/// Audio between two updates.
const UPDATE: Duration = Duration::from_millis(250);
/// Confidence in the end of a turn is `1 - e^(-silence/this)`: 0.7, the default threshold, after 260 ms.
const CONFIDENCE_SECONDS: f64 = 0.216;
/// Audio is taken in steps of this part of a second, so that events fall on time.
const STEPS: u32 = 100;

/// When a turn ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Thresholds {
    /// Confidence for `EagerEndOfTurn`; none without it.
    pub(super) eager: Option<f64>,
    /// Confidence for `EndOfTurn`; 1.0 is never.
    pub(super) end: f64,
    /// Silence that ends a turn whatever the confidence.
    pub(super) timeout: Duration,
}

/// What happened in a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    Update,
    StartOfTurn,
    EagerEndOfTurn,
    TurnResumed,
    /// By the model's confidence.
    EndOfTurn,
    /// By silence.
    EndOfTurnByTimeout,
}

/// One message about a turn.
#[derive(Clone, Debug)]
pub(super) struct Info {
    pub(super) event: Event,
    pub(super) turn: u32,
    pub(super) window: (Duration, Duration),
    pub(super) words: Vec<Word>,
    pub(super) confidence: f64,
}

impl Info {
    /// The words as one text.
    pub(super) fn transcript(&self) -> String {
        let words: Vec<&str> = self.words.iter().map(|word| word.text.as_str()).collect();
        words.join(" ")
    }
}

/// The machine.
pub(super) struct Turns {
    rate: u32,
    decoder: Decoder,
    words: Words,
    thresholds: Thresholds,
    pending: Vec<i16>,
    turn: u32,
    turn_start: Duration,
    started: bool,
    eager: bool,
    next_update: Duration,
}

impl Turns {
    pub(super) fn new(rate: u32, thresholds: Thresholds) -> Self {
        Self {
            rate,
            decoder: Decoder::new(rate),
            words: Words::default(),
            thresholds,
            pending: Vec::new(),
            turn: 0,
            turn_start: Duration::ZERO,
            started: false,
            eager: false,
            next_update: UPDATE,
        }
    }

    pub(super) fn thresholds(&self) -> Thresholds {
        self.thresholds
    }

    pub(super) fn configure(&mut self, thresholds: Thresholds) {
        self.thresholds = thresholds;
    }

    /// Takes audio; gives what happened in it.
    pub(super) fn push(&mut self, samples: &[i16]) -> Vec<Info> {
        self.pending.extend_from_slice(samples);
        let pending = std::mem::take(&mut self.pending);
        let step = (self.rate / STEPS).max(1) as usize;
        let steps = pending.chunks_exact(step);
        self.pending.extend_from_slice(steps.remainder());
        let mut infos = Vec::new();
        for samples in steps {
            self.step(samples, &mut infos);
        }
        infos
    }

    /// No more audio comes: what the running turn holds, if anything.
    pub(super) fn finish(&mut self) -> Option<Info> {
        self.words.pause(Duration::MAX);
        (!self.words.words().is_empty()).then(|| self.info(Event::Update))
    }

    fn step(&mut self, samples: &[i16], infos: &mut Vec<Info>) {
        let mut heard = Vec::new();
        self.decoder.push(samples, &mut heard);
        let went_on = heard.iter().any(|each| each.character != ' ');
        heard.into_iter().for_each(|each| self.words.push(each));
        let now = self.decoder.position();
        if self.silence() >= crate::sandbox::tone_speech::WORD_GAP {
            self.words.pause(now);
        }
        if self.eager && went_on {
            self.eager = false;
            infos.push(self.info(Event::TurnResumed));
        }
        if !self.started && !self.words.complete().is_empty() {
            self.started = true;
            infos.push(self.info(Event::StartOfTurn));
        }
        if now >= self.next_update {
            self.next_update += UPDATE;
            infos.push(self.info(Event::Update));
        }
        if self.started {
            self.endings(infos);
        }
    }

    fn endings(&mut self, infos: &mut Vec<Info>) {
        let confidence = self.confidence();
        let Thresholds {
            eager,
            end,
            timeout,
        } = self.thresholds;
        if !self.eager && eager.is_some_and(|eager| confidence >= eager) {
            self.eager = true;
            infos.push(self.info(Event::EagerEndOfTurn));
        }
        let event = if end < 1.0 && confidence >= end {
            Event::EndOfTurn
        } else if self.silence() >= timeout {
            Event::EndOfTurnByTimeout
        } else {
            return;
        };
        infos.push(self.info(event));
        self.words.clear();
        self.turn = self.turn.saturating_add(1);
        self.turn_start = self.decoder.position();
        self.started = false;
        self.eager = false;
    }

    fn silence(&self) -> Duration {
        let last = self.decoder.last_tone().unwrap_or(Duration::ZERO);
        self.decoder.position().saturating_sub(last)
    }

    /// Confidence that the turn has ended; 0 without a turn.
    fn confidence(&self) -> f64 {
        if !self.started {
            return 0.0;
        }
        1.0 - (-self.silence().as_secs_f64() / CONFIDENCE_SECONDS).exp()
    }

    fn info(&self, event: Event) -> Info {
        Info {
            event,
            turn: self.turn,
            window: (self.turn_start, self.decoder.position()),
            words: written(self.words.complete()),
            confidence: self.confidence(),
        }
    }
}

/// Words as the service writes them: a capital at the start, and "I".
fn written(words: &[Word]) -> Vec<Word> {
    let mut words = words.to_vec();
    for (index, word) in words.iter_mut().enumerate() {
        if index == 0 || word.text == "i" || word.text.starts_with("i'") {
            let mut characters = word.text.chars();
            let first = characters.next().map(|first| first.to_ascii_uppercase());
            word.text = first.into_iter().chain(characters).collect();
        }
    }
    words
}

#[cfg(test)]
mod tests;
