use std::collections::BTreeMap;
use std::sync::Mutex;

use super::*;
use crate::io::clock;

const BASE: &str = "[[line]]\nname = \"pbx\"\nallow = [\"192.0.2.1\"]\n[model]\nmodel = \"m\"\n\
    [helpdesk]\nurl = \"https://x.example\"\nemail = \"a@x.example\"\n[assistant]\ncompany = \"Acme\"\n";

fn read(text: &str) -> Outcome {
    let config = Config::parse("t", text).map_err(|error| vec![error.to_string()])?;
    let secrets = Secrets {
        ear: None,
        voice: None,
        model: None,
        helpdesk: None,
        lines: BTreeMap::new(),
    };
    Ok((config, secrets))
}

/// A reload over a text that the test changes.
fn world() -> (Arc<Mutex<String>>, Reload, Arc<Lines>) {
    let (config, secrets) = read(BASE).unwrap();
    let text = Arc::new(Mutex::new(BASE.to_owned()));
    let file = Arc::clone(&text);
    let reread: Reread = Arc::new(move || read(&file.lock().unwrap()));
    let lines = Lines::new(&config, &secrets);
    (text, Reload::new(reread, &config, clock::now()), lines)
}

async fn reload(reload: &mut Reload, lines: &Lines) -> Option<Changes> {
    reload.request();
    let read = reload.next().await;
    let taken = reload.take(read, lines, clock::now());
    taken.map(|(changes, _)| changes)
}

#[tokio::test]
async fn a_wrong_file_changes_nothing_and_stands_in_the_status() {
    let (text, mut it, lines) = world();
    *text.lock().unwrap() = BASE.replace("192.0.2.1", "nonsense");
    assert_eq!(reload(&mut it, &lines).await, None);
    let status = it.status(clock::now());
    let wrong = status["wrong"][0].as_str().unwrap();
    assert!(
        wrong.contains("t:3") && wrong.contains("line[0].allow"),
        "{wrong}"
    );
    assert!(lines.named("pbx").is_some());
    *text.lock().unwrap() = BASE.replace("\"pbx\"", "\"new\"");
    let changes = reload(&mut it, &lines).await.unwrap();
    assert_eq!((changes.added.len(), changes.removed.len()), (1, 1));
    assert!(lines.named("new").is_some() && lines.named("pbx").is_none());
    assert_eq!(it.status(clock::now())["wrong"], json!([]));
}

#[tokio::test]
async fn what_needs_a_restart_is_named() {
    let (text, mut it, lines) = world();
    let others = "[state]\ndir = \"/tmp/x\"\n[sip]\nlisten_udp = [\"0.0.0.0:5070\"]\nunknown_source = \"forbid\"\n[guard]\ncalls_per_second = 7\n[transfer]\nring_max = \"9s\"\n";
    *text.lock().unwrap() = format!("{BASE}{others}");
    assert_eq!(reload(&mut it, &lines).await, Some(Changes::default()));
    // [transfer] and [guard] are taken at once.
    let waiting = json!(["sip.listen_udp", "state.dir"]);
    assert_eq!(it.status(clock::now())["needs_restart"], waiting);
    *text.lock().unwrap() = BASE.to_owned();
    reload(&mut it, &lines).await;
    assert_eq!(it.status(clock::now())["needs_restart"], json!([]));
}

#[tokio::test]
async fn asked_while_it_reads_it_reads_again() {
    let (text, mut it, lines) = world();
    it.request();
    it.request();
    let early = it.next().await;
    *text.lock().unwrap() = BASE.replace("\"pbx\"", "\"new\"");
    assert!(it.take(early, &lines, clock::now()).is_none());
    let read = it.next().await;
    let (changes, _) = it.take(read, &lines, clock::now()).unwrap();
    assert_eq!((changes.added.len(), changes.removed.len()), (1, 1));
}
