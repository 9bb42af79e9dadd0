//! Two ends of a call's media with a network between them that is made up: what each says of the other's sound.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant, SystemTime};

use ringwell::audio::{Codec, FRAME, Law};
use ringwell::rtp::packet::MAX_PACKET;
use ringwell::rtp::session::{
    Channel, Control, Outgoing, Session, Settings, Statistics, Stream, is_control,
};
use ringwell::sandbox::network::{Network, Spec};

/// An end of the call.
struct End {
    session: Session,
    address: SocketAddr,
    /// Where its reports come from.
    control: SocketAddr,
    /// The way from here to the other end.
    way: Network<(Channel, Vec<u8>)>,
}

impl End {
    fn new(number: u8, control: Control, spec: Spec, start: Instant) -> Self {
        let address = |host| SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, host)), 4_000);
        let there = address(3 - number);
        let stream = Stream {
            codec: Codec::G711(Law::A),
            send_payload_type: 8,
            receive_payload_type: 8,
            telephone_event: None,
            comfort_noise: None,
            ptime_ms: 20,
            remote: Some(there),
            remote_rtcp: Some(SocketAddr::new(there.ip(), 4_001)),
            control,
            sends: true,
            receives: true,
        };
        let seed = [u64::from(number), 99];
        let settings = Settings::new(
            stream,
            format!("end-{number}"),
            SystemTime::UNIX_EPOCH,
            seed,
        );
        Self {
            session: Session::new(settings, start),
            address: address(number),
            control: SocketAddr::new(address(number).ip(), 4_001 - u16::from(control.mux)),
            way: Network::new(spec, spec.seed + u64::from(number), start),
        }
    }

    fn tick(&mut self, now: Instant) {
        let mut buffer = [0; MAX_PACKET];
        self.session.tick(Outgoing::Audio(&[0x55; 160]), now);
        while self.session.poll_frame(&mut buffer, now).is_some() {}
        while let Some(sent) = self.session.poll_transmit(&mut buffer, now) {
            let bytes = buffer[..sent.len].to_vec();
            assert_eq!(
                sent.to.port() == 4_000,
                sent.port == Channel::Rtp,
                "{sent:?}"
            );
            assert_eq!(is_control(&bytes), sent.channel == Channel::Rtcp);
            self.way.send((sent.channel, bytes), sent.len, now);
        }
    }
}

/// A minute of talk; what both ends say of it.
fn talk(spec: &str, control: Control) -> [Statistics; 2] {
    let spec: Spec = spec.parse().expect("a network");
    let start = ringwell::io::clock::now();
    let mut ends = [1, 2].map(|number| End::new(number, control, spec, start));
    for tick in 0..3_000 {
        let now = start + FRAME * tick;
        ends.iter_mut().for_each(|end| end.tick(now));
        deliver(&mut ends, now + FRAME);
    }
    ends.map(|end| end.session.statistics())
}

/// Hands over what comes out of both ways before a time, in order.
fn deliver(ends: &mut [End; 2], until: Instant) {
    loop {
        let [one, other] = ends;
        let due = |end: &End| end.way.poll_timeout().filter(|due| *due < until);
        let first = match (due(one), due(other)) {
            (None, None) => return,
            (Some(here), Some(there)) => here <= there,
            (here, _) => here.is_some(),
        };
        let (from, to) = if first { (one, other) } else { (other, one) };
        let Some(now) = from.way.poll_timeout() else {
            return;
        };
        match from.way.poll(now) {
            Some((Channel::Rtp, bytes)) => to.session.handle_rtp(&bytes, from.address, now),
            Some((Channel::Rtcp, bytes)) => to.session.handle_rtcp(&bytes, from.control, now),
            None => return,
        }
    }
}

const SHARED: Control = Control {
    mux: true,
    metrics: true,
};

#[test]
fn a_good_network_is_told_as_good_and_its_length_is_measured() {
    for (control, tells) in [(Control::default(), false), (SHARED, true)] {
        for end in talk("delay=40ms", control) {
            let round_trip = end.heard.round_trip.expect("it was measured");
            assert!(round_trip.abs_diff(Duration::from_millis(80)) < Duration::from_millis(2));
            assert_eq!((end.pattern.loss, end.lost), (0.0, 0));
            let [heard, sent] = [end.received_as, end.sent_as].map(|it| it.expect("a score").mos);
            assert!(heard > 4.2 && sent > 4.1, "{heard} {sent}");
            assert_eq!(end.heard.metrics.is_some(), tells);
        }
    }
}

#[test]
fn both_ends_agree_on_what_the_network_did() {
    for network in [
        "delay=30ms,loss=5%,seed=4",
        "delay=30ms,loss=8%,burst=3,seed=4",
    ] {
        let [one, other] = talk(network, SHARED);
        for (here, there) in [(&one, &other), (&other, &one)] {
            let heard = there.received_as.expect("a score");
            let told = here.sent_as.expect("the other end has told");
            assert!((heard.mos - told.mos).abs() < 0.5, "{heard:?} {told:?}");
            let metrics = here.heard.metrics.expect("metrics");
            assert!(
                (metrics.loss - there.pattern.loss).abs() < 0.02,
                "{metrics:?}"
            );
            assert!(
                (0.02..0.14).contains(&there.pattern.loss),
                "{:?}",
                there.pattern
            );
        }
    }
}

#[test]
fn worse_networks_have_worse_scores() {
    let score = |network: &str| talk(network, SHARED)[0].received_as.expect("a score").mos;
    let scores = ["", "loss=3%", "loss=10%", "loss=10%,burst=3", "loss=30%"].map(score);
    assert!(
        scores.windows(2).all(|pair| pair[1] < pair[0]),
        "{scores:?}"
    );
}

#[test]
fn the_same_seed_is_the_same_call() {
    let network =
        "delay=20ms,jitter=30ms,unordered,loss=4%,duplicate=2%,reorder=2%,rate=200k,seed=11";
    assert_eq!(talk(network, SHARED), talk(network, SHARED));
}
