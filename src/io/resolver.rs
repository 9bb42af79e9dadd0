//! Where a SIP URI leads, asked of the name service: [`Resolution`] decides, this looks up.
//!
//! The hosts file comes first, then DNS as `resolv.conf` says (read again when it changes), with answers kept
//! as long as they allow. An address that DNS does not give is asked of the system, which may know other ways.

use core::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use hickory_resolver::config::{NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts};
use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::op::Query;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use hickory_resolver::{Hosts, Resolver as Dns, TokioResolver, system_conf};

use super::clock;
use crate::sip::message::Uri;
use crate::sip::target::{Answer, Families, Naptr, NotFound, Question, Resolution, Srv, Target};
use crate::sip::{Random, Transport};

/// How long one URI may take. A registration waits longer than that for its flows.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long one name server may take for one answer; it is asked twice.
const TIMEOUT: Duration = Duration::from_millis(1500);
/// Answers kept: a handful of names with their services and addresses. When full the oldest go.
const CACHE: u64 = 256;
/// Where the system keeps its name servers.
const RESOLV_CONF: &str = "/etc/resolv.conf";

/// Looks up SIP URIs. Cheap to clone; all clones share one memory of answers.
#[derive(Clone, Debug)]
pub struct Resolver {
    names: Arc<Mutex<Names>>,
    /// Whether the system's other ways are asked, too.
    is_system: bool,
    patience: Duration,
}

#[derive(Debug)]
struct Names {
    dns: Option<Arc<TokioResolver>>,
    /// When the configuration of `dns` was written; `None` for one that is not the system's.
    written: Option<SystemTime>,
}

impl Resolver {
    /// With the system's name servers.
    #[must_use]
    pub fn system() -> Self {
        let names = Names {
            dns: None,
            written: None,
        };
        Self {
            names: Arc::new(Mutex::new(names)),
            is_system: true,
            patience: PATIENCE,
        }
    }

    /// With one name server, and a limit for each answer of it.
    ///
    /// # Errors
    /// When the name service cannot be set up.
    pub fn with_name_server(address: SocketAddr, timeout: Duration) -> Result<Self, String> {
        let mut server = NameServerConfig::udp(address.ip());
        for connection in &mut server.connections {
            connection.port = address.port();
        }
        let config = ResolverConfig::from_name_servers(vec![server]);
        let dns = build(config, ResolverOpts::default(), timeout)?;
        let names = Names {
            dns: Some(Arc::new(dns)),
            written: None,
        };
        Ok(Self {
            names: Arc::new(Mutex::new(names)),
            is_system: false,
            patience: timeout.saturating_mul(8),
        })
    }

    /// The targets of a URI in the order to try them, with the transports that are listened on.
    ///
    /// # Errors
    /// Why there are none, in plain words.
    pub async fn resolve(
        &self,
        uri: &Uri,
        listened: &[Transport],
        families: Families,
    ) -> Result<Vec<Target>, NotFound> {
        let random = Random::new(clock::seed());
        let mut resolution = Resolution::new(uri, listened, families, random)?;
        let asking = async {
            let hosts = tokio::task::spawn_blocking(read_hosts);
            let hosts = hosts.await.unwrap_or_default();
            let dns = self.dns();
            while let Some(question) = resolution.poll_question() {
                let answer = match known(&hosts, &question, families) {
                    Some(answer) => answer,
                    None => self.ask(dns.as_deref(), &question, families).await,
                };
                resolution.handle_answer(answer);
            }
        };
        if tokio::time::timeout(self.patience, asking).await.is_err() {
            log::debug!("the name service took too long for {uri}");
        }
        resolution.finish()
    }

    async fn ask(
        &self,
        dns: Option<&TokioResolver>,
        question: &Question,
        families: Families,
    ) -> Answer {
        match question {
            Question::Naptr(name) => match look_up(dns, name, RecordType::NAPTR).await {
                Ok(data) => Answer::Naptr(data.iter().filter_map(naptr).collect()),
                Err(answer) => answer,
            },
            Question::Srv(name) => match look_up(dns, name, RecordType::SRV).await {
                Ok(data) => Answer::Srv(data.iter().filter_map(srv).collect()),
                Err(answer) => answer,
            },
            Question::Address(name) => self.ask_addresses(dns, name, families).await,
        }
    }

    async fn ask_addresses(
        &self,
        dns: Option<&TokioResolver>,
        name: &str,
        families: Families,
    ) -> Answer {
        let kinds = [
            (RecordType::A, families.v4),
            (RecordType::AAAA, families.v6),
        ];
        let mut addresses = Vec::new();
        let mut failure = Answer::None;
        for (kind, _) in kinds.into_iter().filter(|(_, wanted)| *wanted) {
            match look_up(dns, name, kind).await {
                Ok(data) => addresses.extend(data.iter().filter_map(RData::ip_addr)),
                Err(Answer::Silence) => failure = Answer::Silence,
                Err(_) => {}
            }
        }
        if addresses.is_empty() && self.is_system {
            // Such as names of the local network that are found by multicast.
            if let Ok(found) = tokio::net::lookup_host((name, 0)).await {
                addresses.extend(found.map(|address| address.ip()));
            }
        }
        match addresses.is_empty() {
            true => failure,
            false => Answer::Addresses(addresses),
        }
    }

