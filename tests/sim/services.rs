//! Made-up speech, model and knowledge: honest about their latencies, and failing on demand.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use ringwell::conversation::answer::{ARTICLES, END_CALL, HAND_OVER};
use ringwell::conversation::{
    Exchange, Passage, ReplyEvent, ReplyRequest, Speech, ToolCall, UtteranceId,
};

/// What one service does wrong in a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) stage: Stage,
    pub(crate) manner: Manner,
}

/// When it goes wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Stage {
    #[default]
    Never,
    Connect,
    FirstByte,
    Middle,
}

/// How it goes wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Manner {
    #[default]
    Refuses,
    Stalls,
    Closes,
}

/// How fast and how reliable the services of a world are.
#[derive(Clone, Debug)]
pub(crate) struct Services {
    pub(crate) ear: Fault,
    pub(crate) voice: Fault,
    pub(crate) model: Fault,
    /// The knowledge base gives no answer at all.
    pub(crate) knowledge_stalls: bool,
    pub(crate) connect: Duration,
    pub(crate) end_of_turn: Duration,
    pub(crate) search: Duration,
    pub(crate) first_token: Duration,
    pub(crate) next_token: Duration,
    pub(crate) first_audio: Duration,
}

impl Default for Services {
    fn default() -> Self {
        Self {
            ear: Fault::default(),
            voice: Fault::default(),
            model: Fault::default(),
            knowledge_stalls: false,
            connect: Duration::from_millis(120),
            end_of_turn: Duration::from_millis(300),
            search: Duration::from_millis(4),
            first_token: Duration::from_millis(450),
            next_token: Duration::from_millis(25),
            first_audio: Duration::from_millis(120),
        }
    }
}

/// The voice says so many milliseconds a character, as tone speech does.
pub(crate) const MILLIS_A_CHARACTER: u64 = 40;

pub(crate) fn speaking_time(text: &str) -> Duration {
    let characters = u64::try_from(text.chars().count()).expect("a text has a length");
    Duration::from_millis(MILLIS_A_CHARACTER * characters)
}

/// One utterance on its way to the caller.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) id: UtteranceId,
    pub(crate) text: String,
    /// When its first audio is there; never, if the voice is dead.
    pub(crate) available: Option<Instant>,
    /// The audio ends here although the text goes on.
    pub(crate) dries: Option<Duration>,
}

/// What the caller's phone sounded of an utterance: the truth.
#[derive(Clone, Debug)]
pub(crate) struct Sounded {
    pub(crate) text: String,
    pub(crate) from: Instant,
    pub(crate) until: Option<Instant>,
    /// The voice went silent in the middle of it.
    pub(crate) never_rendered: bool,
}

impl Sounded {
    /// The text up to the last character that was sounded whole.
    pub(crate) fn heard(&self, now: Instant) -> String {
        let length = self
            .until
            .unwrap_or(now)
            .saturating_duration_since(self.from);
        let characters = u64::try_from(length.as_millis()).expect("short") / MILLIS_A_CHARACTER;
        self.text
            .chars()
            .take(usize::try_from(characters).expect("short"))
            .collect()
    }
}

/// Plays one utterance after the other.
#[derive(Debug, Default)]
pub(crate) struct Player {
    pub(crate) queue: VecDeque<Item>,
    /// The head of the queue sounds since.
    pub(crate) playing: Option<Instant>,
    pub(crate) sounded: Vec<Sounded>,
    last: Option<UtteranceId>,
}

/// What a look at the player brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Played {
    Began(UtteranceId),
    Finished(UtteranceId),
    Nothing,
}

impl Player {
    pub(crate) fn push(&mut self, item: Item) {
        assert!(
            self.last.is_none_or(|last| last < item.id),
            "utterance ids do not increase"
        );
        self.last = Some(item.id);
        self.queue.push_back(item);
    }

    /// Begins or finishes the head of the queue, if it is time to.
    pub(crate) fn step(&mut self, now: Instant) -> Played {
        let Some(head) = self.queue.front() else {
            return Played::Nothing;
        };
        let id = head.id;
        match self.playing {
            None if head.available.is_some_and(|at| at <= now) => {
                self.playing = Some(now);
                self.sounded.push(Sounded {
                    text: head.text.clone(),
                    from: now,
                    until: None,
                    never_rendered: head.dries.is_some(),
                });
                Played::Began(id)
            }
            Some(since) if now >= since + speaking_time(&head.text) && head.dries.is_none() => {
                self.finish(now);
                Played::Finished(id)
            }
            _ => Played::Nothing,
        }
    }

