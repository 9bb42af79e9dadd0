//! The command line as an administrator meets it: exit codes and words.

use std::path::Path;
use std::process::{Command, Output};

fn ringwell(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ringwell"));
    command.args(arguments).env_remove("CREDENTIALS_DIRECTORY");
    command.output().expect("the binary runs")
}

fn said(output: &Output) -> String {
    let streams = [&output.stdout, &output.stderr];
    streams.map(|bytes| String::from_utf8_lossy(bytes)).concat()
}

fn written(folder: &Path, text: &str) -> String {
    let path = folder.join("ringwell.toml");
    std::fs::write(&path, text).expect("a file can be written");
    path.to_string_lossy().into_owned()
}

#[test]
fn the_lab_is_right_and_needs_no_secret() {
    let checked = ringwell(&["check", "--config", "config/examples/lab.toml"]);
    assert_eq!(checked.status.code(), Some(0), "{}", said(&checked));
    assert_eq!(said(&checked), "config/examples/lab.toml: OK\n");
}

#[test]
fn awaited_credentials_are_noted() {
    let checked = ringwell(&["check", "--config", "config/ringwell.toml"]);
    assert_eq!(checked.status.code(), Some(0), "{}", said(&checked));
    assert!(said(&checked).contains("note: ear.key: no secret; give it as the systemd credential"));
}

#[test]
fn a_wrong_configuration_is_78_with_line_key_and_remedy() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let lab = std::fs::read_to_string("config/examples/lab.toml").expect("there is a lab");
    let line = 1 + lab
        .lines()
        .position(|l| l == "max = 200")
        .expect("the lab sets calls.max");
    let path = written(folder.path(), &lab.replace("max = 200", "max = 0"));
    for command in ["check", "run"] {
        let failed = ringwell(&[command, "--config", &path]);
        assert_eq!(failed.status.code(), Some(78), "{}", said(&failed));
        let expected =
            format!("{path}:{line}: calls.max: 0 is out of range\n    remedy: write a number");
        assert!(said(&failed).contains(&expected), "{}", said(&failed));
    }
}

#[test]
fn a_secret_that_is_named_and_missing_is_78() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let lab = std::fs::read_to_string("config/examples/lab.toml").expect("there is a lab");
    let secret = "key_env = \"RINGWELL_TEST_UNSET\"";
    let path = written(folder.path(), &lab.replacen("key = \"none\"", secret, 1));
    for command in ["check", "run"] {
        let failed = ringwell(&[command, "--config", &path]);
        assert_eq!(failed.status.code(), Some(78), "{}", said(&failed));
        assert!(said(&failed).contains("ear.key: the environment has no RINGWELL_TEST_UNSET"));
    }
}

#[test]
fn asking_where_no_daemon_answers_is_69() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let state = folder.path().to_string_lossy().into_owned();
    for command in ["status", "drain"] {
        let failed = ringwell(&[command, "--state", &state]);
        assert_eq!(failed.status.code(), Some(69), "{}", said(&failed));
        assert!(said(&failed).contains("no daemon answers at"));
    }
}
