//! A router that blocks a pair of ports for good: the registration gets through from another source port.

use std::net::UdpSocket;
use std::time::Duration;

use crate::lab::{Lab, wait};

/// Timer F (32 s) and a margin.
const PATIENCE: Duration = Duration::from_secs(60);

/// 200 to a REGISTER, with its Contact for a minute.
fn accepted(register: &str) -> String {
    let header = |name: &str| {
        let line = register.lines().find(|line| line.starts_with(name));
        line.unwrap_or_else(|| panic!("{name} in {register}"))
    };
    let (via, from, to) = (header("Via:"), header("From:"), header("To:"));
    let (call_id, cseq, contact) = (header("Call-ID:"), header("CSeq:"), header("Contact:"));
    let contact = contact.split(";expires").next().unwrap_or(contact);
    format!(
        "SIP/2.0 200 OK\r\n{via}\r\n{from}\r\n{to};tag=r\r\n{call_id}\r\n{cseq}\r\n{contact};expires=60\r\n\
         Content-Length: 0\r\n\r\n"
    )
}

#[test]
fn after_timer_f_it_registers_from_another_source_port() {
    let lab = Lab::start(&[]);
    let registrar =
        UdpSocket::bind((lab.neighbour(30), 5060)).expect("the registrar's port is free");
    let timeout = Duration::from_millis(100);
    registrar
        .set_read_timeout(Some(timeout))
        .expect("a timeout is set");
    lab.set_lines(&[&format!(
        "name = \"pbx\"\nkind = \"register\"\nregistrar = \"{}\"\nuser = \"200\"\npassword = \"none\"\n",
        lab.neighbour(30)
    )]);
    let mut silent_to = None;
    let second = wait(PATIENCE, || {
        let mut buffer = [0; 4096];
        let (length, source) = registrar.recv_from(&mut buffer).ok()?;
        let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
        let first = *silent_to.get_or_insert(source);
        if source == first || !text.starts_with("REGISTER ") {
            return None;
        }
        registrar
            .send_to(accepted(&text).as_bytes(), source)
            .expect("the answer is sent");
        Some((source, text))
    });
    let (source, register) = second.unwrap_or_else(|| panic!("no other port:\n{}", lab.log()));
    assert_eq!(silent_to.map(|first| first.port()), Some(5060));
    assert!(
        register.contains(&format!("@{source}")),
        "its Contact names the port: {register}"
    );
    let line = lab.line_is("pbx", "registered", PATIENCE);
    let path = line["path"].as_str().unwrap_or_default();
    assert!(path.starts_with(&format!("udp {source} -> ")), "{line:#}");
}
