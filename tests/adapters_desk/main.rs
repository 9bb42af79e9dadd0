//! The helpdesk adapters against a helpdesk in this process, with faults on demand.

#![cfg(test)]

mod fake;
mod kayako;
mod knowledge;
mod outbox;
mod sandbox;

use std::sync::Arc;
use std::time::Duration;

use ringwell::io::clock;
use ringwell::io::desk::Desk;
use ringwell::io::desk::kayako::{Kayako, Labels, Settings};
use ringwell::io::store::Store;
use ringwell::io::tls::Tls;
use ringwell::ticket::{CallId, Entry, Outcome, Speaker, TicketPolicy};

use fake::Fake;

/// What a test sets differently.
#[derive(Clone)]
struct Choice {
    password: &'static str,
    labels: Labels,
    patience: Duration,
    settle: Duration,
    locale: &'static str,
}

impl Default for Choice {
    fn default() -> Self {
        Self {
            password: fake::PASSWORD,
            labels: Labels::default(),
            patience: Duration::from_millis(400),
            settle: Duration::ZERO,
            locale: "en-us",
        }
    }
}

fn desk_with(fake: &Fake, choice: Choice) -> Arc<Desk> {
    let settings = Settings {
        labels: choice.labels,
        patience: choice.patience,
        settle: choice.settle,
        locale: choice.locale.to_owned(),
        ..Settings::new(
            &fake.address,
            fake::EMAIL,
            choice.password.to_owned().into(),
        )
    };
    let client = Tls::new(None)
        .unwrap()
        .http_client(Duration::from_secs(2))
        .unwrap();
    Arc::new(Desk::Kayako(Kayako::new(settings, client).unwrap()))
}

fn desk(fake: &Fake) -> Arc<Desk> {
    desk_with(fake, Choice::default())
}

struct Disk(tempfile::TempDir);

impl Disk {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn store(&self) -> Store {
        let path = self.0.path().join("ringwell.db");
        Store::open(&path, TicketPolicy::Unsettled).unwrap()
    }
}

/// A call that is over and needs a ticket.
struct Call {
    id: &'static str,
    from: &'static str,
    name: &'static str,
    email: Option<&'static str>,
}

impl Default for Call {
    fn default() -> Self {
        Self {
            id: "c-3f9a7c21",
            from: "+15550100199",
            name: "",
            email: None,
        }
    }
}

impl Call {
    async fn record(&self, store: &Store) {
        let id = CallId(self.id.to_owned());
        let mut entries = vec![
            Entry::Started {
                at: clock::wallclock(),
                sip_call_id: "x@pbx".to_owned(),
                from: self.from.to_owned(),
                from_name: self.name.to_owned(),
                to: "support".to_owned(),
                identity: Box::default(),
            },
            Entry::Answered(Duration::from_secs(1)),
            Entry::Line {
                at: Duration::from_secs(4),
                speaker: Speaker::Caller,
                text: "my invoice is <wrong>".to_owned(),
                interrupted: false,
            },
        ];
        if let Some(address) = self.email {
            entries.push(Entry::Email {
                address: address.to_owned(),
                confirmed: true,
            });
        }
        entries.push(Entry::Escalated {
            reason: "the invoice is wrong".to_owned(),
        });
        entries.push(Entry::Ended {
            at: Duration::from_secs(30),
            outcome: Outcome::Escalated,
            reason: "the caller hung up".to_owned(),
        });
        for entry in entries {
            store.record(id.clone(), entry).await.unwrap();
        }
    }
}

/// Waits for something that is expected to happen.
async fn until<T>(what: &str, mut check: impl FnMut() -> Option<T>) -> T {
    let waiting = async {
        loop {
            if let Some(found) = check() {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    match tokio::time::timeout(Duration::from_secs(20), waiting).await {
        Ok(found) => found,
        Err(_) => panic!("this did not happen: {what}"),
    }
}
