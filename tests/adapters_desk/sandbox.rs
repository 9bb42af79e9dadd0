//! The adapters against the stand-in cloud, which knows nothing of them.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ringwell::io::desk::Desk;
use ringwell::io::desk::kayako::{Kayako, Settings};
use ringwell::io::knowledge::Knowledge;
use ringwell::io::outbox::Outbox;
use ringwell::io::tls::Tls;
use ringwell::sandbox::{self, Fault, Kind, Sandbox, Service, Stage};

use crate::{Call, Disk, until};

async fn sandbox() -> Sandbox {
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    Sandbox::start(sandbox::Settings {
        listen,
        ..sandbox::Settings::default()
    })
    .await
    .unwrap()
}

fn desk(sandbox: &Sandbox) -> Arc<Desk> {
    let address = format!("http://{}", sandbox.addr);
    let settings = Settings {
        patience: Duration::from_millis(500),
        settle: Duration::from_millis(50),
        ..Settings::new(
            &address,
            "agent@example.org",
            "correct horse".to_owned().into(),
        )
    };
    let client = Tls::new(None)
        .unwrap()
        .http_client(Duration::from_secs(2))
        .unwrap();
    Arc::new(Desk::Kayako(Kayako::new(settings, client).unwrap()))
}

/// Cases in the stand-in's helpdesk.
fn cases(sandbox: &Sandbox) -> Vec<serde_json::Value> {
    sandbox.state()["tickets"].as_array().cloned().unwrap()
}

fn fault(stage: Stage, kind: Kind, method: &str, path: &str) -> Fault {
    Fault {
        service: Service::Helpdesk,
        stage,
        kind,
        status: None,
        code: None,
        error: None,
        retry_after: None,
        delay_ms: None,
        count: Some(1),
        method: Some(method.to_owned()),
        path: Some(path.to_owned()),
    }
}

#[tokio::test]
async fn a_failure_at_any_stage_of_any_request_leaves_one_case() {
    let requests = [
        ("POST", "cases"),
        ("POST", "users"),
        ("POST", "identities"),
        ("GET", "search"),
        ("GET", "me"),
        ("GET", "roles"),
    ];
    let mut worlds = tokio::task::JoinSet::new();
    for (method, path) in requests {
        for stage in [
            Stage::Connect,
            Stage::FirstByte,
            Stage::Middle,
            Stage::After,
        ] {
            for kind in [Kind::Refuse, Kind::Stall, Kind::Status] {
                worlds.spawn(one_case_in_spite_of(fault(stage, kind, method, path)));
            }
        }
    }
    while let Some(ended) = worlds.join_next().await {
        ended.expect("one case in each world");
    }
}

async fn one_case_in_spite_of(fault: Fault) {
    let sandbox = sandbox().await;
    sandbox.fault(fault.clone()).unwrap();
    let disk = Disk::new();
    let store = disk.store();
    Call::default().record(&store).await;
    let outbox = Outbox::start(store, desk(&sandbox));
    until("the ticket comes", || {
        (outbox.status().done == 1).then_some(())
    })
    .await;
    let cases = cases(&sandbox);
    assert_eq!(cases.len(), 1, "{fault:?}: {cases:?}");
    let left = sandbox.state()["faults"].clone();
    assert_eq!(
        left.as_array().map(Vec::len),
        Some(0),
        "it did not strike: {left}"
    );
}

#[tokio::test]
async fn the_second_call_of_a_number_belongs_to_the_same_user() {
    let sandbox = sandbox().await;
    let disk = Disk::new();
    let store = disk.store();
    let outbox = Outbox::start(store.clone(), desk(&sandbox));
    let before = sandbox.state()["users"].as_array().map(Vec::len).unwrap();
    for (done, id) in [(1, "c-first"), (2, "c-second")] {
        Call {
            id,
            email: Some("ada@example.org"),
            ..Call::default()
        }
        .record(&store)
        .await;
        until("the ticket comes", || {
            (outbox.status().done == done).then_some(())
        })
        .await;
    }
    let state = sandbox.state();
    assert_eq!(cases(&sandbox).len(), 2);
    assert_eq!(
        state["users"].as_array().map(Vec::len),
        Some(before + 1),
        "{}",
        state["users"]
    );
    assert_eq!(
        state["emails_sent"].as_array().map(Vec::len),
        Some(0),
        "nobody gets mail"
    );
}

#[tokio::test]
async fn its_knowledge_base_is_read_and_what_is_not_public_is_not() {
    let sandbox = sandbox().await;
    let directory = tempfile::tempdir().unwrap();
    let knowledge = Knowledge::open(&directory.path().join("knowledge.db")).unwrap();
    let synced = knowledge.sync(&desk(&sandbox)).await.unwrap();
    assert_eq!((synced.articles, synced.changed), (12, 12));
    let questions = [
        (
            "how do I reset my password",
            Some("How to reset your password"),
        ),
        (
            "I forgot my pass word and can't get in",
            Some("How to reset your password"),
        ),
        ("where do I find my invoices", Some("Invoices and billing")),
        (
            "when are you open",
            Some("Opening hours of the support team"),
        ),
        (
            "are you there on saturdays",
            Some("Opening hours of the support team"),
        ),
        ("how do I download all my data", Some("Exporting your data")),
        (
            "I lost my phone and can't do the two factor login",
            Some("Two-factor authentication"),
        ),
        (
            "I'd like to cancel my subscription",
            Some("Changing or cancelling your plan"),
        ),
        ("can I get my money back", Some("Refund policy")),
        (
            "how many requests can I make with the api",
            Some("Limits of the API"),
        ),
        ("does the app work on android", Some("The mobile app")),
        (
            "how do I import a csv file with contacts",
            Some("Importing contacts"),
        ),
        (
            "how do I forward my e mails",
            Some("Setting up e-mail forwarding"),
        ),
        (
            "what uptime do you guarantee",
            Some("Service level agreement"),
        ),
        ("what's the weather in Paris", None),
        ("can you tell me a joke", None),
        ("what discount can your staff give me", None),
        ("how much will the team plan cost from january", None),
        ("do you sell bicycles", None),
        ("my washing machine is leaking", None),
    ];
    for (question, expected) in questions {
        let found = knowledge.search(question, 3);
        let best = found.first().map(|passage| passage.title.as_str());
        println!(
            "{} {question:?}: {best:?}",
            if best == expected { "   " } else { "!!!" }
        );
    }
    assert!(
        knowledge
            .search("discount of up to 30 percent", 3)
            .is_empty()
    );
}
