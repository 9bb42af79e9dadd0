use super::*;
use crate::sip::Transport;

fn caller() -> Flow {
    Flow {
        transport: Transport::Tcp,
        local: "192.0.2.1:5060".parse().unwrap(),
        remote: "192.0.2.9:40000".parse().unwrap(),
    }
}

const CONFIG: &str = "[[line]]\nname = \"pbx\"\nallow = [\"192.0.2.1\", \"192.0.2.2\"]\n[model]\nmodel = \"m\"\n\
    [helpdesk]\nurl = \"https://acme.kayako.com\"\nemail = \"box@acme.example\"\n\
    [assistant]\ncompany = \"Acme\"\n[transfer]\nring_max = \"20s\"\n";

fn path(remote: &str) -> Flow {
    Flow {
        remote: remote.parse().unwrap(),
        ..caller()
    }
}

fn world(targets: &str) -> (Targets, Arc<Lines>) {
    let config = Config::parse("t", &format!("{CONFIG}{targets}")).unwrap();
    let secrets = config::Secrets {
        ear: None,
        voice: None,
        model: None,
        helpdesk: None,
        lines: std::collections::BTreeMap::new(),
    };
    (Targets::new(&config), Lines::new(&config, &secrets))
}

#[test]
fn a_name_is_called_where_it_leads_as_far_as_a_line_admits_that() {
    let target = "[[transfer.target]]\nname = \"a\"\nuri = \"sip:201@phones.example.com\"\n";
    let (targets, lines) = world(target);
    let uri = targets.address("a").unwrap().to_string();
    assert_eq!(uri, "sip:201@phones.example.com");
    let found = [
        path("192.0.2.2:5060"),
        path("198.51.100.1:5060"),
        path("192.0.2.1:5061"),
    ];
    let dials = targets.dials("a", &found, &lines).unwrap();
    let flows: Vec<Flow> = dials.iter().map(|(dial, _)| dial.flow).collect();
    assert_eq!(flows, [found[0], found[2]], "in their order");
    let (dial, line) = &dials[0];
    assert_eq!(&*line.name, "pbx");
    assert_eq!(dial.call.uri.to_string(), uri);
    assert_eq!(dial.policy.ring_max, Duration::from_secs(20));
    let refused = targets.dials("a", &found[1..2], &lines).unwrap_err();
    assert!(refused.contains("no line admits"), "{refused}");
    assert!(targets.dials("b", &found, &lines).is_err());
}

#[test]
fn a_number_is_called_by_all_ways_of_its_line() {
    let target = "[[transfer.target]]\nname = \"a\"\nnumber = \"201\"\nline = \"out\"\n\
                  [[line]]\nname = \"out\"\nkind = \"trunk\"\npeer = \"trunk.example.com\"\n";
    let (targets, lines) = world(target);
    assert!(targets.address("a").is_none());
    let no_way = targets.dials("a", &[], &lines).unwrap_err();
    assert!(no_way.contains("line out has no way"), "{no_way}");
    let (one, two) = (path("192.0.2.7:5060"), path("192.0.2.8:5060"));
    lines.learn("out", |learned| {
        learned.flow = Some(two);
        learned.flows = vec![one, two];
    });
    let dials = targets.dials("a", &[], &lines).unwrap();
    let flows: Vec<Flow> = dials.iter().map(|(dial, _)| dial.flow).collect();
    assert_eq!(flows, [two, one], "the one in use comes first");
}

#[test]
fn the_callers_side_is_told_addresses_as_they_are_and_numbers_as_its_own() {
    let (targets, _) = world(
        "[[transfer.target]]\nname = \"a\"\nuri = \"sip:201@192.0.2.1\"\nmode = \"blind\"\n\
         [[transfer.target]]\nname = \"b\"\nnumber = \"202\"\nline = \"pbx\"\n",
    );
    let targets = targets.of(caller());
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
