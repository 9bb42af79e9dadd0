//! The caller is connected with a person: every way, and every way it goes wrong.

use std::time::Duration;

use ringwell::audio::analysis::Event;
use ringwell::audio::call_progress::Tone;
use ringwell::call::{Fax, Mode};
use ringwell::sip::session::Party;
use ringwell::ticket::Outcome;
use ringwell::ticket::record::Reached;

use crate::link::Loss;
use crate::office::{Manner, Obeys, uri};
use crate::phone::Act::{self, HangUp, Hear, HearSome, Pause, Press, Say, Sound};
use crate::world::{Daemon, World};

const GREETING: &str = "How can I help you?";
const WISH: &str = "I want to talk to a person";
const ANNOUNCED: &str = "I will connect you with sales";
const OFFER: &str = "Shall I have a colleague call you back?";
const SECOND: Duration = Duration::from_secs(1);

/// Asks for a person, and does this when it is announced.
fn asks(then: &[Act]) -> Vec<Act> {
    [&[Hear(GREETING), Say(WISH), Hear(ANNOUNCED)], then].concat()
}

/// Asks for a person, is told that there is none, and leaves.
fn is_turned_down(told: &'static str) -> Vec<Act> {
    asks(&[Hear(told), Hear(OFFER), Say("no thank you"), HangUp])
}

fn world(script: Vec<Act>, mode: Mode, manner: Manner, obeys: Obeys) -> World {
    World::new(7, script).with_sales(mode, manner, obeys)
}

#[track_caller]
fn finished(world: World) -> World {
    let world = world.run();
    world.holds();
    world
}

fn tells(news: &[(u64, u16)]) -> Obeys {
    let news = news.iter();
    Obeys::Tells(
        news.map(|(after, status)| (Duration::from_secs(*after), *status))
            .collect(),
    )
}

#[track_caller]
fn reached(world: &World) {
    let transfers = world.store.record.transfers();
    assert_eq!(transfers, [("sales", Reached::Yes)]);
    assert_eq!(world.store.record.outcome(), Some(Outcome::Escalated));
    let ticket = world.ticket();
    assert!(ticket.contains("Transfer: to sales: connected"), "{ticket}");
    assert!(ticket.contains("Ended: transferred to sales"), "{ticket}");
    assert!(!ticket.contains("Call back"), "{ticket}");
}

/// One attempt failed for this reason; the call ended some other way, and the ticket tells of it.
#[track_caller]
fn failed(world: &World, reason: &str) {
    let transfers = world.store.record.transfers();
    let [("sales", Reached::No(told))] = transfers[..] else {
        panic!("{transfers:?}");
    };
    assert!(told.contains(reason), "{told}");
    let ticket = world.ticket();
    assert!(ticket.contains("Transfer: to sales: "), "{ticket}");
    assert!(!world.was_joined);
}

#[test]
fn a_blind_transfer_is_made_by_the_callers_side() {
    let world = world(
        asks(&[]),
        Mode::Blind,
        Manner::default(),
        tells(&[(1, 180), (3, 200)]),
    );
    let world = finished(world);
    reached(&world);
    assert_eq!(world.office.calls, 0, "the box itself has called nobody");
    let referred = world.phone.referred.as_ref().expect("a REFER");
    assert_eq!(referred.to.user_text(), uri().user_text());
    assert!(referred.replaces.is_none());
    let (_, ended) = world.phone.ended.unwrap();
    assert_eq!(ended.by, Party::Remote);
}

#[test]
fn a_caller_who_leaves_for_the_target_without_a_word_is_connected() {
    for millis in [0, 100, 5_000] {
        let obeys = Obeys::Leaves(Duration::from_millis(millis));
        let world = finished(world(asks(&[]), Mode::Blind, Manner::default(), obeys));
        reached(&world);
    }
}

#[test]
fn a_blind_transfer_that_fails_brings_the_caller_back() {
    for (status, told, reason) in [
        (486, "line is busy", "busy (486)"),
        (603, "could not reach", "declined (603)"),
        (480, "nobody answers", "no answer (480)"),
        (408, "nobody answers", "no answer (408)"),
        (503, "could not reach", "not reached (503)"),
    ] {
        let obeys = tells(&[(1, 180), (2, status)]);
        let world = world(is_turned_down(told), Mode::Blind, Manner::default(), obeys);
        let world = finished(world);
        world.has_no_dead_air();
        failed(&world, reason);
    }
}

#[test]
fn news_that_never_come_bring_the_caller_back() {
    for obeys in [tells(&[]), tells(&[(1, 180)])] {
        let script = is_turned_down("nobody answers");
        let world = finished(world(script, Mode::Blind, Manner::default(), obeys));
        world.has_no_dead_air();
        failed(&world, "no");
    }
}

