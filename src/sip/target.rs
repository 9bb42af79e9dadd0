//! Where a SIP URI leads (RFC 3263): which records to ask for, and the order to try what they say.
//!
//! [`Resolution`] is the procedure of RFC 3263 §4 as a value. Its owner asks each [`Question`] of the name
//! service and gives the [`Answer`] back, until there is none; then [`Resolution::finish`] has the targets.
//!
//! ```text
//!                            NAPTR --(services)--> SRV ..
//!   name, nothing else ------^   \--(none)-------> SRV of each transport ..
//!   name with transport ------------------------> SRV
//!   name with port ----------------------------------------> A, AAAA
//!   address ------------------------------------------------------------> target
//! ```

use core::net::{IpAddr, SocketAddr};
use std::collections::VecDeque;

use super::message::{Host, Scheme, Uri};
use super::{Random, Transport};

mod order;

use order::by_priority_and_weight;

/// Targets of one URI. More than any provider's servers; what is beyond is left out.
pub const TARGETS_MAX: usize = 16;
/// Questions for one URI. A zone that asks for more is not followed further.
const QUESTIONS_MAX: usize = 24;
/// Unanswered questions after which no more services are asked for: cheap routers drop what is not A or AAAA.
const SILENCES_MAX: u32 = 2;

/// A place to send a request to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// How.
    pub transport: Transport,
    /// Where.
    pub address: SocketAddr,
}

/// The families of addresses that this machine has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Families {
    /// IPv4.
    pub v4: bool,
    /// IPv6.
    pub v6: bool,
}

impl Families {
    /// Whether an address can be reached.
    #[must_use]
    pub fn has(self, ip: IpAddr) -> bool {
        match ip {
            IpAddr::V4(_) => self.v4,
            IpAddr::V6(_) => self.v6,
        }
    }
}

/// What to ask the name service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// The NAPTR records of a name.
    Naptr(String),
    /// The SRV records of a name.
    Srv(String),
    /// The A records of a name, its AAAA records, or both: those of [`Families`].
    Address(String),
}

/// What the name service said to the last question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// NAPTR records.
    Naptr(Vec<Naptr>),
    /// SRV records.
    Srv(Vec<Srv>),
    /// Addresses.
    Addresses(Vec<IpAddr>),
    /// There are no such records.
    None,
    /// It does not answer, or says that it cannot.
    Silence,
}

/// A NAPTR record (RFC 3403) as RFC 3263 §4.1 uses it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Naptr {
    /// Lower ones first.
    pub order: u16,
    /// Among the same order, lower ones first.
    pub preference: u16,
    /// `s` says that SRV follows.
    pub flags: String,
    /// `SIP+D2U`, `SIP+D2T`, `SIPS+D2T`.
    pub service: String,
    /// The name to ask SRV of.
    pub replacement: String,
}

/// An SRV record (RFC 2782).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Srv {
    /// Lower ones first.
    pub priority: u16,
    /// The share of the requests, among the same priority.
    pub weight: u16,
    /// The port.
    pub port: u16,
    /// The name of the server; `.` says that there is none.
    pub target: String,
}

/// Why a URI leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotFound {
    /// No sip or sips URI, or no host in it.
    #[error("{0} is not a SIP address")]
    NotSip(String),
    /// It demands a transport that is not listened on.
    #[error("{uri} needs {wanted}, which is not listened on")]
    Transport {
        /// The URI.
        uri: String,
        /// The transport.
        wanted: String,
    },
    /// Of a family that this machine does not have.
    #[error("{0} is of an address family that is not listened on")]
    Family(String),
    /// Nothing in the name service.
    #[error("the name {0} does not exist or has no address")]
    NoRecords(String),
    /// The name service does not answer.
    #[error("the name service does not answer for {0}")]
    Silence(String),
}

/// The procedure for one URI.
#[derive(Debug)]
pub struct Resolution {
    host: String,
    port: Option<u16>,
    /// Those that may be used, the preferred first.
    transports: Vec<Transport>,
    families: Families,
    random: Random,
    agenda: VecDeque<Step>,
    asked: Option<Step>,
    questions: usize,
    silences: u32,
    /// Whether SRV records were found, so that the name itself is not asked for addresses.
    has_services: bool,
    fell_back: bool,
    targets: Vec<Target>,
}

