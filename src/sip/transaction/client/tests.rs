use super::super::fixtures::Clock;
use super::*;
use crate::sip::message::StatusCode;

#[derive(Clone, Copy, Debug)]
enum Input {
    Response(u16),
    TransportError,
    Fire(Timer),
}

const INPUTS: [Input; 7] = [
    Input::Response(100),
    Input::Response(200),
    Input::Response(481),
    Input::TransportError,
    Input::Fire(Timer::E),
    Input::Fire(Timer::F),
    Input::Fire(Timer::K),
];

/// What the TU is told, without the response's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Status(u16),
    TimedOut,
    TransportFailed,
}

fn told(event: ClientEvent) -> Told {
    match event {
        ClientEvent::Response(response) => Told::Status(response.status.0),
        ClientEvent::TimedOut => Told::TimedOut,
        ClientEvent::TransportFailed => Told::TransportFailed,
    }
}

fn start(reliability: Reliability, clock: &Clock) -> Client {
    Client::start("BYE".into(), reliability, Timing::default(), clock.now)
}

fn response(status: u16) -> Response {
    Response::new(StatusCode(status))
}

fn in_state(state: State, clock: &Clock) -> Client {
    let mut machine = start(Reliability::Unreliable, clock);
    match state {
        State::Trying => {}
        State::Proceeding => machine.handle_response(response(100), clock.now),
        State::Completed => machine.handle_response(response(200), clock.now),
        State::Terminated => machine.handle_transport_error(),
    }
    assert_eq!(machine.state, state);
    machine.poll_transmit();
    machine.poll_event();
    machine
}

fn feed(machine: &mut Client, input: Input, clock: &Clock) {
    match input {
        Input::Response(status) => machine.handle_response(response(status), clock.now),
        Input::TransportError => machine.handle_transport_error(),
        Input::Fire(timer) if machine.timers.is_running(timer) => {
            machine.timers.set(timer, clock.now);
            machine.handle_timeout(clock.now);
        }
        Input::Fire(_) => {}
    }
}

fn expected(state: State, input: Input) -> (State, bool, Option<Told>) {
    use State::{Completed, Proceeding, Terminated, Trying};
    match (state, input) {
        (Trying | Proceeding, Input::Response(100)) => (Proceeding, false, Some(Told::Status(100))),
        (Trying | Proceeding, Input::Response(status)) => {
            (Completed, false, Some(Told::Status(status)))
        }
        (Trying | Proceeding, Input::TransportError) => {
            (Terminated, false, Some(Told::TransportFailed))
        }
        (Trying | Proceeding, Input::Fire(Timer::E)) => (state, true, None),
        (Trying | Proceeding, Input::Fire(Timer::F)) => (Terminated, false, Some(Told::TimedOut)),
        (Completed, Input::Fire(Timer::K)) => (Terminated, false, None),
        (state, _) => (state, false, None),
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
            assert_eq!(
                machine.poll_transmit().is_some(),
                sent,
                "{state:?} {input:?}"
            );
            assert_eq!(machine.poll_event().map(told), event, "{state:?} {input:?}");
        }
    }
}

#[test]
fn repeats_with_doubling_intervals_up_to_t2_until_timer_f() {
    let mut clock = Clock::new();
    let mut machine = start(Reliability::Unreliable, &clock);
    let seen = clock.run(&mut machine, 60_000);
    assert_eq!(
        seen.sent,
        [
            0, 500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500
        ]
    );
    assert!(matches!(seen.events[..], [(32_000, ClientEvent::TimedOut)]));
    assert!(machine.is_terminated());
}

#[test]
fn after_a_provisional_response_it_repeats_every_t2() {
    let mut clock = Clock::new();
    let mut machine = start(Reliability::Unreliable, &clock);
    assert_eq!(clock.run(&mut machine, 200).sent, [0]);
    machine.handle_response(response(100), clock.now);
    let seen = clock.run(&mut machine, 60_000);
    assert_eq!(
        seen.sent,
        [500, 4_500, 8_500, 12_500, 16_500, 20_500, 24_500, 28_500]
    );
    assert!(matches!(
        seen.events[..],
        [(200, _), (32_000, ClientEvent::TimedOut)]
    ));
}

#[test]
fn timer_k_absorbs_repeated_responses() {
    let mut clock = Clock::new();
    let mut machine = start(Reliability::Unreliable, &clock);
    clock.run(&mut machine, 100);
    machine.handle_response(response(200), clock.now);
    assert_eq!(clock.run(&mut machine, 5_099).events.len(), 1);
    machine.handle_response(response(200), clock.now);
    assert!(machine.poll_event().is_none() && !machine.is_terminated());
    clock.run(&mut machine, 5_100);
    assert!(machine.is_terminated());
}

#[test]
fn over_tcp_it_is_sent_once_and_the_response_ends_it() {
    let mut clock = Clock::new();
    let mut machine = start(Reliability::Reliable, &clock);
    assert_eq!(clock.run(&mut machine, 31_999).sent, [0]);
    machine.handle_response(response(200), clock.now);
    assert!(machine.poll_event().is_some() && machine.is_terminated());
}

#[test]
fn over_tcp_silence_ends_at_timer_f() {
    let mut clock = Clock::new();
    let mut machine = start(Reliability::Reliable, &clock);
    let seen = clock.run(&mut machine, 40_000);
    assert!(matches!(seen.events[..], [(32_000, ClientEvent::TimedOut)]));
}
