//! Encrypted calls on the real thread.

use super::*;
use crate::sdp::{self, Local, Srtp as Keys, SrtpPolicy, Suite};

const SUITES: [Suite; 6] = [
    Suite::AesCm128HmacSha1_80,
    Suite::AesCm128HmacSha1_32,
    Suite::Aes256CmHmacSha1_80,
    Suite::Aes256CmHmacSha1_32,
    Suite::AeadAes128Gcm,
    Suite::AeadAes256Gcm,
];

fn crypto(suite: Suite, send: u8, receive: u8) -> Crypto {
    let length = suite.key_length() + suite.salt_length();
    Crypto {
        suite,
        send_key: vec![send; length],
        receive_key: vec![receive; length],
    }
}

async fn stopped(line: &mut Line) -> Summary {
    loop {
        if let MediaEvent::Stopped(summary) = line.event().await {
            return *summary;
        }
    }
}

#[tokio::test]
async fn every_suite_is_spoken_both_ways() {
    let (media, pool) = (start(), pool());
    for (id, suite) in (1..).zip(SUITES) {
        let keys = Some(crypto(suite, 1, 2));
        let mut line = Line::call_with(&media, &pool, id, Law::Mu, Mode::Echo, keys, |_| {}).await;
        for number in 0..5 {
            line.send(&speech(number), 0, number * 160, number == 0)
                .await;
            let (.., payload) = line.receive().await;
            assert_eq!(payload, speech(number), "{suite:?}");
        }
        media.remove(id).unwrap();
        let summary = stopped(&mut line).await;
        assert_eq!((summary.unauthentic, summary.replayed), (0, 0));
        assert_eq!(summary.session.packets_received, 5);
    }
}

/// Two of our own stacks agree by offer and answer, and a relay carries the speech of one to the other.
#[tokio::test]
async fn what_was_negotiated_is_what_is_spoken() {
    let (media, pool) = (start(), pool());
    let side = |policy, seed| Local {
        address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        port: 4000,
        session_id: 1,
        codecs: vec![Codec::PCMU],
        srtp: Keys::new(policy, [seed; 32]),
    };
    let offer = sdp::offer(&side(SrtpPolicy::Required, 1));
    let (answer, there) = sdp::answer(&offer, &side(SrtpPolicy::Accepted, 2)).unwrap();
    let here = sdp::conclude(&offer, &answer).unwrap();
    let keys = there.crypto.clone();
    let mut line = Line::call_with(&media, &pool, 1, Law::Mu, Mode::Echo, keys, |_| {}).await;
    line.srtp = here.crypto.as_ref().map(|keys| Srtp::new(keys).unwrap());
    line.send(&speech(1), 0, 160, true).await;
    assert_eq!(line.receive().await.5, speech(1));
}

#[tokio::test]
async fn nobody_without_the_key_is_heard_or_followed() {
    let (media, pool) = (start(), pool());
    let keys = Some(crypto(Suite::AesCm128HmacSha1_80, 1, 2));
    let mut line = Line::call_with(&media, &pool, 1, Law::Mu, Mode::Tone, keys, |_| {}).await;
    let stranger = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let plain = Packet {
        payload_type: 0,
        marker: true,
        sequence: 1,
        timestamp: 160,
        ssrc: 9,
        payload: &speech(1),
    };
    let mut buffer = [0; 1500];
    let length = plain.write(&mut buffer).unwrap();
    stranger
        .send_to(&buffer[..length], line.peer)
        .await
        .unwrap();
    let mut wrong = Srtp::new(&crypto(Suite::AesCm128HmacSha1_80, 2, 9)).unwrap();
    let length = plain.write(&mut buffer).unwrap();
    let length = wrong.protect_rtp(&mut buffer, length).unwrap();
    let mut forged = buffer[..length].to_vec();
    forged[length - 1] ^= 1;
    stranger.send_to(&forged, line.peer).await.unwrap();
    // The first who is heard is the one with the key, and the tone still goes there.
    line.send(&speech(2), 0, 160, true).await;
    let local = line.socket.local_addr().unwrap();
    assert_eq!(line.event().await, MediaEvent::FirstPacket(local));
    line.receive().await;
    let silent = timeout(Duration::from_millis(200), stranger.recv_from(&mut buffer)).await;
    assert!(silent.is_err(), "a stranger gets nothing");
    media.remove(1).unwrap();
    let summary = stopped(&mut line).await;
    assert_eq!(summary.unauthentic, 2);
    assert_eq!(summary.session.packets_received, 1);
    assert_eq!(summary.session.strays, 0);
}