    /// DNS as it is configured now.
    fn dns(&self) -> Option<Arc<TokioResolver>> {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.is_system {
            return names.dns.clone();
        }
        let written = std::fs::metadata(Path::new(RESOLV_CONF));
        let written = written.and_then(|data| data.modified()).ok();
        if names.dns.is_none() || names.written != written {
            let built = system_conf::read_system_conf()
                .map_err(|error| error.to_string())
                .and_then(|(config, options)| build(config, options, TIMEOUT));
            match built {
                Ok(dns) => names.dns = Some(Arc::new(dns)),
                Err(error) => log::warn!("{RESOLV_CONF} cannot be used: {error}"),
            }
            names.written = written;
        }
        names.dns.clone()
    }
}

fn build(
    config: ResolverConfig,
    mut options: ResolverOpts,
    timeout: Duration,
) -> Result<TokioResolver, String> {
    options.timeout = timeout;
    options.attempts = 1;
    options.cache_size = CACHE;
    // The hosts file is read here, so that a name in it is not asked for services.
    options.use_hosts_file = ResolveHosts::Never;
    Dns::builder_with_config(config, TokioRuntimeProvider::default())
        .with_options(options)
        .build()
        .map_err(|error| error.to_string())
}

async fn look_up(
    dns: Option<&TokioResolver>,
    name: &str,
    kind: RecordType,
) -> Result<Vec<RData>, Answer> {
    let (Some(dns), Ok(mut name)) = (dns, Name::from_utf8(name)) else {
        return Err(Answer::None);
    };
    // A name with a dot is whole; one without is looked for in the search domains.
    name.set_fqdn(name.num_labels() > 1);
    match dns.lookup(name, kind).await {
        Ok(lookup) => Ok(data(&lookup, kind)),
        Err(error) => Err(failure(&error)),
    }
}

fn data(lookup: &Lookup, kind: RecordType) -> Vec<RData> {
    let records = lookup.answers().iter();
    let wanted = records.filter(|record| record.record_type() == kind);
    wanted.map(|record| record.data.clone()).collect()
}

fn failure(error: &NetError) -> Answer {
    if error.is_nx_domain() || error.is_no_records_found() {
        return Answer::None;
    }
    log::debug!("the name service: {error}");
    Answer::Silence
}

fn naptr(data: &RData) -> Option<Naptr> {
    let RData::NAPTR(record) = data else {
        return None;
    };
    Some(Naptr {
        order: record.order,
        preference: record.preference,
        flags: String::from_utf8_lossy(&record.flags).into_owned(),
        service: String::from_utf8_lossy(&record.services).into_owned(),
        replacement: record.replacement.to_ascii(),
    })
}

fn srv(data: &RData) -> Option<Srv> {
    let RData::SRV(record) = data else {
        return None;
    };
    Some(Srv {
        priority: record.priority,
        weight: record.weight,
        port: record.port,
        target: record.target.to_ascii(),
    })
}

fn read_hosts() -> Hosts {
    Hosts::from_system().unwrap_or_default()
}

/// What the hosts file says; a name in it has no services.
fn known(hosts: &Hosts, question: &Question, families: Families) -> Option<Answer> {
    let (name, addressed) = match question {
        Question::Naptr(name) => (name.as_str(), false),
        Question::Srv(name) => (owner_of_service(name), false),
        Question::Address(name) => (name.as_str(), true),
    };
    let addresses = in_hosts(hosts, name);
    let reachable = addresses.iter().any(|ip| families.has(*ip));
    match (reachable, addressed) {
        (true, true) => Some(Answer::Addresses(addresses)),
        (true, false) => Some(Answer::None),
        (false, _) => None,
    }
}

/// `_sip._udp.pbx.example` is asked for `pbx.example`.
fn owner_of_service(name: &str) -> &str {
    name.splitn(3, '.').nth(2).unwrap_or(name)
}

fn in_hosts(hosts: &Hosts, name: &str) -> Vec<IpAddr> {
    let Ok(parsed) = Name::from_utf8(name.to_ascii_lowercase()) else {
        return Vec::new();
    };
    let kinds = [RecordType::A, RecordType::AAAA];
    let mut addresses: Vec<IpAddr> = kinds
        .into_iter()
        .filter_map(|kind| hosts.lookup_static_host(&Query::query(parsed.clone(), kind)))
        .flat_map(|lookup| {
            let records = lookup.answers().iter();
            let found: Vec<IpAddr> = records.filter_map(|it| it.data.ip_addr()).collect();
            found
        })
        .collect();
    if addresses.is_empty() && name.eq_ignore_ascii_case("localhost") {
        // RFC 6761 §6.3
        addresses = vec![
            core::net::Ipv4Addr::LOCALHOST.into(),
            core::net::Ipv6Addr::LOCALHOST.into(),
        ];
    }
    addresses
}

#[cfg(test)]
mod tests;
