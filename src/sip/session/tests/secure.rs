//! Keys in the session's descriptions (RFC 4568).

use super::*;
use crate::sdp::{Crypto, Srtp, SrtpPolicy, Suite};

const KEY: &str = "d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj";
const OTHER: &str = "NzB4d1BINUAvLEw6UzF3WSJ+PSdFcGdUJShpX1Zj";

fn secure(key: &str) -> String {
    let line = format!("a=crypto:4 AES_CM_128_HMAC_SHA1_80 inline:{key}|2^31\r\n");
    sdp("192.0.2.1", &line).replace("RTP/AVP", "RTP/SAVP")
}

fn bench(policy: SrtpPolicy, offer: &str) -> Bench {
    let mut settings = settings();
    settings.local_media.srtp = Srtp::new(policy, [5; 32]);
    let (now, random) = (clock::now(), Random::new([3, 4]));
    let invite = invite(&[SDP_TYPE], offer);
    let session = Session::incoming(INVITE_TRANSACTION, invite, flow(), settings, random, now);
    Bench {
        session,
        start: now,
        now,
        cseq: 1,
    }
}

fn keys(bench: &mut Bench) -> Crypto {
    bench.negotiated().crypto.expect("keys")
}

#[test]
fn what_the_policy_forbids_is_refused_with_a_warning() {
    let dtls = sdp("192.0.2.1", "").replace("RTP/AVP", "UDP/TLS/RTP/SAVPF");
    let keyless = sdp("192.0.2.1", "").replace("RTP/AVP", "RTP/SAVP");
    for (policy, offer, warning) in [
        (SrtpPolicy::Off, secure(KEY), "302 "),
        (SrtpPolicy::Accepted, dtls, "302 "),
        (SrtpPolicy::Accepted, keyless, "399 "),
        (SrtpPolicy::Required, sdp("192.0.2.1", ""), "399 "),
    ] {
        let mut bench = bench(policy, &offer);
        let response = bench.answer().unwrap();
        assert_eq!(response.status, StatusCode::NOT_ACCEPTABLE_HERE);
        let text = text(&response.headers, &Name::Warning);
        assert!(text.starts_with(warning) && !text.contains(KEY), "{text}");
    }
}

#[test]
fn a_refresh_keeps_the_keys_and_a_new_key_changes_both() {
    let mut bench = bench(SrtpPolicy::Accepted, &secure(KEY));
    bench.session.accept(bench.now);
    let answer = body(&bench.answer().unwrap());
    assert!(answer.contains("m=audio 4000 RTP/SAVP 0 101"), "{answer}");
    assert!(answer.contains("a=crypto:4 AES_CM_128_HMAC_SHA1_80 inline:"));
    let first = keys(&mut bench);
    assert_eq!(first.suite, Suite::AesCm128HmacSha1_80);
    bench.ack("");
    bench.drain();

    let refreshed = bench.inside("INVITE", &[SDP_TYPE], &secure(KEY));
    assert_eq!(
        body(&refreshed),
        answer,
        "the same, and so the same version"
    );
    assert!(bench.session.poll_event().is_none(), "nothing has changed");
    bench.ack("");
    bench.inside("INVITE", &[SDP_TYPE], &secure(OTHER));
    let second = keys(&mut bench);
    assert_ne!(second.receive_key, first.receive_key);
    assert_ne!(second.send_key, first.send_key);
    bench.ack("");

    // An offer of ours goes on with what stands.
    let offered = body(&bench.inside("INVITE", &[], ""));
    assert!(
        offered.contains("m=audio 4000 RTP/SAVP 0 8 101"),
        "{offered}"
    );
    let answer = secure(OTHER).replace("a=crypto:4", "a=crypto:1");
    bench.ack(&answer);
    assert_eq!(keys(&mut bench), second);
}

#[test]
fn a_reinvite_in_the_clear_is_refused_where_keys_are_required() {
    let mut bench = bench(SrtpPolicy::Required, &secure(KEY));
    bench.session.accept(bench.now);
    bench.drain();
    bench.ack("");
    bench.drain();
    let response = bench.inside("INVITE", &[SDP_TYPE], &sdp("192.0.2.1", ""));
    assert_eq!(response.status, StatusCode::NOT_ACCEPTABLE_HERE);
    assert!(!bench.session.is_over());
}
