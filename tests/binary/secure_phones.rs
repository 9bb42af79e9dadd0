//! baresip and linphone where nothing crosses the wire in the clear: SIP over TLS (RFC 3261 §26.2), audio as
//! SRTP (RFC 3711) with keys by RFC 4568.

use std::time::Duration;

use crate::baresip::Baresip;
use crate::lab::Lab;
use crate::linphone::Linphone;
use crate::phones::{lasts, phone_port, read, says};
use crate::tls::write_certificates;

const PATIENCE: Duration = Duration::from_secs(20);

/// A laboratory whose line takes no plain audio.
fn lab() -> Lab {
    Lab::start_tls_with(&[("line", "srtp", "\"required\"")])
}

/// Where a call goes. (baresip adds its account's transport by itself.)
fn target(lab: &Lab) -> String {
    format!("sip:assistant@{}:5061", lab.ip)
}

/// baresip with a certificate of its own. Version 1.0 looks at nobody else's: that is linphone's part.
fn baresip(lab: &Lab, text: &str) -> Baresip {
    let (folder, ip) = (lab.dir.path().join("baresip"), lab.neighbour(9));
    let own = lab.dir.path().join("phone");
    std::fs::create_dir_all(&own).expect("a folder");
    write_certificates(&own, ip);
    let read = |name: &str| std::fs::read_to_string(own.join(name)).expect("a PEM file");
    // It wants certificate and key in one file.
    let pair = read("certificate.pem") + &read("certificate.key");
    std::fs::write(own.join("pair.pem"), pair).expect("written");
    let lines = format!(
        "sip_certificate {}\nsip_cafile {}\n",
        own.join("pair.pem").display(),
        lab.dir.path().join("ca.pem").display()
    );
    let says = says(lab, text);
    Baresip::start_configured(&folder, ip, "tls", &says, ";mediaenc=srtp-mand", &lines)
}

#[test]
fn baresip_over_tls_and_srtp_hears_the_greeting_presses_a_key_and_hangs_up() {
    let lab = lab();
    let mut phone = baresip(&lab, "");
    phone.command("dial", &target(&lab));
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
    lab.tickets_are(1, PATIENCE);
}

#[test]
fn baresip_over_tls_and_srtp_is_hung_up_on() {
    let lab = lab();
    let mut phone = baresip(&lab, "thank you, that is all, goodbye");
    phone.command("dial", &target(&lab));
    phone.wait_for("CALL_ESTABLISHED", PATIENCE);
    phone.wait_for("CALL_CLOSED", Duration::from_secs(40));
    let heard = read(&phone.heard());
    assert!(heard.contains("goodbye"), "{heard}\n{}", lab.log());
    lab.is_idle(PATIENCE);
}

/// linphone, which trusts an authority in a file of the laboratory's folder and no other. Its library
/// compares a certificate's names, not its addresses, with the host it dialled; here that is an address.
fn linphone(lab: &Lab, text: &str, authority: &str) -> Linphone {
    let port = phone_port(lab);
    let sip = format!(
        "media_encryption=srtp\nmedia_encryption_mandatory=1\nverify_server_certs=1\n\
         verify_server_cn=0\nroot_ca={}\n",
        lab.dir.path().join(authority).display(),
    );
    let says = says(lab, text);
    let folder = lab.dir.path().join("linphone");
    Linphone::start_with(&folder, port, &says, &sip, "")
}

#[test]
fn linphone_over_tls_and_srtp_holds_resumes_presses_a_key_and_hangs_up() {
    let lab = lab();
    let mut phone = linphone(&lab, "", "ca.pem");
    phone.command(&format!("call {};transport=tls", target(&lab)));
    phone.wait_for("Media streams established");
    lasts(&lab, 6);
    let greeting = read(&phone.heard());
    phone.command("pause 1");
    phone.wait_for("is now paused");
    lasts(&lab, 9);
    phone.command("resume 1");
    lasts(&lab, 10);
    phone.command("0");
    lasts(&lab, 18);
    phone.command("terminate");
    phone.wait_for("ended");
    lab.is_idle(PATIENCE);
    assert!(greeting.contains("how can i help you?"), "{greeting}");
    let after = read(&phone.heard());
    assert!(after.contains("what is your e-mail address?"), "{after}");
    lab.tickets_are(1, PATIENCE);
}

#[test]
fn linphone_over_tls_and_srtp_is_hung_up_on() {
    let lab = lab();
    let mut phone = linphone(&lab, "thank you, that is all, goodbye", "ca.pem");
    phone.command(&format!("call {};transport=tls", target(&lab)));
    phone.wait_for("Media streams established");
    lab.until("the call is over", Duration::from_secs(40), |lab| {
        lab.status()["calls"]
            .as_array()
            .filter(|calls| calls.is_empty())
            .map(|_| ())
    });
    phone.wait_for("ended");
    let heard = read(&phone.heard());
    assert!(heard.contains("goodbye"), "{heard}\n{}", lab.log());
}

/// What shows that linphone looked at the certificate in the calls above.
#[test]
fn linphone_that_trusts_another_authority_does_not_get_through() {
    let lab = lab();
    let own = lab.dir.path().join("phone");
    std::fs::create_dir_all(&own).expect("a folder");
    write_certificates(&own, lab.neighbour(9));
    let mut phone = linphone(&lab, "", "phone/ca.pem");
    phone.command(&format!("call {};transport=tls", target(&lab)));
    phone.wait_for("SSL handshake failed : X509 - Certificate verification failed");
    phone.wait_for("error.");
    let status = lab.status();
    assert_eq!(status["calls"].as_array().map(Vec::len), Some(0));
}
