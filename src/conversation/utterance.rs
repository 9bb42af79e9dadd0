//! What the agent is saying: the utterances given to the voice and not yet played, and how much of a cut
//! one the caller has heard.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::{Command, Speech, UtteranceId};

/// Most utterances given and not played: the longest reply has fewer pieces. What comes when it is full is
/// not said, and is counted in [`Mouth::dropped`].
const QUEUE_UTTERANCES_MAX: usize = 32;

/// A speech service allows 20 pieces a minute; from here on they are spent sparingly.
const PIECES_PER_MINUTE_FRUGAL: usize = 14;

/// How far back our own words may still come back as an echo.
const ECHO_BACK: Duration = Duration::from_secs(4);
/// How far our idea of the playout position may be behind.
const ECHO_AHEAD: Duration = Duration::from_millis(500);

/// Why something is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Words of the model.
    Answer,
    /// "One moment".
    Filler,
    /// That the call is recorded; nothing but a refusal interrupts it.
    Notice,
    /// Everything else.
    Script,
}

#[derive(Clone, Debug)]
struct Utterance {
    id: UtteranceId,
    speech: Speech,
    purpose: Purpose,
    rendered: Option<Duration>,
    playing: Option<Instant>,
    played: bool,
}

/// Words that the caller has heard.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Said {
    pub(super) text: String,
    pub(super) purpose: Purpose,
    /// When its first packet was sent.
    pub(super) at: Instant,
    /// It was cut here.
    pub(super) interrupted: bool,
}

/// The agent's mouth.
#[derive(Clone, Debug)]
pub(super) struct Mouth {
    queue: VecDeque<Utterance>,
    /// Stopped, but how much of it was heard is not yet known; one batch for each stop.
    stopping: VecDeque<Vec<Utterance>>,
    last: Option<Utterance>,
    last_ended: Option<Instant>,
    next: u32,
    head_since: Option<Instant>,
    pieces: VecDeque<Instant>,
    characters_per_second: f64,
    pub(super) dropped: u32,
}

impl Mouth {
    pub(super) fn new(characters_per_second: f64) -> Self {
        Self {
            queue: VecDeque::new(),
            stopping: VecDeque::new(),
            last: None,
            last_ended: None,
            next: 1,
            head_since: None,
            pieces: VecDeque::new(),
            characters_per_second: characters_per_second.max(1.0),
            dropped: 0,
        }
    }

    /// Queues an utterance; gives the command to render and play it.
    pub(super) fn speak(
        &mut self,
        speech: Speech,
        purpose: Purpose,
        now: Instant,
    ) -> Option<Command> {
        if speech.text().is_empty() {
            return None;
        }
        if self.queue.len() >= QUEUE_UTTERANCES_MAX {
            self.dropped = self.dropped.saturating_add(1);
            return None;
        }
        let id = UtteranceId(self.next);
        self.next = self.next.saturating_add(1);
        if self.queue.is_empty() {
            self.head_since = Some(now);
        }
        if matches!(speech, Speech::Text(_)) {
            self.pieces.push_back(now);
        }
        self.queue.push_back(Utterance {
            id,
            speech: speech.clone(),
            purpose,
            rendered: None,
            playing: None,
            played: false,
        });
        Some(Command::Speak(id, speech))
    }

    /// Drops everything that is queued; what of it was heard comes with [`Self::handle_stopped`]. False
    /// when nothing was queued. Gives the texts that had not begun.
    pub(super) fn stop(&mut self) -> Option<Vec<(Speech, Purpose)>> {
        if self.queue.is_empty() {
            return None;
        }
        let batch: Vec<Utterance> = self.queue.drain(..).collect();
        let unheard = batch.iter().filter(|utterance| utterance.playing.is_none());
        let unheard = unheard
            .map(|utterance| (utterance.speech.clone(), utterance.purpose))
            .collect();
        self.stopping.push_back(batch);
        self.head_since = None;
        Some(unheard)
    }

    pub(super) fn handle_rendered(&mut self, id: UtteranceId, duration: Duration) {
        if let Some(utterance) = self.find(id) {
            utterance.rendered = Some(duration);
            let characters = utterance.speech.text().chars().count();
            let seconds = duration.as_secs_f64();
            if characters >= 20 && seconds > 0.5 {
                let rate = f64::from(u32::try_from(characters).unwrap_or(u32::MAX)) / seconds;
                self.characters_per_second = rate.clamp(5.0, 60.0);
            }
        }
    }

