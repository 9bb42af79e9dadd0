use super::*;
use crate::io::clock;

#[test]
fn calls_may_finish_then_say_goodbye_then_end() {
    let now = clock::now();
    let after = |seconds| now + Duration::from_secs(seconds);
    let mut stop = Shutdown::new(Duration::from_secs(60));
    assert_eq!(stop.step(now, 3), None);
    stop.request(now);
    assert_eq!(stop.step(now, 3), Some(Phase::Stop));
    assert_eq!(stop.step(after(59), 3), None);
    assert_eq!(stop.step(after(60), 2), Some(Phase::SayGoodbye));
    assert_eq!(stop.step(after(74), 2), None);
    assert_eq!(stop.step(after(75), 1), Some(Phase::Kill));
    assert_eq!(stop.step(after(80), 1), Some(Phase::Over));
}

#[test]
fn a_daemon_without_calls_stops_at_once() {
    let now = clock::now();
    let mut stop = Shutdown::new(Duration::from_secs(60));
    stop.request(now);
    assert_eq!(stop.step(now, 0), Some(Phase::Stop));
    assert_eq!(stop.step(now, 0), Some(Phase::Over));
}

#[test]
fn asked_twice_it_hurries() {
    let now = clock::now();
    let mut stop = Shutdown::new(Duration::from_secs(60));
    stop.request(now);
    assert_eq!(stop.step(now, 1), Some(Phase::Stop));
    stop.request(now);
    assert_eq!(stop.step(now, 1), Some(Phase::SayGoodbye));
    assert_eq!(stop.state(), "stopping");
}
