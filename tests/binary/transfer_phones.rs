//! Callers are connected with a person, and both have real telephones: by REFER, with Replaces, by a bridge through
//! the box, through a PBX, and by a REFER of the caller's own.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::baresip::Baresip;
use crate::kamailio::{self, Kamailio};
use crate::lab::{Lab, Process};
use crate::linphone::Linphone;
use crate::phones::{lasts, phone_port, read, says_after};
use crate::sipp::{self, Capture};

const PATIENCE: Duration = Duration::from_secs(20);

/// The neighbour that is the person, and the one that calls.
const PERSON: u8 = 20;
const CALLER: u8 = 9;

/// What is said by whom, so that each is heard by the other.
const CALLERS_WORDS: &str = "seven purple elephants";
const PERSONS_WORDS: &str = "nine silver kettles";

/// A laboratory whose sales team is reached like this; the gateway is started again with it.
fn lab(target: impl FnOnce(&Lab) -> String) -> Lab {
    let mut lab = Lab::start(&[]);
    connects(&mut lab, target);
    lab
}

fn connects(lab: &mut Lab, target: impl FnOnce(&Lab) -> String) {
    let target = format!("name = \"the sales team\"\n{}", target(lab));
    lab.configure(|file| {
        let target: toml::Table = target.parse().expect("a target in TOML");
        let transfer = toml::Table::from_iter([("target".to_owned(), vec![target].into())]);
        file.insert("transfer".to_owned(), transfer.into());
    });
    lab.kill_gateway();
    lab.start_gateway();
    lab.knows_articles();
}

/// The person as a baresip at an address of its own.
fn at_the_desk(mode: &str) -> impl FnOnce(&Lab) -> String {
    move |lab| {
        let ip = lab.neighbour(PERSON);
        format!("uri = \"sip:phone@{ip}\"\nmode = {mode:?}")
    }
}

/// What a telephone says, from the start in each of its calls. The caller is silent until it is connected: words
/// during the announcement stop it.
fn words_of(lab: &Lab, name: &str, words: &str) -> PathBuf {
    let silence = if words == CALLERS_WORDS { 16 } else { 6 };
    says_after(lab, &format!("{name}.wav"), silence, words)
}

fn baresip(lab: &Lab, name: &str, host: u8, words: &str) -> Baresip {
    let folder = lab.dir.path().join(name);
    let says = words_of(lab, name, words);
    Baresip::start(&folder, lab.neighbour(host), "udp", &says)
}

fn linphone(lab: &Lab, name: &str, port: u16, words: &str) -> Linphone {
    let folder = lab.dir.path().join(name);
    let says = words_of(lab, name, words);
    Linphone::start(&folder, port, &says, "")
}

/// Waits until a linphone has heard these words.
fn hears(lab: &Lab, phone: &Linphone, words: &str) {
    lab.until(&format!("linphone hears {words}"), 2 * PATIENCE, |_| {
        read(&phone.heard()).contains(words).then_some(())
    });
}

/// The one ticket says that the caller was connected.
fn is_connected(lab: &Lab) -> Value {
    let ticket = lab.tickets_are(1, PATIENCE).remove(0);
    let contents = ticket["contents"].as_str().expect("contents");
    assert!(
        contents.contains("to the sales team: connected"),
        "{contents}"
    );
    assert!(!contents.contains(PERSONS_WORDS), "{contents}");
    ticket
}

