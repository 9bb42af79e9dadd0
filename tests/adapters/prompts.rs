//! Prompts are rendered in the background, kept, and made good when damaged.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::{StatusCode, Uri};
use axum::routing::post;
use ringwell::audio::{Law, SpeechFormat};
use tokio::time::timeout;

use crate::aura::prompts;
use crate::server::{SOON, serve};

fn texts() -> Vec<String> {
    vec!["Welcome.".to_owned(), "Goodbye.".to_owned()]
}

fn forms() -> Vec<SpeechFormat> {
    let laws = [Law::Mu, Law::A].map(SpeechFormat::G711);
    let wide = [16_000, 24_000].map(SpeechFormat::Linear16);
    [laws, wide].concat()
}

/// Says which form was asked for, then the text.
fn sound(law: &str, body: &Bytes) -> Vec<u8> {
    let body: serde_json::Value = serde_json::from_slice(body).expect("JSON");
    format!("{law}:{}", body["text"].as_str().expect("text")).into_bytes()
}

async fn render(uri: Uri, body: Bytes) -> Vec<u8> {
    let query = uri.query().unwrap_or_default();
    let forms = [
        ("encoding=mulaw&sample_rate=8000", "mu"),
        ("encoding=alaw&sample_rate=8000", "a"),
        ("encoding=linear16&sample_rate=16000", "16"),
        ("encoding=linear16&sample_rate=24000", "24"),
    ];
    let form = forms.iter().find(|(asked, _)| query.contains(asked));
    sound(form.expect("a form").1, &body)
}

#[tokio::test]
async fn all_prompts_are_rendered_in_all_forms_and_survive_a_restart() {
    let url = serve(Router::new().route("/v1/speak", post(render))).await;
    let folder = tempfile::tempdir().unwrap();
    let cache = prompts(&url, folder.path());
    let rendering = cache.render_all(texts(), forms());
    let all = async {
        while !rendering.is_done() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(SOON, all).await.expect("in time");

    let again = prompts("http://127.0.0.1:1", folder.path());
    let expected: [(&str, SpeechFormat, &[u8]); 5] = [
        ("Welcome.", SpeechFormat::G711(Law::Mu), b"mu:Welcome."),
        ("Welcome.", SpeechFormat::G711(Law::A), b"a:Welcome."),
        ("Goodbye.", SpeechFormat::G711(Law::A), b"a:Goodbye."),
        ("Welcome.", SpeechFormat::Linear16(16_000), b"16:Welcome."),
        ("Goodbye.", SpeechFormat::Linear16(24_000), b"24:Goodbye."),
    ];
    for (text, law, audio) in expected {
        assert_eq!(again.get(text, law).as_deref(), Some(audio));
    }
}

#[tokio::test]
async fn a_damaged_or_empty_file_is_rendered_again() {
    let url = serve(Router::new().route("/v1/speak", post(render))).await;
    let folder = tempfile::tempdir().unwrap();
    prompts(&url, folder.path())
        .render("Welcome.", SpeechFormat::G711(Law::Mu))
        .await
        .unwrap();
    for content in [&b""[..], b"ringwell prompt 1\n\0\0\0\x01x"] {
        for entry in std::fs::read_dir(folder.path()).unwrap() {
            std::fs::write(entry.unwrap().path(), content).unwrap();
        }
        let cache = prompts(&url, folder.path());
        assert_eq!(cache.get("Welcome.", SpeechFormat::G711(Law::Mu)), None);
        cache
            .render("Welcome.", SpeechFormat::G711(Law::Mu))
            .await
            .unwrap();
        assert!(cache.get("Welcome.", SpeechFormat::G711(Law::Mu)).is_some());
    }
}

#[tokio::test]
async fn a_busy_voice_is_asked_again() {
    let tries = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&tries);
    let route = post(async move |body: Bytes| {
        if counted.fetch_add(1, Ordering::Relaxed) == 0 {
            return Err(StatusCode::TOO_MANY_REQUESTS);
        }
        Ok(sound("any", &body))
    });
    let url = serve(Router::new().route("/v1/speak", route)).await;
    let folder = tempfile::tempdir().unwrap();
    let cache = prompts(&url, folder.path());
    let _rendering = cache.render_all(
        vec!["Welcome.".to_owned()],
        vec![SpeechFormat::G711(Law::Mu), SpeechFormat::G711(Law::A)],
    );
    let both = async {
        for law in [Law::Mu, Law::A] {
            while cache.get("Welcome.", SpeechFormat::G711(law)).is_none() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    };
    timeout(SOON, both).await.expect("in time");
    assert_eq!(tries.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn no_audio_is_an_error_and_nothing_is_kept() {
    let url = serve(Router::new().route("/v1/speak", post(async || Vec::<u8>::new()))).await;
    let folder = tempfile::tempdir().unwrap();
    let cache = prompts(&url, folder.path());
    assert!(
        cache
            .render("Welcome.", SpeechFormat::G711(Law::Mu))
            .await
            .is_err()
    );
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
