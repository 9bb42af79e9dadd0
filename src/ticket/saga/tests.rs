use proptest::prelude::*;

use super::*;

fn draft() -> Draft {
    Draft {
        call_id: CallId("c-1".to_owned()),
        subject: "Call from 100".to_owned(),
        body_html: "<p>x</p>".to_owned(),
        body_text: "x".to_owned(),
        requester: Requester {
            name: "Jane".to_owned(),
            email: None,
            phone: Some("100".to_owned()),
        },
        tags: vec![],
    }
}

fn saga(requester_id: Option<&str>, ticket_id: Option<&str>, attempted_create: bool) -> Saga {
    let progress = Progress {
        requester_id: requester_id.map(str::to_owned),
        ticket_id: ticket_id.map(str::to_owned),
        attempted_create,
    };
    Saga::new(draft(), progress)
}

/// The step's name alone, for tables.
fn name(step: &Step) -> &'static str {
    match step {
        Step::FindTicket { .. } => "find ticket",
        Step::FindRequester { .. } => "find requester",
        Step::CreateRequester { .. } => "create requester",
        Step::CreateTicket { .. } => "create ticket",
        Step::Done { .. } => "done",
        Step::DeadLetter { .. } => "dead letter",
    }
}

fn refused() -> StepResult {
    StepResult::Refused {
        reason: "key".to_owned(),
    }
}

fn found() -> StepResult {
    StepResult::Found("7".to_owned())
}

fn created() -> StepResult {
    StepResult::Created("7".to_owned())
}

fn retry() -> StepResult {
    StepResult::Retry { after: None }
}

#[test]
fn where_a_saga_begins() {
    let check = |mut saga: Saga, expected: &str| assert_eq!(name(&saga.next_step()), expected);
    check(saga(None, None, false), "find requester");
    check(saga(Some("3"), None, false), "create ticket");
    check(saga(None, None, true), "find ticket");
    check(saga(Some("3"), None, true), "find ticket");
    check(saga(Some("3"), Some("9"), true), "done");
    check(saga(None, Some("9"), false), "done");
}

/// The step after each result, in the order of [`results`]; the first column is the state.
const TABLE: &str = "
    find ticket, unknown  | done          | find requester   | done          | find ticket    | find ticket
    find ticket, known    | done          | create ticket    | done          | find ticket    | find ticket
    find requester, new   | create ticket | create requester | create ticket | find requester | find requester
    create requester, new | create ticket | find requester   | create ticket | find requester | find requester
    create ticket, known  | done          | find ticket      | done          | find ticket    | find ticket
";

fn results() -> [StepResult; 5] {
    [
        found(),
        StepResult::NotFound,
        created(),
        StepResult::Duplicate,
        retry(),
    ]
}

fn in_state(state: &str) -> Saga {
    match state {
        "find ticket, unknown" => saga(None, None, true),
        "find ticket, known" => saga(Some("3"), None, true),
        "find requester, new" => saga(None, None, false),
        "create requester, new" => {
            let mut saga = saga(None, None, false);
            saga.handle_result(StepResult::NotFound);
            saga
        }
        _ => saga(Some("3"), None, false),
    }
}

#[test]
fn every_state_with_every_result() {
    for row in TABLE.trim().lines() {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let step = cells[0].split(',').next().unwrap();
        for (result, expected) in results().into_iter().zip(&cells[1..]) {
            let mut saga = in_state(cells[0]);
            assert_eq!(name(&saga.next_step()), step);
            saga.handle_result(result.clone());
            assert_eq!(name(&saga.next_step()), *expected, "{step} with {result:?}");
        }
        let mut saga = in_state(cells[0]);
        saga.handle_result(refused());
        assert_eq!(name(&saga.next_step()), "dead letter");
    }
}

#[test]
fn what_is_over_stays_over() {
    for mut over in [saga(None, Some("9"), true), {
        let mut saga = saga(None, None, false);
        saga.handle_result(refused());
        saga
    }] {
        let step = over.next_step();
        for result in [found(), created(), retry(), refused(), StepResult::NotFound] {
            over.handle_result(result);
            assert!(over.is_over());
            assert_eq!(over.next_step(), step);
        }
    }
}

#[test]
fn a_requester_that_is_gone_is_looked_up_anew() {
    let mut saga = saga(Some("3"), None, false);
    saga.next_step();
    saga.handle_result(StepResult::NotFound);
    saga.next_step();
    saga.handle_result(StepResult::NotFound);
    assert_eq!(name(&saga.next_step()), "find requester");
}