#[test]
fn a_line_that_takes_no_refer_is_bridged() {
    let script = asks(&[Pause(20 * SECOND), HangUp]);
    let world = World::of_a_phone(7, script, false);
    let world = world.with_sales(Mode::Blind, Manner::Answers, Obeys::Never);
    let world = finished(world);
    reached(&world);
    assert!(world.was_joined);
    assert_eq!(world.office.calls, 1);
}

#[test]
fn a_bridge_lasts_until_the_caller_hangs_up() {
    let script = asks(&[Pause(60 * SECOND), HangUp]);
    let world = finished(world(script, Mode::Bridge, Manner::Answers, Obeys::Never));
    reached(&world);
    assert!(world.was_joined);
    let ended = world.office.ended.expect("the office's call ended");
    assert_eq!(ended.by, Party::Remote);
    assert!(ended.text.contains("the caller hung up"), "{}", ended.text);
}

#[test]
fn a_bridge_lasts_until_the_target_hangs_up() {
    let manner = Manner::AnswersFor(30 * SECOND);
    let world = finished(world(asks(&[]), Mode::Bridge, manner, Obeys::Never));
    reached(&world);
    let (_, ended) = world.phone.ended.unwrap();
    assert_eq!(ended.by, Party::Remote);
    assert!(ended.text.contains("sales hung up"), "{}", ended.text);
}

#[test]
fn a_target_that_is_not_reached_brings_the_caller_back() {
    for mode in [Mode::Bridge, Mode::Attended] {
        for (manner, told, reason) in [
            (Manner::Refuses(486), "line is busy", "busy (486"),
            (Manner::Refuses(603), "could not reach", "declined (603"),
            (Manner::Refuses(480), "nobody answers", "no answer (480"),
            (Manner::Refuses(503), "could not reach", "not reached (503"),
            (Manner::Rings, "nobody answers", "nobody answered in time"),
            (Manner::Absent, "nobody answers", "nobody answered in time"),
        ] {
            let world = world(is_turned_down(told), mode, manner, Obeys::Never);
            let world = finished(world);
            world.has_no_dead_air();
            failed(&world, reason);
            let rang = matches!(manner, Manner::Rings);
            assert!(!rang || !world.rang.is_empty(), "it is heard to ring");
        }
    }
}

#[test]
fn rfc_3263_4_3_the_next_address_is_called_where_the_first_refuses_with_503() {
    for mode in [Mode::Bridge, Mode::Attended] {
        let script = asks(&[Pause(20 * SECOND), HangUp]);
        let mut world = world(script, mode, Manner::Refuses(503), Obeys::Never);
        world.other_way = Some(Manner::Answers);
        let world = finished(world);
        reached_whatever_follows(&world);
    }
    // Where that one fails, too, the caller is back with the assistant.
    let script = is_turned_down("could not reach");
    let mut world = world(script, Mode::Bridge, Manner::Refuses(503), Obeys::Never);
    world.other_way = Some(Manner::Refuses(503));
    failed(&finished(world), "not reached (503");
}

#[track_caller]
fn reached_whatever_follows(world: &World) {
    let transfers = world.store.record.transfers();
    assert_eq!(transfers, [("sales", Reached::Yes)]);
}

#[test]
fn a_daemon_that_finds_no_way_brings_the_caller_back() {
    let script = is_turned_down("could not reach");
    let mut world = world(script, Mode::Bridge, Manner::Answers, Obeys::Never);
    world.no_way = true;
    let world = finished(world);
    failed(&world, "no port is free");
}

#[test]
fn a_caller_who_is_turned_down_may_be_called_back_or_ask_on() {
    let script = asks(&[
        Hear("line is busy"),
        Hear(OFFER),
        Say("yes"),
        Hear("what is your e-mail address?"),
        Press('0'),
        Hear("Goodbye."),
    ]);
    let busy = Manner::Refuses(486);
    let world = finished(world(script, Mode::Bridge, busy, Obeys::Never));
    let ticket = world.ticket();
    assert!(ticket.contains("Call back: the caller wanted sales: busy (486"));
    assert!(ticket.contains("Transfer: to sales: busy (486"), "{ticket}");

    let script = asks(&[
        Hear(OFFER),
        Say("When are you open?"),
        Hear("from nine to six"),
        Say("thanks, that's all, bye"),
    ]);
    let world = self::world(script, Mode::Bridge, busy, Obeys::Never);
    let world = finished(world);
    assert_eq!(world.store.record.outcome(), Some(Outcome::Answered));
    failed(&world, "busy");
}

