use std::time::Duration;

use super::*;

#[test]
fn each_timer_has_its_own_place() {
    for (place, timer) in ALL.into_iter().enumerate() {
        assert_eq!(timer as usize, place);
    }
}

#[test]
fn due_timers_come_in_order_and_once() {
    let now = crate::io::clock::now();
    let at = |millis| now + Duration::from_millis(millis);
    let mut timers = Timers::default();
    timers.arm(Timer::Guard, at(10));
    timers.arm(Timer::LeadIn, at(20));
    timers.arm(Timer::Model, at(30));
    assert_eq!(timers.earliest(), Some(at(10)));
    assert_eq!(timers.take_due(at(9)), None);
    assert_eq!(timers.take_due(at(25)), Some(Timer::Guard));
    assert_eq!(timers.take_due(at(25)), Some(Timer::LeadIn));
    assert_eq!(timers.take_due(at(25)), None);
    assert!(timers.is_armed(Timer::Model));
    timers.clear();
    assert_eq!(timers.earliest(), None);
}
