//! How each service's refusal to connect is told.

use std::time::Duration;

use axum::Router;
use ringwell::audio::Law;
use ringwell::conversation::Failure;
use ringwell::io::deepgram::Endpoint;
use ringwell::io::deepgram::flux::{self, Ear, EarEvent};
use ringwell::io::rings::caller_ring;
use ringwell::io::tls::Tls;
use ringwell::io::transcode::CallerAudio;
use tokio::sync::mpsc;

use crate::server::{mute, nobody, serve, socket, soon};

/// What an ear at this address reports first, when it waits so many milliseconds.
async fn first_of_ear(url: &str, patience: u64) -> EarEvent {
    let settings = flux::Settings {
        endpoint: Endpoint {
            url: url.to_owned(),
            key: "test-key".to_owned().into(),
        },
        model: "flux-general-en".to_owned(),
        eot_threshold: 0.7,
        eager_eot_threshold: None,
        eot_timeout_ms: 5000,
        keyterms: vec![],
        language_hints: vec![],
        mip_opt_out: true,
        patience: flux::Patience {
            connect: Duration::from_millis(patience),
            ..flux::Patience::default()
        },
    };
    let ear = Ear::new(settings, Tls::new(None).expect("TLS comes up"));
    let (_caller, reader) = caller_ring();
    let (sender, mut events) = mpsc::channel(4);
    let _listening = ear.open(CallerAudio::g711(Law::A, reader), sender);
    soon(&mut events).await
}

fn router(refuse: fn(usize) -> Option<u16>) -> Router {
    let stall = async |_, peer: crate::server::Peer| peer.stall().await;
    Router::new().route("/v2/listen", socket(refuse, stall))
}

#[tokio::test]
async fn a_refusal_is_told_with_its_reason_and_not_tried_again() {
    let only_first: fn(usize) -> Option<u16> = |nth| (nth == 0).then_some(401);
    let url = serve(router(only_first)).await;
    let told = first_of_ear(&url, 8000).await;
    let EarEvent::Failed(Failure::Refused(reason)) = told else {
        panic!("{told:?}");
    };
    assert!(reason.contains("401") && reason.contains("No."), "{reason}");
    for status in [|_| Some(400), |_| Some(402), |_| Some(403)] {
        let told = first_of_ear(&serve(router(status)).await, 8000).await;
        assert!(
            matches!(told, EarEvent::Failed(Failure::Refused(_))),
            "{told:?}"
        );
    }
}

#[tokio::test]
async fn a_busy_service_is_tried_again_and_then_unavailable() {
    for status in [|_| Some(429), |_| Some(503)] {
        let told = first_of_ear(&serve(router(status)).await, 1500).await;
        assert!(
            matches!(told, EarEvent::Failed(Failure::Unavailable(_))),
            "{told:?}"
        );
    }
}

#[tokio::test]
async fn an_absent_service_is_unavailable() {
    let told = first_of_ear(&nobody().await, 1000).await;
    assert!(
        matches!(told, EarEvent::Failed(Failure::Unavailable(_))),
        "{told:?}"
    );
}

#[tokio::test]
async fn a_service_that_never_answers_or_never_greets_is_stalled() {
    let told = first_of_ear(&mute().await, 700).await;
    assert!(
        matches!(told, EarEvent::Failed(Failure::Stalled(_))),
        "{told:?}"
    );
    let told = first_of_ear(&serve(router(|_| None)).await, 700).await;
    assert!(
        matches!(told, EarEvent::Failed(Failure::Stalled(_))),
        "{told:?}"
    );
}

#[tokio::test]
async fn encryption_with_a_stranger_fails_in_words() {
    let url = serve(router(|_| None)).await.replace("http://", "https://");
    let told = first_of_ear(&url, 1500).await;
    assert!(
        matches!(told, EarEvent::Failed(Failure::Unavailable(_))),
        "{told:?}"
    );
}