#[derive(Clone, Debug)]
enum Step {
    Naptr,
    Srv {
        transport: Transport,
        name: String,
    },
    Address {
        transport: Transport,
        name: String,
        port: u16,
    },
}

impl Resolution {
    /// For a URI, with the transports that are listened on, the preferred first.
    ///
    /// # Errors
    /// When the URI alone says that it leads nowhere.
    pub fn new(
        uri: &Uri,
        listened: &[Transport],
        families: Families,
        random: Random,
    ) -> Result<Self, NotFound> {
        let text = uri.to_string();
        let (Scheme::Sip | Scheme::Sips, Some(host)) = (uri.scheme(), uri.host()) else {
            return Err(NotFound::NotSip(text));
        };
        let transports = allowed(uri, listened)?;
        let mut resolution = Self {
            host: host.to_string().trim_end_matches('.').to_owned(),
            port: uri.port(),
            transports,
            families,
            random,
            agenda: VecDeque::new(),
            asked: None,
            questions: 0,
            silences: 0,
            has_services: false,
            fell_back: false,
            targets: Vec::new(),
        };
        match host {
            Host::Ip(ip) if families.has(ip) => {
                resolution.fell_back = true;
                let transport = resolution.default_transport();
                let port = resolution.port.unwrap_or(transport.default_port());
                resolution.add(transport, ip, port);
            }
            Host::Ip(_) => return Err(NotFound::Family(text)),
            Host::Name(_) => resolution.plan(uri.param("transport").is_some()),
        }
        Ok(resolution)
    }

    /// What a name is asked for first (RFC 3263 §4.1, §4.2). One without a dot stands in no zone.
    fn plan(&mut self, names_transport: bool) {
        if self.port.is_some() || !self.host.contains('.') {
            return;
        }
        if names_transport {
            self.ask_services();
        } else {
            self.agenda.push_back(Step::Naptr);
        }
    }

    fn ask_services(&mut self) {
        for transport in self.transports.clone() {
            let name = format!("{}.{}", service(transport), self.host);
            self.agenda.push_back(Step::Srv { transport, name });
        }
    }

    /// The next question; `None` when all is answered.
    pub fn poll_question(&mut self) -> Option<Question> {
        let is_full = self.targets.len() >= TARGETS_MAX || self.questions >= QUESTIONS_MAX;
        if is_full || self.asked.is_some() {
            return None;
        }
        if self.silences >= SILENCES_MAX {
            self.agenda
                .retain(|step| matches!(step, Step::Address { .. }));
        }
        if self.agenda.is_empty() && !self.has_services && !self.fell_back {
            self.fell_back = true;
            let transport = self.default_transport();
            self.agenda.push_back(Step::Address {
                transport,
                name: self.host.clone(),
                port: self.port.unwrap_or(transport.default_port()),
            });
        }
        let step = self.agenda.pop_front()?;
        self.questions += 1;
        let question = match &step {
            Step::Naptr => Question::Naptr(self.host.clone()),
            Step::Srv { name, .. } => Question::Srv(name.clone()),
            Step::Address { name, .. } => Question::Address(name.clone()),
        };
        self.asked = Some(step);
        Some(question)
    }

    /// The answer to the last question. One of another kind counts as none.
    pub fn handle_answer(&mut self, answer: Answer) {
        let Some(step) = self.asked.take() else {
            return;
        };
        if answer == Answer::Silence {
            self.silences += 1;
        }
        match (step, answer) {
            (Step::Naptr, answer) => self.on_naptr(answer),
            (Step::Srv { transport, .. }, Answer::Srv(records)) => self.on_srv(transport, records),
            (
                Step::Address {
                    transport, port, ..
                },
                Answer::Addresses(mut addresses),
            ) => {
                // IPv4 first: in offices it is the one that works. The order within a family stays.
                addresses.sort_by_key(IpAddr::is_ipv6);
                for ip in addresses {
                    self.add(transport, ip, port);
                }
            }
            _ => {}
        }
    }

