use super::*;

fn config(tables: &str) -> Result<Config, Vec<(String, String)>> {
    let base = [
        (
            "[[line]]",
            "[[line]]\nname = \"pbx\"\nallow = [\"192.0.2.1\"]\n",
        ),
        ("[model]", "[model]\nmodel = \"m\"\n"),
        (
            "[helpdesk]",
            "[helpdesk]\nurl = \"https://acme.kayako.com\"\nemail = \"box@acme.example\"\n",
        ),
        ("[assistant]", "[assistant]\ncompany = \"Acme\"\n"),
    ];
    let mut text = String::new();
    for (header, table) in base {
        if !tables.contains(header) {
            text.push_str(table);
        }
    }
    text.push_str(tables);
    Config::parse("t", &text).map_err(|error| {
        let placed = error.problems.iter().all(|p| p.line.is_some());
        assert!(placed, "every finding has a line: {error}");
        let found = error.problems.into_iter();
        found.map(|p| (p.key, p.what)).collect()
    })
}

/// One faulty table each, the key that is blamed, and a word of the blame.
const FAULTS: &[(&str, &str, &str)] = &[
    (
        "[recording]\nrefuse_key = \"1\"",
        "recording.refuse_key",
        "no key",
    ),
    (
        "[recording]\nrefuse_key = \"*\"",
        "recording.pause_key",
        "refuses",
    ),
    (
        "[recording]\nfree_megabytes = 0",
        "recording.free_megabytes",
        "range",
    ),
    (
        "[recording]\nconsent = \"announce\"\n[assistant.prompts]\nrecording = \" \"",
        "assistant.prompts.recording",
        "empty",
    ),
    (
        "[sip]\nlisten_udp = []\nlisten_tcp = []",
        "sip.listen_udp",
        "nothing",
    ),
    (
        "[sip]\nlisten_tcp = [\"[::]:5060\", \"[::]:5060\"]",
        "sip.listen_tcp",
        "twice",
    ),
    (
        "[sip]\nlisten_udp = [\"10.0.0.1:0\"]",
        "sip.listen_udp",
        "no port",
    ),
    (
        "[sip]\nlisten_tls = [\"10.0.0.1:5061\"]\ncertificate_key = \"/k.pem\"",
        "sip.certificate",
        "missing",
    ),
    (
        "[sip]\nlisten_tls = [\"10.0.0.1:5061\"]\ncertificate = \"/c.pem\"",
        "sip.certificate_key",
        "missing",
    ),
    (
        "[sip]\ncertificate = \"c.pem\"\ncertificate_key = \"/k.pem\"",
        "sip.certificate",
        "whole path",
    ),
    (
        "[sip]\npublic_address = \"0.0.0.0\"",
        "sip.public_address",
        "reach",
    ),
    (
        "[sip]\nlisten_udp = []\nstun_server = \"stun.example.com\"",
        "sip.stun_server",
        "no UDP address",
    ),
    ("[sip]\nserver_name = \"a b\"", "sip.server_name", "Server"),
    (
        "[[line]]\nname = \"a b\"\nallow = [\"10.0.0.1\"]",
        "line[0].name",
        "name",
    ),
    (
        "[[line]]\nname = \"a\"\nallow = []",
        "line[0].allow",
        "nobody",
    ),
    (
        "[[line]]\nname = \"a\"\nallow = [\"10.0.0.1\"]\n[[line]]\nname = \"a\"\nallow = [\"10.0.0.2\"]",
        "line[1].name",
        "second",
    ),
    (
        "[[line]]\nname = \"a\"\nallow = [\"10.0.0.1\"]\n[[line]]\nname = \"b\"\nallow = [\"10.0.0.1/32\"]",
        "line[1].allow",
        "already",
    ),
    (
        "[[line]]\nname = \"a\"\nallow = [\"10.0.0.1\"]\ntransport = \"tcp\"\n[sip]\nlisten_tcp = []",
        "line[0].transport",
        "listened",
    ),
    (
        "[[line]]\nname = \"a\"\nkind = \"register\"\nuser = \"200\"",
        "line[0].registrar",
        "needs a registrar",
    ),
    (
        "[[line]]\nname = \"a\"\nkind = \"register\"\nregistrar = \"pbx\"",
        "line[0].user",
        "needs a user",
    ),
    (
        "[[line]]\nname = \"a\"\nkind = \"register\"\nregistrar = \"pbx\"\nuser = \"200@pbx\"",
        "line[0].user",
        "alone",
    ),
    (
        "[[line]]\nname = \"a\"\nkind = \"register\"\nregistrar = \"pbx\"\nuser = \"1\"\npeer = \"x\"",
        "line[0].peer",
        "through its registrar",
    ),
    (
        "[[line]]\nname = \"a\"\nkind = \"register\"\nregistrar = \"pbx\"\nuser = \"1\"\nexpires = \"5s\"",
        "line[0].expires",
        "range",
    ),
    (
        "[[line]]\nname = \"a\"\nkind = \"register\"\nregistrar = \"pbx;transport=tcp\"\nuser = \"1\"\n\
         transport = \"udp\"",
        "line[0].registrar",
        "another transport",
    ),
    (
        "[[line]]\nname = \"a\"\nkind = \"register\"\nregistrar = \"pbx\"\nuser = \"1\"\n\
         [[line]]\nname = \"b\"\nkind = \"register\"\nregistrar = \"PBX\"\nuser = \"1\"",
        "line[1].user",
        "already",
    ),
    (
        "[[line]]\nname = \"a\"\nallow = [\"10.0.0.1\"]\nregistrar = \"pbx\"",
        "line[0].registrar",
        "does not register",
    ),
    (
        "[[line]]\nname = \"a\"\nallow = [\"10.0.0.1\"]\npassword_env = \"P\"",
        "line[0].password_env",
        "without a user",
    ),
    (
        "[[line]]\nname = \"a\"\nallow = [\"10.0.0.1\"]\nuser = \"u\"\npassword_env = \"P\"\npassword_file = \"f\"",
        "line[0].password_env",
        "exclude",
    ),
    (
        "[[line]]\nname = \"a\"\nallow = [\"10.0.0.1\"]\nuser = \"u\"\npassword = \"hunter2\"",
        "line[0].password",
        "never stands",
    ),
    (
        "[[line]]\nname = \"a\"\nallow = [\"10.0.0.1\"]\ndomain = \"a b\"",
        "line[0].domain",
        "not a host",
    ),
    (
        "[[line]]\nname = \"a\"\nallow = [\"10.0.0.1\"]\ntransport = \"tls\"",
        "line[0].transport",
        "listened",
    ),
    (
        "[[line]]\nname = \"a\"\nallow = [\"10.0.0.1\"]\ntransport = \"udp\"\ntls_ca = \"ca.pem\"",
        "line[0].tls_ca",
        "without TLS",
    ),
    (
        "[[line]]\nname = \"a\"\nallow = [\"10.0.0.1\"]\ncodecs = []",
        "line[0].codecs",
        "without a codec",
    ),
    (
        "[[line]]\nname = \"a\"\nallow = [\"10.0.0.1\"]\ncodecs = [\"pcma\", \"pcma\"]",
        "line[0].codecs",
        "twice",
    ),
    (
        "[[line]]\nname = \"a\"\nallow = [\"10.0.0.1\"]\npublic_address = \"0.0.0.0\"",
        "line[0].public_address",
        "reach",
    ),
    (
        "[[line]]\nname = \"a\"\nallow = [\"10.0.0.1\"]\ncountry = \"UK\"",
        "line[0].country",
        "no country",
    ),
    (
        "[[line]]\nname = \"a\"\nallow = [\"10.0.0.1\"]\nsession_expires = \"60s\"",
        "line[0].session_expires",
        "range",
    ),
    ("[calls]\nmax = 4001", "calls.max", "range"),
    (
        "[calls]\nmax_duration = \"5s\"",
        "calls.max_duration",
        "range",
    ),
    (
        "[calls]\nanswer_after_max = \"11s\"",
        "calls.answer_after_max",
        "range",
    ),
    (
        "[calls]\ndrain_limit = \"2h\"",
        "calls.drain_limit",
        "range",
    ),
    ("[media]\nthreads = 0", "media.threads", "range"),
    ("[media]\ncodec_threads = 0", "media.codec_threads", "range"),
    (
        "[media]\nopus_complexity = 11",
        "media.opus_complexity",
        "range",
    ),
    ("[media]\ncpus = [0, 5000]", "media.cpus", "range"),
    ("[media]\ndscp = 64", "media.dscp", "range"),
    ("[media]\nports = \"10000-10007\"", "media.ports", "too few"),
    ("[media]\nports = \"5000-5999\"", "media.ports", "SIP port"),
    ("[media]\naddress = \"::\"", "media.address", "send to"),
    (
        "[media]\naddress = [\"::1\", \"192.0.2.1\", \"192.0.2.2\"]",
        "media.address",
        "one family",
    ),
    (
        "[media]\ntimeout_running = \"0s\"",
        "media.timeout_running",
        "range",
    ),
    ("[ear]\nurl = \"http://x\"", "ear.url", "wss"),
    ("[ear]\nurl = \"ws://192.168.1.2\"", "ear.url", "readably"),
    ("[ear]\nurl = \"wss://u:p@x.example\"", "ear.url", "login"),
    ("[ear]\nkey = \"none\"", "ear.key", "nearby"),
    (
        "[ear]\nkey_env = \"A\"\nkey_file = \"b\"",
        "ear.key",
        "exclude",
    ),
    ("[ear]\neot_threshold = 0.95", "ear.eot_threshold", "range"),
    ("[ear]\nmodel = \" \"", "ear.model", "empty"),
    (
        "[assistant]\ncompany = \"A\"\n[assistant.prompts]\nfiller = \" \"",
        "assistant.prompts.filler",
        "empty",
    ),
    (
        "[model]\nmodel = \"m\"\nurl = \"nonsense\"",
        "model.url",
        "not an address",
    ),
    (
        "[model]\nmodel = \"m\"\nkey = \"none\"",
        "model.key",
        "nearby",
    ),
    (
        "[model]\nmodel = \"m\"\nurl = \"http://203.0.113.1/v1\"",
        "model.url",
        "readably",
    ),
    (
        "[model]\nmodel = \"m\"\ntemperature = 2.5",
        "model.temperature",
        "range",
    ),
    (
        "[model]\nmodel = \"m\"\ntemperature = 1.0\nreasoning_effort = \"low\"",
        "model.temperature",
        "refuses",
    ),
    (
        "[model]\nmodel = \"m\"\nsystem_role = \"developer\"",
        "model.system_role",
        "meaning",
    ),
    (
        "[helpdesk]\nurl = \"https://x.example/api/index.php\"\nemail = \"a@b\"",
        "helpdesk.url",
        "Classic",
    ),
    (
        "[helpdesk]\nurl = \"https://x.example\"\nemail = \"a\"",
        "helpdesk.email",
        "e-mail",
    ),
    (
        "[helpdesk]\nurl = \"https://x.example\"\nemail = \"a@b\"\ntags = [\"a,b\"]",
        "helpdesk.tags",
        "tag",
    ),
    ("[knowledge]\npassages = 0", "knowledge.passages", "range"),
    ("[assistant]\ncompany = \"\"", "assistant.company", "empty"),
    (
        "[assistant]\ncompany = \"A\"\ngreeting = \"\"",
        "assistant.greeting",
        "empty",
    ),
    (
        "[assistant]\ncompany = \"A\"\nlanguage = \"de\"",
        "assistant.language",
        "English",
    ),
    (
        "[assistant]\ncompany = \"A\"\n[assistant.prompts]\nemail_spelled = \"Right?\"",
        "assistant.prompts.email_spelled",
        "address",
    ),
    ("[state]\ndir = \"\"", "state.dir", "empty"),
    ("[log]\nlevel = \"loud\"", "log.level", "level"),
];

