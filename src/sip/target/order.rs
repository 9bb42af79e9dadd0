//! The order of SRV records (RFC 2782).

use super::Srv;
use crate::sip::Random;

/// SRV records of one name that are looked at; more are left out.
const SRV_MAX: usize = 32;

/// By priority; within one, each next is drawn with a chance proportional to its weight.
pub(super) fn by_priority_and_weight(mut records: Vec<Srv>, random: &mut Random) -> Vec<Srv> {
    records.truncate(SRV_MAX);
    // Those without weight come first, so that the draw of zero alone takes them.
    records.sort_by_key(|record| (record.priority, record.weight));
    let mut ordered = Vec::with_capacity(records.len());
    while let Some(first) = records.first() {
        let priority = first.priority;
        let same = records.iter().take_while(|it| it.priority == priority);
        let total: u64 = same.clone().map(|it| u64::from(it.weight)).sum();
        let drawn = random.next_u64() % (total + 1);
        let mut sum = 0;
        let index = same.into_iter().position(|it| {
            sum += u64::from(it.weight);
            sum >= drawn
        });
        ordered.push(records.remove(index.unwrap_or(0)));
    }
    ordered
}
