use core::net::Ipv4Addr;

use bytes::Bytes;

use super::*;

fn source(number: u32) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from_bits(0xc633_6400 + number))
}

#[test]
fn the_line_is_as_promised() {
    let invite = Some(&Method::Invite);
    assert_eq!(
        line(source(7), "stranger", invite, Transport::Udp),
        "refused SOURCE=198.51.100.7 REASON=stranger METHOD=INVITE TRANSPORT=udp"
    );
    let odd = Method::Other(Bytes::from_static(b"REASON=stranger"));
    assert_eq!(
        line(
            "2001:db8::7".parse().unwrap(),
            "flood",
            Some(&odd),
            Transport::Tls
        ),
        "refused SOURCE=2001:db8::7 REASON=flood METHOD=OTHER TRANSPORT=tls"
    );
    assert!(line(source(7), "stranger", None, Transport::Tcp).ends_with("METHOD=- TRANSPORT=tcp"));
}

#[test]
fn a_source_causes_so_many_lines_a_minute_and_one_sum() {
    let start = clock::now();
    let mut ledger = Ledger::new(3);
    assert!(ledger.sum_up(start + WINDOW).is_empty(), "nothing happened");
    let told = (0..100).filter(|_| ledger.note(source(1), start)).count();
    assert_eq!(told, 3);
    assert!(
        ledger.note(source(2), start),
        "another is told all the same"
    );
    assert!(ledger.sum_up(start + WINDOW / 2).is_empty());
    assert_eq!(ledger.sum_up(start + WINDOW), [(Some(source(1)), 97)]);
    assert!(ledger.note(source(1), start + WINDOW), "a new minute");
}

#[test]
fn many_sources_cause_no_more_lines_than_all_may() {
    let start = clock::now();
    let mut ledger = Ledger::new(2);
    let many = 3 * u32::try_from(SOURCES_MAX).unwrap();
    let told = (0..many).filter(|number| ledger.note(source(*number), start));
    assert_eq!(told.count(), usize::try_from(LINES_MAX).unwrap());
    assert!(ledger.sources.len() <= SOURCES_MAX);
    let sums = ledger.sum_up(start + WINDOW);
    assert_eq!(sums.len(), 3, "{sums:?}");
    let counted: u64 = sums.iter().map(|(_, count)| count).sum();
    assert_eq!(counted + u64::from(LINES_MAX), u64::from(many));
}