#[test]
fn an_attended_transfer_names_the_call_it_takes_the_place_of() {
    let obeys = tells(&[(1, 200)]);
    let world = finished(world(asks(&[]), Mode::Attended, Manner::Answers, obeys));
    reached(&world);
    assert!(!world.was_joined);
    assert_eq!(world.office.calls, 1);
    let referred = world.phone.referred.as_ref().expect("a REFER");
    let replaces = referred.replaces.as_ref().expect("with Replaces");
    assert!(!replaces.to_tag.is_empty() && !replaces.from_tag.is_empty());
}

#[test]
fn an_attended_transfer_that_the_callers_side_refuses_is_bridged() {
    for obeys in [Obeys::Never, tells(&[(1, 481)]), tells(&[])] {
        let script = asks(&[Pause(60 * SECOND), HangUp]);
        let world = finished(world(script, Mode::Attended, Manner::Answers, obeys));
        reached(&world);
        assert!(world.was_joined);
    }
}

#[test]
fn words_during_the_announcement_cancel_the_transfer() {
    let script = vec![
        Hear(GREETING),
        Say(WISH),
        HearSome(ANNOUNCED, SECOND),
        Say("wait when are you open"),
        Hear("from nine to six"),
        Say("thanks, that's all, bye"),
    ];
    for mode in [Mode::Blind, Mode::Bridge] {
        let world = world(script.clone(), mode, Manner::Answers, tells(&[(1, 200)]));
        let world = finished(world);
        assert_eq!(world.store.record.transfers(), []);
        assert_eq!(world.office.calls, 0);
        assert!(world.phone.referred.is_none());
        assert_eq!(world.store.record.outcome(), Some(Outcome::Answered));
    }
}

#[test]
fn a_caller_who_hangs_up_at_any_moment_leaves_nothing_behind() {
    for mode in [Mode::Blind, Mode::Attended, Mode::Bridge] {
        for manner in [Manner::Answers, Manner::Rings, Manner::Absent] {
            for millis in [
                0, 400, 601, 605, 612, 620, 900, 2_600, 2_613, 2_620, 4_000, 26_000,
            ] {
                let script = asks(&[Pause(Duration::from_millis(millis)), HangUp]);
                let world = world(script, mode, manner, tells(&[(1, 180), (2, 200)]));
                let world = finished(world);
                assert_eq!(world.helpdesk.tickets.len(), 1);
            }
        }
    }
}

#[test]
fn messages_that_are_lost_change_nothing() {
    for seed in 0..40 {
        for (mode, manner, obeys) in [
            (Mode::Blind, Manner::Answers, tells(&[(1, 180), (2, 200)])),
            (Mode::Blind, Manner::Answers, tells(&[(1, 486)])),
            (Mode::Attended, Manner::Answers, tells(&[(1, 200)])),
            (Mode::Bridge, Manner::AnswersFor(9 * SECOND), Obeys::Never),
            (Mode::Bridge, Manner::Refuses(486), Obeys::Never),
            (Mode::Bridge, Manner::Rings, Obeys::Never),
        ] {
            let script = asks(&[Pause(40 * SECOND), HangUp]);
            let mut world = World::new(seed, script).with_sales(mode, manner, obeys);
            world.loss = Loss::Percent(20);
            finished(world);
        }
    }
}

#[test]
fn a_daemon_that_stops_ends_both_legs() {
    for daemon in [Daemon::Kill, Daemon::Drain] {
        for mode in [Mode::Blind, Mode::Attended, Mode::Bridge] {
            for millis in (4_000..16_000).step_by(430) {
                let script = asks(&[Pause(60 * SECOND), HangUp]);
                let world = world(script, mode, Manner::Answers, tells(&[(3, 200)]));
                let world = finished(world.at(millis, daemon));
                assert_eq!(world.helpdesk.tickets.len(), 1);
            }
        }
    }
}

#[test]
fn audio_that_stops_ends_a_bridge_but_not_a_transfer_under_way() {
    let script = asks(&[Pause(60 * SECOND), HangUp]);
    let bridged = || world(script.clone(), Mode::Bridge, Manner::Answers, Obeys::Never);
    let world = finished(bridged().at(20_000, Daemon::MediaTimeout));
    assert!(world.ticket().contains("no audio came from the caller"));
    let world = finished(bridged().at(20_000, Daemon::SecondMediaTimeout));
    assert!(
        world
            .ticket()
            .contains("no audio came from the person called")
    );
    let referred = self::world(script, Mode::Blind, Manner::Answers, tells(&[(12, 200)]));
    reached(&finished(referred.at(15_000, Daemon::MediaTimeout)));
}

