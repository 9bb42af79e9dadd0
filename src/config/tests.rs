use super::*;

const MINIMAL: &str = r#"
[[line]]
name = "pbx"
allow = ["192.0.2.1"]
[model]
model = "m"
[helpdesk]
url = "https://acme.kayako.com"
email = "box@acme.example"
[assistant]
company = "Acme"
"#;

fn problems(text: &str) -> Vec<Problem> {
    Config::parse("t.toml", text).unwrap_err().problems
}

fn changed(from: &str, to: &str) -> String {
    assert!(MINIMAL.contains(from));
    MINIMAL.replace(from, to)
}

#[test]
fn a_minimal_file_is_enough() {
    let config = Config::parse("t.toml", MINIMAL).unwrap();
    assert_eq!(config.sip.listen_udp[0].port(), 5060);
    assert_eq!(
        config.control_socket(),
        Path::new("/var/lib/ringwell/control.sock")
    );
    assert!(config.warnings().is_empty());
}

#[test]
fn a_misspelt_key_is_named_with_its_line_and_the_right_one() {
    let problems = problems(&changed("[model]", "[calls]\nmaks = 3\n[model]"));
    assert_eq!(problems.len(), 1);
    let Problem {
        key,
        line,
        what,
        remedy,
    } = &problems[0];
    assert_eq!((key.as_str(), *line), ("calls.maks", Some(6)));
    assert_eq!(what, "there is no key `maks` here");
    assert_eq!(remedy, "did you mean `max`?");
}

#[test]
fn a_missing_key_is_named() {
    let found = problems(&changed("model = \"m\"", ""));
    assert_eq!(found[0].key, "model");
    assert!(
        found[0].remedy.contains("add `model` to [model]"),
        "{found:?}"
    );
    let found = problems("[model]\nmodel = \"m\"\n");
    assert!(found[0].what.contains("`helpdesk` is missing"), "{found:?}");
    assert!(found[0].remedy.contains("to the file"), "{found:?}");
}

#[test]
fn a_file_without_lines_is_refused() {
    let (_, rest) = MINIMAL.split_once("[model]").unwrap();
    let found = problems(&format!("[model]{rest}"));
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].key.as_str(), found[0].line), ("line", None));
    assert_eq!(found[0].remedy, "add a [[line]]");
}

#[test]
fn a_value_of_the_wrong_kind_is_named() {
    for (text, key, line) in [
        ("[calls]\nmax = \"many\"", "calls.max", 6),
        ("[calls]\nmax_duration = \"5\"", "calls.max_duration", 6),
        ("[media]\nports = \"1-2\"", "media.ports", 6),
        ("[media]\naddress = \"here\"", "media.address", 6),
        (
            "[media]\naddress = [\"::1\", \"here\"]",
            "media.address[1]",
            6,
        ),
        ("[sip]\nlisten_udp = [\"5060\"]", "sip.listen_udp[0]", 6),
        ("[sip]\nunknown_source = \"nod\"", "sip.unknown_source", 6),
        ("[sip]\nstun_server = \"stun:a:1\"", "sip.stun_server", 6),
        ("[ear]\nkey = \"sk-1234\"", "ear.key", 6),
    ] {
        let found = problems(&changed("[model]", &format!("{text}\n[model]")));
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!((found[0].key.as_str(), found[0].line), (key, Some(line)));
        assert!(!found[0].what.is_empty() && !found[0].remedy.is_empty());
        assert!(!format!("{found:?}").contains("sk-1234"));
    }
}

#[test]
fn broken_toml_has_a_line() {
    let found = problems(&changed("[model]", "[model"));
    assert_eq!(found[0].line, Some(5));
}

#[test]
fn an_error_reads_as_place_key_fault_and_remedy() {
    let text = changed("[model]", "[calls]\nmax = 0\n[model]");
    let error = Config::parse("t.toml", &text).unwrap_err();
    assert_eq!(
        error.to_string(),
        "t.toml:6: calls.max: 0 is out of range\n    remedy: write a number from 1 to 4000"
    );
}

#[test]
fn the_sip_port_can_be_moved() {
    let mut config = Config::parse("t.toml", MINIMAL).unwrap();
    config.set_sip_port(5070);
    assert_eq!(config.sip.listen_udp[0].port(), 5070);
    assert_eq!(config.sip.listen_tcp[0].port(), 5070);
}

#[test]
fn an_unreadable_file_is_an_error_with_its_name() {
    let error = Config::load(Path::new("/nonexistent/x.toml")).unwrap_err();
    assert!(error.to_string().starts_with("/nonexistent/x.toml: "));
}
