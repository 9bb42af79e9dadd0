//! The offers and answers of RFC 4317: all are read; each offer is answered as its codecs allow.

use ringwell::audio::Codec;
use ringwell::sdp::{Local, SessionDescription, answer};

use crate::corpus;

fn local() -> Local {
    Local {
        address: core::net::IpAddr::from([192, 0, 2, 80]),
        port: 30_000,
        session_id: 1,
        codecs: vec![Codec::PCMU, Codec::PCMA],
        srtp: Default::default(),
    }
}

#[test]
fn every_description_is_read_and_survives_a_round_trip() {
    let Some(files) = corpus::files("rfc4317", "sdp") else {
        return;
    };
    for (name, body) in files {
        let read =
            SessionDescription::parse(&body).unwrap_or_else(|error| panic!("{name}: {error}"));
        let streams = String::from_utf8_lossy(&body)
            .lines()
            .filter(|line| line.starts_with("m="))
            .count();
        assert_eq!(read.media.len(), streams, "{name}");
        assert_eq!(SessionDescription::parse(&read.write()), Ok(read), "{name}");
    }
}

#[test]
fn every_offer_with_g711_is_answered_in_its_streams() {
    let Some(files) = corpus::files("rfc4317", "sdp") else {
        return;
    };
    for (name, body) in files
        .into_iter()
        .filter(|(name, _)| name.ends_with("Offer"))
    {
        let offer =
            SessionDescription::parse(&body).unwrap_or_else(|error| panic!("{name}: {error}"));
        let text = String::from_utf8_lossy(&body).into_owned();
        let has_g711 = text.lines().any(|line| {
            let mut words = line
                .strip_prefix("m=audio ")
                .unwrap_or("0")
                .split_whitespace();
            words.next() != Some("0") && words.skip(1).any(|format| format == "0" || format == "8")
        });
        let answered = answer(&offer, &local());
        assert_eq!(answered.is_ok(), has_g711, "{name}: {answered:?}");
        if let Ok((answer, negotiated)) = answered {
            assert_eq!(answer.media.len(), offer.media.len(), "{name}");
            assert_eq!(
                answer.media.iter().filter(|media| media.port != 0).count(),
                1,
                "{name}"
            );
            // The RFC's offers name their hosts, so the source of the packets must tell.
            assert_eq!(negotiated.remote, None, "{name}");
        }
    }
}
