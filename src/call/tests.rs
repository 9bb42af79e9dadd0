use std::time::UNIX_EPOCH;

use bytes::Bytes;

use super::*;
use crate::audio::Codec;
use crate::conversation::{Failure, Heard, Speech};
use crate::sdp::Local;
use crate::sip::Transport;
use crate::sip::message::{self, Message, Uri};
use crate::sip::transaction::Timing;
use crate::ticket::{CallId, CallRecord, Identity, Outcome, RecordingStep, TicketPolicy, draft};

const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n\
                     m=audio 4000 RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n";

/// A call under a hand-driven clock, with its commands in order.
pub(super) struct Bench {
    pub(super) now: Instant,
    pub(super) call: Call,
    pub(super) commands: Vec<Command>,
}

fn flow() -> Flow {
    Flow {
        transport: Transport::Udp,
        local: "192.0.2.1:5060".parse().unwrap(),
        remote: "192.0.2.9:5060".parse().unwrap(),
    }
}

/// A request of the caller's; `to_tag` inside the dialog.
fn request(method: &str, cseq: u32, to_tag: Option<&str>, body: &str) -> Request {
    let tag = to_tag.map_or(String::new(), |tag| format!(";tag={tag}"));
    let content_type = if body.is_empty() {
        ""
    } else {
        "Content-Type: application/sdp\r\n"
    };
    let text = format!(
        "{method} sip:assistant@192.0.2.1 SIP/2.0\r\n\
         Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK{method}{cseq}\r\n\
         Max-Forwards: 70\r\nFrom: \"Jane \\\"J\\\" Doe\" <sip:+15550100199@192.0.2.9>;tag=a\r\n\
         To: <sip:assistant@192.0.2.1>{tag}\r\nCall-ID: call-1@192.0.2.9\r\nCSeq: {cseq} {method}\r\n\
         Contact: <sip:jane@192.0.2.9>\r\n{content_type}Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    match message::parse(Bytes::from(text)) {
        Ok(Message::Request(request)) => request,
        other => panic!("no request: {other:?}"),
    }
}

fn settings() -> Settings {
    Settings {
        session: session::Settings {
            contact: Uri::sip(Some("assistant"), flow().local.ip(), Some(5060)),
            server_name: "Ringwell".to_owned(),
            local_media: Local {
                address: flow().local.ip(),
                port: 5000,
                session_id: 1,
                codecs: vec![Codec::PCMU, Codec::PCMA],
                srtp: Default::default(),
            },
            policy: Default::default(),
            timing: Timing::default(),
        },
        conversation: Arc::default(),
        answer_after_max: Duration::from_millis(1_500),
        diagnostic_max: Duration::from_secs(600),
        trust: Trust {
            identity: false,
            country: None,
        },
        recording: None,
        targets: Vec::new(),
        fax: Fax::Refuse,
    }
}

impl Bench {
    fn new(kind: Kind, offer: &str) -> Self {
        Self::with(settings(), kind, offer)
    }

    fn with(settings: Settings, kind: Kind, offer: &str) -> Self {
        let now = crate::io::clock::now();
        let arrival = Arrival {
            kind,
            transaction: TransactionId(1),
            invite: request("INVITE", 1, None, offer),
            flow: flow(),
            at: UNIX_EPOCH,
        };
        let call = Call::incoming(arrival, settings, Random::new([1, 2]), now);
        let mut bench = Self {
            now,
            call,
            commands: Vec::new(),
        };
        bench.drain();
        bench
    }

    fn ready() -> Self {
        let mut bench = Self::new(Kind::Assistant, OFFER);
        bench.handle(Input::EarReady);
        bench.handle(Input::VoiceReady);
        bench
    }

    pub(super) fn talking() -> Self {
        let mut bench = Self::ready();
        bench.ack("");
        bench.pass(200);
        bench
    }

    pub(super) fn handle(&mut self, input: Input) {
        self.call.handle(input, self.now);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(command) = self.call.poll_command() {
            self.commands.push(command);
        }
    }

    pub(super) fn pass(&mut self, millis: u64) {
        let until = self.now + Duration::from_millis(millis);
        while let Some(due) = self.call.poll_timeout().filter(|due| *due <= until) {
            self.now = self.now.max(due);
            self.call.handle_timeout(self.now);
            self.drain();
        }
        self.now = until;
    }

    fn tag(&self) -> String {
        let tag = self
            .responses()
            .last()
            .and_then(|response| response.to_tag());
        String::from_utf8(tag.expect("a tagged response").to_vec()).unwrap()
    }

