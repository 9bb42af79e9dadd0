use super::super::fixtures::Clock;
use super::*;
use crate::sip::message::{Message, StatusCode, parse};

#[derive(Clone, Copy, Debug)]
enum Input {
    Response(u16),
    TransportError,
    Cancelled,
    Fire(Timer),
}

const INPUTS: [Input; 11] = [
    Input::Response(100),
    Input::Response(180),
    Input::Response(200),
    Input::Response(486),
    Input::TransportError,
    Input::Cancelled,
    Input::Fire(Timer::A),
    Input::Fire(Timer::B),
    Input::Fire(Timer::D),
    Input::Fire(Timer::M),
    Input::Fire(Timer::Cancel),
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

fn invite() -> Request {
    let text = "INVITE sip:bob@b.example SIP/2.0\r\n\
        Via: SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bKabc\r\n\
        Max-Forwards: 70\r\n\
        Route: <sip:p1.example;lr>\r\n\
        Route: <sip:p2.example;lr>\r\n\
        From: \"A\" <sip:a@a.example>;tag=1\r\n\
        To: <sip:bob@b.example>\r\n\
        Call-ID: c1\r\n\
        CSeq: 7 INVITE\r\n\
        Contact: <sip:a@192.0.2.1>\r\n\
        Content-Type: text/plain\r\n\
        Content-Length: 2\r\n\r\nhi";
    match parse(text.into()) {
        Ok(Message::Request(request)) => request,
        other => panic!("{other:?}"),
    }
}

fn response(status: u16) -> Response {
    let mut response = Response::to_request(&invite(), StatusCode(status));
    let to = response.to().unwrap().with_tag("2");
    response.headers.set(Name::To, to);
    response
}

fn start(reliability: Reliability, clock: &Clock) -> ClientInvite {
    ClientInvite::start(invite(), reliability, Timing::default(), clock.now)
}

fn in_state(state: State, clock: &Clock) -> ClientInvite {
    let mut machine = start(Reliability::Unreliable, clock);
    match state {
        State::Calling => {}
        State::Proceeding => machine.handle_response(response(180), clock.now),
        State::Accepted => machine.handle_response(response(200), clock.now),
        State::Completed => machine.handle_response(response(486), clock.now),
        State::Terminated => machine.handle_transport_error(),
    }
    assert_eq!(machine.state, state);
    machine.poll_transmit();
    machine.poll_event();
    machine
}

fn feed(machine: &mut ClientInvite, input: Input, clock: &Clock) {
    match input {
        Input::Response(status) => machine.handle_response(response(status), clock.now),
        Input::TransportError => machine.handle_transport_error(),
        Input::Cancelled => machine.handle_cancelled(clock.now),
        Input::Fire(timer) if machine.timers.is_running(timer) => {
            machine.timers.set(timer, clock.now);
            machine.handle_timeout(clock.now);
        }
        Input::Fire(_) => {}
    }
}

/// The method of what is sent.
type Sent = Option<&'static str>;

fn expected(state: State, input: Input) -> (State, Sent, Option<Told>) {
    use State::{Accepted, Calling, Completed, Proceeding, Terminated};
    match (state, input) {
        (Calling | Proceeding, Input::Response(status @ (100 | 180))) => {
            (Proceeding, None, Some(Told::Status(status)))
        }
        (Calling | Proceeding | Accepted, Input::Response(200)) => {
            (Accepted, None, Some(Told::Status(200)))
        }
        (Calling | Proceeding, Input::Response(486)) => {
            (Completed, Some("ACK"), Some(Told::Status(486)))
        }
        (Calling | Proceeding | Completed, Input::TransportError) => {
            (Terminated, None, Some(Told::TransportFailed))
        }
        (Calling, Input::Fire(Timer::A)) => (Calling, Some("INVITE"), None),
        (Calling, Input::Fire(Timer::B)) => (Terminated, None, Some(Told::TimedOut)),
        (Completed, Input::Response(486)) => (Completed, Some("ACK"), None),
        (Completed, Input::Fire(Timer::D)) => (Terminated, None, None),
        (Accepted, Input::Fire(Timer::M)) => (Terminated, None, None),
        (state, _) => (state, None, None),
    }
}

#[test]
fn every_state_and_input_is_as_in_the_figure() {
    for state in [
        State::Calling,
        State::Proceeding,
        State::Accepted,
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
            let method = transmit
                .as_deref()
                .map(|it| it.split(|&byte| byte == b' ').next());
            assert_eq!(
                method.flatten(),
                sent.map(str::as_bytes),
                "{state:?} {input:?}"
            );
            assert_eq!(machine.poll_event().map(told), event, "{state:?} {input:?}");
        }
    }
}