/// The requests in a capture with these words in their first lines or headers, one on a line.
fn requests(capture: &Path, filter: &str) -> Vec<String> {
    let output = Command::new("tshark")
        .args(["-r", &capture.display().to_string(), "-n", "-Y", filter])
        .args(["-T", "fields", "-e", "sip.msg_hdr", "-E", "occurrence=f"])
        .output()
        .expect("tshark reads");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn a_baresip_is_handed_to_a_linphone_by_refer() {
    let lab = lab(|lab| {
        let port = phone_port(lab);
        format!("uri = \"sip:person@127.0.0.1:{port}\"\nmode = \"blind\"")
    });
    let person = linphone(&lab, "person", phone_port(&lab), PERSONS_WORDS);
    let mut caller = baresip(&lab, "caller", CALLER, CALLERS_WORDS);
    caller.command("dial", &lab.uri("assistant"));
    caller.wait_for("CALL_ESTABLISHED", PATIENCE);
    lasts(&lab, 4);
    caller.command("sndcode", "0");
    caller.wait_for("CALL_ESTABLISHED", PATIENCE);
    lab.nothing_is_left(PATIENCE);
    // The box has left; the two talk on.
    hears(&lab, &person, CALLERS_WORDS);
    caller.command("hangup", "");
    lab.until("the person is hung up on", PATIENCE, |_| {
        person.log().contains("ended").then_some(())
    });
    let heard = read(&caller.heard());
    assert!(
        heard.contains("connect you with the sales team"),
        "by the box: {heard}"
    );
    assert!(heard.contains(PERSONS_WORDS), "by the person: {heard}");
    is_connected(&lab);
    assert_eq!(lab.status()["recent"][0]["outcome"], "escalated");
}

/// linphone calls, and asks for a person by key.
fn linphone_asks(lab: &Lab) -> Linphone {
    let mut caller = linphone(lab, "caller", phone_port(lab), CALLERS_WORDS);
    caller.command(&format!("call {}", lab.uri("assistant")));
    caller.wait_for("Media streams established");
    lasts(lab, 4);
    caller.command("0");
    caller
}

/// The box has sent one REFER with Replaces, and nothing malformed.
fn was_referred_with_replaces(lab: &Lab, capture: &Path) {
    let own = format!("ip.src == {} && sip.Method == \"REFER\"", lab.ip);
    let referred = requests(capture, &own);
    assert_eq!(referred.len(), 1, "{referred:?}");
    assert!(referred[0].contains("Replaces="), "{referred:?}");
    assert_eq!(sipp::malformed(capture, &lab.ip.to_string()), "");
}

/// RFC 3891 §3: the person's telephone takes the caller's call in place of ours, and hangs up on us. What the two
/// say then does not pass the box; between two linphones on one machine it is not checked.
#[test]
fn a_linphone_is_handed_to_a_linphone_that_has_answered() {
    let lab = lab(|lab| {
        let port = phone_port(lab) + 4;
        format!("uri = \"sip:person@127.0.0.1:{port}\"\nmode = \"attended\"")
    });
    let mut person = linphone(&lab, "person", phone_port(&lab) + 4, PERSONS_WORDS);
    let capture = Capture::start(&lab, &format!("udp and host {}", lab.ip));
    let mut caller = linphone_asks(&lab);
    caller.wait_for("for call 2 (audio)");
    person.wait_for("for call 2 (audio)");
    lab.nothing_is_left(PATIENCE);
    caller.command("terminate");
    person.wait_for("Call 2 with");
    let capture = capture.finish();
    was_referred_with_replaces(&lab, &capture);
    let hung_up = format!("ip.dst == {} && sip.Method == \"BYE\"", lab.ip);
    assert_eq!(requests(&capture, &hung_up).len(), 1, "by the person");
    is_connected(&lab);
}

/// linphone offers this baresip IPv6, which it refuses with 488: the caller's side tells so, and the box keeps both.
#[test]
fn a_linphone_and_a_baresip_that_cannot_be_handed_over_stay_joined_through_the_box() {
    let lab = lab(at_the_desk("attended"));
    let mut person = baresip(&lab, "person", PERSON, PERSONS_WORDS);
    let capture = Capture::start(&lab, &format!("udp port 5060 and host {}", lab.ip));
    let mut caller = linphone_asks(&lab);
    person.wait_for("CALL_ESTABLISHED", PATIENCE);
    hears(&lab, &caller, PERSONS_WORDS);
    lasts(&lab, 30);
    caller.command("terminate");
    person.wait_for("CALL_CLOSED", PATIENCE);
    lab.nothing_is_left(PATIENCE);
    was_referred_with_replaces(&lab, &capture.finish());
    is_connected(&lab);
    let heard = read(&person.heard());
    assert!(heard.contains(CALLERS_WORDS), "{heard}");
}

/// Asks for the sales team, and waits for the person's words.
fn until_connected(end: &str) -> String {
    format!(
        "wait until it stops; press 0; wait for one moment within 20 s; \
         wait until it stops; pause 2 s; say {CALLERS_WORDS}; \
         wait for {PERSONS_WORDS} within 20 s; {end}"
    )
}

fn ringwell_calls(lab: &Lab, script: &str, arguments: &[&str]) -> Value {
    let mut command = lab.caller("assistant", script);
    let output = command.args(arguments).output().expect("the caller runs");
    let text = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}\n{}", lab.log()))
}

fn caller_hangs_up_on_a_baresip(arguments: &[&str]) {
    let lab = lab(at_the_desk("bridge"));
    let mut person = baresip(&lab, "person", PERSON, PERSONS_WORDS);
    let capture = Capture::start(&lab, &format!("udp and host {}", lab.neighbour(PERSON)));
    let report = ringwell_calls(&lab, &until_connected("hang up"), arguments);
    assert_eq!(report["ok"], true, "{report:#}\n{}", lab.log());
    person.wait_for("CALL_CLOSED", PATIENCE);
    lab.nothing_is_left(PATIENCE);
    let heard = read(&person.heard());
    assert!(heard.contains(CALLERS_WORDS), "{heard}");
    let capture = capture.finish();
    assert_eq!(sipp::malformed(&capture, &lab.ip.to_string()), "");
    is_connected(&lab);
}

