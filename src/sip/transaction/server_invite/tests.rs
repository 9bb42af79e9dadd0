use super::super::fixtures::Clock;
use super::*;

/// Everything that can happen to the machine.
#[derive(Clone, Copy, Debug)]
enum Input {
    Invite,
    Ack,
    Tu(u16),
    Fire(Timer),
}

const INPUTS: [Input; 9] = [
    Input::Invite,
    Input::Ack,
    Input::Tu(180),
    Input::Tu(200),
    Input::Tu(486),
    Input::Fire(Timer::G),
    Input::Fire(Timer::H),
    Input::Fire(Timer::I),
    Input::Fire(Timer::L),
];

fn start(reliability: Reliability) -> ServerInvite {
    ServerInvite::start(reliability, Timing::default())
}

/// A machine brought to a state by the ordinary way, drained.
fn in_state(state: State, clock: &Clock) -> ServerInvite {
    let mut machine = start(Reliability::Unreliable);
    machine.respond(StatusCode(100), "100".into(), clock.now);
    match state {
        State::Proceeding => {}
        State::Accepted => {
            machine.respond(StatusCode(200), "200".into(), clock.now);
        }
        State::Completed | State::Confirmed => {
            machine.respond(StatusCode(486), "486".into(), clock.now);
            if state == State::Confirmed {
                machine.handle_ack(clock.now);
            }
        }
        State::Terminated => {
            machine.respond(StatusCode(200), "200".into(), clock.now);
            machine.handle_timeout(clock.at(32_000));
        }
    }
    assert_eq!(machine.state, state);
    machine.poll_transmit();
    machine.poll_event();
    machine
}

/// Fires a timer alone, if it runs.
fn feed(machine: &mut ServerInvite, input: Input, clock: &Clock) {
    match input {
        Input::Invite => machine.handle_retransmission(),
        Input::Ack => machine.handle_ack(clock.now),
        Input::Tu(status) => {
            let text = status.to_string();
            machine.respond(StatusCode(status), text.into(), clock.now);
        }
        Input::Fire(timer) if machine.timers.is_running(timer) => {
            machine.timers.set(timer, clock.now);
            machine.handle_timeout(clock.now);
        }
        Input::Fire(_) => {}
    }
}

/// The figure as a table: for each state and input the new state, what is sent and what is told.
fn expected(state: State, input: Input) -> (State, Option<&'static str>, Option<ServerEvent>) {
    use State::{Accepted, Completed, Confirmed, Proceeding, Terminated};
    match (state, input) {
        (Proceeding, Input::Invite) => (Proceeding, Some("100"), None),
        (Proceeding, Input::Tu(180)) => (Proceeding, Some("180"), None),
        (Proceeding, Input::Tu(200)) => (Accepted, Some("200"), None),
        (Proceeding, Input::Tu(486)) => (Completed, Some("486"), None),
        (Accepted, Input::Ack) => (Accepted, None, Some(ServerEvent::Acknowledged)),
        (Accepted, Input::Tu(200)) => (Accepted, Some("200"), None),
        (Accepted, Input::Fire(Timer::L)) => (Terminated, None, None),
        (Completed, Input::Invite | Input::Fire(Timer::G)) => (Completed, Some("486"), None),
        (Completed, Input::Ack) => (Confirmed, None, None),
        (Completed, Input::Fire(Timer::H)) => {
            (Terminated, None, Some(ServerEvent::NotAcknowledged))
        }
        (Confirmed, Input::Fire(Timer::I)) => (Terminated, None, None),
        (state, _) => (state, None, None),
    }
}

