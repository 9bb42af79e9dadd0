use super::line::Line;
use super::{OFFERED, Srtp, SrtpPolicy, Suite, base64};
use crate::audio::Codec;
use crate::sdp::{Local, NoCommonCodec, SessionDescription, answer, conclude, offer};

/// The key and salt of RFC 4568 §4.1's example.
const KEY: &str = "d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj";
const OTHER: &str = "NzB4d1BINUAvLEw6UzF3WSJ+PSdFcGdUJShpX1Zj";

fn local(policy: SrtpPolicy) -> Local {
    Local {
        address: "192.0.2.80".parse().unwrap(),
        port: 30_000,
        session_id: 77,
        codecs: vec![Codec::PCMU, Codec::PCMA],
        srtp: Srtp::new(policy, [7; 32]),
    }
}

fn stream(profile: &str, lines: &[&str]) -> SessionDescription {
    let lines: String = lines
        .iter()
        .map(|line| format!("a=crypto:{line}\r\n"))
        .collect();
    let text = format!(
        "v=0\r\nc=IN IP4 198.51.100.7\r\nm=audio 4000 {profile} 0 101\r\na=rtpmap:101 telephone-event/8000\r\n{lines}"
    );
    SessionDescription::parse(text.as_bytes()).unwrap()
}

fn inline(suite: Suite, fill: u8) -> String {
    let key = vec![fill; suite.key_and_salt()];
    format!("{} inline:{}", suite.name(), base64::encode(&key))
}

fn is_usable(line: &str) -> bool {
    Line::read(line).is_some()
}

#[test]
fn base64_is_read_strictly() {
    for (plain, coded) in [
        ("", ""),
        ("f", "Zg=="),
        ("fo", "Zm8="),
        ("foo", "Zm9v"),
        ("foob", "Zm9vYg=="),
        ("fooba", "Zm9vYmE="),
        ("foobar", "Zm9vYmFy"),
    ] {
        assert_eq!(base64::encode(plain.as_bytes()), coded);
        assert_eq!(base64::decode(coded).as_deref(), Some(plain.as_bytes()));
    }
    for wrong in [
        "Zg", "Zg=", "Zg===", "Z===", "====", "Zh==", "Zm9=", "Zm9v\n", "Zm-v", "Zm9vY===", "Z=g=",
        "é==",
    ] {
        assert_eq!(base64::decode(wrong), None, "{wrong}");
    }
    let all: Vec<u8> = (0..=255).collect();
    assert_eq!(base64::decode(&base64::encode(&all)), Some(all));
}

#[test]
fn lines_that_can_be_used() {
    for line in [
        format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}"),
        format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^20"),
        format!("999999999 aes_cm_128_hmac_sha1_32 INLINE:{KEY}|2^48"),
        format!("2 AES_CM_128_HMAC_SHA1_32 inline:{KEY}|1000000 WSH=128"),
        format!("2 AES_CM_128_HMAC_SHA1_32 inline:{KEY} -FANCY=1"),
        format!("3 {}", inline(Suite::AeadAes256Gcm, 9)),
        format!(
            "3 {}",
            inline(Suite::Aes256CmHmacSha1_80, 9).replace("AES_256_CM", "AES_CM_256")
        ),
    ] {
        assert!(is_usable(&line), "{line}");
    }
}

#[test]
fn lines_that_cannot_be_used() {
    for line in [
        String::new(),
        "1".to_owned(),
        "1 AES_CM_128_HMAC_SHA1_80".to_owned(),
        "1 AES_CM_128_HMAC_SHA1_80 inline:".to_owned(),
        format!("x AES_CM_128_HMAC_SHA1_80 inline:{KEY}"),
        format!("+1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}"),
        format!("1000000000 AES_CM_128_HMAC_SHA1_80 inline:{KEY}"),
        format!("1 F8_128_HMAC_SHA1_80 inline:{KEY}"),
        format!("1 AES_CM_128_HMAC_SHA1_80 uri:{KEY}"),
        format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^20|1:4"),
        format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|1:4"),
        format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^49"),
        format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|0"),
        format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^"),
        format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY};inline:{OTHER}"),
        format!("1 AES_CM_128_HMAC_SHA1_80 inline:{}", &KEY[..36]),
        format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}AAAA"),
        format!("1 AEAD_AES_128_GCM inline:{KEY}"),
        format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY} KDR=20"),
        format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY} UNENCRYPTED_SRTP"),
        format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY} UNENCRYPTED_SRTCP"),
        format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY} UNAUTHENTICATED_SRTP"),
        format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY} FEC_ORDER=FEC_SRTP"),
        format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY} WSH=63"),
        format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY} FANCY=1"),
    ] {
        assert!(!is_usable(&line), "{line}");
    }
}