#[test]
fn a_crash_at_any_moment_leaves_one_ticket_that_tells_of_the_transfer() {
    let mut told = [false; 3];
    for millis in (3_000..20_000).step_by(330) {
        let script = asks(&[Pause(30 * SECOND), HangUp]);
        let mut world = world(script, Mode::Bridge, Manner::Answers, Obeys::Never)
            .at(millis, Daemon::Crash)
            .at(millis + 2_000, Daemon::Restart);
        world.phone.gives_up_after(60 * SECOND);
        world.office.gives_up();
        let world = finished(world);
        let ticket = world.ticket();
        let transfers = world.store.record.transfers();
        match transfers[..] {
            [] => told[0] = true,
            [(_, Reached::Unknown)] => {
                told[1] = true;
                assert!(ticket.contains("stopped while the caller was being connected with sales"));
                assert!(ticket.contains("how it came out is not known"), "{ticket}");
            }
            [(_, Reached::Yes)] => {
                told[2] = true;
                assert!(ticket.contains("while the caller was connected with sales"));
            }
            _ => panic!("{transfers:?}"),
        }
    }
    assert_eq!(told, [true; 3], "before, during and after");
}

#[test]
fn the_peer_may_have_its_call_connected_with_whom_the_list_has() {
    let script = vec![
        Hear(GREETING),
        Act::Refer("sip:201@192.0.2.20"),
        Pause(30 * SECOND),
        HangUp,
    ];
    let allowed = || {
        let mut world = world(script.clone(), Mode::Blind, Manner::Answers, Obeys::Never);
        world.accepts_refer = true;
        world
    };
    let world = finished(allowed());
    reached(&world);
    assert!(world.was_joined);
    assert_eq!(world.phone.told, [100, 200]);

    let mut busy = allowed();
    busy.office.manner = Manner::Refuses(486);
    let world = finished(busy);
    failed(&world, "busy");
    assert_eq!(world.phone.told, [100, 486]);

    for (uri, accepts, told) in [
        ("sip:911@192.0.2.20", true, &[100, 603][..]),
        ("sip:201@198.51.100.1", true, &[100, 603]),
        ("sip:201@192.0.2.20", false, &[403]),
    ] {
        let script = vec![Hear(GREETING), Act::Refer(uri), Pause(3 * SECOND), HangUp];
        let mut world = self::world(script, Mode::Bridge, Manner::Answers, Obeys::Never);
        world.accepts_refer = accepts;
        let world = finished(world);
        assert_eq!(world.store.record.transfers(), []);
        assert_eq!(world.phone.told, told, "{uri}");
        assert_eq!(world.office.calls, 0);
    }
}

const CALLING: Act = Sound(Event::Tone(Tone::FaxCalling));

#[test]
fn a_fax_machine_is_connected_at_any_moment_and_told_nothing() {
    for script in [
        vec![Hear(GREETING), Pause(3 * SECOND), CALLING],
        vec![Hear(GREETING), Say("When are you open?"), CALLING],
        asks(&[CALLING]),
    ] {
        let manner = Manner::AnswersFor(30 * SECOND);
        let mut world = world(script, Mode::Bridge, manner, Obeys::Never);
        world.fax = Fax::Transfer("sales".to_owned());
        let world = finished(world);
        reached(&world);
        assert!(world.ticket().contains("Noticed: a fax machine"));
    }
}

#[test]
fn a_fax_machine_that_is_not_connected_is_hung_up_on() {
    for manner in [Manner::Refuses(486), Manner::Rings, Manner::Absent] {
        let script = vec![Hear(GREETING), CALLING];
        let mut world = world(script, Mode::Bridge, manner, Obeys::Never);
        world.fax = Fax::Transfer("sales".to_owned());
        let world = finished(world);
        let (_, ended) = world.phone.ended.clone().expect("the box hung up");
        assert_eq!(ended.by, Party::Remote);
        assert!(
            ended.text.contains("a fax machine called"),
            "{}",
            ended.text
        );
        assert!(!world.was_joined);
    }
}

#[test]
fn a_fax_machine_is_refused_while_anything_goes_on() {
    for script in [
        vec![Hear(GREETING), Pause(3 * SECOND), CALLING],
        vec![Hear(GREETING), Say("When are you open?"), CALLING],
        asks(&[CALLING]),
    ] {
        let world = world(script, Mode::Bridge, Manner::Rings, Obeys::Never);
        let world = finished(world);
        let (_, ended) = world.phone.ended.clone().expect("the box hung up");
        assert!(ended.text.contains("takes no fax"), "{}", ended.text);
        assert!(world.ticket().contains("Noticed: a fax machine"));
    }
}
