//! Exactly one case per call, whatever the helpdesk does.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use ringwell::io::desk::Desk;
use ringwell::io::outbox::{IN_FLIGHT_MAX, Outbox};
use ringwell::io::store::{Store, TicketState};
use ringwell::ticket::CallId;

use crate::fake::{Fake, Fault};
use crate::{Call, Choice, Disk, desk, desk_with, until};

const PATIENCE: Duration = Duration::from_secs(10);

async fn one_call(fake: &Fake, desk: Arc<Desk>) -> (Disk, Store, Outbox) {
    let disk = Disk::new();
    let store = disk.store();
    let outbox = Outbox::start(store.clone(), desk);
    Call::default().record(&store).await;
    until("the outbox begins", || {
        (!fake.world().seen.is_empty()).then_some(())
    })
    .await;
    (disk, store, outbox)
}

/// Lets the outbox try at once until it has nothing left.
async fn settle(outbox: &Outbox) {
    for _ in 0..60 {
        if outbox.flush(PATIENCE).await == 0 {
            return;
        }
    }
    panic!("tickets are left: {:?}", outbox.status());
}

fn cases(fake: &Fake) -> usize {
    fake.world().cases_of(Call::default().id).len()
}

#[tokio::test]
async fn a_call_becomes_one_case_with_its_requester() {
    let fake = Fake::start().await;
    let (_disk, store, outbox) = one_call(&fake, desk(&fake)).await;
    settle(&outbox).await;
    assert_eq!(cases(&fake), 1);
    let case = fake.world().cases[0].clone();
    let user = fake.world().users[0].clone();
    assert_eq!(case["requester_id"], user["id"]);
    assert_eq!(user["full_name"], "Caller +15550100199");
    assert_eq!(user["phones"][0]["number"], "+15550100199");
    assert_eq!(case["channel_options"]["html"], true);
    assert!(case["contents"].as_str().unwrap().contains("&lt;wrong&gt;"));
    let tags = case["tags"].to_string();
    assert!(
        tags.contains("ringwell-c-3f9a7c21") && tags.contains("escalated"),
        "{tags}"
    );
    let ticket = store
        .ticket(CallId(Call::default().id.to_owned()))
        .await
        .unwrap();
    assert_eq!(ticket, Some(TicketState::Filed(case["id"].to_string())));
    assert_eq!(outbox.status().done, 1);
    assert_eq!(outbox.status().last_error, None);
}

#[tokio::test]
async fn a_ticket_waits_while_the_helpdesk_is_down_and_comes_by_itself() {
    let fake = Fake::start().await;
    fake.world().down = Some(Fault::Status(503, ""));
    let (_disk, _store, outbox) = one_call(&fake, desk(&fake)).await;
    until("the failure is told", || outbox.status().last_error).await;
    assert_eq!((outbox.status().pending, cases(&fake)), (1, 0));
    fake.world().down = None;
    // Nobody asks: the outbox tries again by itself.
    until("the ticket comes", || {
        (outbox.status().done == 1).then_some(())
    })
    .await;
    assert_eq!(cases(&fake), 1);
}

#[tokio::test]
async fn a_case_that_was_made_behind_an_error_is_found_and_not_made_again() {
    for fault in [Fault::DoneBut500, Fault::DoneButSilent] {
        let fake = Fake::start().await;
        fake.fail("POST cases", fault);
        let (_disk, _store, outbox) = one_call(&fake, desk(&fake)).await;
        settle(&outbox).await;
        assert_eq!((cases(&fake), fake.world().count("POST", "cases")), (1, 1));
    }
}

#[tokio::test]
async fn a_case_is_found_where_arguments_are_ignored_or_tags_are_not_kept() {
    for keeps_no_tags in [false, true] {
        let fake = Fake::start().await;
        {
            let mut world = fake.world();
            world.ignores_arguments = true;
            world.keeps_no_tags = keeps_no_tags;
            // Somebody else's case, which a careless look-up takes for ours.
            world
                .cases
                .push(serde_json::json!({"id": 5, "subject": "Another", "tags": []}));
        }
        fake.fail("POST cases", Fault::DoneBut500);
        let (_disk, _store, outbox) = one_call(&fake, desk(&fake)).await;
        settle(&outbox).await;
        assert_eq!((cases(&fake), fake.world().count("POST", "cases")), (1, 1));
        assert_eq!(fake.world().cases.len(), 2);
    }
}

#[tokio::test]
async fn a_lost_answer_is_not_looked_up_before_the_helpdesk_had_time() {
    let fake = Fake::start().await;
    fake.fail("POST cases", Fault::DoneBut500);
    let choice = Choice {
        settle: Duration::from_millis(1500),
        ..Choice::default()
    };
    let (_disk, _store, outbox) = one_call(&fake, desk_with(&fake, choice)).await;
    until("the case is tried", || (cases(&fake) == 1).then_some(())).await;
    until("the failure is told", || outbox.status().last_error).await;
    // Even a flush does not shorten that wait.
    assert_eq!(outbox.flush(PATIENCE).await, 1);
    assert_eq!(fake.world().count("GET", "cases.json"), 0);
    until("the case is found", || {
        (outbox.status().done == 1).then_some(())
    })
    .await;
    assert_eq!((cases(&fake), fake.world().count("POST", "cases")), (1, 1));
}

