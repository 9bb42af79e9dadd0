//! The daemon: configuration in, calls answered, until it is asked to stop.
//!
//! Start reading at [`event_loop`], then [`call_task`].

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

use crate::config::{self, Config, Secrets};
use crate::io::clock;
use crate::io::resolver::Resolver;
use crate::io::sip_sockets::{self, SipSockets};
use crate::io::sip_tls::TlsListen;
use crate::sip::Random;
use crate::sip::endpoint::{self, Endpoint};

mod call_task;
pub mod control;
mod dialing;
mod event_loop;
mod legs;
mod lines;
pub mod live;
pub mod log;
mod media_addresses;
pub mod metrics;
pub mod notify;
mod paths;
mod plan;
mod public_address;
mod refusals;
mod registrations;
mod reload;
mod rests;
mod second_leg;
mod services;
mod shutdown;
mod signals;
mod sound;
mod status;
mod stun;
mod wording;

use event_loop::{EventLoop, QUESTIONS_CAPACITY, Question};
use lines::Lines;
use paths::{Finder, Paths};
use refusals::Refusals;
use registrations::Registrations;
use reload::Reload;
pub use reload::Reread;
use services::Services;
use signals::Signals;
use stun::Stun;

/// How long tickets may take to reach the helpdesk after the last call; the rest waits on disk for
/// the next start.
const FLUSH: Duration = Duration::from_secs(10);

/// Answers calls until it is asked to stop. State lives in `config.state.dir`; SIGHUP rereads.
///
/// # Errors
/// When it cannot start: a port is taken, the state folder cannot be written, no media thread.
pub async fn run(config: Config, secrets: Secrets, reread: Reread) -> anyhow::Result<()> {
    let start = clock::now();
    let signals = Signals::listen()?;
    let lines = Lines::new(&config, &secrets);
    let services = Arc::new(Services::start(&config, secrets).await?);
    let sockets = sip_sockets::Settings {
        udp: config.sip.listen_udp.clone(),
        tcp: config.sip.listen_tcp.clone(),
        tls: tls_listen(&config),
        identify: Some(lines.identify()),
        roots: Some(Arc::clone(&services.roots)),
        messages_per_second: config.guard.messages_per_second,
        ..sip_sockets::Settings::default()
    };
    let refusals = Refusals::new(config.guard.refusal_lines_per_minute);
    let sockets = SipSockets::bind(&sockets, refusals.watch(lines.judge()))?;
    let finder = Finder::new(Resolver::system(), &sockets.0);
    let registrations = Registrations::new(
        Arc::clone(&lines),
        Paths::new(finder.clone()),
        config.sip.server_name.clone(),
        Random::new(clock::seed()),
    );
    let stun = Stun::new(config.sip.stun_server.clone(), Resolver::system(), start);
    let settings = endpoint::Settings {
        server_name: config.sip.server_name.clone(),
        via_host: config.sip.public_address.map(Into::into),
        tcp: config.sip.listen_tcp.clone(),
        throttle: throttle(&config.guard),
        ..endpoint::Settings::default()
    };
    let endpoint = Endpoint::new(settings, Random::new(clock::seed()));
    let control = control::Control::bind(&config.control_socket())?;
    let (asker, questions) = mpsc::channel(QUESTIONS_CAPACITY);
    let answering = Arc::clone(&services);
    let serving = tokio::spawn(
        control.serve(move |request| answer(Arc::clone(&answering), asker.clone(), request)),
    );
    let event_loop = EventLoop::new(
        Arc::clone(&services),
        (lines, registrations, stun, finder),
        endpoint,
        sockets,
        questions,
        (signals, Reload::new(reread, &config, start)),
        refusals,
    );
    let took = clock::now().saturating_duration_since(start);
    ::log::info!(READY_MS = millis(took); "ready");
    notify::ready();
    event_loop.run().await;
    serving.abort();
    let left = services.outbox.flush(FLUSH).await;
    if left > 0 {
        ::log::warn!(TICKETS = left; "tickets wait on disk for the next start");
    }
    services.store.close().await;
    ::log::info!("stopped");
    Ok(())
}

fn tls_listen(config: &Config) -> Option<TlsListen> {
    let sip = &config.sip;
    let (certificate, key) = (sip.certificate.clone()?, sip.certificate_key.clone()?);
    Some(TlsListen {
        addresses: sip.listen_tls.clone(),
        certificate,
        key,
    })
}

fn throttle(guard: &config::Guard) -> endpoint::throttle::Limits {
    endpoint::throttle::Limits {
        requests: guard.requests_per_second,
        calls: guard.calls_per_second,
        calls_overall: guard.calls_per_second_overall,
        burst: guard.burst,
    }
}

/// Asks the loop, and completes a status outside of it.
async fn answer(
    services: Arc<Services>,
    asker: mpsc::Sender<Question>,
    request: control::Request,
) -> Value {
    let (sender, answered) = oneshot::channel();
    if asker.send((request, sender)).await.is_err() {
        return json!({"error": "the daemon is stopping"});
    }
    let Ok(mut told) = answered.await else {
        return json!({"error": "the daemon is stopping"});
    };
    if request == control::Request::Status {
        status::complete(&services, &mut told).await;
    }
    told
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
