//! Who may call, and what answers: the lines of the configuration, asked by source address.

use core::net::IpAddr;
use std::sync::Arc;

use crate::call::Kind;
use crate::config::{Config, Line, LineSrtp, LineTransport, UnknownSource};
use crate::io::sip_sockets::{Admission, Admit};
use crate::sdp::SrtpPolicy;
use crate::sip::message::Request;
use crate::sip::{Flow, Transport};

/// The lines.
pub(crate) struct Lines {
    config: Config,
    stranger: Arc<str>,
}

impl Lines {
    /// The lines of a configuration.
    pub(crate) fn new(config: &Config) -> Arc<Self> {
        Arc::new(Self {
            config: config.clone(),
            stranger: Arc::from("-"),
        })
    }

    /// The judge of source addresses, for the sockets.
    pub(crate) fn judge(self: &Arc<Self>) -> Admit {
        let lines = Arc::clone(self);
        Arc::new(
            move |transport, source| match lines.line(transport, source) {
                Some(_) => Admission::Admit,
                None => match lines.config.sip.unknown_source {
                    UnknownSource::Drop => Admission::Drop,
                    UnknownSource::Forbid => Admission::Forbid,
                },
            },
        )
    }

    fn line(&self, transport: Transport, source: IpAddr) -> Option<&Line> {
        let line = self.config.line_of(source)?;
        let fits = match line.transport {
            LineTransport::Any => true,
            LineTransport::Udp => transport == Transport::Udp,
            LineTransport::Tcp => transport == Transport::Tcp,
            LineTransport::Tls => transport == Transport::Tls,
        };
        fits.then_some(line)
    }

    fn of(&self, flow: Flow) -> Option<&Line> {
        self.line(flow.transport, flow.remote.ip().to_canonical())
    }

    /// The name of a flow's line.
    pub(crate) fn name(&self, flow: Flow) -> Arc<str> {
        self.of(flow)
            .map_or_else(|| Arc::clone(&self.stranger), |line| Arc::from(&*line.name))
    }

    /// Whether the audio of a flow's line is encrypted.
    pub(crate) fn srtp(&self, flow: Flow) -> SrtpPolicy {
        match self.of(flow).map(|line| line.srtp) {
            Some(LineSrtp::Accepted) => SrtpPolicy::Accepted,
            Some(LineSrtp::Required) => SrtpPolicy::Required,
            Some(LineSrtp::Off) | None => SrtpPolicy::Off,
        }
    }

    /// What answers: the diagnostics where the line allows them, otherwise the assistant.
    pub(crate) fn kind(&self, flow: Flow, invite: &Request) -> Kind {
        let diagnostics = self.of(flow).is_some_and(|line| line.diagnostics);
        match invite.uri.user_text().as_deref() {
            Some("echo") if diagnostics => Kind::Echo,
            Some("tone") if diagnostics => Kind::Tone,
            _ => Kind::Assistant,
        }
    }
}

/// Name of a kind in the status.
pub(crate) fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Assistant => "assistant",
        Kind::Echo => "echo",
        Kind::Tone => "tone",
    }
}
