use super::*;

#[test]
fn twice_again_then_an_offer_then_a_person() {
    let mut ladder = NoInput::default();
    let rungs = [
        ladder.miss(),
        ladder.miss(),
        ladder.miss(),
        ladder.miss(),
        ladder.miss(),
    ];
    assert_eq!(
        rungs,
        [
            Rung::Again,
            Rung::Again,
            Rung::Offer,
            Rung::GiveUp,
            Rung::GiveUp
        ]
    );
}

#[test]
fn an_understood_turn_starts_it_anew() {
    let mut ladder = NoInput::default();
    ladder.miss();
    ladder.miss();
    ladder.understood();
    assert_eq!(ladder.miss(), Rung::Again);
}
