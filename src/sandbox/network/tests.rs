use super::*;
use crate::io::clock;

const PACKET: usize = 172;
const FRAME: Duration = Duration::from_millis(20);

/// Sends so many packets, one each 20 ms; gives (number, milliseconds from in to out) in the order they come out.
fn pass(spec: &str, packets: u32) -> (Vec<(u32, f64)>, Counts) {
    let spec: Spec = spec.parse().unwrap();
    let start = clock::now();
    let mut network = Network::new(spec, spec.seed, start);
    let mut out = Vec::new();
    let drain = |network: &mut Network<u32>, now: Instant, out: &mut Vec<(u32, f64)>| {
        while let Some(due) = network.poll_timeout().filter(|due| *due <= now) {
            let number = network.poll(due).unwrap();
            let passed = due.saturating_duration_since(start + FRAME * number);
            out.push((number, passed.as_secs_f64() * 1_000.0));
        }
    };
    for number in 0..packets {
        let now = start + FRAME * number;
        drain(&mut network, now, &mut out);
        network.send(number, PACKET, now);
    }
    drain(&mut network, start + FRAME * packets * 10, &mut out);
    assert_eq!(network.poll_timeout(), None);
    (out, network.counts())
}

fn share_beyond(out: &[(u32, f64)], limit: f64) -> f64 {
    out.iter().filter(|(_, delay)| *delay > limit).count() as f64 / out.len() as f64
}

#[test]
fn a_perfect_network_changes_nothing() {
    let (out, counts) = pass("", 100);
    assert_eq!(out.len(), 100);
    assert!(
        out.iter()
            .zip(0..)
            .all(|(got, number)| *got == (number, 0.0))
    );
    assert_eq!(
        counts,
        Counts {
            entered: 100,
            ..Counts::default()
        }
    );
}

#[test]
fn the_same_seed_has_the_same_fate_and_another_one_another() {
    let spec = "delay=40ms,jitter=30ms,unordered,loss=5%,burst=2,duplicate=2%,reorder=3%";
    assert_eq!(pass(spec, 2_000), pass(spec, 2_000));
    assert_ne!(pass(spec, 2_000), pass(&format!("{spec},seed=2"), 2_000));
}

#[test]
fn one_trouble_does_not_change_another() {
    let lost = |spec: &str| -> Vec<u32> {
        let (out, _) = pass(spec, 1_000);
        let came: std::collections::HashSet<u32> = out.iter().map(|(number, _)| *number).collect();
        (0..1_000).filter(|number| !came.contains(number)).collect()
    };
    assert_eq!(
        lost("loss=5%"),
        lost("loss=5%,jitter=50ms,duplicate=9%,reorder=9%")
    );
}

#[test]
fn every_jitter_has_its_quantile() {
    for kind in ["uniform", "normal", "exponential", "pareto"] {
        let (out, _) = pass(&format!("delay=10ms,jitter={kind}:50ms,unordered"), 20_000);
        let beyond = share_beyond(&out, 60.0);
        assert!((0.045..0.055).contains(&beyond), "{kind}: {beyond}");
        assert!(out.iter().all(|(_, delay)| *delay >= 10.0), "{kind}");
    }
}

#[test]
fn packets_keep_their_order_unless_told_otherwise() {
    let inversions = |spec: &str| {
        let (out, _) = pass(spec, 2_000);
        out.windows(2).filter(|pair| pair[1].0 < pair[0].0).count()
    };
    assert_eq!(inversions("jitter=80ms"), 0);
    assert!(inversions("jitter=80ms,unordered") > 100);
    let reordered = inversions("reorder=5%");
    assert!((70..130).contains(&reordered), "{reordered}");
}

#[test]
fn losses_have_their_share_and_their_bursts() {
    for (spec, mean) in [
        ("loss=5%", 1.05),
        ("loss=5%,burst=3", 3.0),
        ("gilbert=2%:50%", 2.0),
    ] {
        let (out, counts) = pass(spec, 100_000);
        let gaps = out.windows(2).map(|pair| pair[1].0 - pair[0].0 - 1);
        let bursts: Vec<u32> = gaps.filter(|gap| *gap > 0).collect();
        let share = counts.lost as f64 / counts.entered as f64;
        assert!((0.035..0.055).contains(&share), "{spec}: {share}");
        let length = f64::from(bursts.iter().sum::<u32>()) / bursts.len() as f64;
        assert!((length / mean - 1.0).abs() < 0.08, "{spec}: {length}");
    }
}

#[test]
fn duplicates_come_twice() {
    let (out, counts) = pass("duplicate=10%", 10_000);
    assert_eq!(out.len() as u64, 10_000 + counts.duplicated);
    assert!((900..1_100).contains(&counts.duplicated), "{counts:?}");
}

/// 200 bytes with lower layers are 80 kbit/s: half of that passes at 40 kbit/s, the rest does not fit in the queue.
#[test]
fn a_bottleneck_delays_and_then_drops() {
    let (out, counts) = pass("rate=40k,queue=200ms", 1_000);
    let most = out.iter().map(|(_, delay)| *delay).fold(0.0, f64::max);
    assert!((200.0..=241.0).contains(&most), "{most}");
    assert!((450..550).contains(&counts.overflowed), "{counts:?}");
    let (wide, counts) = pass("rate=800k", 1_000);
    assert!(wide.iter().all(|(_, delay)| (*delay - 2.0).abs() < 0.1));
    assert_eq!(counts.overflowed, 0);
}

#[test]
fn ports_change_as_often_as_asked() {
    let start = clock::now();
    let spec: Spec = "rebind=5s".parse().unwrap();
    let network: Network<()> = Network::new(spec, 1, start);
    let after = |seconds| network.bindings(start + Duration::from_secs(seconds));
    assert_eq!([after(0), after(4), after(5), after(11)], [0, 0, 1, 2]);
    let quiet: Network<()> = Network::new(Spec::default(), 1, start);
    assert_eq!(quiet.bindings(start + Duration::from_secs(99)), 0);
}

#[test]
fn what_waits_is_bounded() {
    let start = clock::now();
    let spec: Spec = "delay=60s".parse().unwrap();
    let mut network = Network::new(spec, 1, start);
    (0..UNDER_WAY + 10).for_each(|number| network.send(number, PACKET, start));
    assert_eq!(network.counts().overflowed, 10);
}

#[test]
fn what_cannot_be_read_is_named() {
    for (spec, named) in [
        ("latency=3ms", "latency"),
        ("delay=3", "delay=3"),
        ("delay=-3ms", "time"),
        ("loss=3", "share"),
        ("loss=130%", "share"),
        ("jitter=poisson:3ms", "jitter"),
        ("burst=0.5", "packets"),
        ("gilbert=1%", "model"),
        ("rate=fast", "rate"),
        ("rate=0", "rate"),
        ("seed=x", "whole number"),
        ("unordered=yes", "unordered"),
    ] {
        let wrong = spec.parse::<Spec>().unwrap_err().to_string();
        assert!(wrong.contains(named), "{spec}: {wrong}");
    }
    let spec: Spec = " delay=1.5s, jitter=normal:20ms , rate=1M,queue=50ms,seed=9"
        .parse()
        .unwrap();
    assert_eq!(spec.delay, Duration::from_millis(1_500));
    assert_eq!(spec.jitter, Jitter::Normal(Duration::from_millis(20)));
    assert_eq!((spec.rate, spec.seed), (Some(1_000_000), 9));
}