#[test]
fn each_fault_is_blamed_on_its_key() {
    for (tables, key, word) in FAULTS {
        let found = config(tables).expect_err(tables);
        let blamed = found
            .iter()
            .any(|(k, what)| k == key && what.contains(word));
        assert!(blamed, "{tables}\n{found:?}");
        assert_eq!(found.len(), 1, "{tables}\n{found:?}");
    }
}

#[test]
fn lines_of_each_kind_are_taken() {
    for tables in [
        "[[line]]\nname = \"a\"\nkind = \"register\"\nregistrar = \"sip:pbx.example.com:5070\"\nuser = \"200\"",
        "[[line]]\nname = \"a\"\nkind = \"register\"\nregistrar = \"pbx\"\nuser = \"1\"\ntransport = \"tls\"\n\
         tls_name = \"pbx.example.com\"\ntls_ca = \"ca.pem\"",
        // Two extensions of one PBX, from the same network.
        "[[line]]\nname = \"a\"\nkind = \"register\"\nregistrar = \"pbx\"\nuser = \"1\"\nallow = [\"10.0.0.1\"]\n\
         [[line]]\nname = \"b\"\nkind = \"register\"\nregistrar = \"pbx\"\nuser = \"2\"\nallow = [\"10.0.0.1\"]",
        // One extension number at two of its domains.
        "[[line]]\nname = \"a\"\nkind = \"register\"\nregistrar = \"pbx\"\nuser = \"1\"\n\
         [[line]]\nname = \"b\"\nkind = \"register\"\nregistrar = \"pbx\"\nuser = \"1\"\ndomain = \"b.example\"",
        "[[line]]\nname = \"a\"\npeer = \"sip.provider.example;transport=tls\"\nuser = \"u\"\nrealm = \"r\"\n\
         password_env = \"P\"\nsession_expires = \"0s\"\nreliable = \"wanted\"\ncountry = \"DE\"",
    ] {
        config(tables).expect(tables);
    }
}

