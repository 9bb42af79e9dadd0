//! Encrypted audio (RFC 3711, keys by RFC 4568), and the warning when no audio comes.

use std::time::Duration;

use serde_json::Value;

use crate::baresip::Baresip;
use crate::lab::Lab;
use crate::phones::{lasts, read, says};
use crate::sipp::sipp;

const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn baresip_that_insists_on_srtp_hears_the_greeting_and_presses_a_key() {
    let lab = Lab::start(&[]);
    let says = says(&lab, "");
    let folder = lab.dir.path().join("baresip");
    let ip = lab.neighbour(9);
    let mut phone = Baresip::start_with(&folder, ip, "udp", &says, ";mediaenc=srtp-mand");
    phone.command("dial", &lab.uri("assistant"));
    phone.wait_for("CALL_ESTABLISHED", PATIENCE);
    lasts(&lab, 6);
    phone.command("sndcode", "0");
    lasts(&lab, 14);
    phone.command("hangup", "");
    phone.wait_for("CALL_CLOSED", PATIENCE);
    lab.is_idle(PATIENCE);
    let heard = read(&phone.heard());
    assert!(heard.contains("how can i help you?"), "{heard}");
    assert!(
        heard.contains("what is your e-mail address?"),
        "the key is understood: {heard}"
    );
    assert!(
        !lab.log().contains("no audio 2 s after the answer"),
        "{}",
        lab.log()
    );
}

fn call(lab: &Lab, arguments: &[&str]) -> Value {
    let script = "wait until it speaks; wait until it stops; hang up";
    let mut command = lab.caller("assistant", script);
    let output = command.args(arguments).output().expect("the caller runs");
    let text = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}\n{}", lab.log()))
}

#[test]
fn a_line_takes_the_encryption_it_may() {
    for (policy, plain, secure) in [
        ("off", true, false),
        ("accepted", true, true),
        ("required", false, true),
    ] {
        let lab = Lab::start(&[("line", "srtp", &format!("{policy:?}"))]);
        for (arguments, taken) in [(&[][..], plain), (&["--srtp"][..], secure)] {
            let report = call(&lab, arguments);
            assert_eq!(
                report["ok"],
                taken,
                "{policy} {arguments:?} {report:#}\n{}",
                lab.log()
            );
            if !taken {
                assert_eq!(report["status"], 488, "{report:#}");
            }
        }
        lab.is_idle(PATIENCE);
    }
}

#[test]
fn a_call_without_audio_is_warned_of_with_addresses() {
    let lab = Lab::start(&[("media", "timeout_initial", "\"20s\"")]);
    let arguments = ["-sn", "uac", "-s", "tone", "-m", "1", "-d", "3500"];
    sipp(&lab, 7, &arguments);
    let log = lab.until("the warning is written", PATIENCE, |lab| {
        let log = lab.log();
        let line = log
            .lines()
            .find(|line| line.contains("no audio 2 s after the answer"))?;
        Some(line.to_owned())
    });
    let signalled = format!("WE_SIGNALLED={}:2", lab.ip);
    assert!(log.contains(&signalled), "{log}");
    let far = format!("WE_SEND_TO={}:", lab.neighbour(7));
    assert!(log.contains(&far), "{log}");
    assert!(log.contains("PACKETS_CAME_FROM=none"), "{log}");
}
