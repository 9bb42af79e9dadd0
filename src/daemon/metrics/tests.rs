use super::*;

#[test]
fn each_counter_counts_for_itself() {
    let metrics = Metrics::default();
    metrics.count(Counter::RefusedBusy);
    metrics.add(Counter::RefusedBusy, 2);
    metrics.count(Counter::QueueFull);
    let snapshot = metrics.snapshot();
    assert_eq!(snapshot.len(), Counter::ALL.len(), "names are distinct");
    for counter in Counter::ALL {
        let expected = match counter {
            Counter::RefusedBusy => 3,
            Counter::QueueFull => 1,
            _ => 0,
        };
        assert_eq!(metrics.value(counter), expected);
        assert_eq!(snapshot[counter.name()], expected);
    }
}