    fn ack(&mut self, body: &str) {
        let ack = request("ACK", 1, Some(&self.tag()), body);
        self.handle(Input::Sip(session::Input::Ack(ack)));
    }

    fn bye(&mut self) {
        let request = request("BYE", 2, Some(&self.tag()), "");
        let transaction = TransactionId(2);
        self.handle(Input::Sip(session::Input::Request {
            transaction,
            request,
            flow: flow(),
        }));
    }

    /// The peer answers our BYE.
    pub(super) fn bye_answered(&mut self) {
        let transaction = self.commands.iter().find_map(|command| match command {
            Command::Sip(session::Output::Request { transaction, .. }) => Some(*transaction),
            _ => None,
        });
        let transaction = transaction.expect("a BYE was sent");
        let status = message::StatusCode::REQUEST_TIMEOUT;
        self.handle(Input::Sip(session::Input::Failed {
            transaction,
            status,
        }));
    }

    fn responses(&self) -> Vec<&message::Response> {
        let responses = self.commands.iter().filter_map(|command| match command {
            Command::Sip(session::Output::Respond { response, .. }) => Some(response),
            _ => None,
        });
        responses.collect()
    }

    fn statuses(&self) -> Vec<u16> {
        self.responses()
            .iter()
            .map(|response| response.status.0)
            .collect()
    }

    pub(super) fn record(&self) -> CallRecord {
        let mut record = CallRecord::default();
        for command in &self.commands {
            if let Command::Record(entry) = command {
                assert!(!record.is_ended(), "{entry:?} after the end");
                record.push(entry.clone());
            }
        }
        record
    }

    pub(super) fn spoken(&self) -> Vec<&str> {
        let spoken = self.commands.iter().filter_map(|command| match command {
            Command::Speak(_, speech) => Some(speech.text()),
            _ => None,
        });
        spoken.collect()
    }

    pub(super) fn count(&self, name: &str) -> usize {
        let names = self.commands.iter().map(|command| format!("{command:?}"));
        names.filter(|shown| shown.starts_with(name)).count()
    }

    /// Over, with one end recorded; returns how it came out.
    #[track_caller]
    pub(super) fn ended(&self) -> Outcome {
        assert!(self.call.is_over() && self.call.poll_timeout().is_none());
        assert_eq!(self.count("Over"), 1);
        assert!(matches!(self.commands.last(), Some(Command::Over)));
        self.record().outcome().expect("the end is recorded")
    }

    pub(super) fn needs_ticket(&self) -> bool {
        let call_id = CallId("c".to_owned());
        draft(&call_id, &self.record(), TicketPolicy::Unsettled).is_some()
    }
}

#[test]
fn rings_until_both_services_are_ready() {
    let mut bench = Bench::new(Kind::Assistant, OFFER);
    assert_eq!(
        (bench.statuses(), bench.count("OpenServices")),
        (vec![180], 1)
    );
    bench.handle(Input::EarReady);
    assert_eq!(bench.statuses(), [180]);
    bench.handle(Input::VoiceReady);
    assert_eq!(
        (bench.statuses(), bench.count("Media")),
        (vec![180, 200], 1)
    );
    assert!(bench.spoken().is_empty());
    bench.ack("");
    bench.pass(200);
    assert_eq!(bench.spoken(), [conversation::Prompts::default().greeting]);
}

#[test]
fn the_record_begins_with_what_the_invite_tells() {
    let bench = Bench::talking();
    let expected = Entry::Started {
        at: UNIX_EPOCH,
        sip_call_id: "call-1@192.0.2.9".to_owned(),
        from: "+15550100199".to_owned(),
        from_name: "Jane \"J\" Doe".to_owned(),
        to: "assistant".to_owned(),
        identity: Box::new(Identity {
            number: "+15550100199".to_owned(),
            ..Identity::default()
        }),
    };
    let record = bench.record();
    assert_eq!(record.entries, [expected, Entry::Answered(Duration::ZERO)]);
}

#[test]
fn answers_after_a_while_even_if_nothing_is_ready() {
    let mut bench = Bench::new(Kind::Assistant, OFFER);
    bench.pass(1_499);
    assert_eq!(bench.statuses(), [180]);
    bench.pass(1);
    assert_eq!(bench.statuses(), [180, 200]);
}

#[test]
fn a_service_that_fails_early_is_apologised_for() {
    for service in [Service::Ear, Service::Voice] {
        let mut bench = Bench::new(Kind::Assistant, OFFER);
        bench.handle(Input::Failed(
            service,
            Failure::Unavailable("refused".to_owned()),
        ));
        bench.handle(Input::EarReady);
        bench.handle(Input::VoiceReady);
        assert_eq!(bench.statuses(), [180, 200]);
        bench.ack("");
        bench.pass(200);
        assert_eq!(bench.spoken()[0], conversation::Prompts::default().apology);
        bench.pass(60_000);
        bench.bye_answered();
        assert_eq!(bench.ended(), Outcome::Failed);
        assert!(bench.needs_ticket());
    }
}