#[test]
fn a_bridge_to_a_baresip_lasts_until_the_caller_hangs_up() {
    caller_hangs_up_on_a_baresip(&[]);
}

#[test]
fn a_bridge_joins_an_encrypted_call_with_a_plain_one() {
    caller_hangs_up_on_a_baresip(&["--srtp"]);
}

#[test]
fn a_bridge_joins_callers_of_one_law_with_phones_of_the_other() {
    let lab = lab(at_the_desk("bridge"));
    let mut person = baresip(&lab, "person", PERSON, PERSONS_WORDS);
    let arguments = ["--codec", "pcma"];
    let report = ringwell_calls(&lab, &until_connected("hang up"), &arguments);
    assert_eq!(report["ok"], true, "{report:#}\n{}", lab.log());
    person.wait_for("CALL_CLOSED", PATIENCE);
    lab.nothing_is_left(PATIENCE);
    let heard = read(&person.heard());
    assert!(heard.contains(CALLERS_WORDS), "{heard}");
    is_connected(&lab);
}

#[test]
fn a_bridge_to_a_baresip_lasts_until_the_baresip_hangs_up() {
    let lab = lab(at_the_desk("bridge"));
    let mut person = baresip(&lab, "person", PERSON, PERSONS_WORDS);
    let mut caller = lab.caller(
        "assistant",
        &until_connected("wait for hang up within 30 s"),
    );
    let caller = caller.stdout(std::process::Stdio::piped()).spawn();
    let caller = caller.expect("the caller runs");
    person.wait_for("CALL_ESTABLISHED", Duration::from_secs(40));
    lab.until("they talk", PATIENCE, |lab| {
        let calls = &lab.status()["calls"];
        (calls[0]["seconds"].as_u64() >= Some(24)).then_some(())
    });
    person.command("hangup", "");
    let output = caller.wait_with_output().expect("the caller ends");
    let report: Value = serde_json::from_slice(&output.stdout).expect("a report");
    assert_eq!(report["ok"], true, "{report:#}\n{}", lab.log());
    lab.nothing_is_left(PATIENCE);
    let ticket = is_connected(&lab);
    let contents = ticket["contents"].as_str().expect("contents");
    assert!(contents.contains("the sales team hung up"), "{contents}");
}

#[test]
fn a_linphone_and_a_baresip_talk_through_the_box() {
    let lab = lab(at_the_desk("bridge"));
    let mut person = baresip(&lab, "person", PERSON, PERSONS_WORDS);
    let mut caller = linphone(&lab, "caller", phone_port(&lab), CALLERS_WORDS);
    caller.command(&format!("call {}", lab.uri("assistant")));
    caller.wait_for("Media streams established");
    lasts(&lab, 4);
    caller.command("0");
    person.wait_for("CALL_ESTABLISHED", PATIENCE);
    hears(&lab, &caller, PERSONS_WORDS);
    lasts(&lab, 24);
    person.command("hangup", "");
    caller.wait_for("ended");
    lab.nothing_is_left(PATIENCE);
    is_connected(&lab);
    person.wait_for("CALL_CLOSED", PATIENCE);
    lab.until("the person has heard the caller", PATIENCE, |_| {
        read(&person.heard()).contains(CALLERS_WORDS).then_some(())
    });
}

/// A PBX with the box as one of its extensions, whose sales team is another.
fn at_a_pbx(mode: &str) -> (Lab, Kamailio) {
    let mut lab = Lab::start(&[]);
    let kamailio = Kamailio::start(&lab);
    let support = kamailio::extension(&lab, "support", "gateway", "gwpass", "udp");
    lab.set_lines(&[&support]);
    lab.line_is("support", "registered", PATIENCE);
    connects(&mut lab, |_| {
        format!("number = \"301\"\nline = \"support\"\nmode = {mode:?}")
    });
    lab.line_is("support", "registered", PATIENCE);
    (lab, kamailio)
}

/// A telephone that registers at the PBX.
fn extension(lab: &Lab, kamailio: &Kamailio, user: &str, host: u8, words: &str) -> Baresip {
    let says = words_of(lab, user, words);
    let account = format!(
        "<sip:{user}@kam.test;transport=udp>;auth_user={user};auth_pass={user}pass;\
         outbound=\"sip:{}:5060;transport=udp\";regint=60",
        kamailio.ip
    );
    let folder = lab.dir.path().join(user);
    let mut phone = Baresip::start_as(&folder, lab.neighbour(host), &says, &account);
    phone.wait_for("REGISTER_OK", PATIENCE);
    phone
}

