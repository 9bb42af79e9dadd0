use super::*;
use crate::io::clock;

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn flow() -> Flow {
    Flow {
        transport: Transport::Udp,
        local: address("192.0.2.1:5060"),
        remote: address("192.0.2.9:5060"),
    }
}

const EVERY: Duration = Duration::from_secs(20);
const ID: stun::Id = [7; 12];

#[test]
fn a_flow_is_kept_open_until_told_otherwise() {
    let start = clock::now();
    let mut errands = Errands::default();
    errands.keep_alive(flow(), Some(EVERY), start);
    assert_eq!(errands.poll_transmit(start), None);
    for round in 1..4 {
        let due = start + EVERY * round;
        assert_eq!(errands.poll_timeout(), Some(due));
        let (path, bytes) = errands.poll_transmit(due).unwrap();
        assert_eq!((path, &bytes[..]), (flow(), &b"\r\n\r\n"[..]));
        assert_eq!(errands.poll_transmit(due), None);
    }
    errands.keep_alive(flow(), None, start);
    assert_eq!(errands.poll_timeout(), None);
}

#[test]
fn a_question_is_repeated_and_given_up() {
    let start = clock::now();
    let mut errands = Errands::default();
    let (local, server) = (flow().local, address("198.51.100.1:3478"));
    errands.ask_stun(ID, local, server, start);
    let mut sent = Vec::new();
    while let Some(due) = errands.poll_timeout() {
        if let Some((path, bytes)) = errands.poll_transmit(due) {
            assert_eq!((path.remote, bytes), (server, stun::request(ID)));
            sent.push((due - start).as_millis());
        }
    }
    assert_eq!(sent, [0, 500, 1500, 3500, 7500]);
}

#[test]
fn only_the_server_that_was_asked_can_answer() {
    let start = clock::now();
    let mut errands = Errands::default();
    let (local, server) = (flow().local, address("198.51.100.1:3478"));
    let answer = stun::Answer {
        id: ID,
        mapped: Some(address("203.0.113.7:40000")),
    };
    assert_eq!(errands.handle_answer(&answer, server), None);
    errands.ask_stun(ID, local, server, start);
    assert_eq!(errands.handle_answer(&answer, flow().remote), None);
    let other = stun::Answer {
        id: [8; 12],
        ..answer
    };
    assert_eq!(errands.handle_answer(&other, server), None);
    assert_eq!(
        errands.handle_answer(&answer, server),
        Some((local, answer.mapped))
    );
    assert_eq!(errands.poll_timeout(), None);
}

#[test]
fn both_tables_are_bounded() {
    let start = clock::now();
    let mut errands = Errands::default();
    for number in 0..u16::try_from(KEPT_MAX * 2).unwrap() {
        let remote = SocketAddr::new(flow().remote.ip(), 1000 + number);
        errands.keep_alive(Flow { remote, ..flow() }, Some(EVERY), start);
        let mut id = ID;
        id[..2].copy_from_slice(&number.to_be_bytes());
        errands.ask_stun(id, flow().local, remote, start);
    }
    assert_eq!(errands.kept.len(), KEPT_MAX);
    assert_eq!(errands.questions.len(), QUESTIONS_MAX);
}
