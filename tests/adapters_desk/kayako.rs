//! The Kayako adapter step by step.

use std::time::Duration;

use ringwell::io::desk::kayako::Labels;
use ringwell::io::desk::{Desk, DeskError, Occasion};
use ringwell::ticket::saga::{Step, StepResult};
use ringwell::ticket::{CallId, Draft, Requester};

use crate::fake::{Fake, Fault};
use crate::{Choice, desk, desk_with};

fn call_id() -> CallId {
    CallId("c-3f9a7c21".to_owned())
}

async fn perform(desk: &Desk, step: Step) -> Result<StepResult, DeskError> {
    let call_id = call_id();
    desk.perform(
        &step,
        Occasion {
            call_id: &call_id,
            attempt: 0,
        },
    )
    .await
}

fn requester(name: &str, email: Option<&str>, phone: Option<&str>) -> Requester {
    Requester {
        name: name.to_owned(),
        email: email.map(str::to_owned),
        phone: phone.map(str::to_owned),
    }
}

async fn find(desk: &Desk, requester: Requester) -> StepResult {
    perform(desk, Step::FindRequester { requester })
        .await
        .unwrap()
}

async fn create(desk: &Desk, requester: Requester) -> StepResult {
    perform(desk, Step::CreateRequester { requester })
        .await
        .unwrap()
}

fn create_ticket(requester_id: &str) -> Step {
    Step::CreateTicket {
        requester_id: requester_id.to_owned(),
        draft: Draft {
            call_id: call_id(),
            subject: "Call from Ada".to_owned(),
            body_html: "<p>about c-3f9a7c21</p>".to_owned(),
            body_text: "about c-3f9a7c21".to_owned(),
            requester: Requester::default(),
            tags: vec!["voice-call".to_owned()],
        },
    }
}

#[tokio::test]
async fn a_user_is_found_by_address_then_number_and_never_by_likeness() {
    let fake = Fake::start().await;
    let (ada, bob, caller) = {
        let mut world = fake.world();
        world.add_user(
            "Somebody Else",
            Some("xada@example.org"),
            Some("+155501001990"),
        );
        let ada = world.add_user(
            "Ada Byron",
            Some("Ada@example.org"),
            Some("+1 555 010 0199"),
        );
        let bob = world.add_user("Bob", Some("bob@example.org"), Some("+15550100777"));
        let caller = world.add_user("Caller +15550100555", None, None);
        (ada.to_string(), bob.to_string(), caller.to_string())
    };
    let desk = desk(&fake);
    let found = |id: &String| StepResult::Found(id.clone());
    let ask = |email, phone| find(&desk, requester("Whoever", email, phone));
    assert_eq!(ask(Some("ada@example.org"), None).await, found(&ada));
    assert_eq!(ask(None, Some("+15550100199")).await, found(&ada));
    assert_eq!(ask(None, Some("15550100777")).await, found(&bob));
    // A confirmed address says more than the number of the telephone.
    assert_eq!(
        ask(Some("bob@example.org"), Some("+15550100199")).await,
        found(&bob)
    );
    assert_eq!(
        ask(Some("new@example.org"), Some("+15550100199")).await,
        found(&ada)
    );
    // Made for the number earlier, when the number was not taken as an identity.
    assert_eq!(ask(None, Some("+15550100555")).await, found(&caller));
    assert_eq!(
        ask(Some("da@example.org"), None).await,
        StepResult::NotFound
    );
    assert_eq!(ask(None, Some("+1555010019")).await, StepResult::NotFound);
    assert_eq!(ask(None, None).await, StepResult::NotFound);
}

#[tokio::test]
async fn a_caller_without_number_is_only_found_by_a_name_that_holds_the_call() {
    let fake = Fake::start().await;
    let desk = desk(&fake);
    fake.world().add_user("Ada Byron", None, None);
    // A namesake is not the caller.
    assert_eq!(
        find(&desk, requester("Ada Byron", None, None)).await,
        StepResult::NotFound
    );
    let unknown = requester("Unknown caller, call c-3f9a7c21", None, None);
    assert_eq!(find(&desk, unknown.clone()).await, StepResult::NotFound);
    let StepResult::Created(id) = create(&desk, unknown.clone()).await else {
        panic!("not created");
    };
    assert_eq!(find(&desk, unknown).await, StepResult::Found(id));
}

#[tokio::test]
async fn a_user_is_made_as_a_customer_with_address_and_number() {
    let fake = Fake::start().await;
    let desk = desk(&fake);
    let ada = requester("Ada", Some("ada@example.org"), Some("+15550100199"));
    assert!(matches!(
        create(&desk, ada.clone()).await,
        StepResult::Created(_)
    ));
    {
        let world = fake.world();
        assert_eq!(world.users[0]["emails"][0]["email"], "ada@example.org");
        assert_eq!(world.users[0]["phones"][0]["number"], "+15550100199");
        assert_eq!(world.count("GET", "roles"), 1);
    }
    assert_eq!(create(&desk, ada).await, StepResult::Duplicate);
    // A helpdesk that takes no numbers costs no ticket, and the role is remembered.
    fake.world().takes_no_phones = true;
    let bob = requester("Bob", None, Some("+15550100777"));
    assert!(matches!(create(&desk, bob).await, StepResult::Created(_)));
    assert_eq!(fake.world().count("GET", "roles"), 1);
}