    /// Notes that an utterance is heard; gives its purpose the first time.
    pub(super) fn handle_playing(&mut self, id: UtteranceId, now: Instant) -> Option<Purpose> {
        let utterance = self.find(id)?;
        let first = utterance.playing.is_none();
        utterance.playing.get_or_insert(now);
        first.then_some(utterance.purpose)
    }

    /// An utterance, and so all before it, was heard whole.
    pub(super) fn handle_played(&mut self, id: UtteranceId, now: Instant) -> Vec<Said> {
        if let Some(batch) = self
            .stopping
            .iter_mut()
            .find(|batch| batch.iter().any(|u| u.id == id))
        {
            batch
                .iter_mut()
                .filter(|u| u.id <= id)
                .for_each(|u| u.played = true);
            return Vec::new();
        }
        let mut said = Vec::new();
        while self
            .queue
            .front()
            .is_some_and(|utterance| utterance.id <= id)
        {
            let Some(utterance) = self.queue.pop_front() else {
                break;
            };
            said.push(utterance.said_whole(now));
            self.last = Some(utterance);
            self.last_ended = Some(now);
            self.head_since = Some(now);
        }
        said
    }

    /// The answer to a stop: the utterance that sounded last, and how much of it.
    pub(super) fn handle_stopped(
        &mut self,
        position: Option<(UtteranceId, Duration)>,
        now: Instant,
    ) -> Vec<Said> {
        let Some(batch) = self.stopping.pop_front() else {
            return Vec::new();
        };
        let rate = self.characters_per_second;
        let mut said = Vec::new();
        for utterance in batch {
            match position {
                _ if utterance.played => said.push(utterance.said_whole(now)),
                Some((id, _)) if utterance.id < id => said.push(utterance.said_whole(now)),
                Some((id, heard)) if utterance.id == id => {
                    said.extend(utterance.said_until(heard, rate, now));
                }
                _ => break,
            }
            self.last = Some(utterance);
        }
        said
    }

    /// No answer to a stop will be waited for: what was heard, by the clock.
    pub(super) fn resolve_stops(&mut self, now: Instant) -> Vec<Said> {
        let mut said = Vec::new();
        while let Some(batch) = self.stopping.front() {
            let sounding = batch
                .iter()
                .rev()
                .find(|utterance| utterance.playing.is_some());
            let position =
                sounding.and_then(|u| Some((u.id, now.saturating_duration_since(u.playing?))));
            said.extend(self.handle_stopped(position, now));
        }
        said
    }

    /// Why an utterance is said, if it is not over.
    pub(super) fn purpose(&mut self, id: UtteranceId) -> Option<Purpose> {
        self.find(id).map(|utterance| utterance.purpose)
    }

    /// The caller has still to hear that the call is recorded.
    pub(super) fn has_notice(&self) -> bool {
        let mut queue = self.queue.iter();
        queue.any(|utterance| utterance.purpose == Purpose::Notice)
    }

    /// Nothing is being said, and nothing is to be.
    pub(super) fn is_idle(&self) -> bool {
        self.queue.is_empty()
    }

    /// The purpose of what the caller hears at this moment, and when it ends by all we know.
    pub(super) fn audible(&self, now: Instant) -> Option<(Purpose, Instant)> {
        let head = self.queue.front()?;
        let until = head.playing? + head.longest(self.characters_per_second);
        (now < until).then_some((head.purpose, until))
    }

    /// Since when the next utterance should have begun to sound, but has not.
    pub(super) fn awaited(&self) -> Option<Instant> {
        let head = self.queue.front()?;
        if head.playing.is_some() {
            None
        } else {
            self.head_since
        }
    }

    /// True when we were speaking at that moment, which is past.
    pub(super) fn was_speaking(&self, at: Instant) -> bool {
        self.last_ended.is_some_and(|ended| at <= ended)
    }

