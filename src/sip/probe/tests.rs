use super::*;

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

const LOCAL: &str = "192.168.1.20:5060";
const PROVIDER: &str = "198.51.100.5:5060";

fn probe(peer: &str) -> Probe {
    Probe::new(address(LOCAL), address(peer), &mut Random::new([1, 2]))
}

/// What a server answers that sees us at `seen`, changed on its way back.
fn answer(probe: &Probe, seen: &str, change: impl Fn(String) -> String) -> Bytes {
    let Ok(Message::Request(question)) = parse(probe.bytes()) else {
        panic!("the question is no request");
    };
    let mut response = Response::to_request(&question, super::super::message::StatusCode::OK);
    let mut via = question.top_via().unwrap();
    let seen = address(seen);
    via.set_received(seen.ip());
    via.set_rport(seen.port());
    response.set_top_via(&via);
    let text = String::from_utf8(response.write().to_vec()).unwrap();
    change(text).into()
}

fn findings(peer: &str, seen: &str, public: Option<&str>) -> Vec<Finding> {
    let probe = probe(peer);
    let public = public.map(|ip| ip.parse().unwrap());
    let answer = answer(&probe, seen, |text| text);
    let answer = probe.read(answer, address(peer), public).unwrap();
    assert_eq!((answer.status, answer.seen_as), (200, Some(address(seen))));
    answer.findings
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn a_straight_way_has_no_findings() {
    assert_eq!(findings("192.168.1.10:5060", LOCAL, None), []);
    assert_eq!(
        findings("192.168.1.10:5060", LOCAL, Some("192.168.1.20")),
        []
    );
    let seen = "203.0.113.7:5060";
    assert_eq!(findings(PROVIDER, seen, Some("203.0.113.7")), []);
}

#[test]
fn a_translated_address_must_be_told_rightly() {
    let seen = "203.0.113.7:40001";
    let port = Finding::Port {
        ours: 5060,
        seen: 40_001,
    };
    assert!(!port.is_fault());
    let untold = Finding::Untold {
        seen: ip("203.0.113.7"),
    };
    assert_eq!(findings(PROVIDER, seen, None), [untold, port.clone()]);
    let wrong = Finding::WrongAddress {
        told: ip("203.0.113.99"),
        seen: ip("203.0.113.7"),
    };
    assert!(wrong.to_string().contains("203.0.113.99"));
    let found = findings(PROVIDER, seen, Some("203.0.113.99"));
    assert_eq!(found, [wrong, port]);
    let found = findings(PROVIDER, LOCAL, None);
    let seen = ip("192.168.1.20");
    assert_eq!(found, [Finding::Disguised { seen }]);
}

#[test]
fn what_a_sip_alg_rewrites_is_named() {
    let probe = probe(PROVIDER);
    let seen = "203.0.113.7:5060";
    let public = Some(ip("203.0.113.7"));
    let read = |change: &dyn Fn(String) -> String| {
        let answer = answer(&probe, seen, change);
        probe
            .read(answer, address(PROVIDER), public)
            .unwrap()
            .findings
    };
    let rewritten = |headers: &[&'static str]| -> Vec<Finding> {
        let all = headers.iter();
        all.map(|header| Finding::Rewritten { header }).collect()
    };
    let everywhere = |text: String| text.replace("192.168.1.20", "203.0.113.7");
    assert_eq!(read(&everywhere), rewritten(&["Via", "Call-ID", "From"]));
    let via = |text: String| text.replace("UDP 192.168.1.20:5060", "UDP 192.168.1.20:61000");
    assert_eq!(read(&via), rewritten(&["Via"]));
    let to = |text: String| text.replace("To: <sip:198.51.100.5:5060>", "To: <sip:10.0.0.1>");
    assert_eq!(read(&to), rewritten(&["To"]));
    let words = Finding::Rewritten { header: "Via" }.to_string();
    assert!(words.contains("SIP-ALG"), "{words}");
}

#[test]
fn only_answers_to_this_question_count() {
    let probe = probe(PROVIDER);
    let mut other = Random::new([7, 7]);
    let other = Probe::new(address(LOCAL), address(PROVIDER), &mut other);
    let foreign = answer(&other, LOCAL, |text| text);
    assert_eq!(probe.read(foreign, address(PROVIDER), None), None);
    assert_eq!(probe.read(probe.bytes(), address(PROVIDER), None), None);
    assert_eq!(probe.read("\r\n".into(), address(PROVIDER), None), None);
    let own = answer(&probe, LOCAL, |text| text);
    let found = probe.read(own, address("198.51.100.6:5060"), None).unwrap();
    let from = address("198.51.100.6:5060");
    assert!(found.findings.contains(&Finding::Elsewhere { from }));
}
