use super::super::fixtures::Clock;
use super::*;

#[derive(Clone, Copy, Debug)]
enum Input {
    Request,
    Tu(u16),
    Fire(Timer),
}

const INPUTS: [Input; 9] = [
    Input::Request,
    Input::Tu(100),
    Input::Tu(183),
    Input::Tu(200),
    Input::Tu(408),
    Input::Tu(481),
    Input::Fire(Timer::N),
    Input::Fire(Timer::F),
    Input::Fire(Timer::J),
];

fn start(reliability: Reliability, clock: &Clock) -> Server {
    Server::start(reliability, Timing::default(), clock.now)
}

fn in_state(state: State, clock: &Clock) -> Server {
    let mut machine = start(Reliability::Unreliable, clock);
    match state {
        State::Trying => {}
        State::Proceeding => {
            machine.handle_timeout(clock.at(3_500));
            machine.respond(StatusCode(100), "100".into(), clock.now);
        }
        State::Completed | State::Terminated => {
            machine.respond(StatusCode(200), "200".into(), clock.now);
            if state == State::Terminated {
                machine.handle_timeout(clock.at(32_000));
            }
        }
    }
    assert_eq!(machine.state, state);
    machine.poll_transmit();
    machine.poll_event();
    machine
}

fn feed(machine: &mut Server, input: Input, clock: &Clock) {
    match input {
        Input::Request => machine.handle_retransmission(),
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

fn expected(state: State, input: Input) -> (State, Option<&'static str>, Option<ServerEvent>) {
    use State::{Completed, Proceeding, Terminated, Trying};
    match (state, input) {
        (Trying, Input::Fire(Timer::N)) => (Trying, None, Some(ServerEvent::TryingDue)),
        (Trying | Proceeding, Input::Fire(Timer::F)) => {
            (Terminated, None, Some(ServerEvent::Unanswered))
        }
        (Trying | Proceeding, Input::Tu(200)) => (Completed, Some("200"), None),
        (Trying | Proceeding, Input::Tu(481)) => (Completed, Some("481"), None),
        (Proceeding, Input::Request | Input::Tu(100)) => (Proceeding, Some("100"), None),
        (Completed, Input::Request) => (Completed, Some("200"), None),
        (Completed, Input::Fire(Timer::J)) => (Terminated, None, None),
        (state, _) => (state, None, None),
    }
}

#[test]
fn every_state_and_input_is_as_in_the_figure() {
    for state in [
        State::Trying,
        State::Proceeding,
        State::Completed,
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
fn answers_repeated_requests_until_timer_j() {
    let mut clock = Clock::new();
    let mut machine = start(Reliability::Unreliable, &clock);
    machine.respond(StatusCode(200), "200".into(), clock.now);
    assert_eq!(clock.run(&mut machine, 31_999).sent, [0]);
    machine.handle_retransmission();
    assert!(machine.poll_transmit().is_some());
    clock.run(&mut machine, 32_000);
    assert!(machine.is_terminated());
    machine.handle_retransmission();
    assert_eq!(machine.poll_transmit(), None);
}

#[test]
fn over_tcp_the_answer_ends_it() {
    let clock = Clock::new();
    let mut machine = start(Reliability::Reliable, &clock);
    machine.respond(StatusCode(200), "200".into(), clock.now);
    assert!(machine.poll_transmit().is_some());
    assert!(machine.is_terminated());
}

#[test]
fn a_slow_tu_is_reminded_of_100_and_dropped_without_408() {
    let mut clock = Clock::new();
    let mut machine = start(Reliability::Unreliable, &clock);
    assert!(!machine.respond(StatusCode(100), "100".into(), clock.now));
    let seen = clock.run(&mut machine, 3_500);
    assert_eq!(seen.events, [(3_500, ServerEvent::TryingDue)]);
    assert!(machine.respond(StatusCode(100), "100".into(), clock.now));
    assert!(!machine.respond(StatusCode(408), "408".into(), clock.now));
    let seen = clock.run(&mut machine, 60_000);
    assert_eq!(seen.sent, [3_500]);
    assert_eq!(seen.events, [(32_000, ServerEvent::Unanswered)]);
    assert!(machine.is_terminated());
}

#[test]
fn over_tcp_100_may_come_at_once_but_no_other_provisional() {
    let clock = Clock::new();
    let mut machine = start(Reliability::Reliable, &clock);
    assert!(!machine.respond(StatusCode(180), "180".into(), clock.now));
    assert!(machine.respond(StatusCode(100), "100".into(), clock.now));
}
