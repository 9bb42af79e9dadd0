//! The services' side of the box: what the adapters would do with the wishes of the call.

use std::time::Duration;

use ringwell::call::Input;
use ringwell::conversation::{
    Failure, Heard, ReplyEvent, ReplyRequest, Service, Speech, UtteranceId,
};

use crate::services::{self, Item, Manner, Played, Stage};
use crate::world::{Event, INSIDE, World};

/// How long the speech adapters take to notice that a service stalls.
const STALL_NOTICED: Duration = Duration::from_millis(2_000);

impl World {
    pub(crate) fn open_services(&mut self) {
        for (service, fault, ready) in [
            (Service::Ear, self.services.ear, Input::EarReady),
            (Service::Voice, self.services.voice, Input::VoiceReady),
        ] {
            match (fault.stage, fault.manner) {
                (Stage::Connect, Manner::Stalls) => {
                    self.fail(service, Manner::Stalls, STALL_NOTICED);
                }
                (Stage::Connect, manner) => self.fail(service, manner, self.services.connect),
                _ => self.news(self.services.connect, ready),
            }
        }
    }

    /// The adapter of a service reports that it is lost.
    fn fail(&mut self, service: Service, manner: Manner, after: Duration) {
        let failure = failure(manner);
        self.faulted.get_or_insert(self.now);
        self.note(format!("{service:?} {manner:?}"));
        self.news(after, Input::Failed(service, failure));
    }

    pub(crate) fn speak(&mut self, id: UtteranceId, speech: &Speech) {
        let text = speech.text().to_owned();
        self.note(format!("voice  <  {text}"));
        let fault = self.services.voice;
        let mut available = Some(self.now + INSIDE);
        let mut dries = None;
        if !services::is_cached(speech) {
            available = Some(self.now + self.services.first_audio);
            match (fault.stage, fault.manner) {
                (Stage::Connect, _) => available = None,
                (Stage::FirstByte, manner) => {
                    available = None;
                    self.faulted.get_or_insert(self.now);
                    if manner != Manner::Stalls {
                        self.fail(Service::Voice, manner, self.services.first_audio);
                    }
                }
                (Stage::Middle, manner) => {
                    let half = services::speaking_time(&text) / 2;
                    dries = Some(half);
                    let noticed = if manner == Manner::Stalls {
                        STALL_NOTICED / 2
                    } else {
                        INSIDE
                    };
                    self.faulted
                        .get_or_insert(self.now + self.services.first_audio + half);
                    self.fail(
                        Service::Voice,
                        manner,
                        self.services.first_audio + half + noticed,
                    );
                }
                (Stage::Never, _) => {}
            }
        }
        if let Some(available) = available {
            self.schedule(
                available - self.now,
                Event::News {
                    life: self.life,
                    input: Input::Rendering(id),
                },
            );
            if dries.is_none() {
                let whole = services::speaking_time(&text);
                let rendered = available - self.now + whole / 5;
                self.schedule(
                    rendered,
                    Event::News {
                        life: self.life,
                        input: Input::Rendered(id, whole),
                    },
                );
            }
        }
        self.running.player.push(Item {
            id,
            text,
            available,
            dries,
        });
    }

    pub(crate) fn on_player(&mut self) {
        loop {
            match self.running.player.step(self.now) {
                Played::Began(id) => {
                    let text = self
                        .running
                        .player
                        .queue
                        .front()
                        .map(|item| item.text.clone());
                    self.note(format!("agent  |  {}", text.unwrap_or_default()));
                    self.news(INSIDE, Input::Playing(id));
                }
                Played::Finished(id) => self.news(INSIDE, Input::Played(id)),
                Played::Nothing => return,
            }
        }
    }

    pub(crate) fn search(&mut self, query: &str) {
        self.note(format!("search <  {query}"));
        if let Some(running) = self.running_search.take() {
            self.agenda.remove(&running);
        }
        if !self.services.knowledge_stalls {
            let input = Input::Passages(services::search(query));
            let news = Event::News {
                life: self.life,
                input,
            };
            self.running_search = Some(self.schedule(self.services.search, news));
        }
    }

    pub(crate) fn ask(&mut self, request: &ReplyRequest) {
        let fault = self.services.model;
        let mut at = self.services.first_token;
        let mut events = services::think(request);
        match (fault.stage, fault.manner) {
            (Stage::Never, _) => {}
            (Stage::Middle, manner) => {
                events.truncate(events.len().min(2));
                events.retain(|event| matches!(event, ReplyEvent::Text(_)));
                if manner != Manner::Stalls {
                    events.push(ReplyEvent::Failed(failure(manner)));
                }
            }
            (_, Manner::Stalls) => events.clear(),
            (_, manner) => events = vec![ReplyEvent::Failed(failure(manner))],
        }
        if fault.stage != Stage::Never {
            self.faulted.get_or_insert(self.now);
        }
        self.note("model  <  (asked)".to_owned());
        for event in events {
            self.news(at, Input::Reply(request.id, event));
            at += self.services.next_token;
        }
    }

    /// The caller's words reach the box, if its ear is not lost.
    pub(crate) fn on_words(&mut self, heard: Heard) {
        let fault = self.services.ear;
        let first = matches!(heard, Heard::StartOfTurn { .. });
        let dies = match fault.stage {
            Stage::Never => false,
            Stage::Connect => return,
            Stage::FirstByte => true,
            Stage::Middle => !first,
        };
        if !dies {
            return self.news(INSIDE, Input::Heard(heard));
        }
        self.services.ear.stage = Stage::Connect;
        if self.has_call() {
            let after = if fault.manner == Manner::Stalls {
                STALL_NOTICED
            } else {
                INSIDE
            };
            self.fail(Service::Ear, fault.manner, after);
        }
    }
}

fn failure(manner: Manner) -> Failure {
    match manner {
        Manner::Refuses => Failure::Refused("key".to_owned()),
        Manner::Closes => Failure::Unavailable("closed".to_owned()),
        Manner::Stalls => Failure::Stalled("silent".to_owned()),
    }
}