#[test]
fn the_first_line_that_can_be_used_is_answered_with_its_tag_and_a_key_of_ours() {
    let offered = stream(
        "RTP/SAVP",
        &[
            &format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^20|1:4"),
            &format!("5 AES_CM_128_HMAC_SHA1_32 inline:{OTHER}|2^20"),
            &format!("6 AES_CM_128_HMAC_SHA1_80 inline:{KEY}"),
        ],
    );
    let (answered, negotiated) = answer(&offered, &local(SrtpPolicy::Accepted)).unwrap();
    let crypto = negotiated.crypto.expect("keys");
    assert_eq!(crypto.suite, Suite::AesCm128HmacSha1_32);
    assert_eq!(crypto.receive_key, base64::decode(OTHER).unwrap());
    assert_eq!(crypto.send_key.len(), 30);
    assert_ne!(crypto.send_key, crypto.receive_key);
    assert_eq!(answered.media[0].protocol, "RTP/SAVP");
    let expected = format!(
        "5 AES_CM_128_HMAC_SHA1_32 inline:{}",
        base64::encode(&crypto.send_key)
    );
    assert_eq!(answered.media[0].attribute("crypto"), Some(&*expected));
}

#[test]
fn the_name_of_the_suite_is_repeated_as_it_was_written() {
    let line = inline(Suite::Aes256CmHmacSha1_80, 3).replace("AES_256_CM", "AES_CM_256");
    let offered = stream("RTP/SAVPF", &[&format!("1 {line}")]);
    let (answered, _) = answer(&offered, &local(SrtpPolicy::Required)).unwrap();
    let written = answered.media[0].attribute("crypto").unwrap();
    assert!(written.starts_with("1 AES_CM_256_HMAC_SHA1_80 inline:"));
    assert_eq!(answered.media[0].protocol, "RTP/SAVPF");
}

#[test]
fn each_policy_takes_what_it_may() {
    let line = format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}");
    let plain = stream("RTP/AVP", &[]);
    let both = stream("RTP/AVP", &[&line]);
    let secure = stream("RTP/SAVP", &[&line]);
    let keyless = stream("RTP/SAVP", &["1 NEW_SUITE inline:AAAA"]);
    let dtls = stream("UDP/TLS/RTP/SAVPF", &[]);
    let encrypted = |offered: &SessionDescription, policy| {
        let taken = answer(offered, &local(policy));
        taken.map(|(answered, negotiated)| {
            assert_eq!(answered.media[0].protocol, offered.media[0].protocol);
            let has_line = answered.media[0].attribute("crypto").is_some();
            assert_eq!(has_line, negotiated.crypto.is_some());
            has_line
        })
    };
    use SrtpPolicy::{Accepted, Off, Required};
    assert_eq!(encrypted(&plain, Off), Ok(false));
    assert_eq!(encrypted(&plain, Accepted), Ok(false));
    assert_eq!(encrypted(&plain, Required), Err(NoCommonCodec::Unencrypted));
    assert_eq!(encrypted(&both, Off), Ok(false));
    assert_eq!(encrypted(&both, Accepted), Ok(true));
    assert_eq!(encrypted(&both, Required), Ok(true));
    assert_eq!(
        encrypted(&secure, Off),
        Err(NoCommonCodec::Profile("RTP/SAVP".to_owned()))
    );
    assert_eq!(encrypted(&secure, Accepted), Ok(true));
    assert_eq!(encrypted(&secure, Required), Ok(true));
    let unusable = Err(NoCommonCodec::Keys("NEW_SUITE".to_owned()));
    assert_eq!(encrypted(&keyless, Accepted), unusable);
    assert_eq!(encrypted(&keyless, Required), unusable);
    for policy in [Off, Accepted, Required] {
        let refused = encrypted(&dtls, policy).unwrap_err();
        assert_eq!(refused, NoCommonCodec::Dtls("UDP/TLS/RTP/SAVPF".to_owned()));
    }
}

