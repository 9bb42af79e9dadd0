use super::*;
use crate::io::clock;

#[test]
fn the_budget_holds_over_any_minute() {
    let start = clock::now();
    let mut budget = FlushBudget::new(3);
    let at = |seconds| start + Duration::from_secs(seconds);
    assert!(budget.take(at(0)));
    assert!(budget.take(at(20)));
    assert!(budget.take(at(40)));
    assert!(!budget.take(at(59)));
    assert!(budget.take(at(60)));
    assert!(!budget.take(at(61)));
    assert!(budget.take(at(80)));
}

#[test]
fn the_service_s_count_prevails() {
    let start = clock::now();
    let mut budget = FlushBudget::new(3);
    budget.spend(start);
    assert!(!budget.take(start + Duration::from_secs(59)));
    assert!(budget.take(start + Duration::from_secs(60)));
}
