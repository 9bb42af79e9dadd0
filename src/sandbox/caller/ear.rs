//! What the caller hears: words with times, and whether somebody speaks.

use std::time::{Duration, Instant};

use crate::audio::{Codec, SpeechFormat};
use crate::io::rings::Item;
use crate::io::transcode;
use crate::sandbox::tone_speech::{CHARACTER, Decoder, WORD_GAP};

/// A pause between two lines of the far end.
const LINE_GAP: Duration = Duration::from_millis(600);
/// Silence after which speech that comes is a new spurt.
const SPURT_GAP: Duration = Duration::from_millis(200);
/// The longest silence in seconds that is put in place of what did not come; a longer one is a jump of the far end's
/// clock.
const MAX_GAP_SECONDS: u64 = 10;
/// The mean square of some -50 dBm0.
const SILENT_SQUARE: u64 = 2_590;
/// Characters kept; a call's length bounds them at 25 a second, this is an hour of them. Later ones are dropped.
const MAX_TEXT: usize = 90_000;

/// Something that was said, by either side.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Line {
    /// Who: `caller` or `agent`.
    pub who: &'static str,
    /// Seconds since the INVITE.
    pub from: f64,
    /// Seconds since the INVITE.
    pub to: f64,
    /// The words.
    pub text: String,
}

/// Text without case and punctuation, in single spaces.
pub(super) fn plain(text: &str) -> String {
    let kept: String = text
        .chars()
        .flat_map(char::to_lowercase)
        .filter_map(|each| match each {
            _ if each.is_alphanumeric() => Some(each),
            '\'' | '’' => None,
            _ => Some(' '),
        })
        .collect();
    kept.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The ear.
pub(super) struct Ear {
    start: Instant,
    codec: Codec,
    /// Samples a second.
    rate: u32,
    /// None when the codec cannot be made; then nothing is heard.
    wire: Option<transcode::Decoder>,
    decoder: Decoder,
    /// When the first sample came.
    begun: Option<Instant>,
    /// Samples taken, gaps included.
    position: u64,
    /// The far end's clock stands this much ahead of `position`.
    skipped: u64,
    lines: Vec<Line>,
    text: String,
    last_character: Option<Duration>,
    first_voice: Option<Instant>,
    onset: Option<Instant>,
    last_voice: Option<Instant>,
    voiced: Duration,
}

impl Ear {
    /// An ear of a call that began at `start`.
    pub(super) fn new(codec: Codec, start: Instant) -> Self {
        let rate = SpeechFormat::heard_in(codec).sample_rate();
        Self {
            start,
            codec,
            rate,
            wire: transcode::Decoder::new(codec, rate).ok(),
            decoder: Decoder::new(rate),
            begun: None,
            position: 0,
            skipped: 0,
            lines: Vec::new(),
            text: String::new(),
            last_character: None,
            first_voice: None,
            onset: None,
            last_voice: None,
            voiced: Duration::ZERO,
        }
    }

    /// Takes a packet's audio, `position` ticks of the codec's clock after the far end's first. Gives the samples it stands
    /// for, silence in place of those that did not come included.
    pub(super) fn hear(&mut self, audio: &[u8], position: u64, now: Instant) -> Vec<i16> {
        self.begun.get_or_insert(now);
        let expected = self.position + self.skipped;
        let position = position * u64::from(self.rate) / u64::from(self.codec.clock_rate());
        let mut gap = position.saturating_sub(expected);
        if gap > MAX_GAP_SECONDS * u64::from(self.rate) {
            self.skipped += gap;
            gap = 0;
        }
        let gap = usize::try_from(gap).unwrap_or(0);
        let mut samples = vec![0; gap];
        if let Some(wire) = &mut self.wire {
            wire.decode(Item::Heard(audio), &mut samples);
        }
        self.position += samples.len() as u64;
        let came = &samples[gap..];
        if !is_silent(came) {
            let length = came.len();
            self.voice(now, length);
        }
        let mut heard = Vec::new();
        self.decoder.push(&samples, &mut heard);
        for each in heard {
            self.character(each.character, each.start);
        }
        samples
    }

    fn voice(&mut self, now: Instant, samples: usize) {
        let quiet = self
            .last_voice
            .is_none_or(|last| now.saturating_duration_since(last) > SPURT_GAP);
        self.first_voice.get_or_insert(now);
        if quiet {
            self.onset = Some(now);
        }
        self.last_voice = Some(now);
        self.voiced += Duration::from_secs(samples as u64) / self.rate;
    }

    fn character(&mut self, character: char, at: Duration) {
        if self.text.len() >= MAX_TEXT {
            return;
        }
        let gap = self
            .last_character
            .map(|last| at.saturating_sub(last + CHARACTER));
        self.last_character = Some(at);
        let offset = self.begun.map_or(Duration::ZERO, |begun| {
            begun.saturating_duration_since(self.start)
        });
        let from = seconds(offset + at);
        let to = seconds(offset + at + CHARACTER);
        self.text.push(character);
        if gap.is_none_or(|gap| gap >= LINE_GAP) {
            let end = self.text.len() - character.len_utf8();
            self.text.insert(end, ' ');
            self.lines.push(Line {
                who: "agent",
                from,
                to,
                text: String::new(),
            });
        }
        let Some(line) = self.lines.last_mut() else {
            return;
        };
        let pause = gap.is_some_and(|gap| gap >= WORD_GAP);
        if pause && character != ' ' && !line.text.is_empty() && !line.text.ends_with(' ') {
            line.text.push(' ');
            let end = self.text.len() - character.len_utf8();
            self.text.insert(end, ' ');
        }
        line.text.push(character);
        line.to = to;
    }

    /// The far end's lines.
    pub(super) fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// Looks for words in what was heard from the `from`-th word on; the number of the word after them.
    pub(super) fn find(&self, words: &str, from: usize) -> Option<usize> {
        let heard = plain(&self.text);
        let heard: Vec<&str> = heard.split(' ').skip(from).collect();
        let rest = heard.join(" ");
        let at = rest.find(&plain(words))?;
        let before = rest[..at + plain(words).len()].split(' ').count();
        Some(from + before)
    }

    /// When the far end was first heard.
    pub(super) fn first_voice(&self) -> Option<Instant> {
        self.first_voice
    }

    /// When the far end last began to speak after a silence.
    pub(super) fn onset(&self) -> Option<Instant> {
        self.onset
    }

    /// When it was last heard.
    pub(super) fn last_voice(&self) -> Option<Instant> {
        self.last_voice
    }

    /// How long it has spoken in all.
    pub(super) fn voiced(&self) -> Duration {
        self.voiced
    }

    /// It speaks, or did a moment ago.
    pub(super) fn is_speaking(&self, now: Instant) -> bool {
        self.last_voice
            .is_some_and(|last| now.saturating_duration_since(last) <= SPURT_GAP)
    }
}

fn is_silent(samples: &[i16]) -> bool {
    let squares = samples.iter().map(|sample| {
        let sample = u64::from(sample.unsigned_abs());
        sample * sample
    });
    squares.sum::<u64>() / (samples.len().max(1) as u64) < SILENT_SQUARE
}

/// Seconds, to the millisecond.
pub(super) fn seconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1_000.0).round() / 1_000.0
}

#[cfg(test)]
mod tests;
