//! Acts a script: looks at the scene, says what to do next. Pure; the caller asks it at every tick.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::ear::Ear;
use super::script::{Action, Step};

/// So much speech after ours shows that the far end has answered; the tail of what we interrupted is shorter.
const ANSWER: Duration = Duration::from_millis(100);
/// What is heard so soon after our speech began in flight before it ended.
const IN_FLIGHT: Duration = Duration::from_millis(150);

/// What the actor wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// Say this; true for an interruption.
    Say(String, bool),
    /// Press these keys.
    Press(String),
    /// Hang up: the script is done, or asks for it.
    HangUp,
    /// Hang up: this went wrong.
    GiveUp(String),
}

/// What the actor sees.
pub(super) struct Scene<'a> {
    pub(super) ear: &'a Ear,
    /// We are speaking or pressing keys.
    pub(super) busy: bool,
    /// The call is over; true when the far end ended it.
    pub(super) over: Option<bool>,
}

/// The actor.
#[derive(Debug)]
pub(super) struct Actor {
    steps: VecDeque<Step>,
    patience: Duration,
    /// When the step in hand began.
    begun: Option<Instant>,
    /// The step in hand has been started: it is only waited for.
    started: bool,
    /// Words of the far end that `wait for` was content with.
    words: usize,
    /// When we last finished speaking, and how long the far end had spoken a moment later.
    spoke: Option<(Instant, Option<Duration>)>,
    done: bool,
}

impl Actor {
    pub(super) fn new(steps: &[Step], patience: Duration) -> Self {
        Self {
            steps: steps.iter().cloned().collect(),
            patience,
            begun: None,
            started: false,
            words: 0,
            spoke: None,
            done: false,
        }
    }

    /// The step in hand, if any is left.
    pub(super) fn step(&self) -> Option<&Step> {
        self.steps.front()
    }

    /// True when all steps were done.
    pub(super) fn is_done(&self) -> bool {
        self.done
    }

    /// What to do now; ask again until it is nothing.
    pub(super) fn poll(&mut self, scene: &Scene<'_>, now: Instant) -> Option<Wish> {
        if self.done {
            return None;
        }
        self.measure(scene, now);
        loop {
            let Some(step) = self.steps.front().cloned() else {
                self.done = true;
                return scene.over.is_none().then_some(Wish::HangUp);
            };
            let begun = *self.begun.get_or_insert(now);
            if !self.started {
                self.started = true;
                if let Some(wish) = self.start(&step, scene) {
                    return Some(wish);
                }
            }
            if !self.is_complete(&step, begun, scene, now) {
                return self.meanwhile(&step, begun, scene, now);
            }
            self.steps.pop_front();
            self.begun = None;
            self.started = false;
        }
    }

    /// Notes how long the far end had spoken when ours had surely reached it.
    fn measure(&mut self, scene: &Scene<'_>, now: Instant) {
        if let Some((at, voiced @ None)) = &mut self.spoke
            && now.saturating_duration_since(*at) >= IN_FLIGHT
        {
            *voiced = Some(scene.ear.voiced());
        }
    }

    fn start(&mut self, step: &Step, scene: &Scene<'_>) -> Option<Wish> {
        if scene.over.is_some() {
            return None;
        }
        match &step.action {
            Action::Say(text) => Some(Wish::Say(text.clone(), false)),
            Action::Press(keys) => Some(Wish::Press(keys.clone())),
            Action::HangUp => Some(Wish::HangUp),
            _ => None,
        }
    }

    fn is_complete(
        &mut self,
        step: &Step,
        begun: Instant,
        scene: &Scene<'_>,
        now: Instant,
    ) -> bool {
        if scene.over.is_some() {
            return matches!(step.action, Action::HangUp | Action::HungUp);
        }
        match &step.action {
            Action::Say(_) => {
                let complete = !scene.busy;
                if complete {
                    self.spoke = Some((now, None));
                }
                complete
            }
            Action::Press(_) => !scene.busy,
            Action::Pause(time) => now.saturating_duration_since(begun) >= *time,
            Action::Speaks => scene.ear.is_speaking(now),
            Action::Stops(time) => {
                let last = scene.ear.last_voice();
                self.has_spoken(scene)
                    && last.is_some_and(|last| now.saturating_duration_since(last) >= *time)
            }
            Action::Words(words) => match scene.ear.find(words, self.words) {
                Some(after) => {
                    self.words = after;
                    true
                }
                None => false,
            },
            // Becomes a `say` when its time has come.
            Action::Interrupt(..) | Action::HangUp | Action::HungUp => false,
        }
    }

    /// The far end has spoken since we last did.
    fn has_spoken(&self, scene: &Scene<'_>) -> bool {
        match self.spoke {
            None => scene.ear.voiced() >= ANSWER,
            Some((_, None)) => false,
            Some((_, Some(before))) => scene.ear.voiced() >= before + ANSWER,
        }
    }

    /// The step is not complete: an interruption may begin, patience may be over, the call may be.
    fn meanwhile(
        &mut self,
        step: &Step,
        begun: Instant,
        scene: &Scene<'_>,
        now: Instant,
    ) -> Option<Wish> {
        if let Some(by_far_end) = scene.over {
            self.done = true;
            let left = self.steps.drain(..).next();
            let who = if by_far_end {
                "the far end hung up"
            } else {
                "the call ended"
            };
            return left.map(|step| Wish::GiveUp(format!("{who} before: {step}")));
        }
        if let Action::Interrupt(after, text) = &step.action {
            let onset = scene.ear.onset().filter(|_| scene.ear.is_speaking(now));
            if onset.is_some_and(|onset| now.saturating_duration_since(onset) >= *after) {
                self.steps[0].action = Action::Say(text.clone());
                return Some(Wish::Say(text.clone(), true));
            }
        }
        let patience = step.within.unwrap_or(self.patience);
        let waits = !matches!(
            step.action,
            Action::Say(_) | Action::Press(_) | Action::Pause(_)
        );
        if waits && now.saturating_duration_since(begun) >= patience {
            self.done = true;
            let text = format!("timed out after {} s: {step}", patience.as_secs_f64());
            self.steps.clear();
            return Some(Wish::GiveUp(text));
        }
        None
    }
}

#[cfg(test)]
mod tests;
