use std::net::{Ipv4Addr, Ipv6Addr};

use nix::sys::socket::getsockopt;

use super::*;

/// A pool over ports that were free a moment ago: tests of several programs run at once.
fn pool(pairs: u16) -> PortPool {
    let now = clock::now();
    for attempt in 0..200u16 {
        let probe = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let first = probe.local_addr().unwrap().port().next_multiple_of(2);
        drop(probe);
        if first > 60_000 {
            continue;
        }
        let settings = Settings {
            first_port: first,
            last_port: first + 2 * pairs - 1,
            ..Settings::new(IpAddr::V4(Ipv4Addr::LOCALHOST))
        };
        let trial = PortPool::new(settings.clone(), 0);
        let taken: Vec<_> = std::iter::from_fn(|| trial.allocate(now)).collect();
        if taken.len() == usize::from(pairs) {
            return PortPool::new(settings, u64::from(attempt));
        }
    }
    panic!("no free ports on this machine");
}

#[test]
fn pairs_are_even_and_odd_bound_and_marked() {
    let pool = pool(2);
    let ports = pool.allocate(clock::now()).unwrap();
    assert_eq!(ports.port % 2, 0);
    assert_eq!(ports.rtp.local_addr().unwrap().port(), ports.port);
    assert_eq!(ports.rtcp.local_addr().unwrap().port(), ports.port + 1);
    assert_eq!(getsockopt(&ports.rtp, sockopt::Ipv4Tos).unwrap(), 0xB8);
    assert!(pool.is_marked());
    let mut buffer = [0; 10];
    let error = ports.rtp.recv_from(&mut buffer).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
}

#[test]
fn the_mark_is_the_wished_one_in_both_families() {
    for address in [
        IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(Ipv6Addr::LOCALHOST),
    ] {
        let pool = PortPool::new(
            Settings {
                dscp: 34,
                ..Settings::new(address)
            },
            clock::seed()[0],
        );
        assert!(pool.is_marked());
        let ports = pool.allocate(clock::now()).unwrap();
        for socket in [&ports.rtp, &ports.rtcp] {
            assert_eq!(getsockopt(socket, sockopt::Ipv4Tos).unwrap(), 34 << 2);
            if address.is_ipv6() {
                assert_eq!(getsockopt(socket, sockopt::Ipv6TClass).unwrap(), 34 << 2);
            }
        }
    }
}

#[test]
fn a_pair_is_bound_in_the_family_of_the_call_and_is_one_calls_alone() {
    let pool = pool(2);
    let now = clock::now();
    let of = |address: IpAddr| pool.allocate_at(address, now).unwrap();
    let ports = [
        of(Ipv6Addr::LOCALHOST.into()),
        of(Ipv4Addr::LOCALHOST.into()),
    ];
    for (ports, six) in ports.iter().zip([true, false]) {
        let sockets = [&ports.rtp, &ports.rtcp];
        let local = sockets.map(|socket| socket.local_addr().unwrap());
        assert_eq!(local.map(|it| it.is_ipv6()), [six; 2]);
        assert_eq!(local[0].ip(), ports.address);
        assert_eq!(local.map(|it| it.port()), [ports.port, ports.port + 1]);
    }
    assert_ne!(ports[0].port, ports[1].port);
    assert!(pool.allocate(now).is_none(), "both pairs are in use");
}

#[test]
fn an_address_of_another_machine_takes_no_pairs_away() {
    let pool = pool(3);
    let now = clock::now();
    let foreign = "192.0.2.1".parse().unwrap();
    assert!(pool.allocate_at(foreign, now).is_none());
    assert_eq!(pool.usage(now).resting, 1, "the one that was tried");
    assert!(pool.allocate(now).is_some());
}

#[test]
fn a_pair_rests_before_it_is_used_again() {
    let pool = pool(3);
    let now = clock::now();
    let taken: Vec<_> = (0..3).map(|_| pool.allocate(now).unwrap()).collect();
    assert!(pool.allocate(now).is_none(), "all in use");
    assert_eq!(pool.usage(now).in_use, 3);
    let mut released = Vec::new();
    for ports in taken {
        released.push(ports.port);
        ports.release(now);
    }
    let usage = pool.usage(now);
    assert_eq!((usage.in_use, usage.resting, usage.total), (0, 3, 3));
    assert!(
        pool.allocate(now + Duration::from_millis(1_999)).is_none(),
        "all rest"
    );
    let later = now + Duration::from_secs(2);
    assert_eq!(pool.usage(later).resting, 0);
    let again = pool.allocate(later).unwrap();
    assert!(released.contains(&again.port));
}

#[test]
fn dropping_gives_back() {
    let pool = pool(1);
    let ports = pool.allocate(clock::now()).unwrap();
    drop(ports);
    let usage = pool.usage(clock::now());
    assert_eq!((usage.in_use, usage.resting), (0, 1));
    assert!(
        pool.allocate(clock::now() + Duration::from_secs(3))
            .is_some()
    );
}

#[test]
fn ports_of_other_programs_are_passed_over() {
    let pool = pool(3);
    let now = clock::now();
    let first = pool.port(0);
    let _other = UdpSocket::bind((Ipv4Addr::LOCALHOST, first + 3)).unwrap();
    let taken: Vec<_> = std::iter::from_fn(|| pool.allocate(now)).collect();
    let mut ports: Vec<_> = taken.iter().map(|ports| ports.port).collect();
    ports.sort_unstable();
    assert_eq!(ports, [first, first + 4]);
    assert_eq!(pool.usage(now).refused_by_system, 1);
}

#[test]
fn the_search_begins_where_the_seed_says() {
    let settings = Settings::new(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let total = PortPool::new(settings.clone(), 0).usage(clock::now()).total;
    assert_eq!(total, 8_192);
    let starts: Vec<_> = [0u64, 1, 5_000, 8_192]
        .map(|seed| lock(&PortPool::new(settings.clone(), seed).pairs).next)
        .into();
    assert_eq!(starts, [0, 1, 5_000, 0]);
}

#[test]
fn a_range_without_a_pair_gives_nothing() {
    for (first_port, last_port) in [
        (5_001, 5_002),
        (5_000, 5_000),
        (6_000, 5_000),
        (65_535, 65_535),
    ] {
        let settings = Settings {
            first_port,
            last_port,
            ..Settings::new(IpAddr::V4(Ipv4Addr::LOCALHOST))
        };
        let pool = PortPool::new(settings, 7);
        assert!(pool.allocate(clock::now()).is_none());
        assert_eq!(pool.usage(clock::now()).total, 0);
    }
}