#[tokio::test]
async fn a_lost_session_is_opened_anew_within_the_request() {
    let fake = Fake::start().await;
    let (_disk, store, outbox) = one_call(&fake, desk(&fake)).await;
    settle(&outbox).await;
    fake.world().sessions.clear();
    Call {
        id: "c-second",
        ..Call::default()
    }
    .record(&store)
    .await;
    until("the second ticket", || {
        (outbox.status().done == 2).then_some(())
    })
    .await;
    let world = fake.world();
    assert_eq!(world.seen.iter().filter(|seen| seen.has_basic).count(), 2);
    assert!(
        world
            .seen
            .iter()
            .all(|seen| !(seen.has_basic && seen.session.is_some()))
    );
    let agents: std::collections::BTreeSet<&str> =
        world.seen.iter().map(|seen| seen.agent.as_str()).collect();
    assert_eq!(agents.len(), 1, "{agents:?}");
    assert_eq!(
        world.users.len(),
        1,
        "the second call belongs to the same user"
    );
}

#[tokio::test]
async fn retry_after_is_honoured_even_by_a_flush() {
    let fake = Fake::start().await;
    fake.fail(
        "POST cases",
        Fault::StatusAfter(429, "RATE_LIMIT_REACHED", 2),
    );
    let (_disk, _store, outbox) = one_call(&fake, desk(&fake)).await;
    until("the failure is told", || outbox.status().last_error).await;
    assert_eq!(outbox.flush(PATIENCE).await, 1);
    assert_eq!(fake.world().count("POST", "cases"), 1);
    until("the ticket comes", || {
        (outbox.status().done == 1).then_some(())
    })
    .await;
    assert_eq!(cases(&fake), 1);
}

#[tokio::test]
async fn wrong_credentials_are_tried_once_and_nothing_is_lost() {
    let fake = Fake::start().await;
    let choice = Choice {
        password: "wrong",
        ..Choice::default()
    };
    let (disk, store, outbox) = one_call(&fake, desk_with(&fake, choice)).await;
    let reason = until("the helpdesk bars us", || outbox.status().barred).await;
    assert!(reason.contains("password"), "{reason}");
    Call {
        id: "c-second",
        ..Call::default()
    }
    .record(&store)
    .await;
    assert_eq!(outbox.flush(PATIENCE).await, 2);
    assert_eq!(
        fake.world().seen.len(),
        1,
        "one attempt to sign in, no more"
    );
    drop(outbox);
    // The administrator puts the password right and starts again.
    let outbox = Outbox::start(disk.store(), desk(&fake));
    settle(&outbox).await;
    assert_eq!(fake.world().cases.len(), 2);
}

#[tokio::test]
async fn a_locked_account_is_left_alone_until_somebody_acts() {
    let fake = Fake::start().await;
    fake.fail(
        "GET me",
        Fault::StatusAfter(429, "AUTHENTICATION_LOCKED", 600),
    );
    let (_disk, _store, outbox) = one_call(&fake, desk(&fake)).await;
    let reason = until("the helpdesk bars us", || outbox.status().barred).await;
    assert!(reason.contains("locked"), "{reason}");
    assert_eq!(outbox.flush(PATIENCE).await, 1);
    assert_eq!(fake.world().seen.len(), 1);
    outbox.retry().await;
    settle(&outbox).await;
    assert_eq!((cases(&fake), outbox.status().barred), (1, None));
}

#[tokio::test]
async fn a_refused_ticket_is_laid_aside_and_taken_up_on_request() {
    let fake = Fake::start().await;
    fake.fail("POST cases", Fault::Status(400, "FIELD_INVALID"));
    let (_disk, store, outbox) = one_call(&fake, desk(&fake)).await;
    until("it is laid aside", || {
        (outbox.status().dead == 1).then_some(())
    })
    .await;
    let dead = store.dead_letters(5).await.unwrap();
    assert!(dead[0].reason.contains("FIELD_INVALID"), "{dead:?}");
    // One refused ticket does not stop the others.
    Call {
        id: "c-second",
        ..Call::default()
    }
    .record(&store)
    .await;
    until("the second ticket", || {
        (outbox.status().done == 1).then_some(())
    })
    .await;
    outbox.retry().await;
    until("the first ticket", || {
        (outbox.status().done == 2).then_some(())
    })
    .await;
    assert_eq!(cases(&fake), 1);
}

#[tokio::test]
async fn a_requester_who_appears_meanwhile_is_used() {
    let fake = Fake::start().await;
    fake.world().index_lags = true;
    let id = fake
        .world()
        .add_user("Ada Byron", Some("ada@example.org"), None);
    // The look-up by address misses him, creation says that he exists, then he is found.
    fake.fail("GET autocomplete", Fault::Status(404, "RESOURCE_NOT_FOUND"));
    let disk = Disk::new();
    let store = disk.store();
    Call {
        email: Some("ada@example.org"),
        ..Call::default()
    }
    .record(&store)
    .await;
    let outbox = Outbox::start(store, desk(&fake));
    settle(&outbox).await;
    assert_eq!(fake.world().users.len(), 1);
    assert_eq!(fake.world().cases[0]["requester_id"], id);
}

