//! SIP over TLS, with the real binary at both ends.

use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::Value;

use crate::lab::{Lab, RINGWELL};

/// An authority (`ca.pem`), and a certificate of its for the address, with its key.
pub fn write_certificates(folder: &Path, ip: Ipv4Addr) {
    let mut params = CertificateParams::new(Vec::new()).expect("parameters");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    let authority = CertifiedIssuer::self_signed(params, key).expect("an authority");
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(vec![ip.to_string()]).expect("parameters");
    let own = params.signed_by(&key, &authority).expect("a certificate");
    for (name, content) in [
        ("ca.pem", authority.pem()),
        ("certificate.pem", own.pem()),
        ("certificate.key", key.serialize_pem()),
    ] {
        std::fs::write(folder.join(name), content).expect("written");
    }
}

/// The command of a call over a transport from an address of the laboratory's own.
pub fn caller(lab: &Lab, transport: &str, script: &str) -> Command {
    let port = if transport == "tls" { 5061 } else { 5060 };
    let uri = format!("sip:echo@{}:{port};transport={transport}", lab.ip);
    let mut command = Command::new(&*RINGWELL);
    command.args(["call", &uri, "--script", script, "--json"]);
    command.args(["--local", &lab.ip.to_string(), "--ca"]);
    command.arg(lab.dir.path().join("ca.pem"));
    command
}

/// Makes such a call and gives its report.
pub fn call(lab: &Lab, transport: &str, script: &str) -> Value {
    let output = caller(lab, transport, script)
        .output()
        .expect("the caller runs");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!(
            "a report ({error}):\n{}\n{}",
            String::from_utf8_lossy(&output.stderr),
            lab.log()
        )
    })
}

#[test]
fn a_call_over_tls_is_answered_and_a_renewed_certificate_needs_no_restart() {
    let lab = Lab::start_tls();
    let script = "pause 1 s; say over tls; wait for over tls; hang up";
    let report = call(&lab, "tls", script);
    assert_eq!(report["ok"], true, "{report:#}\n{}", lab.log());

    // Its authority is not the one that signed what the box still shows.
    write_certificates(lab.dir.path(), lab.ip);
    let refused = caller(&lab, "tls", script)
        .output()
        .expect("the caller runs");
    assert!(!refused.status.success());
    let words = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(words.contains("certificate"), "{words}");
    lab.until("the new pair is in use", Duration::from_secs(60), |lab| {
        let output = caller(lab, "tls", "pause 1 s; hang up").output();
        output.ok().filter(|output| output.status.success())
    });
}