#[tokio::test]
async fn a_replayed_packet_is_heard_once() {
    let (media, pool) = (start(), pool());
    let keys = Some(crypto(Suite::AeadAes128Gcm, 1, 2));
    let mut line = Line::call_with(&media, &pool, 1, Law::Mu, Mode::Echo, keys, |_| {}).await;
    let mut buffer = [0; 1500];
    let packet = Packet {
        payload_type: 0,
        marker: true,
        sequence: 1,
        timestamp: 160,
        ssrc: 5,
        payload: &speech(1),
    };
    let length = packet.write(&mut buffer).unwrap();
    let srtp = line.srtp.as_mut().unwrap();
    let length = srtp.protect_rtp(&mut buffer, length).unwrap();
    for _ in 0..3 {
        let sent = line.socket.send_to(&buffer[..length], line.peer).await;
        assert_eq!(sent.unwrap(), length);
    }
    assert_eq!(line.receive().await.5, speech(1));
    timeout(PATIENCE, async {
        while media.counters().packets_in < 3 {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("all three are read");
    media.remove(1).unwrap();
    assert_eq!(stopped(&mut line).await.replayed, 2);
}

#[tokio::test]
async fn a_refresh_keeps_the_counters_and_a_new_key_begins_anew() {
    let (media, pool) = (start(), pool());
    let suite = Suite::AesCm128HmacSha1_80;
    let first = crypto(suite, 1, 2);
    let near_the_wrap = |settings: &mut session::Settings| settings.first_sequence = 0x7FFF;
    let keys = Some(first.clone());
    let mut line =
        Line::call_with(&media, &pool, 1, Law::Mu, Mode::Echo, keys, near_the_wrap).await;
    let local = line.socket.local_addr().unwrap();
    line.sequence = 65_533;
    let agreed = |crypto: Option<Crypto>| Negotiated {
        crypto,
        ..negotiated(Law::Mu, local)
    };
    for number in 0..8 {
        // Six packets take the caller's counter over its wrap, with a refresh after each.
        line.send(&speech(number), 0, number * 160, number == 0)
            .await;
        assert_eq!(line.receive().await.5, speech(number));
        media.update(1, &agreed(Some(first.clone()))).unwrap();
    }
    let second = crypto(suite, 3, 4);
    media.update(1, &agreed(Some(second.clone()))).unwrap();
    line.srtp = Some(Srtp::new(&reversed(second)).unwrap());
    line.send(&speech(9), 0, 9 * 160, false).await;
    assert_eq!(line.receive().await.5, speech(9), "under the new key");
    // Encryption may end, and begin.
    media.update(1, &agreed(None)).unwrap();
    line.srtp = None;
    line.send(&speech(10), 0, 10 * 160, false).await;
    assert_eq!(line.receive().await.5, speech(10), "in the clear");
    let third = crypto(Suite::AeadAes256Gcm, 5, 6);
    media.update(1, &agreed(Some(third.clone()))).unwrap();
    line.srtp = Some(Srtp::new(&reversed(third)).unwrap());
    line.send(&speech(11), 0, 11 * 160, false).await;
    assert_eq!(line.receive().await.5, speech(11), "under the third key");
}

#[tokio::test]
async fn keys_that_are_none_let_nothing_pass() {
    let (media, pool) = (start(), pool());
    let mut line = Line::call(&media, &pool, 1, Law::Mu, Mode::Tone, |_| {}).await;
    line.receive().await;
    let broken = Negotiated {
        crypto: Some(Crypto {
            suite: Suite::AesCm128HmacSha1_80,
            send_key: vec![1; 3],
            receive_key: vec![1; 3],
        }),
        ..negotiated(Law::Mu, line.socket.local_addr().unwrap())
    };
    media.update(1, &broken).unwrap();
    let mut buffer = [0; 1500];
    let quiet = async {
        while timeout(
            Duration::from_millis(200),
            line.socket.recv_from(&mut buffer),
        )
        .await
        .is_ok()
        {}
    };
    timeout(PATIENCE, quiet).await.expect("it falls silent");
    line.send(&speech(1), 0, 160, true).await;
    timeout(PATIENCE, async {
        while media.counters().packets_in == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("the packet is read");
    media.remove(1).unwrap();
    let summary = stopped(&mut line).await;
    assert_eq!(summary.unauthentic, 1);
    assert_eq!(summary.session.packets_received, 0);
}

#[tokio::test]
async fn control_packets_are_encrypted_too() {
    let (media, pool) = (start(), pool());
    let rtcp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let to = rtcp.local_addr().unwrap();
    let keys = crypto(Suite::AesCm128HmacSha1_32, 1, 2);
    let there = |settings: &mut session::Settings| settings.stream.remote_rtcp = Some(to);
    let mut line = Line::call_with(
        &media,
        &pool,
        1,
        Law::Mu,
        Mode::Tone,
        Some(keys.clone()),
        there,
    )
    .await;
    line.receive().await;
    media.remove(1).unwrap();
    let mut buffer = [0; 1500];
    let (length, _) = timeout(PATIENCE, rtcp.recv_from(&mut buffer))
        .await
        .expect("the goodbye comes")
        .unwrap();
    let srtp = line.srtp.as_mut().unwrap();
    let plain = srtp.unprotect_rtcp(&mut buffer, length).unwrap();
    assert_eq!(length, plain + 14, "the index and the full tag");
    assert!((200..=203).contains(&buffer[1]));
    assert_eq!(stopped(&mut line).await.unauthentic, 0);
}

/// RFC 5761: in the clear and encrypted.
#[tokio::test]
async fn reports_share_the_port_of_the_audio() {
    let (media, pool) = (start(), pool());
    let keys = [None, Some(crypto(Suite::AesCm128HmacSha1_80, 1, 2))];
    for (id, keys) in (1..).zip(keys) {
        let shared = |settings: &mut session::Settings| settings.stream.control.mux = true;
        let mut line = Line::call_with(&media, &pool, id, Law::Mu, Mode::Tone, keys, shared).await;
        line.receive().await;
        let mut buffer = [0; 1500];
        buffer[..8].copy_from_slice(&[0x80, 201, 0, 1, 0, 0, 0, 5]); // a receiver report without blocks
        let length = match &mut line.srtp {
            Some(srtp) => srtp.protect_rtcp(&mut buffer, 8).unwrap(),
            None => 8,
        };
        let sent = line.socket.send_to(&buffer[..length], line.peer).await;
        sent.unwrap();
        line.send(&speech(1), 0, 160, true).await;
        while !matches!(line.event().await, MediaEvent::FirstPacket(_)) {}
        media.remove(id).unwrap();
        let length = loop {
            let came = timeout(PATIENCE, line.socket.recv_from(&mut buffer)).await;
            let (length, _) = came.expect("the goodbye comes").unwrap();
            if session::is_control(&buffer[..length]) {
                break length;
            }
        };
        let length = match &mut line.srtp {
            Some(srtp) => srtp.unprotect_rtcp(&mut buffer, length).unwrap(),
            None => length,
        };
        assert_eq!(buffer[length - 7], 203, "it ends with a goodbye");
        let session = stopped(&mut line).await.session;
        assert_eq!((session.rtcp_received, session.malformed), (1, 0));
        assert_eq!((session.packets_received, session.mux), (1, true));
    }
}