#[test]
fn diagnostics_are_answered_at_once_and_leave_no_ticket() {
    for kind in [Kind::Echo, Kind::Tone] {
        let mut bench = Bench::new(kind, OFFER);
        assert_eq!(bench.statuses(), [200]);
        assert_eq!((bench.count("OpenServices"), bench.count("Media")), (0, 1));
        bench.ack("");
        bench.handle(Input::Digit('0'));
        bench.bye();
        assert_eq!(bench.ended(), Outcome::Answered);
        assert!(!bench.needs_ticket() && bench.spoken().is_empty());
    }
}

#[test]
fn a_diagnostic_does_not_last_for_ever() {
    let mut bench = Bench::new(Kind::Tone, OFFER);
    bench.ack("");
    bench.pass(600_000);
    bench.bye_answered();
    bench.ended();
}

#[test]
fn without_an_offer_the_services_open_with_the_ack() {
    let mut bench = Bench::new(Kind::Assistant, "");
    assert_eq!(
        (bench.statuses(), bench.count("OpenServices")),
        (vec![200], 0)
    );
    bench.ack(OFFER);
    assert_eq!((bench.count("OpenServices"), bench.count("Media")), (1, 1));
    bench.pass(200);
    assert_eq!(bench.spoken().len(), 1);
}

#[test]
fn an_offer_that_does_not_fit_ends_the_call_at_once() {
    let bench = Bench::new(
        Kind::Assistant,
        &OFFER.replace("RTP/AVP 0 101", "RTP/AVP 9"),
    );
    assert_eq!(bench.statuses(), [488]);
    assert_eq!(bench.ended(), Outcome::Failed);
    assert!(!bench.needs_ticket());
}

#[test]
fn a_caller_who_gives_up_while_it_rings() {
    let mut bench = Bench::new(Kind::Assistant, OFFER);
    bench.handle(Input::Sip(session::Input::Cancelled));
    assert_eq!(bench.statuses(), [180, 487]);
    assert_eq!(bench.ended(), Outcome::Abandoned);
    assert!(!bench.needs_ticket());
}

#[test]
fn a_caller_who_hangs_up_after_a_word() {
    let mut bench = Bench::talking();
    bench.handle(Input::Heard(Heard::EndOfTurn {
        transcript: "my phone is dead".to_owned(),
    }));
    bench.bye();
    assert_eq!(bench.ended(), Outcome::Abandoned);
    assert!(bench.needs_ticket());
    let commands = bench.commands.len();
    bench.handle(Input::Passages(vec![]));
    bench.handle(Input::Drain);
    bench.handle(Input::Kill("again".to_owned()));
    bench.pass(100_000);
    assert_eq!(bench.commands.len(), commands);
}

#[test]
fn an_ack_that_is_lost_does_not_keep_the_caller_waiting() {
    let mut bench = Bench::ready();
    bench.pass(1_200);
    assert_eq!(bench.spoken().len(), 1);
    bench.pass(40_000);
    assert!(bench.statuses().len() > 5);
    bench.pass(40_000);
    bench.ended();
    assert!(bench.needs_ticket());
}

#[test]
fn no_audio_from_the_caller_ends_the_call() {
    let mut bench = Bench::talking();
    bench.handle(Input::MediaTimeout);
    assert_eq!(bench.record().outcome(), Some(Outcome::Failed));
    assert_eq!(bench.count("Over"), 0);
    bench.bye_answered();
    assert_eq!(bench.ended(), Outcome::Failed);
    assert!(bench.needs_ticket());
}

#[test]
fn draining_refuses_a_ringing_call_and_talks_to_the_others() {
    let mut ringing = Bench::new(Kind::Assistant, OFFER);
    ringing.handle(Input::Drain);
    assert_eq!(ringing.statuses(), [180, 503]);
    assert_eq!(ringing.ended(), Outcome::Interrupted);
    assert!(!ringing.needs_ticket());

    for mut bench in [Bench::talking(), Bench::ready()] {
        bench.handle(Input::Drain);
        let drain = conversation::Prompts::default().drain;
        assert!(bench.spoken().contains(&drain.as_str()));
        bench.pass(60_000);
        bench.pass(60_000);
        if !bench.call.is_over() {
            bench.bye_answered();
        }
        assert_eq!(bench.ended(), Outcome::Interrupted);
        assert!(bench.needs_ticket());
    }

    let mut echo = Bench::new(Kind::Echo, OFFER);
    echo.ack("");
    echo.handle(Input::Drain);
    echo.bye_answered();
    echo.ended();
}

