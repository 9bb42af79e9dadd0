//! What a test caller does, in words.
//!
//! | step | done when |
//! |---|---|
//! | `say TEXT` | it has been said |
//! | `wait until it speaks` | the far end is heard |
//! | `wait until it stops [for 0.8 s]` | it has spoken since we last did, and has been silent for so long |
//! | `wait for TEXT` | these words were heard, after those that a `wait for` before was content with |
//! | `interrupt after 0.8 s say TEXT` | it has been said, begun so long after the far end began |
//! | `press 12#` | the keys were pressed |
//! | `pause 2 s` | the time is over |
//! | `hang up` | the call is over |
//! | `wait for hang up` | the far end has hung up |
//!
//! A step that waits may say how long: `wait for goodbye within 20 s`. Steps stand one on a line, or with `;` between
//! them; a line that begins with `#` is a comment. Words are compared without case and punctuation.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::ear::plain;

/// Silence after which the far end is held to have stopped: longer than its pauses between sentences.
const STOPPED: Duration = Duration::from_millis(800);

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What is done.
    pub action: Action,
    /// How long it may take; the caller's own patience if absent.
    pub within: Option<Duration>,
}

/// What is done in a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Says a text.
    Say(String),
    /// Waits until the far end speaks.
    Speaks,
    /// Waits until it has been silent for so long.
    Stops(Duration),
    /// Waits for words.
    Words(String),
    /// Says a text so long after the far end has begun to speak.
    Interrupt(Duration, String),
    /// Presses keys.
    Press(String),
    /// Waits.
    Pause(Duration),
    /// Hangs up.
    HangUp,
    /// Waits for the far end to hang up.
    HungUp,
}

/// A step that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{text}\" is no step: {problem}")]
pub struct ScriptError {
    /// The step as it was given.
    pub text: String,
    /// What is wrong with it.
    pub problem: &'static str,
}

const STEPS: &str = "a step begins with say, wait, interrupt, press, pause or hang up";

impl FromStr for Step {
    type Err = ScriptError;

    fn from_str(text: &str) -> Result<Self, ScriptError> {
        let text = text.trim();
        parse(text).map_err(|problem| ScriptError {
            text: text.to_owned(),
            problem,
        })
    }
}

/// Reads a whole script.
///
/// # Errors
/// The first step that is none.
pub fn parse_script(text: &str) -> Result<Vec<Step>, ScriptError> {
    text.lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .flat_map(|line| line.split(';'))
        .map(str::trim)
        .filter(|step| !step.is_empty())
        .map(Step::from_str)
        .collect()
}

fn parse(text: &str) -> Result<Step, &'static str> {
    let (verb, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let rest = rest.trim();
    let step = |action| Step {
        action,
        within: None,
    };
    match verb.to_ascii_lowercase().as_str() {
        "say" => Ok(step(Action::Say(words(rest)?))),
        "press" => keys(rest).map(step),
        "pause" => duration(rest)
            .map(|time| step(Action::Pause(time)))
            .ok_or("a time is wanted, as in: pause 2 s"),
        "hang" if rest.eq_ignore_ascii_case("up") => Ok(step(Action::HangUp)),
        "interrupt" => interruption(rest).map(step),
        "wait" => wait(rest),
        _ => Err(STEPS),
    }
}

fn words(text: &str) -> Result<String, &'static str> {
    if plain(text).is_empty() {
        return Err("there is nothing to say or to wait for");
    }
    Ok(text.to_owned())
}

fn keys(text: &str) -> Result<Action, &'static str> {
    let keys: String = text.chars().filter(|each| !each.is_whitespace()).collect();
    let known = |key: char| matches!(key, '0'..='9' | '*' | '#' | 'A'..='D');
    if keys.is_empty() || !keys.chars().all(known) {
        return Err("keys are 0-9, *, # and A-D");
    }
    Ok(Action::Press(keys))
}

fn interruption(rest: &str) -> Result<Action, &'static str> {
    const FORM: &str = "it has the form: interrupt after 0.8 s say TEXT";
    let rest = rest.strip_prefix("after ").ok_or(FORM)?;
    let (time, text) = rest.split_once(" say ").ok_or(FORM)?;
    let time = duration(time).ok_or(FORM)?;
    Ok(Action::Interrupt(time, words(text.trim())?))
}

fn wait(rest: &str) -> Result<Step, &'static str> {
    let (rest, within) = match rest.rsplit_once(" within ") {
        Some((before, time)) => match duration(time) {
            Some(time) => (before.trim(), Some(time)),
            None => (rest, None),
        },
        None => (rest, None),
    };
    let lower = rest.to_ascii_lowercase();
    let action = match lower.as_str() {
        "until it speaks" => Action::Speaks,
        "until it stops" => Action::Stops(STOPPED),
        "for hang up" | "for hangup" => Action::HungUp,
        _ => {
            if let Some(time) = lower.strip_prefix("until it stops for ") {
                Action::Stops(duration(time).ok_or("a time is wanted, as in: for 1.5 s")?)
            } else if lower.starts_with("for ") {
                Action::Words(words(rest[4..].trim())?)
            } else {
                return Err(
                    "wait until it speaks, wait until it stops, wait for TEXT, or wait for hang up",
                );
            }
        }
    };
    Ok(Step { action, within })
}

/// `2 s`, `0.8s`, `500 ms`; at most an hour.
fn duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    let (number, scale) = match text.strip_suffix("ms") {
        Some(number) => (number, 0.001),
        None => (text.strip_suffix('s')?, 1.0),
    };
    let seconds: f64 = number.trim().parse().ok()?;
    let seconds = seconds * scale;
    (0.0..=3_600.0)
        .contains(&seconds)
        .then(|| Duration::from_secs_f64(seconds))
}

impl fmt::Display for Step {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.action {
            Action::Say(text) => write!(out, "say {text}"),
            Action::Speaks => write!(out, "wait until it speaks"),
            Action::Stops(time) => {
                write!(out, "wait until it stops for {} s", time.as_secs_f64())
            }
            Action::Words(text) => write!(out, "wait for {text}"),
            Action::Interrupt(time, text) => {
                write!(out, "interrupt after {} s say {text}", time.as_secs_f64())
            }
            Action::Press(keys) => write!(out, "press {keys}"),
            Action::Pause(time) => write!(out, "pause {} s", time.as_secs_f64()),
            Action::HangUp => write!(out, "hang up"),
            Action::HungUp => write!(out, "wait for hang up"),
        }?;
        match self.within {
            Some(time) => write!(out, " within {} s", time.as_secs_f64()),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
