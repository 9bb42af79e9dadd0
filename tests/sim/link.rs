//! The wires between the box and the telephones: what they lose, and how long they take.

use bytes::Bytes;
use ringwell::audio::Codec;
use ringwell::sdp::Local;
use ringwell::sip::message::Uri;
use ringwell::sip::session;
use ringwell::sip::transaction::Timing;
use ringwell::sip::{Flow, Transport};

use crate::office;
use crate::world::{Event, LINK, World};

/// Which messages the link loses.
#[derive(Clone, Debug, Default)]
pub(crate) enum Loss {
    #[default]
    None,
    /// The first so many that begin with this.
    First(&'static str, u32),
    /// All that begin with this.
    All(&'static str),
    /// So many of a hundred, at most two in a row.
    Percent(u64),
}

/// Where a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    ToPhone,
    FromPhone,
    ToOffice,
    FromOffice,
}

/// The path between the caller's phone and the box, as one of them has it.
pub(crate) fn flow(from_phone: bool) -> Flow {
    let (phone, the_box) = (
        "192.0.2.9:5060".parse().unwrap(),
        "192.0.2.1:5060".parse().unwrap(),
    );
    let (local, remote) = if from_phone {
        (phone, the_box)
    } else {
        (the_box, phone)
    };
    Flow {
        transport: Transport::Udp,
        local,
        remote,
    }
}

/// Of whoever makes or takes calls.
pub(crate) fn session_settings(user: &str, address: &str) -> session::Settings {
    let address = address.parse().unwrap();
    session::Settings {
        contact: Uri::sip(Some(user), address, Some(5060)),
        server_name: "sim".to_owned(),
        local_media: Local {
            address,
            port: 4000,
            session_id: 1,
            codecs: vec![Codec::PCMU, Codec::PCMA],
            srtp: Default::default(),
        },
        policy: Default::default(),
        timing: Timing::default(),
    }
}

impl World {
    pub(crate) fn on_wire(&mut self, way: Way, bytes: Bytes) {
        let mut bytes = bytes;
        if self.phone_takes_no_events && way == Way::FromPhone {
            bytes = office::unknown(&bytes, "telephone-event");
        }
        let from = match way {
            Way::ToPhone => return self.phone.handle(bytes, flow(true), self.now),
            Way::ToOffice => return self.office.handle(bytes, self.now),
            Way::FromPhone => flow(false),
            Way::FromOffice => office::flow(false),
        };
        if !self.is_down {
            self.running.endpoint.handle_message(bytes, from, self.now);
        }
    }

    pub(crate) fn send_from_box(&mut self, flow: Flow, bytes: Bytes) {
        if flow.remote == office::flow(false).remote {
            self.send(Way::ToOffice, bytes);
        } else {
            self.send(Way::ToPhone, bytes);
        }
    }

    pub(crate) fn send(&mut self, way: Way, bytes: Bytes) {
        let lost = self.is_lost(&bytes);
        self.ladder
            .message(self.now - self.start, way, &bytes, lost);
        if !lost {
            self.schedule(LINK, Event::Wire { way, bytes });
        }
    }

    fn is_lost(&mut self, bytes: &[u8]) -> bool {
        let lost = match self.loss {
            Loss::None => false,
            Loss::First(name, count) => bytes.starts_with(name.as_bytes()) && self.lost < count,
            Loss::All(name) => bytes.starts_with(name.as_bytes()),
            Loss::Percent(percent) => {
                self.lost_in_a_row < 2 && self.chance.next_u64() % 100 < percent
            }
        };
        self.lost += u32::from(lost);
        self.lost_in_a_row = if lost { self.lost_in_a_row + 1 } else { 0 };
        lost
    }
}