#[test]
fn an_extension_calls_another_through_its_pbx_which_asks_who_it_is() {
    let (lab, kamailio) = at_a_pbx("bridge");
    let mut person = extension(&lab, &kamailio, "301", PERSON, PERSONS_WORDS);
    let capture = Capture::start(&lab, &format!("port 5060 and host {}", kamailio.ip)); // long ones go by TCP
    let report = kamailio::call(&lab, &kamailio, "gateway", &until_connected("hang up"));
    assert_eq!(report["ok"], true, "{report:#}\n{}", lab.log());
    person.wait_for("CALL_CLOSED", PATIENCE);
    lab.nothing_is_left(PATIENCE);
    let heard = read(&person.heard());
    assert!(heard.contains(CALLERS_WORDS), "{heard}");
    is_connected(&lab);
    let capture = capture.finish();
    let ip = lab.ip;
    let challenged = format!("ip.dst == {ip} && sip.Status-Code == 407");
    assert_eq!(requests(&capture, &challenged).len(), 1);
    let proven = format!("ip.src == {ip} && sip.Method == \"INVITE\" && sip.Proxy-Authorization");
    assert_eq!(requests(&capture, &proven).len(), 1);
    assert_eq!(sipp::malformed(&capture, &ip.to_string()), "");
}

#[test]
fn an_extension_has_its_pbx_hand_a_caller_to_another() {
    let (lab, kamailio) = at_a_pbx("blind");
    let mut person = extension(&lab, &kamailio, "301", PERSON, PERSONS_WORDS);
    let mut caller = extension(&lab, &kamailio, "302", CALLER, CALLERS_WORDS);
    caller.command("dial", "sip:gateway@kam.test");
    caller.wait_for("CALL_ESTABLISHED", PATIENCE);
    lasts(&lab, 4);
    caller.command("sndcode", "0");
    caller.wait_for("CALL_ESTABLISHED", PATIENCE);
    person.wait_for("CALL_ESTABLISHED", PATIENCE);
    lab.nothing_is_left(PATIENCE);
    is_connected(&lab);
}

fn scenario(lab: &Lab, refer_to: &str, outcome: &str) -> String {
    let text = include_str!("../sipp/rfc3515_referred_by_peer.xml");
    let text = text
        .replace("REFER_TO", refer_to)
        .replace("OUTCOME", outcome);
    let path = lab.dir.path().join("referred.xml");
    std::fs::write(&path, text).expect("the scenario is written");
    path.to_str().expect("a path in UTF-8").to_owned()
}

#[test]
fn a_caller_may_have_itself_connected_with_whom_the_list_has_and_nobody_else() {
    let target = format!(
        "[{{name = \"the sales team\", uri = \"sip:201@{{net}}.{PERSON}\", mode = \"blind\"}}]"
    );
    let lab = Lab::start(&[
        ("transfer", "target", &target),
        ("line", "accept_refer", "true"),
    ]);
    let ip = lab.neighbour(PERSON).to_string();
    let log = lab.dir.path().join("person.log");
    let person = ["-i", &ip, "-mi", &ip, "-p", "5060", "-nostdin"];
    let person = [&person[..], &["-sn", "uas", "-rtp_echo", "-m", "1"]].concat();
    let mut person = Process::start("sipp", &person, &log);
    let capture = Capture::start(&lab, &format!("udp and host {}", lab.neighbour(4)));
    for stranger in [
        "sip:911@192.0.2.20",
        &format!("sip:202@{ip}"),
        &format!("sip:201@{}", lab.neighbour(21)),
    ] {
        let path = scenario(&lab, stranger, "603");
        sipp::sipp(&lab, 4, &["-sf", &path, "-m", "1"]);
    }
    assert_eq!(
        lab.status()["transactions"]["client_invite"],
        0,
        "nobody was called"
    );
    let path = scenario(&lab, &format!("sip:201@{ip}"), "200");
    sipp::sipp(&lab, 4, &["-sf", &path, "-m", "1"]);
    let ended = person.ended(PATIENCE).expect("the person's call is over");
    assert!(ended.success(), "{ended}\n{}", lab.log());
    lab.nothing_is_left(PATIENCE);
    let capture = capture.finish();
    assert_eq!(sipp::malformed(&capture, &lab.ip.to_string()), "");
    let connected = lab.until("the tickets are there", PATIENCE, |lab| {
        let tickets = lab.tickets();
        let connected = |ticket: &&Value| {
            let contents = ticket["contents"].as_str().unwrap_or_default();
            contents.contains("to the sales team: connected")
        };
        (tickets.len() == 4).then(|| tickets.iter().filter(connected).count())
    });
    assert_eq!(connected, 1);
}
