use super::*;
use crate::io::clock;

const EVERY: Duration = Duration::from_secs(30);

fn on() -> (KeepAlive, Instant) {
    let start = clock::now();
    let mut machine = KeepAlive::default();
    machine.set(Some(EVERY), start);
    (machine, start)
}

#[test]
fn silence_is_broken_by_a_ping_and_messages_put_it_off() {
    let (mut machine, start) = on();
    assert_eq!(machine.poll_timeout(), Some(start + EVERY));
    machine.handle_sent(start + EVERY / 2);
    assert_eq!(machine.handle_timeout(start + EVERY), Step::Wait);
    let due = start + EVERY / 2 + EVERY;
    assert_eq!(machine.poll_timeout(), Some(due));
    assert_eq!(machine.handle_timeout(due), Step::Ping);
    assert_eq!(machine.poll_timeout(), Some(due + EVERY));
}

#[test]
fn a_peer_that_never_answered_is_not_held_dead() {
    let (mut machine, start) = on();
    for round in 1..5 {
        assert_eq!(machine.handle_timeout(start + EVERY * round), Step::Ping);
    }
}

#[test]
fn a_peer_that_stops_answering_is_dead_after_ten_seconds() {
    let (mut machine, start) = on();
    assert_eq!(machine.handle_timeout(start + EVERY), Step::Ping);
    machine.handle_pong();
    let second = start + EVERY * 2;
    assert_eq!(machine.handle_timeout(second), Step::Ping);
    let until = second + Duration::from_secs(10);
    assert_eq!(machine.poll_timeout(), Some(until));
    assert_eq!(machine.handle_timeout(until), Step::Dead);
}

#[test]
fn a_line_break_that_nobody_asked_for_proves_nothing() {
    let (mut machine, start) = on();
    machine.handle_pong();
    assert_eq!(machine.handle_timeout(start + EVERY), Step::Ping);
    let late = start + EVERY + Duration::from_secs(11);
    assert_eq!(machine.handle_timeout(late), Step::Wait);
}

#[test]
fn it_can_be_stopped() {
    let (mut machine, start) = on();
    assert_eq!(machine.handle_timeout(start + EVERY), Step::Ping);
    machine.set(None, start + EVERY);
    assert!(!machine.is_on());
    assert_eq!(machine.poll_timeout(), None);
    assert_eq!(machine.handle_timeout(start + EVERY * 9), Step::Wait);
}