#[test]
fn of_a_secure_and_a_plain_stream_the_policy_chooses() {
    let text = format!(
        "v=0\r\nc=IN IP4 198.51.100.7\r\nm=audio 4000 RTP/SAVP 0\r\n\
         a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}\r\nm=audio 4002 RTP/AVP 0\r\n"
    );
    let offered = SessionDescription::parse(text.as_bytes()).unwrap();
    let ports = |policy| {
        let (answered, _) = answer(&offered, &local(policy)).unwrap();
        [answered.media[0].port, answered.media[1].port]
    };
    assert_eq!(ports(SrtpPolicy::Off), [0, 30_000]);
    assert_eq!(ports(SrtpPolicy::Accepted), [30_000, 0]);
    assert_eq!(ports(SrtpPolicy::Required), [30_000, 0]);
}

#[test]
fn an_offer_has_a_key_for_each_suite_where_encryption_is_required() {
    assert_eq!(offer(&local(SrtpPolicy::Off)).media[0].protocol, "RTP/AVP");
    let plain = offer(&local(SrtpPolicy::Accepted));
    assert_eq!(plain.media[0].protocol, "RTP/AVP");
    assert_eq!(plain.media[0].attribute("crypto"), None);

    let offered = offer(&local(SrtpPolicy::Required));
    assert_eq!(offered.media[0].protocol, "RTP/SAVP");
    let lines: Vec<_> = offered.media[0].crypto_lines().collect();
    let suites: Vec<_> = lines.iter().map(|line| line.suite).collect();
    assert_eq!(suites, OFFERED);
    let mut keys: Vec<_> = lines.iter().map(|line| line.suite_and_key().1).collect();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), OFFERED.len(), "no key twice");
    let other = Local {
        srtp: Srtp::new(SrtpPolicy::Required, [8; 32]),
        ..local(SrtpPolicy::Required)
    };
    assert_ne!(offer(&other), offered, "the seed decides");
    assert_eq!(offer(&local(SrtpPolicy::Required)), offered, "and it alone");
}

#[test]
fn two_of_us_agree_in_every_suite() {
    for (index, suite) in OFFERED.into_iter().enumerate() {
        let mut offered = offer(&local(SrtpPolicy::Required));
        let wanted = format!("{} {} ", index + 1, suite.name());
        offered.media[0].attributes.retain(|attribute| {
            let value = attribute.value.as_deref().unwrap_or_default();
            attribute.name != "crypto" || value.starts_with(&wanted)
        });
        let answerer = Local {
            srtp: Srtp::new(SrtpPolicy::Accepted, [9; 32]),
            ..local(SrtpPolicy::Accepted)
        };
        let (answered, there) = answer(&offered, &answerer).unwrap();
        let here = conclude(&offered, &answered).unwrap().crypto.unwrap();
        let there = there.crypto.unwrap();
        assert_eq!((here.suite, there.suite), (suite, suite));
        assert_eq!(here.send_key, there.receive_key);
        assert_eq!(here.receive_key, there.send_key);
    }
}

#[test]
fn an_answer_without_what_was_offered_is_refused() {
    let offered = offer(&local(SrtpPolicy::Required));
    let plain = conclude(&offered, &stream("RTP/AVP", &[]));
    assert_eq!(plain, Err(NoCommonCodec::Profile("RTP/AVP".to_owned())));
    for line in [
        format!("9 AES_CM_128_HMAC_SHA1_80 inline:{KEY}"), // a tag that was not offered
        format!("2 AES_CM_128_HMAC_SHA1_80 inline:{KEY}"), // the suite of another tag
        "1 AES_CM_128_HMAC_SHA1_80 inline:AAAA".to_owned(),
    ] {
        let refused = conclude(&offered, &stream("RTP/SAVP", &[&line])).unwrap_err();
        assert_eq!(
            refused,
            NoCommonCodec::Keys("AES_CM_128_HMAC_SHA1_80".to_owned())
        );
    }
    let none = conclude(&offered, &stream("RTP/SAVP", &[])).unwrap_err();
    assert_eq!(none, NoCommonCodec::Keys("none".to_owned()));
    let plain = offer(&local(SrtpPolicy::Off));
    let secure = format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}");
    let refused = conclude(&plain, &stream("RTP/SAVP", &[&secure])).unwrap_err();
    assert_eq!(refused, NoCommonCodec::Profile("RTP/SAVP".to_owned()));
}

