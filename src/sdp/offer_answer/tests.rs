use core::net::SocketAddr;

use super::{NoCommonCodec, answer, conclude, offer};
use crate::audio::Codec;
use crate::sdp::{Direction, Local, Negotiated, SessionDescription};

fn local() -> Local {
    Local {
        address: "192.0.2.80".parse().unwrap(),
        port: 30_000,
        session_id: 77,
        codecs: vec![Codec::PCMU, Codec::PCMA],
        srtp: Default::default(),
    }
}

fn read(text: &str) -> SessionDescription {
    SessionDescription::parse(text.as_bytes()).expect("a description")
}

/// An offer of one audio stream with these payload types and lines after it.
fn audio(formats: &str, lines: &str) -> SessionDescription {
    read(&format!(
        "v=0\r\no=- 5 1 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\n\
         m=audio 4000 RTP/AVP {formats}\r\n{lines}"
    ))
}

fn taken(offer: &SessionDescription) -> (SessionDescription, Negotiated) {
    answer(offer, &local()).expect("a common codec")
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

#[test]
fn an_ordinary_offer_is_answered_exactly() {
    let (answer, negotiated) = taken(&audio(
        "9 8 0 101",
        "a=rtpmap:9 G722/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:30\r\n",
    ));
    assert_eq!(
        answer.to_string(),
        "v=0\r\no=- 77 1 IN IP4 192.0.2.80\r\ns=-\r\nc=IN IP4 192.0.2.80\r\nt=0 0\r\n\
         m=audio 30000 RTP/AVP 8 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n\
         a=fmtp:101 0-16\r\na=ptime:30\r\na=sendrecv\r\n"
    );
    let expected = Negotiated {
        codec: Codec::PCMA,
        send_payload_type: 8,
        receive_payload_type: 8,
        telephone_event: Some((101, 101)),
        comfort_noise: None,
        ptime_ms: 30,
        remote: Some(address("198.51.100.7:4000")),
        remote_rtcp: Some(address("198.51.100.7:4001")),
        rtcp_mux: false,
        voip_metrics: false,
        direction: Direction::SendRecv,
        crypto: None,
    };
    assert_eq!(negotiated, expected);
}

#[test]
fn the_offer_decides_the_order_of_codecs() {
    assert_eq!(taken(&audio("0 8", "")).1.codec, Codec::PCMU);
    assert_eq!(taken(&audio("8 0", "")).1.codec, Codec::PCMA);
    let only_mu = Local {
        codecs: vec![Codec::PCMU],
        srtp: Default::default(),
        ..local()
    };
    assert_eq!(
        answer(&audio("8 0", ""), &only_mu).unwrap().1.codec,
        Codec::PCMU
    );
}

#[test]
fn dynamic_payload_types_are_kept() {
    let (answer, negotiated) = taken(&audio(
        "97 96 98 99",
        "a=rtpmap:97 opus/48000/2\r\na=RTPMAP:96 pcmu/8000/1\r\na=rtpmap:98 telephone-event/48000\r\n\
         a=rtpmap:99 Telephone-Event/8000\r\n",
    ));
    assert_eq!(negotiated.codec, Codec::PCMU);
    assert_eq!(
        (
            negotiated.send_payload_type,
            negotiated.receive_payload_type
        ),
        (96, 96)
    );
    assert_eq!(negotiated.telephone_event, Some((99, 99)));
    assert_eq!(answer.media[0].formats, ["96", "99"]);
    assert_eq!(answer.media[0].attribute("fmtp"), Some("99 0-15"));
}

#[test]
fn a_number_bound_to_something_else_is_not_g711() {
    let refused = answer(&audio("0", "a=rtpmap:0 PCMU/16000\r\n"), &local()).unwrap_err();
    assert_eq!(refused, NoCommonCodec::Codec("PCMU/16000".to_owned()));
    let refused = answer(&audio("96", "a=rtpmap:96 PCMU/8000/2\r\n"), &local()).unwrap_err();
    assert_eq!(refused, NoCommonCodec::Codec("PCMU/8000/2".to_owned()));
}

#[test]
fn telephone_events_need_an_offer_of_them() {
    let (answer, negotiated) = taken(&audio("0", ""));
    assert_eq!(negotiated.telephone_event, None);
    assert_eq!(answer.media[0].formats, ["0"]);
    // Events alone are no call.
    let events = audio("101", "a=rtpmap:101 telephone-event/8000\r\n");
    assert!(answer_fails(&events));
}

#[test]
fn rfc_3389_4_comfort_noise_needs_an_offer_of_it() {
    for (offer, number) in [
        (audio("0 13", ""), 13),
        (audio("0 13 101", "a=rtpmap:13 CN/8000\r\n"), 13),
        (audio("8 98", "a=rtpmap:98 cn/8000\r\n"), 98),
    ] {
        let (answer, negotiated) = taken(&offer);
        assert_eq!(negotiated.comfort_noise, Some((number, number)));
        assert_eq!(answer.media[0].formats.last(), Some(&number.to_string()));
        let mapped = format!("{number} CN/8000");
        let mapped = answer
            .to_string()
            .contains(&format!("a=rtpmap:{mapped}\r\n"));
        assert!(mapped, "{answer}");
    }
    let (answer, negotiated) = taken(&audio("0", ""));
    assert_eq!(negotiated.comfort_noise, None);
    assert_eq!(answer.media[0].formats, ["0"]);
    assert!(!offer(&local()).to_string().contains("CN/8000"));
    // Noise alone is no call, and Opus has its own.
    assert!(answer_fails(&audio("13", "")));
    let opus = audio("111 13", "a=rtpmap:111 opus/48000/2\r\n");
    let (answer, negotiated) = self::answer(&opus, &wide()).expect("a common codec");
    assert_eq!(negotiated.comfort_noise, None);
    assert_eq!(answer.media[0].formats, ["111"]);
}

/// Wideband first.
fn wide() -> Local {
    Local {
        codecs: vec![Codec::Opus, Codec::G722, Codec::PCMA, Codec::PCMU],
        ..local()
    }
}

const OPUS: &str = "maxplaybackrate=16000;maxaveragebitrate=32000;useinbandfec=1;usedtx=1";

#[test]
fn our_own_order_decides_between_wide_and_narrow() {
    let all = "a=rtpmap:96 opus/48000/2\r\n";
    let narrow_first = Local {
        codecs: vec![Codec::PCMU, Codec::PCMA, Codec::G722, Codec::Opus],
        ..local()
    };
    let table = [
        ("0 8 9 96", Codec::Opus, Codec::PCMU),
        ("8 0 9 96", Codec::Opus, Codec::PCMA),
        ("96 9 8", Codec::Opus, Codec::PCMA),
        ("9 8 0", Codec::G722, Codec::PCMA),
        ("8 0 9", Codec::G722, Codec::PCMA),
        ("0 8", Codec::PCMU, Codec::PCMU),
        ("8 0", Codec::PCMA, Codec::PCMA),
        ("9", Codec::G722, Codec::G722),
        ("96", Codec::Opus, Codec::Opus),
    ];
    for (formats, wide_first, narrow) in table {
        let offered = audio(formats, all);
        let taken = |local: &Local| answer(&offered, local).unwrap().1.codec;
        assert_eq!(taken(&wide()), wide_first, "{formats}");
        assert_eq!(taken(&narrow_first), narrow, "{formats}");
    }
}

#[test]
fn opus_is_answered_with_its_parameters_and_the_events_of_its_clock() {
    let offered = audio(
        "0 109 100 99",
        "a=rtpmap:109 OPUS/48000/2\r\na=fmtp:109 maxplaybackrate=48000;stereo=1\r\n\
         a=rtpmap:100 telephone-event/8000\r\na=rtpmap:99 telephone-event/48000\r\na=ptime:60\r\n",
    );
    let (answer, negotiated) = answer(&offered, &wide()).unwrap();
    assert_eq!(negotiated.codec, Codec::Opus);
    assert_eq!(
        (negotiated.send_payload_type, negotiated.ptime_ms),
        (109, 20)
    );
    assert_eq!(negotiated.telephone_event, Some((99, 99)));
    let lines = format!(
        "m=audio 30000 RTP/AVP 109 99\r\na=rtpmap:109 opus/48000/2\r\na=fmtp:109 {OPUS}\r\n\
         a=rtpmap:99 telephone-event/48000\r\na=fmtp:99 0-15\r\na=ptime:20\r\na=maxptime:60\r\n"
    );
    assert!(answer.to_string().contains(&lines), "{answer}");
}

#[test]
fn events_at_8000_are_taken_beside_opus_when_there_are_no_others() {
    let lines = "a=rtpmap:109 opus/48000/2\r\na=rtpmap:100 telephone-event/8000\r\n";
    let (_, negotiated) = answer(&audio("109 100", lines), &wide()).unwrap();
    assert_eq!(negotiated.telephone_event, Some((100, 100)));
    // But not the other way round.
    let lines = "a=rtpmap:99 telephone-event/48000\r\n";
    assert_eq!(taken(&audio("0 99", lines)).1.telephone_event, None);
}

#[test]
fn opus_and_g722_are_taken_as_their_rfcs_describe_them_alone() {
    for odd in [
        "opus/48000",
        "opus/48000/1",
        "opus/16000/2",
        "G722/16000",
        "G722/8000/2",
    ] {
        let offered = audio("96", &format!("a=rtpmap:96 {odd}\r\n"));
        assert!(answer(&offered, &wide()).is_err(), "{odd}");
    }
    let offered = audio("97", "a=rtpmap:97 G722/8000/1\r\n");
    let (_, negotiated) = answer(&offered, &wide()).unwrap();
    assert_eq!(
        (negotiated.codec, negotiated.send_payload_type),
        (Codec::G722, 97)
    );
}

#[test]
fn an_offer_of_all_codecs_is_exact_and_its_answer_picks_the_events() {
    let ours = offer(&wide());
    let lines = format!(
        "m=audio 30000 RTP/AVP 111 9 8 0 101 102\r\na=rtpmap:111 opus/48000/2\r\na=fmtp:111 {OPUS}\r\n\
         a=rtpmap:9 G722/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n\
         a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\n\
         a=rtpmap:102 telephone-event/48000\r\na=ptime:20\r\na=maxptime:60\r\n"
    );
    assert!(ours.to_string().contains(&lines), "{ours}");
    let answer = audio(
        "96 97 98",
        "a=rtpmap:96 opus/48000/2\r\na=rtpmap:97 telephone-event/8000\r\n\
         a=rtpmap:98 telephone-event/48000\r\n",
    );
    let negotiated = conclude(&ours, &answer).unwrap();
    assert_eq!(negotiated.codec, Codec::Opus);
    assert_eq!(
        (
            negotiated.send_payload_type,
            negotiated.receive_payload_type
        ),
        (96, 111)
    );
    assert_eq!(negotiated.telephone_event, Some((98, 102)));
    let narrow = conclude(
        &ours,
        &audio("9 97", "a=rtpmap:97 telephone-event/8000\r\n"),
    )
    .unwrap();
    assert_eq!(
        (narrow.codec, narrow.telephone_event),
        (Codec::G722, Some((97, 101)))
    );
}

#[test]
fn what_was_agreed_on_goes_first_in_the_next_answer() {
    let mut here = wide();
    here.prefer(Codec::PCMU);
    assert_eq!(
        here.codecs,
        [Codec::PCMA, Codec::PCMU, Codec::Opus, Codec::G722]
    );
    let again = audio("96 0 9", "a=rtpmap:96 opus/48000/2\r\n");
    assert_eq!(answer(&again, &here).unwrap().1.codec, Codec::PCMU);
    let dropped = audio("96 9", "a=rtpmap:96 opus/48000/2\r\n");
    assert_eq!(answer(&dropped, &here).unwrap().1.codec, Codec::Opus);
    let mut narrow = local();
    narrow.prefer(Codec::PCMA);
    assert_eq!(narrow, local());
}

fn answer_fails(offer: &SessionDescription) -> bool {
    answer(offer, &local()).is_err()
}

#[test]
fn packet_durations_are_ten_to_sixty() {
    for (lines, ms) in [
        ("", 20),
        ("a=ptime:10\r\n", 10),
        ("a=ptime:20.0\r\n", 20),
        ("a=ptime:25\r\n", 20),
        ("a=ptime:60\r\n", 60),
        ("a=ptime:200\r\n", 60),
        ("a=ptime:5\r\n", 10),
        ("a=ptime:0\r\n", 20),
        ("a=ptime:-20\r\n", 20),
        ("a=ptime:x\r\n", 20),
        ("a=ptime:NaN\r\n", 20),
        ("a=ptime\r\n", 20),
        ("a=ptime:99999999999999999999999\r\n", 60),
        ("a=ptime:60\r\na=maxptime:40\r\n", 40),
        ("a=maxptime:10\r\n", 10),
        ("a=maxptime:150\r\n", 20),
    ] {
        assert_eq!(taken(&audio("0", lines)).1.ptime_ms, ms, "{lines:?}");
    }
}

#[test]
fn other_streams_are_refused_in_their_place() {
    let offer = read(
        "v=0\r\nc=IN IP4 198.51.100.7\r\nm=video 5000 RTP/AVP 31\r\na=mid:v\r\nm=audio 0 RTP/AVP 0\r\n\
         m=audio 6000 RTP/SAVP 0\r\nm=audio 7000 RTP/AVP 3\r\nm=audio 8000 RTP/AVPF 8\r\n\
         m=audio 9000 RTP/AVP 0\r\nm=image 9002 udptl t38\r\n",
    );
    let (answer, negotiated) = taken(&offer);
    let lines: Vec<String> = answer
        .media
        .iter()
        .map(|media| media.to_string().lines().next().unwrap().to_owned())
        .collect();
    assert_eq!(
        lines,
        [
            "m=video 0 RTP/AVP 31",
            "m=audio 0 RTP/AVP 0",
            "m=audio 0 RTP/SAVP 0",
            "m=audio 0 RTP/AVP 3",
            "m=audio 30000 RTP/AVPF 8",
            "m=audio 0 RTP/AVP 0",
            "m=image 0 udptl t38",
        ]
    );
    assert_eq!(negotiated.remote, Some(address("198.51.100.7:8000")));
    assert!(answer.media[0].attributes.is_empty());
}

#[test]
fn refusals_say_why() {
    let refusal = |text: &str| answer(&read(text), &local()).unwrap_err().to_string();
    assert_eq!(refusal("v=0\r\n"), "no audio stream");
    assert_eq!(refusal("v=0\r\nm=audio 0 RTP/AVP 0\r\n"), "no audio stream");
    assert_eq!(
        refusal("v=0\r\nm=video 4000 RTP/AVP 31\r\n"),
        "no audio stream"
    );
    assert_eq!(
        refusal("v=0\r\nm=audio 4000 RTP/SAVP 0\r\n"),
        "audio only over RTP/SAVP"
    );
    assert_eq!(
        refusal("v=0\r\nm=audio 4000 RTP/AVP 9 97\r\na=rtpmap:97 opus/48000/2\r\n"),
        "no common codec among 9, opus/48000/2"
    );
}

#[test]
fn holds_of_all_three_kinds_are_understood() {
    for (lines, direction, remote) in [
        ("a=sendonly\r\n", Direction::RecvOnly, true),
        ("a=inactive\r\n", Direction::Inactive, true),
        ("a=recvonly\r\n", Direction::SendOnly, true),
        ("a=sendrecv\r\n", Direction::SendRecv, true),
        ("c=IN IP4 0.0.0.0\r\n", Direction::RecvOnly, false),
        (
            "c=IN IP4 0.0.0.0\r\na=inactive\r\n",
            Direction::Inactive,
            false,
        ),
        ("c=IN IP6 ::\r\n", Direction::RecvOnly, false),
    ] {
        let (answer, negotiated) = taken(&audio("0", lines));
        assert_eq!(negotiated.direction, direction, "{lines:?}");
        assert_eq!(negotiated.remote.is_some(), remote, "{lines:?}");
        assert_eq!(negotiated.remote_rtcp.is_some(), remote, "{lines:?}");
        assert_eq!(
            answer.direction_of(&answer.media[0]),
            direction,
            "{lines:?}"
        );
    }
    let session_level =
        read("v=0\r\nc=IN IP4 198.51.100.7\r\na=sendonly\r\nm=audio 4000 RTP/AVP 0\r\n");
    assert_eq!(taken(&session_level).1.direction, Direction::RecvOnly);
}

#[test]
fn the_places_for_rtp_and_rtcp_are_found() {
    for (lines, rtp, rtcp) in [
        ("a=rtcp:4100\r\n", "198.51.100.7:4000", "198.51.100.7:4100"),
        (
            "a=rtcp:4100 IN IP4 203.0.113.9\r\n",
            "198.51.100.7:4000",
            "203.0.113.9:4100",
        ),
        (
            "c=IN IP6 2001:db8::1\r\n",
            "[2001:db8::1]:4000",
            "[2001:db8::1]:4001",
        ),
    ] {
        let (_, negotiated) = taken(&audio("0", lines));
        assert_eq!(
            (negotiated.remote, negotiated.remote_rtcp),
            (Some(address(rtp)), Some(address(rtcp))),
            "{lines:?}"
        );
    }
    let (_, named) = taken(&audio("0", "c=IN IP4 media.example\r\n"));
    assert_eq!((named.remote, named.direction), (None, Direction::SendRecv));
    let (_, nowhere) = taken(&read("v=0\r\nm=audio 4000 RTP/AVP 0\r\n"));
    assert_eq!((nowhere.remote, nowhere.remote_rtcp), (None, None));
    let (_, highest) = taken(&read(
        "v=0\r\nc=IN IP4 198.51.100.7\r\nm=audio 65535 RTP/AVP 0\r\n",
    ));
    assert_eq!(highest.remote_rtcp, None);
}

#[test]
fn our_offer_is_exact_and_concluded_by_its_answer() {
    let ours = offer(&local());
    assert_eq!(
        ours.to_string(),
        "v=0\r\no=- 77 1 IN IP4 192.0.2.80\r\ns=-\r\nc=IN IP4 192.0.2.80\r\nt=0 0\r\n\
         m=audio 30000 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n\
         a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\n\
         a=rtcp-mux\r\na=rtcp-xr:voip-metrics\r\na=sendrecv\r\n"
    );
    let answer = audio(
        "8 96",
        "a=rtpmap:96 telephone-event/8000\r\na=sendonly\r\na=ptime:40\r\n",
    );
    let negotiated = conclude(&ours, &answer).unwrap();
    let expected = Negotiated {
        codec: Codec::PCMA,
        send_payload_type: 8,
        receive_payload_type: 8,
        telephone_event: Some((96, 101)),
        comfort_noise: None,
        ptime_ms: 40,
        remote: Some(address("198.51.100.7:4000")),
        remote_rtcp: Some(address("198.51.100.7:4001")),
        rtcp_mux: false,
        voip_metrics: false,
        direction: Direction::RecvOnly,
        crypto: None,
    };
    assert_eq!(negotiated, expected);
}

/// RFC 5761 §5.1.1: a port is shared when both say so; RFC 3611 §5: metrics go to whoever asks.
#[test]
fn a_shared_port_and_metrics_are_agreed_on() {
    for (lines, mux, metrics) in [
        ("a=rtcp-mux\r\n", true, false),
        (
            "a=RTCP-MUX\r\na=rtcp-xr:rcvr-rtt=all voip-metrics\r\n",
            true,
            true,
        ),
        ("a=rtcp-xr:stat-summary\r\n", false, false),
        ("a=rtcp-xr\r\n", false, false),
        ("", false, false),
    ] {
        let (answer, negotiated) = taken(&audio("0", lines));
        let agreed = (negotiated.rtcp_mux, negotiated.voip_metrics);
        assert_eq!(agreed, (mux, metrics), "{lines:?}");
        let text = answer.to_string();
        assert_eq!(text.contains("a=rtcp-mux\r\n"), mux, "{text}");
        assert_eq!(
            text.contains("a=rtcp-xr:voip-metrics\r\n"),
            metrics,
            "{text}"
        );
        let concluded = conclude(&offer(&local()), &audio("0", lines)).unwrap();
        assert_eq!((concluded.rtcp_mux, concluded.voip_metrics), (mux, metrics));
    }
    let without = audio("0", "");
    let concluded = conclude(&without, &audio("0", "a=rtcp-mux\r\n")).unwrap();
    assert!(!concluded.rtcp_mux, "it was not offered");
}

#[test]
fn an_answer_may_number_the_codec_otherwise() {
    let answer = audio("110", "a=rtpmap:110 PCMU/8000\r\n");
    let negotiated = conclude(&offer(&local()), &answer).unwrap();
    assert_eq!(
        (
            negotiated.send_payload_type,
            negotiated.receive_payload_type
        ),
        (110, 0)
    );
    assert_eq!(negotiated.telephone_event, None);
}

#[test]
fn answers_that_refuse_are_errors() {
    let ours = offer(&local());
    let concluded = |text: &str| conclude(&ours, &read(text));
    assert_eq!(concluded("v=0\r\n"), Err(NoCommonCodec::NoAudio));
    assert_eq!(
        concluded("v=0\r\nm=audio 0 RTP/AVP 0\r\n"),
        Err(NoCommonCodec::NoAudio)
    );
    assert_eq!(
        concluded("v=0\r\nm=audio 4 RTP/AVP 3\r\n"),
        Err(NoCommonCodec::Codec("3".to_owned()))
    );
    assert_eq!(
        concluded("v=0\r\nm=audio 4 RTP/SAVP 0\r\n"),
        Err(NoCommonCodec::Profile("RTP/SAVP".to_owned()))
    );
}

/// RFC 8866 §5.7: each stream has an address of one family.
#[test]
fn a_stream_in_our_family_is_taken_before_one_in_the_other() {
    let six = "m=audio 4 RTP/AVP 0\r\nc=IN IP6 2001:db8::7\r\n";
    let four = "m=audio 6 RTP/AVP 8\r\nc=IN IP4 198.51.100.7\r\n";
    let offered = |streams: &str| read(&format!("v=0\r\n{streams}"));
    let (ours, negotiated) = taken(&offered(&format!("{six}{four}")));
    assert_eq!((ours.media[0].port, ours.media[1].port), (0, 30_000));
    assert_eq!(negotiated.remote, Some(address("198.51.100.7:6")));
    let (ours, _) = taken(&offered(six));
    assert!(ours.to_string().contains("c=IN IP4 192.0.2.80\r\n"));
    let there = Local {
        address: "2001:db8::8".parse().unwrap(),
        ..local()
    };
    let (ours, negotiated) = answer(&offered(six), &there).expect("a common codec");
    assert!(ours.to_string().contains("c=IN IP6 2001:db8::8\r\n"));
    assert_eq!(negotiated.remote, Some(address("[2001:db8::7]:4")));
}

#[test]
fn two_of_us_agree_with_each_other() {
    let here = local();
    let there = Local {
        address: "2001:db8::8".parse().unwrap(),
        port: 20_000,
        session_id: 9,
        codecs: vec![Codec::PCMA],
        srtp: Default::default(),
    };
    let ours = offer(&here);
    let (theirs, at_there) = answer(&ours, &there).unwrap();
    let at_here = conclude(&ours, &theirs).unwrap();
    assert_eq!((at_here.codec, at_there.codec), (Codec::PCMA, Codec::PCMA));
    assert_eq!(at_here.remote, Some(address("[2001:db8::8]:20000")));
    assert_eq!(at_there.remote, Some(address("192.0.2.80:30000")));
    assert_eq!(at_here.telephone_event, at_there.telephone_event);
}

#[test]
fn the_version_rises_only_with_a_change() {
    let (first, _) = taken(&audio("0 8", ""));
    let (same, _) = taken(&audio("0 8", "a=sendrecv\r\n"));
    let same = same.succeeding(&first);
    assert_eq!(same, first);
    let (held, _) = taken(&audio("0 8", "a=sendonly\r\n"));
    let held = held.succeeding(&same);
    assert_eq!(held.origin.version, "2");
    let resumed = first.clone().succeeding(&held);
    assert_eq!(resumed.origin.version, "3");
    let refreshed = first.succeeding(&resumed);
    assert_eq!(refreshed, resumed);
}

#[test]
fn holding_keeps_every_stream_in_its_place() {
    let offer = read(
        "v=0\r\nc=IN IP4 198.51.100.7\r\nm=audio 4000 RTP/AVP 0\r\nm=video 5000 RTP/AVP 31\r\n",
    );
    let (last, _) = taken(&offer);
    let hold = last
        .clone()
        .with_direction(Direction::SendOnly)
        .succeeding(&last);
    assert_eq!(hold.media.len(), 2);
    assert_eq!(hold.media[1], last.media[1]);
    assert_eq!(hold.direction_of(&hold.media[0]), Direction::SendOnly);
    assert_eq!(hold.origin.version, "2");
    let answer = read(
        "v=0\r\nc=IN IP4 198.51.100.7\r\nm=audio 4000 RTP/AVP 0\r\na=recvonly\r\nm=video 0 RTP/AVP 31\r\n",
    );
    assert_eq!(
        conclude(&hold, &answer).unwrap().direction,
        Direction::SendOnly
    );
}