#[tokio::test]
async fn a_requester_who_exists_but_is_never_found_does_not_hold_the_ticket() {
    let fake = Fake::start().await;
    fake.world().index_lags = true;
    fake.world()
        .add_user("Hidden", Some("ada@example.org"), None);
    for _ in 0..20 {
        fake.fail("GET autocomplete", Fault::Status(404, "RESOURCE_NOT_FOUND"));
    }
    let disk = Disk::new();
    let store = disk.store();
    Call {
        email: Some("ada@example.org"),
        ..Call::default()
    }
    .record(&store)
    .await;
    let outbox = Outbox::start(store, desk(&fake));
    settle(&outbox).await;
    assert_eq!((cases(&fake), fake.world().users.len()), (1, 2));
}

#[tokio::test]
async fn many_calls_go_through_a_slow_helpdesk_few_at_a_time() {
    let fake = Fake::start().await;
    fake.world().down = Some(Fault::Slow(Duration::from_millis(10)));
    let disk = Disk::new();
    let store = disk.store();
    let outbox = Outbox::start(store.clone(), desk(&fake));
    let ids: Vec<&'static str> = (0..100)
        .map(|number| &*Box::leak(format!("c-{number:04}x").into_boxed_str()))
        .collect();
    for id in &ids {
        Call {
            id,
            ..Call::default()
        }
        .record(&store)
        .await;
    }
    until("all tickets", || {
        (outbox.status().done == 100).then_some(())
    })
    .await;
    let world = fake.world();
    assert!(ids.iter().all(|id| world.cases_of(id).len() == 1));
    assert!(world.running_max <= IN_FLIGHT_MAX, "{}", world.running_max);
    assert_eq!(world.seen.iter().filter(|seen| seen.has_basic).count(), 1);
}

#[tokio::test]
async fn a_restart_at_any_request_leaves_one_case() {
    // The daemon dies while the n-th request of the delivery is being answered.
    for last in 1..10 {
        let fake = Fake::start().await;
        let disk = Disk::new();
        {
            let store = disk.store();
            Call::default().record(&store).await;
            let outbox = Outbox::start(store, desk(&fake));
            until("the last request", || {
                let is_done = outbox.status().done == 1;
                (fake.world().seen.len() >= last || is_done).then_some(())
            })
            .await;
        }
        let store = disk.store();
        let outbox = Outbox::start(store, desk(&fake));
        settle(&outbox).await;
        assert_eq!(cases(&fake), 1, "died at request {last}");
    }
}

fn fault() -> impl Strategy<Value = (&'static str, Fault)> {
    let request = prop::sample::select(vec![
        "POST cases",
        "POST cases",
        "GET cases",
        "POST users",
        "POST identities",
        "GET search",
        "GET roles",
        "GET me",
        "",
    ]);
    let fault = prop::sample::select(vec![
        Fault::Status(500, ""),
        Fault::Status(502, ""),
        Fault::Status(454, "SESSION_LOADING_FAILED"),
        Fault::StatusAfter(429, "RATE_LIMIT_REACHED", 0),
        Fault::DoneBut500,
        Fault::DoneBut500,
        Fault::DoneButSilent,
        Fault::Silent,
        Fault::Page,
        Fault::Slow(Duration::from_millis(5)),
    ]);
    (request, fault)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, max_shrink_iters: 40, ..ProptestConfig::default() })]

    #[test]
    fn whatever_goes_wrong_there_is_one_case_per_call(
        faults in prop::collection::vec(fault(), 0..12),
        restarts in prop::collection::vec(1_usize..15, 0..3),
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1).enable_all().build().unwrap();
        runtime.block_on(async {
            let fake = Fake::start().await;
            fake.world().plan.extend(faults);
            let disk = Disk::new();
            let calls = [("c-aaa1", "+15550100199"), ("c-bbb2", "anonymous")];
            {
                let store = disk.store();
                for (id, from) in calls {
                    Call { id, from, ..Call::default() }.record(&store).await;
                }
            }
            let choice = Choice { patience: Duration::from_millis(60), ..Choice::default() };
            for requests in restarts {
                let outbox = Outbox::start(disk.store(), desk_with(&fake, choice.clone()));
                let target = fake.world().seen.len() + requests;
                until("some requests", || {
                    let status = outbox.status();
                    let is_idle = status.done == 2 || status.last_error.is_some();
                    (fake.world().seen.len() >= target || is_idle).then_some(())
                }).await;
            }
            let outbox = Outbox::start(disk.store(), desk_with(&fake, choice));
            until("the outbox has looked", || {
                let status = outbox.status();
                (status.pending + status.done > 0).then_some(())
            }).await;
            settle(&outbox).await;
            for (id, _) in calls {
                assert_eq!(fake.world().cases_of(id).len(), 1, "{id}");
            }
        });
    }
}
