//! Every service going wrong in every manner at every stage: the caller hears an apology, and a ticket exists.

use std::time::Duration;

use ringwell::ticket::Outcome;

use crate::phone::Act::{Hear, Say};
use crate::services::{Fault, Manner, Stage};
use crate::world::World;

const APOLOGIES: [&str; 2] = ["something is not working on our side", "one moment please"];
const PATIENCE: Duration = Duration::from_secs(3);

fn world(seed: u64) -> World {
    World::new(seed, vec![Hear(""), Say("How do I reset my password?")])
}

fn faults() -> impl Iterator<Item = Fault> {
    let stages = [Stage::Connect, Stage::FirstByte, Stage::Middle];
    let manners = [Manner::Refuses, Manner::Stalls, Manner::Closes];
    stages
        .into_iter()
        .flat_map(move |stage| manners.map(|manner| Fault { stage, manner }))
}

#[track_caller]
fn apologises_and_files(world: World, what: &str) {
    let world = world.run();
    world.holds();
    world.has_no_dead_air();
    let answered = world.phone.answered.expect("the call was answered");
    let faulted = world.faulted.expect("something went wrong").max(answered);
    let apology = world
        .sounded()
        .find(|sounded| APOLOGIES.iter().any(|text| sounded.text.contains(text)));
    let apology = apology.unwrap_or_else(|| panic!("no apology: {what}"));
    let waited = apology.from.saturating_duration_since(faulted);
    assert!(waited <= PATIENCE, "{what}: {waited:?} until the apology");
    assert_eq!(
        world.store.record.outcome(),
        Some(Outcome::Failed),
        "{what}"
    );
    assert!(
        world
            .ticket()
            .contains("Outcome: a service or the network failed"),
        "{what}"
    );
}

#[test]
fn the_ear_fails() {
    for fault in faults() {
        let mut world = world(3);
        world.services.ear = fault;
        apologises_and_files(world, &format!("ear {fault:?}"));
    }
}

#[test]
fn the_voice_fails() {
    for fault in faults() {
        let mut world = world(3);
        world.services.voice = fault;
        apologises_and_files(world, &format!("voice {fault:?}"));
    }
}

#[test]
fn the_model_fails() {
    for fault in faults() {
        let mut world = world(3);
        world.services.model = fault;
        apologises_and_files(world, &format!("model {fault:?}"));
    }
}

#[test]
fn the_voice_fails_while_the_address_is_read_back() {
    for fault in faults() {
        let mut world = World::new(
            3,
            vec![
                Hear("How can I help you?"),
                Say("Can I talk to a person"),
                Hear("what is your e-mail address?"),
                Say("jane at example dot com"),
            ],
        );
        world.services.voice = fault;
        let world = world.run();
        world.holds();
        world.has_no_dead_air();
        assert_eq!(world.helpdesk.tickets.len(), 1);
    }
}

#[test]
fn a_knowledge_base_that_stalls_hands_over() {
    let mut world = world(3);
    world.services.knowledge_stalls = true;
    let world = world.run();
    world.holds();
    world.has_no_dead_air();
    assert_eq!(world.store.record.outcome(), Some(Outcome::Escalated));
}

#[test]
fn a_slow_model_and_a_slow_voice_are_bridged() {
    let mut world = World::new(
        3,
        vec![
            Hear("How can I help you?"),
            Say("How do I reset my password?"),
            Hear("one hour"),
        ],
    );
    world.services.first_token = Duration::from_millis(2_100);
    world.services.first_audio = Duration::from_millis(1_200);
    let world = world.run();
    world.holds();
    world.has_no_dead_air();
    let asked = world.caller_spoke[0].1 - world.start;
    assert!(world.sounded_at("one moment please") - asked <= PATIENCE);
    assert!(world.heard().iter().any(|text| text.contains("one hour")));
}