/// Answers an offer and keeps what was agreed on.
fn taken(local: &mut Local, offered: &SessionDescription) -> super::Crypto {
    let (answered, negotiated) = answer(offered, local).unwrap();
    local.srtp.settle(&answered, &negotiated);
    negotiated.crypto.expect("keys")
}

#[test]
fn our_key_stays_as_long_as_theirs_and_is_never_used_again() {
    let mut local = local(SrtpPolicy::Accepted);
    let with = |key: &str| {
        stream(
            "RTP/SAVP",
            &[&format!("1 AES_CM_128_HMAC_SHA1_80 inline:{key}")],
        )
    };
    let first = taken(&mut local, &with(KEY));
    assert_eq!(taken(&mut local, &with(KEY)), first, "a refresh");
    let second = taken(&mut local, &with(OTHER));
    assert_ne!(second.send_key, first.send_key, "new keys of both sides");
    let third = taken(&mut local, &with(KEY));
    assert!(third.send_key != first.send_key && third.send_key != second.send_key);

    // Our own offer goes on with what stands, first of all.
    let offered = offer(&local);
    assert_eq!(offered.media[0].protocol, "RTP/SAVP");
    let lines: Vec<_> = offered.media[0].crypto_lines().collect();
    assert_eq!(
        lines[0].suite_and_key(),
        (Suite::AesCm128HmacSha1_80, &third.send_key[..])
    );
    assert_eq!(lines.len(), OFFERED.len());
    assert!(lines[1..].iter().all(|line| line.suite != third.suite));
    let same = conclude(&offered, &with(KEY)).unwrap();
    assert_eq!(same.crypto, Some(third));
    local.srtp.settle(&offered, &same);

    // Ended and begun anew: another key.
    let (answered, plain) = answer(&stream("RTP/AVP", &[]), &local).unwrap();
    local.srtp.settle(&answered, &plain);
    assert_eq!(offer(&local).media[0].protocol, "RTP/AVP");
    let fourth = taken(&mut local, &with(KEY));
    assert_ne!(Some(fourth.send_key), same.crypto.map(|it| it.send_key));
}

#[test]
fn an_opportunistic_stream_stays_what_it_is() {
    let mut local = local(SrtpPolicy::Accepted);
    let line = format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}");
    taken(&mut local, &stream("RTP/AVP", &[&line]));
    let offered = offer(&local);
    assert_eq!(offered.media[0].protocol, "RTP/AVP");
    assert!(offered.media[0].attribute("crypto").is_some());
    let dropped = conclude(&offered, &stream("RTP/AVP", &[])).unwrap_err();
    assert_eq!(dropped, NoCommonCodec::Keys("none".to_owned()));
}

#[test]
fn nothing_printed_shows_a_key() {
    let line = format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}");
    let offered = stream("RTP/SAVP", &[&line]);
    let mut local = local(SrtpPolicy::Accepted);
    let crypto = taken(&mut local, &offered);
    let ours = base64::encode(&crypto.send_key);
    let broken = stream(
        "RTP/SAVP",
        &[&format!("1 inline:{KEY}"), &format!("2 {KEY}")],
    );
    let refused = answer(&broken, &local).unwrap_err().to_string();
    let printed = format!(
        "{local:?} {crypto:?} {offered:?} {:?} {refused}",
        offer(&local)
    );
    assert!(!printed.contains(KEY) && !printed.contains(&ours));
    assert!(!printed.contains(&format!("{:?}", crypto.send_key)));
    assert!(!printed.contains("[7, 7"), "{printed}");
}