#[test]
fn repeats_the_invite_with_doubling_intervals_until_timer_b() {
    let mut clock = Clock::new();
    let mut machine = start(Reliability::Unreliable, &clock);
    let seen = clock.run(&mut machine, 60_000);
    assert_eq!(seen.sent, [0, 500, 1_500, 3_500, 7_500, 15_500, 31_500]);
    assert!(matches!(seen.events[..], [(32_000, ClientEvent::TimedOut)]));
    assert!(machine.is_terminated());
}

#[test]
fn over_tcp_the_invite_is_sent_once_until_timer_b() {
    let mut clock = Clock::new();
    let mut machine = start(Reliability::Reliable, &clock);
    let seen = clock.run(&mut machine, 60_000);
    assert_eq!(seen.sent, [0]);
    assert!(matches!(seen.events[..], [(32_000, ClientEvent::TimedOut)]));
}

#[test]
fn a_provisional_response_stops_repetition_for_good() {
    let mut clock = Clock::new();
    let mut machine = start(Reliability::Unreliable, &clock);
    assert_eq!(clock.run(&mut machine, 1_000).sent, [0, 500]);
    machine.handle_response(response(100), clock.now);
    let seen = clock.run(&mut machine, 180_000);
    assert!(seen.sent.is_empty() && !machine.is_terminated());
    assert_eq!(machine.poll_timeout(), None);
}

#[test]
fn after_cancel_the_final_response_has_64_t1() {
    let mut clock = Clock::new();
    let mut machine = start(Reliability::Unreliable, &clock);
    machine.handle_response(response(180), clock.now);
    machine.poll_event();
    machine.poll_transmit();
    machine.handle_cancelled(clock.at(0));
    machine.handle_cancelled(clock.at(9_000));
    let seen = clock.run(&mut machine, 60_000);
    assert!(matches!(seen.events[..], [(32_000, ClientEvent::TimedOut)]));
}

#[test]
fn each_repeated_refusal_is_acknowledged_until_timer_d() {
    let mut clock = Clock::new();
    let mut machine = start(Reliability::Unreliable, &clock);
    clock.run(&mut machine, 100);
    machine.handle_response(response(486), clock.now);
    assert_eq!(clock.run(&mut machine, 600).sent, [100]);
    machine.handle_response(response(486), clock.now);
    let seen = clock.run(&mut machine, 32_099);
    assert_eq!(seen.sent, [600]);
    assert!(seen.events.is_empty() && !machine.is_terminated());
    clock.run(&mut machine, 32_100);
    assert!(machine.is_terminated());
}

#[test]
fn over_tcp_the_acknowledged_refusal_ends_it() {
    let clock = Clock::new();
    let mut machine = start(Reliability::Reliable, &clock);
    machine.handle_response(response(486), clock.now);
    assert!(machine.poll_transmit().unwrap().starts_with(b"ACK "));
    assert!(machine.is_terminated());
}

#[test]
fn every_2xx_reaches_the_tu_until_timer_m() {
    let mut clock = Clock::new();
    let mut machine = start(Reliability::Unreliable, &clock);
    machine.handle_response(response(200), clock.now);
    assert_eq!(clock.run(&mut machine, 31_999).events.len(), 1);
    machine.handle_response(response(200), clock.now);
    assert!(machine.poll_event().is_some());
    assert!(machine.unanswered().is_none());
    clock.run(&mut machine, 32_000);
    assert!(machine.is_terminated());
}

#[test]
fn the_ack_repeats_the_invites_route_and_branch_and_the_responses_to() {
    let clock = Clock::new();
    let mut machine = start(Reliability::Unreliable, &clock);
    machine.handle_response(response(486), clock.now);
    let Ok(Message::Request(ack)) = parse(machine.poll_transmit().unwrap()) else {
        panic!("an ACK is a request");
    };
    assert_eq!(ack.uri, invite().uri);
    assert_eq!(ack.headers.all(&Name::Via).count(), 1);
    assert_eq!(ack.top_via(), invite().top_via());
    assert_eq!(ack.routes(), invite().routes());
    assert_eq!(
        ack.headers.get(&Name::From),
        invite().headers.get(&Name::From)
    );
    assert_eq!(ack.to_tag().as_deref(), Some(&b"2"[..]));
    assert_eq!(ack.call_id(), invite().call_id());
    assert_eq!(ack.headers.get(&Name::CSeq).unwrap(), "7 ACK");
    assert!(ack.body.is_empty() && !ack.headers.contains(&Name::ContentType));
}