    /// How much of what is queued has been heard, 0 to 1; 1 when nothing is queued.
    pub(super) fn heard_share(&self, now: Instant) -> f64 {
        let rate = self.characters_per_second;
        let whole: f64 = self
            .queue
            .iter()
            .map(|u| u.duration(rate).as_secs_f64())
            .sum();
        let head = self.queue.front().and_then(|head| head.playing);
        let heard = head.map_or(0.0, |since| {
            now.saturating_duration_since(since).as_secs_f64()
        });
        if whole > 0.0 {
            (heard / whole).min(1.0)
        } else {
            1.0
        }
    }

    /// How long everything queued may take at the most, with a slow voice.
    pub(super) fn longest(&self) -> Duration {
        self.queue
            .iter()
            .map(|utterance| utterance.longest(self.characters_per_second / 1.5))
            .sum()
    }

    /// Our own words that may come back as an echo now.
    pub(super) fn echo(&self, now: Instant) -> String {
        let rate = self.characters_per_second;
        let recent = [self.last.as_ref(), self.queue.front()];
        let words = recent
            .into_iter()
            .flatten()
            .map(|utterance| utterance.words_around(now, rate));
        words.collect::<Vec<String>>().join(" ")
    }

    /// True when the pieces of the last minute are many.
    pub(super) fn is_frugal(&mut self, now: Instant) -> bool {
        while self
            .pieces
            .front()
            .is_some_and(|at| now.saturating_duration_since(*at) > Duration::from_secs(60))
        {
            self.pieces.pop_front();
        }
        self.pieces.len() >= PIECES_PER_MINUTE_FRUGAL
    }

    fn find(&mut self, id: UtteranceId) -> Option<&mut Utterance> {
        let stopping = self.stopping.iter_mut().flatten();
        stopping
            .chain(self.queue.iter_mut())
            .find(|utterance| utterance.id == id)
    }
}

impl Utterance {
    fn said_whole(&self, now: Instant) -> Said {
        Said {
            text: self.speech.text().to_owned(),
            purpose: self.purpose,
            at: self.playing.unwrap_or(now),
            interrupted: false,
        }
    }

    fn said_until(&self, heard: Duration, rate: f64, now: Instant) -> Option<Said> {
        let share = heard.as_secs_f64() / self.duration(rate).as_secs_f64().max(0.001);
        let text = words_within(self.speech.text(), share);
        (!text.is_empty()).then(|| Said {
            interrupted: text.len() < self.speech.text().len(),
            text: text.to_owned(),
            ..self.said_whole(now)
        })
    }

    /// As rendered, else as estimated.
    fn duration(&self, rate: f64) -> Duration {
        let characters = u32::try_from(self.speech.text().chars().count()).unwrap_or(u32::MAX);
        self.rendered
            .unwrap_or_else(|| Duration::from_secs_f64(f64::from(characters) / rate))
    }

    /// The time after which it cannot be sounding any more.
    fn longest(&self, rate: f64) -> Duration {
        match self.rendered {
            Some(duration) => duration + Duration::from_millis(500),
            None => self.duration(rate).mul_f64(1.3) + Duration::from_secs(1),
        }
    }

    fn words_around(&self, now: Instant, rate: f64) -> String {
        let Some(playing) = self.playing else {
            return String::new();
        };
        let elapsed = now.saturating_duration_since(playing);
        let whole = self.duration(rate).as_secs_f64().max(0.001);
        let from = elapsed.saturating_sub(ECHO_BACK).as_secs_f64() / whole;
        let to = (elapsed + ECHO_AHEAD).as_secs_f64() / whole;
        let text = self.speech.text();
        let (before, until) = (words_within(text, from).len(), words_within(text, to).len());
        text.get(before..until.max(before))
            .unwrap_or_default()
            .to_owned()
    }
}

/// The whole words that lie within the first `share` of a text. A word counts once nearly all of it is in:
/// a voice pauses between words.
fn words_within(text: &str, share: f64) -> &str {
    let characters = f64::from(u32::try_from(text.chars().count()).unwrap_or(u32::MAX));
    let limit = characters * share + 0.5;
    let mut end = 0;
    let mut passed = 0_u32;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        passed += 1;
        let ends_word =
            !c.is_whitespace() && chars.peek().is_none_or(|(_, next)| next.is_whitespace());
        if f64::from(passed) > limit {
            break;
        }
        if ends_word {
            end = at + c.len_utf8();
        }
    }
    &text[..end]
}

#[cfg(test)]
mod tests;