    /// When there is something to do.
    pub(crate) fn due(&self) -> Option<Instant> {
        let head = self.queue.front()?;
        match self.playing {
            None => head.available,
            Some(since) => head
                .dries
                .is_none()
                .then(|| since + speaking_time(&head.text)),
        }
    }

    /// Stops, and tells the utterance that sounded last and for how long.
    pub(crate) fn stop(&mut self, now: Instant) -> Option<(UtteranceId, Duration)> {
        let position = self.playing.and_then(|since| {
            let head = self.queue.front()?;
            let length = now.saturating_duration_since(since);
            Some((
                head.id,
                head.dries.map_or(length, |dries| length.min(dries)),
            ))
        });
        self.finish(now);
        self.queue.clear();
        position
    }

    fn finish(&mut self, now: Instant) {
        let since = self.playing.take();
        let dries = self.queue.front().and_then(|head| head.dries);
        if let (Some(since), Some(sounded)) = (since, self.sounded.last_mut()) {
            let until = dries.map_or(now, |dries| now.min(since + dries));
            sounded.until = Some(until);
            self.queue.pop_front();
        }
    }
}

/// Cached prompts need no voice; other words do.
pub(crate) fn is_cached(speech: &Speech) -> bool {
    matches!(speech, Speech::Prompt(_))
}

/// What the office's help centre knows.
pub(crate) fn search(query: &str) -> Vec<Passage> {
    const ARTICLES: [(&str, &str, &str, &str); 3] = [
        (
            "11",
            "Opening hours",
            "open hours weekday",
            "We are open from nine to six on weekdays.",
        ),
        (
            "12",
            "Reset a password",
            "password login reset",
            "To reset the password, press forgot password on the login page. A link comes by mail. It is valid for \
             one hour.",
        ),
        (
            "13",
            "Prices",
            "price cost much",
            "The basic plan costs nine euros a month.",
        ),
    ];
    let query = query.to_lowercase();
    ARTICLES
        .iter()
        .filter(|(_, _, keys, _)| keys.split(' ').any(|key| query.contains(key)))
        .map(|(article, title, _, text)| Passage {
            article: (*article).to_owned(),
            title: (*title).to_owned(),
            url: format!("https://help.example.com/{article}"),
            text: (*text).to_owned(),
            score: 1.0,
        })
        .collect()
}

/// The model: it quotes the first passage it is given, and calls the tools it is offered.
pub(crate) fn think(request: &ReplyRequest) -> Vec<ReplyEvent> {
    let asked = request
        .history
        .iter()
        .rev()
        .find_map(|exchange| match exchange {
            Exchange::Caller(text) => Some(text.to_lowercase()),
            _ => None,
        });
    let asked = asked.unwrap_or_default();
    let has_tool = |name: &str| request.tools.iter().any(|tool| tool.name == name);
    let note = request
        .history
        .iter()
        .rev()
        .find_map(|exchange| match exchange {
            Exchange::Note(text) => Some(text.as_str()),
            _ => None,
        });
    let thanked = ["bye", "that's all", "thank"]
        .iter()
        .any(|word| asked.contains(word));
    let quoted = note
        .filter(|note| note.starts_with(ARTICLES))
        .and_then(|note| note.split('\n').nth(3));
    let mut events = Vec::new();
    if thanked && has_tool(END_CALL) {
        events.extend(words("You are welcome."));
        events.push(call(END_CALL, ""));
    } else if let Some(text) = quoted {
        events.extend(words(text));
    } else if has_tool(HAND_OVER) {
        events.extend(words("I am afraid I do not know that."));
        events.push(call(HAND_OVER, &asked));
    }
    events.push(ReplyEvent::Done);
    events
}

fn words(text: &str) -> Vec<ReplyEvent> {
    text.split_inclusive(' ')
        .map(|word| ReplyEvent::Text(word.to_owned()))
        .collect()
}

fn call(tool: &str, reason: &str) -> ReplyEvent {
    ReplyEvent::ToolCall(ToolCall {
        id: "call_1".to_owned(),
        name: tool.to_owned(),
        arguments: BTreeMap::from([("reason".to_owned(), reason.to_owned())]),
    })
}
