use crate::config::Config;

const BASE: &str = "[[line]]\nname = \"pbx\"\nallow = [\"192.0.2.1\"]\n[model]\nmodel = \"m\"\n\
                    [helpdesk]\nurl = \"https://acme.kayako.com\"\nemail = \"box@acme.example\"\n\
                    [assistant]\ncompany = \"Acme\"\n";

fn target(keys: &str) -> Result<Config, Vec<(String, String)>> {
    let text = format!("{BASE}[[transfer.target]]\n{keys}\n");
    Config::parse("t", &text).map_err(|error| {
        let found = error.problems.into_iter();
        found.map(|problem| (problem.key, problem.what)).collect()
    })
}

#[track_caller]
fn refused(keys: &str, key: &str, word: &str) {
    let found = target(keys).expect_err(keys);
    assert_eq!(found.len(), 1, "{keys}: {found:?}");
    assert!(
        found[0].0.ends_with(key) && found[0].1.contains(word),
        "{keys}: {found:?}"
    );
}

#[test]
fn targets_that_can_be_reached() {
    for keys in [
        "name = \"sales\"\nuri = \"sip:201@192.0.2.1\"",
        "name = \"sales\"\nuri = \"sip:201@192.0.2.1:5070;transport=tcp\"\nmode = \"attended\"",
        "name = \"sales\"\nuri = \"sip:sales@pbx.example.com\"\nmode = \"blind\"",
        "name = \"sales\"\nuri = \"sip:sales@pbx.example.com\"",
        "name = \"sales\"\nuri = \"sip:sales@pbx.example.com:5070;transport=tcp\"",
        "name = \"sales\"\nnumber = \"201\"\nline = \"pbx\"\nsay = \"One moment.\"",
        "name = \"sales\"\nnumber = \"+15550100112\"\nline = \"pbx\"\ndescription = \"offers\"",
    ] {
        target(keys).expect(keys);
    }
}

#[test]
fn no_emergency_number_is_a_target() {
    for uri in [
        "sip:911@192.0.2.1",
        "sip:0112@192.0.2.1",
        "tel:999",
        "sip:9%311@192.0.2.1",
        "urn:service:sos",
    ] {
        for mode in ["blind", "attended", "bridge"] {
            let keys = format!("name = \"help\"\nuri = \"{uri}\"\nmode = \"{mode}\"");
            refused(&keys, "uri", "emergency");
        }
    }
    for number in crate::config::EMERGENCY_NUMBERS {
        let keys = format!("name = \"help\"\nnumber = \"9{number}\"\nline = \"pbx\"");
        refused(&keys, "number", "emergency");
    }
}

#[test]
fn targets_that_make_no_sense() {
    refused("name = \"\"\nuri = \"sip:201@192.0.2.1\"", "name", "empty");
    let long = "x".repeat(61);
    refused(
        &format!("name = \"{long}\"\nuri = \"sip:201@192.0.2.1\""),
        "name",
        "60",
    );
    refused("name = \"a\"", "uri", "either");
    let both = "name = \"a\"\nuri = \"sip:1@192.0.2.1\"\nnumber = \"201\"\nline = \"pbx\"";
    refused(both, "uri", "either");
    refused("name = \"a\"\nuri = \"mailto:a@b\"", "uri", "sip");
    refused(
        "name = \"a\"\nuri = \"sip:201@192.0.2.1?Replaces=x\"",
        "uri",
        "headers",
    );
    refused(
        "name = \"a\"\nuri = \"sip:201@198.51.100.1\"",
        "uri",
        "no line",
    );
    for host in ["300.1.2.3", "pbx..example.com", "pbx.example.com:0", "p/x"] {
        let keys = format!("name = \"a\"\nuri = \"sip:201@{host}\"");
        refused(&keys, "uri", "no line");
    }
    refused(
        "name = \"a\"\nuri = \"sip:201@192.0.2.1\"\nline = \"pbx\"",
        "line",
        "needs no",
    );
    refused("name = \"a\"\nnumber = \"201\"", "line", "not said");
    refused(
        "name = \"a\"\nnumber = \"201\"\nline = \"other\"",
        "line",
        "no line",
    );
    refused(
        "name = \"a\"\nnumber = \"extension\"\nline = \"pbx\"",
        "number",
        "no number",
    );
    refused(
        "name = \"a\"\nuri = \"sip:201@192.0.2.1\"\nsay = \" \"",
        "say",
        "empty",
    );
    let twice = "name = \"Sales\"\nuri = \"sip:1@192.0.2.1\"\n[[transfer.target]]\nname = \"sales\"\nuri = \"sip:2@192.0.2.1\"";
    refused(twice, "name", "second");
}

/// What is wrong with these keys of `[calls]`, beside a target called "the fax".
fn of_fax(calls: &str) -> Vec<String> {
    let target = "[[transfer.target]]\nname = \"the fax\"\nuri = \"sip:209@192.0.2.1\"\n";
    let text = format!("{BASE}[calls]\n{calls}\n{target}");
    let problems = Config::parse("t", &text).map_err(|error| error.problems);
    let problems = problems.err().unwrap_or_default();
    let found = problems
        .iter()
        .map(|problem| format!("{} {}", problem.key, problem.what));
    found.collect()
}

#[test]
fn fax_goes_to_a_target_that_there_is() {
    for right in [
        "",
        "on_fax = \"refuse\"",
        "on_fax = \"ignore\"",
        "on_fax = \"transfer\"\nfax_target = \"the fax\"",
    ] {
        assert!(of_fax(right).is_empty(), "{right}: {:?}", of_fax(right));
    }
    for (wrong, word) in [
        ("on_fax = \"transfer\"", "with whom"),
        ("on_fax = \"transfer\"\nfax_target = \"fax\"", "`fax`"),
        ("fax_target = \"the fax\"", "no use"),
        ("on_fax = \"ignore\"\nfax_target = \"the fax\"", "no use"),
    ] {
        let found = of_fax(wrong);
        assert!(
            found.len() == 1 && found[0].contains("calls.fax_target") && found[0].contains(word),
            "{wrong}: {found:?}"
        );
    }
}

#[test]
fn keys_that_can_be_pressed_behind_the_answer() {
    let sales = "name = \"sales\"\nuri = \"sip:201@192.0.2.1\"";
    for digits in ["1", ",,1234#", "*67,0ABCD"] {
        target(&format!("{sales}\ndigits = \"{digits}\"")).expect(digits);
    }
    for (digits, word) in [
        ("12x", "`x` is no key"),
        ("12 3", "` ` is no key"),
        ("", "no row"),
        (",,", "no row"),
        ("123456789012345678901234567890123", "no row"),
        ("1,911", "emergency"),
    ] {
        refused(&format!("{sales}\ndigits = \"{digits}\""), "digits", word);
    }
    let blind = format!("{sales}\nmode = \"blind\"\ndigits = \"1\"");
    refused(&blind, "digits", "blind");
}