#[test]
fn an_attempt_is_marked_before_the_ticket_is_created() {
    let mut saga = saga(Some("3"), None, false);
    assert!(!saga.progress().attempted_create);
    saga.next_step();
    assert!(saga.progress().attempted_create);
}

#[test]
fn waits_after_an_unclear_answer_alone() {
    let mut saga = saga(Some("3"), None, false);
    assert_eq!(saga.delay(0), Duration::ZERO);
    saga.handle_result(StepResult::Retry {
        after: Some(Duration::from_secs(600)),
    });
    assert_eq!(saga.delay(0), Duration::from_secs(600));
    saga.handle_result(retry());
    assert_eq!(saga.delay(0), backoff(2, 0));
    saga.handle_result(StepResult::NotFound);
    assert_eq!(saga.delay(0), Duration::ZERO);
    assert_eq!(saga.attempt(), 2);
}

#[test]
fn backoff_doubles_up_to_a_quarter_of_an_hour() {
    let seconds: Vec<u64> = (1..=12)
        .map(|attempt| backoff(attempt, 0).as_secs())
        .collect();
    assert_eq!(seconds, [2, 4, 8, 16, 32, 64, 128, 256, 450, 450, 450, 450]);
    assert_eq!(backoff(u32::MAX, u64::MAX).as_secs() / 1_000, 0);
    assert!(backoff(0, u64::MAX) <= Duration::from_secs(4));
}

/// A helpdesk that finds by call id, and a box around the saga that crashes.
#[derive(Default)]
struct World {
    users: u32,
    tickets: u32,
    durable: Progress,
}

/// One round's misfortune.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Luck {
    Fine,
    FailsBefore,
    FailsAfter,
    CrashBefore,
    CrashAfter,
}

impl World {
    fn perform(&mut self, step: &Step) -> StepResult {
        match step {
            Step::FindTicket { .. } if self.tickets > 0 => StepResult::Found("t".to_owned()),
            Step::FindRequester { .. } if self.users > 0 => StepResult::Found("u".to_owned()),
            Step::FindTicket { .. } | Step::FindRequester { .. } => StepResult::NotFound,
            Step::CreateRequester { .. } if self.users > 0 => StepResult::Duplicate,
            Step::CreateRequester { .. } => {
                self.users += 1;
                StepResult::Created("u".to_owned())
            }
            Step::CreateTicket { .. } => {
                self.tickets += 1;
                StepResult::Created("t".to_owned())
            }
            Step::Done { .. } | Step::DeadLetter { .. } => StepResult::NotFound,
        }
    }

    /// Returns false when the box crashed.
    fn round(&mut self, saga: &mut Saga, luck: Luck) -> bool {
        let step = saga.next_step();
        self.durable = saga.progress().clone();
        let result = match luck {
            Luck::CrashBefore => return false,
            Luck::FailsBefore => retry(),
            Luck::FailsAfter | Luck::CrashAfter => {
                self.perform(&step);
                retry()
            }
            Luck::Fine => self.perform(&step),
        };
        if luck == Luck::CrashAfter {
            return false;
        }
        saga.handle_result(result);
        self.durable = saga.progress().clone();
        true
    }
}

fn luck() -> impl Strategy<Value = Luck> {
    prop_oneof![
        Just(Luck::Fine),
        Just(Luck::FailsBefore),
        Just(Luck::FailsAfter),
        Just(Luck::CrashBefore),
        Just(Luck::CrashAfter),
    ]
}

proptest! {
    #[test]
    fn one_ticket_whatever_fails_and_whenever_it_crashes(
        misfortunes in proptest::collection::vec(luck(), 0..40)
    ) {
        let mut world = World::default();
        let mut saga = Saga::new(draft(), Progress::default());
        let then_fine = std::iter::repeat_n(Luck::Fine, 8);
        for luck in misfortunes.into_iter().chain(then_fine) {
            if !world.round(&mut saga, luck) {
                saga = Saga::new(draft(), world.durable.clone());
            }
            prop_assert!(world.tickets <= 1 && world.users <= 1);
        }
        prop_assert_eq!(world.tickets, 1);
        prop_assert_eq!(name(&saga.next_step()), "done");
    }
}