#[test]
fn all_faults_are_told_at_once() {
    let found = config("[calls]\nmax = 0\n[media]\nthreads = 0\n[knowledge]\npassages = 99");
    assert_eq!(found.expect_err("three faults").len(), 3);
}

#[test]
fn servers_nearby_need_no_key() {
    for tables in [
        "[ear]\nurl = \"ws://127.0.0.1:8900\"\nkey = \"none\"",
        "[voice]\nurl = \"ws://[::1]:8900\"\nkey = \"none\"",
        "[model]\nmodel = \"m\"\nurl = \"http://192.168.1.5:11434/v1\"\nkey = \"none\"",
        "[model]\nmodel = \"m\"\nurl = \"http://ollama.local/v1\"\nkey = \"none\"",
    ] {
        config(tables).expect(tables);
    }
}

#[test]
fn the_control_sockets_path_must_fit() {
    let tables = format!("[control]\nsocket = \"/{}\"", "x".repeat(107));
    let found = config(&tables).expect_err("too long");
    assert_eq!(found[0].0, "control.socket");
}

#[test]
fn seldom_meant_settings_are_warned_of() {
    let open = config("[[line]]\nname = \"all\"\nallow = [\"0.0.0.0/0\"]").unwrap();
    assert!(open.warnings()[0].contains("every address"));
    let slow = config("[model]\nmodel = \"m\"\nreasoning_effort = \"high\"").unwrap();
    assert!(slow.warnings()[0].contains("callers wait"));
}
