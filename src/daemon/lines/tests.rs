use std::collections::BTreeMap;

use crate::audio;
use crate::sip::message::{self, Message};

use super::*;

const REST: &str = "[model]\nmodel = \"m\"\n[helpdesk]\nurl = \"https://x.example\"\n\
    email = \"a@x.example\"\n[assistant]\ncompany = \"Acme\"\n";

fn config(lines: &str) -> Config {
    Config::parse("test", &format!("{lines}{REST}")).unwrap()
}

fn secrets(passwords: &[(&str, &str)]) -> Secrets {
    let lines = passwords.iter();
    let lines = lines.map(|(line, password)| ((*line).to_owned(), (*password).into()));
    Secrets {
        ear: None,
        voice: None,
        model: None,
        helpdesk: None,
        lines: lines.collect::<BTreeMap<_, _>>(),
    }
}

fn lines_of(text: &str) -> Arc<Lines> {
    Lines::new(&config(text), &secrets(&[("pbx", "s3cret")]))
}

fn flow(transport: Transport, remote: &str) -> Flow {
    Flow {
        transport,
        local: "192.0.2.100:5060".parse().unwrap(),
        remote: SocketAddr::new(remote.parse().unwrap(), 5060),
    }
}

fn invite(uri: &str, to: &str) -> Request {
    let text = format!(
        "INVITE {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n\
         To: <{to}>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    );
    match message::parse(text.into()) {
        Ok(Message::Request(request)) => request,
        _ => panic!("an INVITE"),
    }
}

fn name_of(lines: &Lines, flow: Flow, uri: &str, to: &str) -> Option<String> {
    let line = lines.of(flow, &invite(uri, to));
    line.map(|line| line.name.to_string())
}

const OFFICE: &str = "[[line]]\nname = \"office\"\nallow = [\"192.0.2.0/24\", \"2001:db8::/32\"]\n\
    [[line]]\nname = \"one\"\nallow = [\"192.0.2.1\"]\ntransport = \"tcp\"\n";

#[test]
fn the_most_particular_network_wins() {
    let lines = lines_of(OFFICE);
    let of = |transport, ip| name_of(&lines, flow(transport, ip), "sip:x@y", "sip:x@y");
    assert_eq!(of(Transport::Tcp, "192.0.2.1").as_deref(), Some("one"));
    // The line of that address is not for UDP.
    assert_eq!(of(Transport::Udp, "192.0.2.1").as_deref(), Some("office"));
    assert_eq!(of(Transport::Tcp, "2001:db8::7").as_deref(), Some("office"));
    assert_eq!(
        of(Transport::Tcp, "::ffff:192.0.2.9").as_deref(),
        Some("office")
    );
    assert_eq!(of(Transport::Udp, "198.51.100.1"), None);
}

const EXTENSIONS: &str = "\
    [[line]]\nname = \"support\"\nkind = \"register\"\nregistrar = \"pbx.example.com\"\nuser = \"200\"\n\
    [[line]]\nname = \"sales\"\nkind = \"register\"\nregistrar = \"pbx.example.com\"\nuser = \"201\"\n\
    [[line]]\nname = \"pbx\"\nallow = [\"192.0.2.0/24\"]\n";

#[test]
fn two_extensions_of_one_pbx_are_told_apart() {
    let lines = lines_of(EXTENSIONS);
    let from = flow(Transport::Udp, "192.0.2.1");
    let of = |uri: &str, to: &str| name_of(&lines, from, uri, to);
    assert_eq!(of("sip:200@box", "sip:200@pbx").as_deref(), Some("pbx"));
    let pbx: IpAddr = "192.0.2.1".parse().unwrap();
    for line in ["support", "sales"] {
        lines.learn(line, |learned| learned.addresses.push(pbx));
    }
    for (uri, to, line) in [
        ("sip:200@192.0.2.100", "sip:700@pbx", "support"),
        ("sip:201@192.0.2.100", "sip:700@pbx", "sales"),
        // A PBX that rewrites the Request-URI still says whom it calls.
        ("sip:192.0.2.100", "sip:201@pbx", "sales"),
        ("sip:700@192.0.2.100", "sip:700@pbx", "support"),
    ] {
        assert_eq!(of(uri, to).as_deref(), Some(line), "{uri} {to}");
    }
}

#[test]
fn one_extension_at_two_domains_has_two_contacts() {
    let two = EXTENSIONS.replace("user = \"201\"", "user = \"200\"\ndomain = \"b.example\"");
    let lines = lines_of(&two);
    let contact = |line: &str| lines.named(line).unwrap().contact_user.clone();
    assert_eq!(contact("support"), "200-support");
    assert_eq!(contact("sales"), "200-sales");
    let lines = lines_of(EXTENSIONS);
    assert_eq!(lines.named("sales").unwrap().contact_user, "201");
}

#[test]
fn a_registrars_address_is_admitted_once_it_is_known() {
    let lines = lines_of(EXTENSIONS);
    let judge = lines.judge();
    let registrar: IpAddr = "203.0.113.5".parse().unwrap();
    assert_eq!(judge(Transport::Udp, registrar), Admission::Drop);
    lines.learn("sales", |learned| learned.addresses.push(registrar));
    assert_eq!(judge(Transport::Udp, registrar), Admission::Admit);
    lines.learn("nobody", |learned| learned.addresses.clear());
    assert_eq!(judge(Transport::Udp, registrar), Admission::Admit);
}

#[test]
fn a_reload_keeps_what_stays_and_names_what_does_not() {
    let lines = lines_of(EXTENSIONS);
    let judge = lines.judge();
    let registrar: IpAddr = "203.0.113.5".parse().unwrap();
    for line in ["support", "sales"] {
        lines.learn(line, |learned| learned.addresses.push(registrar));
    }
    let next = EXTENSIONS.replace("user = \"201\"", "user = \"202\"");
    let next = next.replace("name = \"pbx\"", "name = \"other\"");
    let changes = lines.reload(&config(&next), &secrets(&[]));
    let names = |names: &[Arc<str>]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(names(&changes.added), ["other"]);
    assert_eq!(names(&changes.changed), ["sales"]);
    assert_eq!(names(&changes.removed), ["pbx"]);
    let learned = |line: &str| lines.named(line).unwrap().learned.addresses.clone();
    assert_eq!(learned("support"), [registrar]);
    assert!(learned("sales").is_empty());
    assert_eq!(judge(Transport::Udp, registrar), Admission::Admit);
    let again = lines.reload(&config(&next), &secrets(&[]));
    assert_eq!(again, Changes::default());
    // What the registrar does not notice does not ask it anew.
    let other_codecs = next.replace("user = \"200\"", "user = \"200\"\ncodecs = [\"pcma\"]");
    let again = lines.reload(&config(&other_codecs), &secrets(&[]));
    assert_eq!(names(&again.changed), ["support"]);
    assert_eq!(learned("support"), [registrar]);
    assert_eq!(
        lines.named("support").unwrap().codecs(),
        [audio::Codec::PCMA]
    );
    // Another password is another line.
    let again = lines.reload(&config(&next), &secrets(&[("support", "new")]));
    assert_eq!(names(&again.changed), ["support"]);
}

#[test]
fn a_removed_lines_calls_may_end_but_not_begin() {
    let lines = lines_of(OFFICE);
    let judge = lines.judge();
    let caller = flow(Transport::Udp, "192.0.2.7");
    lines.reload(
        &config(&OFFICE.replace("192.0.2.0/24", "198.51.100.0/24")),
        &secrets(&[]),
    );
    assert_eq!(judge(Transport::Udp, caller.remote.ip()), Admission::Drop);
    lines.set_running([caller].into_iter());
    assert_eq!(judge(Transport::Udp, caller.remote.ip()), Admission::Admit);
    assert_eq!(name_of(&lines, caller, "sip:x@y", "sip:x@y"), None);
    lines.set_running(core::iter::empty());
    assert_eq!(judge(Transport::Udp, caller.remote.ip()), Admission::Drop);
}

#[test]
fn calls_of_ours_go_as_the_line() {
    let text = "[[line]]\nname = \"pbx\"\nkind = \"register\"\nregistrar = \"192.0.2.1:5080\"\n\
        domain = \"pbx.example.com\"\nuser = \"200\"\nauth_user = \"box\"\nrealm = \"pbx\"\n\
        [[line]]\nname = \"twilio\"\nallow = [\"198.51.100.0/24\"]\npeer = \"x.pstn.example;transport=tcp\"\n\
        [[line]]\nname = \"mute\"\nallow = [\"203.0.113.0/24\"]\n";
    let lines = lines_of(text);
    assert!(
        lines.dials("pbx", "+15550100").is_empty(),
        "no path is known yet"
    );
    for line in ["pbx", "twilio", "mute"] {
        let path = flow(Transport::Tcp, "192.0.2.1");
        lines.learn(line, |learned| learned.flow = Some(path));
    }
    let dial = lines.dials("pbx", "300").remove(0);
    assert_eq!(dial.call.uri.to_string(), "sip:300@pbx.example.com");
    assert_eq!(dial.call.from.uri.to_string(), "sip:200@pbx.example.com");
    assert_eq!(dial.call.to.uri, dial.call.uri);
    assert_eq!(dial.flow, flow(Transport::Tcp, "192.0.2.1"));
    let credentials = dial.policy.credentials.unwrap();
    assert_eq!(credentials.username, "box");
    assert_eq!(credentials.realm.as_deref(), Some("pbx"));
    assert_eq!(credentials.password.expose(), "s3cret");
    let dial = lines.dials("twilio", "+15550100").remove(0);
    let uri = dial.call.uri.to_string();
    assert_eq!(uri, "sip:+15550100@x.pstn.example;transport=tcp");
    assert!(dial.policy.credentials.is_none());
    assert!(lines.dials("mute", "300").is_empty(), "it has no peer");
    assert!(lines.dials("none", "300").is_empty());
}

#[test]
fn a_certificates_name_is_asked_of_the_line() {
    let text = "[[line]]\nname = \"a\"\nkind = \"register\"\nregistrar = \"pbx.example.com\"\nuser = \"1\"\n\
        transport = \"tls\"\ntls_ca = \"/etc/ca.pem\"\n[[line]]\nname = \"b\"\nallow = [\"198.51.100.0/24\"]\n\
        tls_name = \"sip.example.net\"\n[[line]]\nname = \"c\"\nallow = [\"203.0.113.0/24\"]\n";
    let lines = lines_of(text);
    lines.learn("a", |learned| {
        learned.addresses.push("192.0.2.1".parse().unwrap());
    });
    let of = |address: &str| lines.tls_peer(address.parse().unwrap());
    let ca = Some(PathBuf::from("/etc/ca.pem"));
    let name = |name: &str| Some(name.to_owned());
    assert_eq!(of("192.0.2.1:5061"), Some((name("pbx.example.com"), ca)));
    assert_eq!(
        of("198.51.100.3:5061"),
        Some((name("sip.example.net"), None))
    );
    assert_eq!(of("203.0.113.3:5061"), Some((None, None)));
    assert_eq!(of("192.0.2.2:5061"), None);
}

#[test]
fn what_the_registrar_sees_is_our_address() {
    let lines = lines_of(EXTENSIONS);
    let path = flow(Transport::Udp, "203.0.113.5");
    let public = |line: &str, path| lines.named(line).unwrap().public_address(path);
    assert_eq!(public("sales", path), None);
    let seen: SocketAddr = "198.51.100.9:40000".parse().unwrap();
    lines.learn("sales", |learned| learned.public = Some(seen));
    assert_eq!(public("sales", path), Some(seen));
    let stream = flow(Transport::Tcp, "203.0.113.5");
    assert_eq!(public("sales", stream).unwrap().port(), 5060);
    lines.learn("sales", |learned| learned.public = Some(path.local));
    assert_eq!(public("sales", path), None);
}
