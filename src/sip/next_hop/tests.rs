use super::*;

fn flow(transport: Transport, remote: &str) -> Flow {
    Flow {
        transport,
        local: "198.51.100.1:5060".parse().unwrap(),
        remote: remote.parse().unwrap(),
    }
}

fn check(hop: &str, heard: Flow, path: Path, transport: Transport, remote: &str) {
    let hop = Uri::parse(hop.to_owned()).unwrap();
    assert_eq!(
        next_hop(&hop, heard, path),
        flow(transport, remote),
        "{hop}"
    );
}

#[test]
fn an_ip_literal_is_taken_at_its_word() {
    let heard = flow(Transport::Udp, "203.0.113.5:40000");
    check(
        "sip:a@203.0.113.9",
        heard,
        Path::Up,
        Transport::Udp,
        "203.0.113.9:5060",
    );
    check(
        "sip:203.0.113.9:5080;lr",
        heard,
        Path::Up,
        Transport::Udp,
        "203.0.113.9:5080",
    );
    check(
        "sip:203.0.113.9;transport=TCP",
        heard,
        Path::Up,
        Transport::Tcp,
        "203.0.113.9:5060",
    );
}

#[test]
fn a_name_leads_back_to_where_the_dialog_was_heard() {
    let heard = flow(Transport::Udp, "203.0.113.5:40000");
    check(
        "sip:a@pbx.example:5080",
        heard,
        Path::Up,
        Transport::Udp,
        "203.0.113.5:40000",
    );
    check(
        "sip:a@203.0.113.9;transport=sctp",
        heard,
        Path::Up,
        Transport::Udp,
        "203.0.113.5:40000",
    );
    check(
        "sip:a@0.0.0.0",
        heard,
        Path::Up,
        Transport::Udp,
        "203.0.113.5:40000",
    );
    check(
        "sip:a@[2001:db8::1]",
        heard,
        Path::Up,
        Transport::Udp,
        "203.0.113.5:40000",
    );
}

#[test]
fn a_private_contact_behind_a_public_source_is_not_believed() {
    let heard = flow(Transport::Udp, "203.0.113.5:40000");
    check(
        "sip:a@192.168.1.7:5060",
        heard,
        Path::Up,
        Transport::Udp,
        "203.0.113.5:40000",
    );
    check(
        "sip:a@100.64.1.7",
        heard,
        Path::Up,
        Transport::Udp,
        "203.0.113.5:40000",
    );
    let inside = flow(Transport::Udp, "10.0.0.5:5060");
    check(
        "sip:a@10.0.0.7:5062",
        inside,
        Path::Up,
        Transport::Udp,
        "10.0.0.7:5062",
    );
}

#[test]
fn an_open_connection_is_used_again_and_a_lost_one_is_not() {
    let heard = flow(Transport::Tcp, "203.0.113.5:40000");
    check(
        "sip:a@203.0.113.9",
        heard,
        Path::Up,
        Transport::Tcp,
        "203.0.113.5:40000",
    );
    check(
        "sip:a@203.0.113.9:5062",
        heard,
        Path::Lost,
        Transport::Tcp,
        "203.0.113.9:5062",
    );
    check(
        "sip:a@pbx.example",
        heard,
        Path::Lost,
        Transport::Tcp,
        "203.0.113.5:5060",
    );
}
