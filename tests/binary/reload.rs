//! SIGHUP: lines come, change and go while calls go on.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::lab::{Lab, RINGWELL};

const PATIENCE: Duration = Duration::from_secs(20);

/// A caller from another address of the laboratory.
fn from_neighbour(lab: &Lab, host: u8, script: &str) -> Command {
    let mut command = Command::new(&*RINGWELL);
    command.args(["call", &lab.uri("tone"), "--script", script, "--json"]);
    command.args(["--local", &lab.neighbour(host).to_string()]);
    command
}

fn report(mut command: Command) -> Value {
    let output = command.output().expect("the caller runs");
    serde_json::from_slice(&output.stdout).expect("a report in JSON")
}

fn begun(mut command: Command) -> Child {
    let command = command.stdout(Stdio::piped()).stderr(Stdio::null());
    command.spawn().expect("the caller runs")
}

fn ended(caller: Child) -> Value {
    let output = caller.wait_with_output().expect("the caller ends");
    serde_json::from_slice(&output.stdout).expect("a report in JSON")
}

fn line(name: &str, address: std::net::Ipv4Addr) -> String {
    format!("name = {name:?}\nallow = [\"{address}\"]\ndiagnostics = true\n")
}

fn names(lab: &Lab) -> Vec<String> {
    let status = lab.status();
    let lines = status["lines"].as_array().cloned().unwrap_or_default();
    let names = lines
        .iter()
        .map(|line| line["name"].as_str().unwrap_or("?").to_owned());
    names.collect()
}

#[test]
fn lines_come_and_go_while_a_call_goes_on() {
    let lab = Lab::start(&[]);
    let (one, two) = (line("one", lab.ip), line("two", lab.neighbour(7)));
    lab.set_lines(&[&one]);
    lab.until("line one is there alone", PATIENCE, |lab| {
        (names(lab) == ["one"]).then_some(())
    });
    let caller = lab.caller("tone", "pause 6 s; hang up");
    let caller = begun(caller);
    lab.until("the call is up", PATIENCE, |lab| {
        (lab.status()["calls"][0]["line"] == "one").then_some(())
    });
    let stranger = report(from_neighbour(&lab, 7, "pause 1 s; hang up"));
    assert_eq!(stranger["ok"], false, "{stranger:#}");

    lab.set_lines(&[&one, &two]);
    lab.until("line two is there", PATIENCE, |lab| {
        (names(lab) == ["one", "two"]).then_some(())
    });
    let second = report(from_neighbour(&lab, 7, "pause 1 s; hang up"));
    assert_eq!(second["ok"], true, "{second:#}\n{}", lab.log());
    lab.until("the first call is there alone", PATIENCE, |lab| {
        let calls = &lab.status()["calls"];
        (calls.as_array().is_some_and(|calls| calls.len() == 1)).then_some(())
    });

    // The running call's own line goes: it may end its call, and begin none.
    lab.set_lines(&[&two]);
    lab.until("line one is gone", PATIENCE, |lab| {
        (names(lab) == ["two"]).then_some(())
    });
    assert_eq!(
        lab.status()["calls"][0]["line"],
        "one",
        "{:#}",
        lab.status()
    );
    let refused = report(lab.caller("tone", "pause 1 s; hang up"));
    assert_eq!(refused["ok"], false, "{refused:#}");
    let first = ended(caller);
    assert_eq!(
        first["ok"],
        true,
        "the first call went on: {first:#}\n{}",
        lab.log()
    );
    lab.is_idle(PATIENCE);
    let counters = &lab.status()["counters"];
    assert_eq!(counters["calls_completed"], 2, "{counters:#}");
    assert_eq!(counters["refused_line"], 1, "{counters:#}");
}

#[test]
fn a_wrong_file_changes_nothing_and_what_needs_a_restart_is_named() {
    let mut lab = Lab::start(&[]);
    lab.expect_alarm("the configuration is not taken");
    lab.set_lines(&[
        "name = \"x\"\nkind = \"register\"\n",
        "name = \"x\"\nallow = [\"127.0.0.0/8\"]\n",
    ]);
    let status = lab.until("the fault is told", PATIENCE, |lab| {
        let status = lab.status();
        (status["configuration"]["wrong"] != json!([])).then_some(status)
    });
    let wrong = status["configuration"]["wrong"].to_string();
    for words in ["line[0].registrar", "line[0].user", "line[1].name"] {
        assert!(wrong.contains(words), "{words} in {wrong}");
    }
    assert_eq!(names(&lab), ["lab"]);
    let answered = report(lab.caller("tone", "pause 1 s; hang up"));
    assert_eq!(answered["ok"], true, "{answered:#}");

    lab.configure(|file| {
        let calls = file.get_mut("calls").and_then(toml::Value::as_table_mut);
        calls.expect("[calls]").insert("max".to_owned(), 7.into());
    });
    lab.set_lines(&["name = \"y\"\nallow = [\"127.0.0.0/8\"]\n"]);
    let status = lab.until("the right file is taken", PATIENCE, |lab| {
        let status = lab.status();
        (status["lines"][0]["name"] == "y").then_some(status)
    });
    assert_eq!(
        status["configuration"]["needs_restart"],
        json!(["calls.max"])
    );
    assert_eq!(status["configuration"]["wrong"], json!([]));
    assert!(
        lab.log().contains("needs a restart: calls.max"),
        "{}",
        lab.log()
    );
}

#[test]
fn whom_callers_are_connected_with_and_how_much_is_let_in_change_at_once() {
    let lab = Lab::start(&[]);
    lab.knows_articles();
    let set = |lab: &Lab, table: &str, key: &str, value: toml::Value| {
        lab.configure(|file| {
            let table = file
                .entry(table)
                .or_insert_with(|| toml::Table::new().into());
            let table = table.as_table_mut().expect("a table");
            table.insert(key.to_owned(), value);
        });
        lab.hang_up();
    };
    let sales = format!(
        "name = \"the sales team\"\nuri = \"sip:201@{}\"\n",
        lab.neighbour(20)
    );
    let sales: toml::Table = sales.parse().expect("TOML");
    set(
        &lab,
        "transfer",
        "target",
        vec![toml::Value::from(sales)].into(),
    );
    lab.until("it is read", PATIENCE, |lab| {
        lab.log()
            .contains("the configuration was read anew")
            .then_some(())
    });
    assert_eq!(lab.status()["configuration"]["needs_restart"], json!([]));
    let report = lab.call(
        "assistant",
        "wait until it stops; say transfer me to the sales team; wait for the sales team within 20 s; hang up",
    );
    assert_eq!(report["ok"], true, "{report:#}\n{}", lab.log());

    set(&lab, "guard", "calls_per_second", 1.into());
    lab.until("it is read again", PATIENCE, |lab| {
        let log = lab.log();
        (log.matches("the configuration was read anew").count() == 2).then_some(())
    });
    assert_eq!(lab.status()["configuration"]["needs_restart"], json!([]));
    let callers = (0..12).map(|_| begun(lab.caller("tone", "pause 1 s; hang up")));
    let callers: Vec<_> = callers.collect();
    let refused = callers.into_iter().map(ended).filter(|it| it["ok"] != true);
    assert!(
        refused.count() > 0,
        "twelve calls at once are too many\n{}",
        lab.log()
    );
    assert!(lab.log().contains("REASON=rate"), "{}", lab.log());
}
