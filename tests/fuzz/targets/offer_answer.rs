//! Offer and answer: an answer fits its offer (RFC 3264 §6), and never names what we do not have.

use ringwell::audio::Codec;
use ringwell::sdp::{self, Local, SessionDescription, Srtp, SrtpPolicy};

pub fn run(data: &[u8]) {
    let Some((&choice, body)) = data.split_first() else {
        return;
    };
    let local = local(choice);
    let Ok(theirs) = SessionDescription::parse(body) else {
        return;
    };
    if let Ok((answer, negotiated)) = sdp::answer(&theirs, &local) {
        assert_eq!(answer.media.len(), theirs.media.len());
        let live = answer.media.iter().filter(|media| media.port != 0);
        assert_eq!(live.count(), 1, "one audio stream is taken");
        assert!(local.codecs.contains(&negotiated.codec));
        assert!((10..=60).contains(&negotiated.ptime_ms));
        assert!(negotiated.crypto.is_none() || local.srtp.policy != SrtpPolicy::Off);
        assert!(negotiated.crypto.is_some() || local.srtp.policy != SrtpPolicy::Required);
        let written = answer.write();
        SessionDescription::parse(&written).expect("what we write can be read");
    }
    let offer = sdp::offer(&local);
    if let Ok(negotiated) = sdp::conclude(&offer, &theirs) {
        assert!(local.codecs.contains(&negotiated.codec));
    }
}

pub fn local(choice: u8) -> Local {
    let policy = match choice / 3 % 3 {
        0 => SrtpPolicy::Off,
        1 => SrtpPolicy::Accepted,
        _ => SrtpPolicy::Required,
    };
    Local {
        address: [192, 0, 2, 1].into(),
        port: 4000,
        session_id: 1,
        codecs: match choice % 3 {
            0 => vec![Codec::PCMU, Codec::PCMA],
            1 => vec![Codec::PCMA],
            _ => vec![Codec::PCMU],
        },
        srtp: Srtp::new(policy, [choice; 32]),
    }
}