#[test]
fn every_state_and_input_is_as_in_the_figure() {
    for state in [
        State::Proceeding,
        State::Accepted,
        State::Completed,
        State::Confirmed,
        State::Terminated,
    ] {
        for input in INPUTS {
            let clock = Clock::new();
            let mut machine = in_state(state, &clock);
            feed(&mut machine, input, &clock);
            let (next, sent, event) = expected(state, input);
            assert_eq!(machine.state, next, "{state:?} {input:?}");
            let transmit = machine.poll_transmit();
            assert_eq!(
                transmit.as_deref(),
                sent.map(str::as_bytes),
                "{state:?} {input:?}"
            );
            assert_eq!(machine.poll_event(), event, "{state:?} {input:?}");
        }
    }
}

#[test]
fn repeats_a_refusal_with_doubling_intervals_until_timer_h() {
    let mut clock = Clock::new();
    let mut machine = start(Reliability::Unreliable);
    machine.respond(StatusCode(486), "486".into(), clock.now);
    let seen = clock.run(&mut machine, 60_000);
    assert_eq!(
        seen.sent,
        [
            0, 500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500
        ]
    );
    assert_eq!(seen.events, [(32_000, ServerEvent::NotAcknowledged)]);
    assert!(machine.is_terminated());
}

#[test]
fn the_ack_stops_repetition_and_timer_i_absorbs_further_acks() {
    let mut clock = Clock::new();
    let mut machine = start(Reliability::Unreliable);
    machine.respond(StatusCode(404), "404".into(), clock.now);
    assert_eq!(clock.run(&mut machine, 600).sent, [0, 500]);
    machine.handle_ack(clock.now);
    machine.handle_ack(clock.now);
    let seen = clock.run(&mut machine, 5_599);
    assert!(seen.sent.is_empty() && seen.events.is_empty() && !machine.is_terminated());
    clock.run(&mut machine, 5_600);
    assert!(machine.is_terminated());
}

#[test]
fn over_tcp_a_refusal_is_sent_once_and_the_ack_ends_it() {
    let mut clock = Clock::new();
    let mut machine = start(Reliability::Reliable);
    machine.respond(StatusCode(486), "486".into(), clock.now);
    assert_eq!(clock.run(&mut machine, 31_999).sent, [0]);
    machine.handle_ack(clock.now);
    assert!(machine.is_terminated());
}

#[test]
fn over_tcp_a_missing_ack_is_told_at_timer_h() {
    let mut clock = Clock::new();
    let mut machine = start(Reliability::Reliable);
    machine.respond(StatusCode(486), "486".into(), clock.now);
    let seen = clock.run(&mut machine, 40_000);
    assert_eq!(seen.events, [(32_000, ServerEvent::NotAcknowledged)]);
}

#[test]
fn a_2xx_is_repeated_by_the_tu_and_invites_are_absorbed_until_timer_l() {
    for reliability in [Reliability::Unreliable, Reliability::Reliable] {
        let mut clock = Clock::new();
        let mut machine = start(reliability);
        machine.respond(StatusCode(200), "200".into(), clock.now);
        assert_eq!(clock.run(&mut machine, 31_999).sent, [0]);
        machine.handle_retransmission();
        assert_eq!(machine.poll_transmit(), None);
        assert!(machine.respond(StatusCode(200), "200".into(), clock.now));
        assert!(machine.poll_transmit().is_some());
        clock.run(&mut machine, 32_000);
        assert!(machine.is_terminated());
        assert!(!machine.respond(StatusCode(200), "200".into(), clock.now));
    }
}

#[test]
fn nothing_is_repeated_before_the_tu_has_answered() {
    let mut machine = start(Reliability::Unreliable);
    machine.handle_retransmission();
    assert_eq!(machine.poll_transmit(), None);
    assert_eq!(machine.poll_timeout(), None);
}

#[test]
fn a_late_wake_up_does_not_burst() {
    let clock = Clock::new();
    let mut machine = start(Reliability::Unreliable);
    machine.respond(StatusCode(486), "486".into(), clock.now);
    machine.poll_transmit();
    machine.handle_timeout(clock.at(9_000));
    assert!(machine.poll_transmit().is_some());
    assert_eq!(machine.poll_timeout(), Some(clock.at(10_000)));
}