#[tokio::test]
async fn labels_become_ids_and_are_read_again_when_they_changed() {
    let fake = Fake::start().await;
    let user = fake.world().add_user("Ada", None, None).to_string();
    let labels = Labels {
        status: Some("waiting for us".to_owned()),
        team: Some("Support".to_owned()),
        priority: Some("No such thing".to_owned()),
        kind: None,
        tags: vec!["front-office".to_owned()],
    };
    let desk = desk_with(
        &fake,
        Choice {
            labels,
            ..Choice::default()
        },
    );
    for _ in 0..2 {
        assert!(matches!(
            perform(&desk, create_ticket(&user)).await,
            Ok(StepResult::Created(_))
        ));
    }
    {
        let mut world = fake.world();
        assert_eq!(
            (
                &world.cases[1]["status_id"],
                &world.cases[1]["assigned_team_id"]
            ),
            (&2.into(), &31.into())
        );
        assert!(world.cases[1].get("priority_id").is_none());
        assert!(world.cases[1]["tags"].to_string().contains("front-office"));
        assert_eq!(world.count("GET", "cases/statuses"), 1);
        world.statuses[1]["id"] = 22.into();
    }
    assert!(matches!(
        perform(&desk, create_ticket(&user)).await,
        Ok(StepResult::Created(_))
    ));
    assert_eq!(fake.world().cases[2]["status_id"], 22);
    // A requester who is gone is another matter: another has to be found.
    assert_eq!(
        perform(&desk, create_ticket("999")).await,
        Ok(StepResult::NotFound)
    );
    assert_eq!(fake.world().cases.len(), 3);
}

#[tokio::test]
async fn a_label_that_is_not_taken_costs_the_label_and_not_the_ticket() {
    let fake = Fake::start().await;
    let user = fake.world().add_user("Ada", None, None).to_string();
    let labels = Labels {
        status: Some("New".to_owned()),
        ..Labels::default()
    };
    let desk = desk_with(
        &fake,
        Choice {
            labels,
            ..Choice::default()
        },
    );
    fake.fail("POST cases", Fault::Status(400, "FIELD_INVALID"));
    fake.fail("POST cases", Fault::Status(400, "FIELD_INVALID"));
    assert!(matches!(
        perform(&desk, create_ticket(&user)).await,
        Ok(StepResult::Created(_))
    ));
    assert!(fake.world().cases[0].get("status_id").is_none());
}

#[tokio::test]
async fn a_case_is_found_only_when_it_is_the_calls_own() {
    let fake = Fake::start().await;
    let user = fake.world().add_user("Ada", None, None).to_string();
    let desk = desk(&fake);
    fake.world().ignores_arguments = true;
    fake.world().cases.push(serde_json::json!({
        "id": 5, "tags": [{"name": "ringwell-c-3f9a7c21-other"}], "contents": "c-3f9a7c2",
    }));
    let look = || perform(&desk, Step::FindTicket { call_id: call_id() });
    assert_eq!(look().await, Ok(StepResult::NotFound));
    let Ok(StepResult::Created(id)) = perform(&desk, create_ticket(&user)).await else {
        panic!("not created");
    };
    assert_eq!(look().await, Ok(StepResult::Found(id)));
}

#[tokio::test]
async fn a_page_instead_of_an_answer_is_no_answer() {
    let fake = Fake::start().await;
    let user = fake.world().add_user("Ada", None, None).to_string();
    let desk = desk(&fake);
    fake.fail("POST cases", Fault::Page);
    let unclear = perform(&desk, create_ticket(&user)).await;
    assert!(
        matches!(unclear, Err(DeskError::Retry { after: Some(_), .. })),
        "{unclear:?}"
    );
}

#[tokio::test]
async fn nobody_at_the_address_is_tried_again_and_a_second_factor_is_not() {
    let fake = Fake::start().await;
    let desk_of_nobody = {
        let gone = Fake::start().await;
        desk(&gone)
    };
    let look = Step::FindTicket { call_id: call_id() };
    let gone = perform(&desk_of_nobody, look.clone()).await;
    assert!(
        matches!(&gone, Err(DeskError::Retry { reason, .. }) if reason.contains("reached") || reason.contains("broke")),
        "{gone:?}"
    );
    fake.fail("GET me", Fault::Status(403, "OTP_EXPECTED"));
    let desk = desk(&fake);
    let barred = perform(&desk, look).await;
    assert!(
        matches!(&barred, Err(DeskError::Barred { reason, .. }) if reason.contains("second factor")),
        "{barred:?}"
    );
    assert!(matches!(desk.check().await, Err(DeskError::Barred { .. })));
    assert_eq!(fake.world().seen.len(), 1, "asked once, then left alone");
    desk.rearm().await;
    assert_eq!(desk.check().await.unwrap(), "signed in as Agent (agent)");
}

#[tokio::test]
async fn a_slow_answer_is_waited_for_and_a_stalled_one_is_not() {
    let fake = Fake::start().await;
    let desk = desk(&fake);
    fake.fail("GET me", Fault::Slow(Duration::from_millis(150)));
    assert!(desk.check().await.is_ok());
    fake.fail("GET me", Fault::Silent);
    let stalled = desk.check().await;
    assert!(
        matches!(&stalled, Err(DeskError::Retry { reason, .. }) if reason.contains("in time")),
        "{stalled:?}"
    );
}

#[tokio::test]
async fn one_sign_in_serves_all_who_ask_at_once() {
    let fake = Fake::start().await;
    let desk = desk(&fake);
    let many = (0..20).map(|_| {
        let desk = std::sync::Arc::clone(&desk);
        tokio::spawn(async move { desk.check().await })
    });
    for one in many.collect::<Vec<_>>() {
        assert!(one.await.unwrap().is_ok());
    }
    assert_eq!(
        fake.world()
            .seen
            .iter()
            .filter(|seen| seen.has_basic)
            .count(),
        1
    );
}
