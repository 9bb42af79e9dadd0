use std::time::Duration;

use super::*;
use crate::io::clock;

#[test]
fn fire_in_order_and_once() {
    let start = clock::now();
    let at = |ms| start + Duration::from_millis(ms);
    let mut timers = Timers::default();
    timers.set('A', at(30));
    timers.set('B', at(10));
    timers.set('C', at(50));
    assert_eq!(timers.earliest(), Some(at(10)));
    assert_eq!(timers.pop_due(at(9)), None);
    assert_eq!(timers.pop_due(at(40)), Some('B'));
    assert_eq!(timers.pop_due(at(40)), Some('A'));
    assert_eq!(timers.pop_due(at(40)), None);
    assert!(timers.is_running('C'));
}

#[test]
fn setting_again_moves_and_cancelling_stops() {
    let start = clock::now();
    let mut timers = Timers::default();
    timers.set('A', start);
    timers.set('A', start + Duration::from_secs(1));
    assert_eq!(timers.pop_due(start), None);
    timers.cancel('A');
    assert_eq!(timers.earliest(), None);
    timers.set('A', start);
    timers.clear();
    assert!(!timers.is_running('A'));
}