    /// The targets found, in the order to try them. May be called early, when time is up.
    ///
    /// # Errors
    /// There are none.
    pub fn finish(self) -> Result<Vec<Target>, NotFound> {
        if !self.targets.is_empty() {
            return Ok(self.targets);
        }
        Err(match self.silences > 0 || self.asked.is_some() {
            true => NotFound::Silence(self.host),
            false => NotFound::NoRecords(self.host),
        })
    }

    fn on_naptr(&mut self, answer: Answer) {
        let Answer::Naptr(mut records) = answer else {
            return self.ask_services();
        };
        records.sort_by_key(|record| (record.order, record.preference));
        for record in records {
            let transport = transport_of(&record.service);
            let usable = transport.filter(|it| self.transports.contains(it));
            if let (Some(transport), true) = (usable, record.flags.eq_ignore_ascii_case("s")) {
                let name = record.replacement.trim_end_matches('.').to_owned();
                self.agenda.push_back(Step::Srv { transport, name });
            }
        }
        if self.agenda.is_empty() {
            self.ask_services();
        }
    }

    fn on_srv(&mut self, transport: Transport, records: Vec<Srv>) {
        self.has_services |= !records.is_empty();
        for record in by_priority_and_weight(records, &mut self.random) {
            let name = record.target.trim_end_matches('.').to_owned();
            if !name.is_empty() && self.agenda.len() < QUESTIONS_MAX {
                self.agenda.push_back(Step::Address {
                    transport,
                    name,
                    port: record.port,
                });
            }
        }
    }

    fn add(&mut self, transport: Transport, ip: IpAddr, port: u16) {
        let target = Target {
            transport,
            address: SocketAddr::new(ip, port),
        };
        let is_new = !self.targets.contains(&target);
        if is_new && self.families.has(ip) && self.targets.len() < TARGETS_MAX {
            self.targets.push(target);
        }
    }

    /// UDP where nothing else is told (RFC 3263 §4.1), if it is listened on.
    fn default_transport(&self) -> Transport {
        let udp = self.transports.contains(&Transport::Udp);
        match self.transports.first() {
            Some(first) if !udp => *first,
            _ => Transport::Udp,
        }
    }
}

/// The transports that a URI allows among those listened on.
fn allowed(uri: &Uri, listened: &[Transport]) -> Result<Vec<Transport>, NotFound> {
    let secure = uri.scheme() == Scheme::Sips;
    let told = uri.param("transport");
    let wanted = told
        .as_ref()
        .map(|name| match name.to_ascii_lowercase().as_slice() {
            b"udp" if !secure => Some(Transport::Udp),
            b"tcp" if !secure => Some(Transport::Tcp),
            b"tcp" | b"tls" => Some(Transport::Tls),
            _ => None,
        });
    let fits = |transport: &Transport| match wanted {
        Some(wanted) => wanted == Some(*transport),
        None => !secure || *transport == Transport::Tls,
    };
    let allowed: Vec<Transport> = listened.iter().copied().filter(fits).collect();
    if !allowed.is_empty() {
        return Ok(allowed);
    }
    let wanted = match (told, secure) {
        (Some(told), _) => String::from_utf8_lossy(&told).to_ascii_uppercase(),
        (None, true) => "TLS".to_owned(),
        (None, false) => "a transport".to_owned(),
    };
    let uri = uri.to_string();
    Err(NotFound::Transport { uri, wanted })
}

fn service(transport: Transport) -> &'static str {
    match transport {
        Transport::Udp => "_sip._udp",
        Transport::Tcp => "_sip._tcp",
        Transport::Tls => "_sips._tcp",
    }
}

fn transport_of(service: &str) -> Option<Transport> {
    Some(match service.to_ascii_uppercase().as_str() {
        "SIP+D2U" => Transport::Udp,
        "SIP+D2T" => Transport::Tcp,
        "SIPS+D2T" => Transport::Tls,
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
