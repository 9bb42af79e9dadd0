use super::*;

fn caller() -> Flow {
    Flow {
        transport: Transport::Tcp,
        local: "192.0.2.1:5060".parse().unwrap(),
        remote: "192.0.2.9:40000".parse().unwrap(),
    }
}

fn way(uri: &str) -> Option<(Transport, String)> {
    let dial = direct(&Uri::parse(uri.to_owned()).unwrap(), caller())?;
    assert_eq!(dial.flow.local, caller().local);
    Some((dial.flow.transport, dial.flow.remote.to_string()))
}

#[test]
fn an_address_is_called_the_way_it_says() {
    for (uri, transport, remote) in [
        ("sip:201@192.0.2.20", Transport::Udp, "192.0.2.20:5060"),
        ("sip:201@192.0.2.20:5070", Transport::Udp, "192.0.2.20:5070"),
        (
            "sip:201@192.0.2.20;transport=TCP",
            Transport::Tcp,
            "192.0.2.20:5060",
        ),
        (
            "sip:201@192.0.2.20;transport=tls",
            Transport::Tls,
            "192.0.2.20:5061",
        ),
    ] {
        assert_eq!(way(uri), Some((transport, remote.to_owned())), "{uri}");
    }
    assert_eq!(way("sip:201@pbx.example.com"), None);
    assert_eq!(way("sip:201@192.0.2.20;transport=carrier-pigeon"), None);
}

#[test]
fn the_callers_side_is_told_addresses_as_they_are_and_numbers_as_its_own() {
    let text = "[[line]]\nname = \"pbx\"\nallow = [\"192.0.2.1\"]\n[model]\nmodel = \"m\"\n\
                [helpdesk]\nurl = \"https://acme.kayako.com\"\nemail = \"box@acme.example\"\n\
                [assistant]\ncompany = \"Acme\"\n\
                [transfer]\nring_max = \"20s\"\n\
                [[transfer.target]]\nname = \"a\"\nuri = \"sip:201@192.0.2.1\"\nmode = \"blind\"\n\
                [[transfer.target]]\nname = \"b\"\nnumber = \"202\"\nline = \"pbx\"\n";
    let config = Config::parse("t", text).unwrap();
    let targets = Targets::new(&config).of(caller());
    let told = targets.iter().map(|target| {
        let to = target.refer_to.as_ref().unwrap();
        let to = String::from_utf8(to.as_bytes().to_vec()).unwrap();
        (target.name.as_str(), target.mode, to)
    });
    let told: Vec<_> = told.collect();
    assert_eq!(
        told,
        [
            ("a", call::Mode::Blind, "sip:201@192.0.2.1".to_owned()),
            ("b", call::Mode::Bridge, "sip:202@192.0.2.9".to_owned()),
        ]
    );
    assert_eq!(targets[0].ring_max, Duration::from_secs(20));
}
