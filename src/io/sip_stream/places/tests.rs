use super::*;

fn limits() -> Limits {
    Limits {
        connections: 4,
        per_source: 3,
        handshakes: 2,
        handshakes_per_source: 1,
        ..Limits::default()
    }
}

fn seats(list: &[(&str, Stage)]) -> Vec<Seat> {
    let numbered = list.iter().zip(1..);
    numbered
        .map(|((ip, stage), number)| Seat {
            remote: SocketAddr::new(ip.parse().unwrap(), 1000 + number),
            number: number.into(),
            stage: *stage,
        })
        .collect()
}

fn place_of(list: &[(&str, Stage)], newcomer: &str, stage: Stage) -> Place {
    place(&seats(list), &limits(), newcomer.parse().unwrap(), stage)
}

use Stage::{Handshake, Proven, Silent};

#[test]
fn there_is_room_until_a_limit() {
    let one = [("10.0.0.1", Silent)];
    assert_eq!(place_of(&one, "10.0.0.1", Silent), Place::Free);
    let three = [one[0]; 3];
    assert_eq!(place_of(&three, "10.0.0.1", Silent), Place::Refused);
    assert_eq!(place_of(&three, "10.0.0.2", Silent), Place::Free);
}

#[test]
fn the_newest_of_the_greediest_source_makes_room_for_another() {
    let full = [
        ("10.0.0.1", Silent),
        ("10.0.0.1", Silent),
        ("10.0.0.1", Silent),
        ("10.0.0.2", Proven),
    ];
    let Place::Instead(loser) = place_of(&full, "10.0.0.3", Silent) else {
        panic!("nobody makes room");
    };
    assert_eq!(loser.to_string(), "10.0.0.1:1003");
}

#[test]
fn a_connection_that_carried_a_message_is_never_taken_away() {
    let full = [
        ("10.0.0.1", Proven),
        ("10.0.0.1", Proven),
        ("10.0.0.1", Proven),
        ("10.0.0.2", Silent),
    ];
    assert_eq!(place_of(&full, "10.0.0.3", Silent), Place::Refused);
}

#[test]
fn half_open_handshakes_have_limits_of_their_own() {
    let one = [("10.0.0.1", Handshake)];
    assert_eq!(place_of(&one, "10.0.0.1", Handshake), Place::Refused);
    assert_eq!(place_of(&one, "10.0.0.2", Handshake), Place::Free);
    let two = [("10.0.0.1", Handshake), ("10.0.0.2", Handshake)];
    // No source has more than the newcomer would have.
    assert_eq!(place_of(&two, "10.0.0.3", Handshake), Place::Refused);
    let greedy = [("10.0.0.1", Handshake), ("10.0.0.1", Handshake)];
    assert!(matches!(
        place_of(&greedy, "10.0.0.3", Handshake),
        Place::Instead(loser) if loser.port() == 1002
    ));
}

#[test]
fn an_ipv6_network_is_one_source() {
    let full = [
        ("2001:db8::1", Silent),
        ("2001:db8::2", Silent),
        ("2001:db8::3", Silent),
    ];
    assert_eq!(place_of(&full, "2001:db8::4", Silent), Place::Refused);
    assert_eq!(place_of(&full, "2001:db8:0:1::4", Silent), Place::Free);
    assert_eq!(
        source_of("::ffff:10.0.0.1".parse().unwrap()).to_string(),
        "10.0.0.1"
    );
}