#[test]
fn a_killed_call_is_recorded_at_once_and_over_in_a_second() {
    for mut bench in [Bench::talking(), Bench::ready()] {
        bench.handle(Input::Kill("stopped".to_owned()));
        assert_eq!(bench.record().outcome(), Some(Outcome::Interrupted));
        bench.pass(1_000);
        assert_eq!(bench.ended(), Outcome::Interrupted);
    }
    let mut ringing = Bench::new(Kind::Assistant, OFFER);
    ringing.handle(Input::Kill("stopped".to_owned()));
    assert_eq!(ringing.statuses(), [180, 503]);
    ringing.ended();
}

#[test]
fn a_new_offer_changes_the_stream() {
    let mut bench = Bench::talking();
    let offer = OFFER.replace("4000", "4444").replace("1 1 IN", "1 2 IN");
    let request = request("INVITE", 2, Some(&bench.tag()), &offer);
    let transaction = TransactionId(2);
    bench.handle(Input::Sip(session::Input::Request {
        transaction,
        request,
        flow: flow(),
    }));
    assert_eq!((bench.count("Media"), bench.count("OpenServices")), (2, 1));
    let last = bench
        .commands
        .iter()
        .rev()
        .find_map(|command| match command {
            Command::Media(negotiated) => negotiated.remote,
            _ => None,
        });
    assert_eq!(last.map(|remote| remote.port()), Some(4444));
}

#[test]
fn a_hold_silences_the_assistant_and_nothing_ends_it() {
    let mut bench = Bench::talking();
    assert_eq!(bench.count("Speak"), 1);
    let tag = bench.tag();
    for (cseq, direction) in [(2, "a=sendonly\r\n"), (3, "a=sendrecv\r\n")] {
        let offer = format!("{OFFER}{direction}").replace("1 1 IN", &format!("1 {cseq} IN"));
        let transaction = TransactionId(cseq.into());
        let request_of = |method, body| request(method, cseq, Some(&tag), body);
        bench.handle(Input::Sip(session::Input::Request {
            transaction,
            request: request_of("INVITE", &offer),
            flow: flow(),
        }));
        bench.handle(Input::Sip(session::Input::Ack(request_of("ACK", ""))));
        bench.handle(Input::Stopped(None));
        assert_eq!((bench.count("StopSpeaking"), bench.count("Speak")), (1, 1));
        // Ten minutes on hold; after it no longer than a caller is silent.
        bench.pass(if cseq == 2 { 600_000 } else { 6_000 });
        assert_eq!((bench.count("Speak"), bench.count("Over")), (1, 0));
    }
    bench.pass(2_000);
    assert_eq!(bench.count("Speak"), 2);
}

/// A call on a line that speaks wideband, too, and records.
fn recorded(offer: &str) -> Bench {
    let mut settings = settings();
    settings.session.local_media.codecs.insert(0, Codec::G722);
    settings.recording = Some(Recording::default());
    let conversation = conversation::Settings {
        recording: Some(conversation::Recording { refuse_key: None }),
        ..conversation::Settings::default()
    };
    settings.conversation = Arc::new(conversation);
    let mut bench = Bench::with(settings, Kind::Assistant, offer);
    bench.handle(Input::EarReady);
    bench.handle(Input::VoiceReady);
    bench.ack("");
    bench.pass(1_000);
    bench
}

impl Bench {
    /// What is said, and what is noted of the recording.
    fn told(&self) -> (Vec<String>, Vec<RecordingStep>) {
        let said = self.commands.iter().filter_map(|it| match it {
            Command::Speak(_, Speech::Prompt(text)) => Some(text.clone()),
            _ => None,
        });
        let noted = self.commands.iter().filter_map(|it| match it {
            Command::Record(Entry::Recording { step, .. }) => Some(step.clone()),
            _ => None,
        });
        (said.collect(), noted.collect())
    }
}

#[test]
fn a_call_is_announced_as_recorded_in_every_codec() {
    let wideband = OFFER.replace("RTP/AVP 0", "RTP/AVP 9 0");
    assert_ne!(wideband, OFFER);
    for offer in [OFFER, &wideband] {
        let (said, noted) = recorded(offer).told();
        assert!(said[0].contains("is recorded"), "{said:?}");
        assert!(noted.is_empty(), "{noted:?}");
    }
}
