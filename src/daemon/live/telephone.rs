//! The telephone side of `ringwell check --live`: the STUN server, each line's registrar or peer, and
//! whom the command line names.

use core::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{Finding, Verdict};
use crate::config::{Config, LineTransport};
use crate::daemon::lines::Line;
use crate::daemon::{services, stun};
use crate::io::certificates::Certificates;
use crate::io::resolver::Resolver;
use crate::io::sip_probe;
use crate::io::sip_tls::{self, Shaken, TlsPeer};
use crate::io::tls;
use crate::sip::probe::Answer;
use crate::sip::target::{Families, Target};
use crate::sip::{Transport, nat};

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(5);

/// A SIP server to ask.
struct Peer {
    what: String,
    target: Target,
    /// Its line, for TLS.
    line: Option<Arc<Line>>,
    /// Whether silence is a fault. Not every trunk answers OPTIONS from a port it does not know.
    must_answer: bool,
}

/// Asks all there are.
pub(super) async fn telephone(
    config: &Config,
    lines: &[Arc<Line>],
    peers: &[SocketAddr],
) -> Vec<Finding> {
    let resolver = Resolver::system();
    let (mut findings, public) = public_address(config, &resolver).await;
    let mut asked = Vec::new();
    for line in lines {
        match of_line(config, line, &resolver).await {
            Ok(peers) => asked.extend(peers),
            Err(finding) => findings.push(finding),
        }
    }
    asked.extend(peers.iter().map(|peer| Peer {
        what: format!("peer {peer}"),
        target: Target {
            transport: Transport::Udp,
            address: *peer,
        },
        line: None,
        must_answer: true,
    }));
    if asked.is_empty() && findings.is_empty() {
        let words = "no line names a single address; ask one with --peer ADDRESS:PORT";
        return vec![Finding::new("telephone side", Verdict::Note, words)];
    }
    for peer in asked {
        findings.extend(ask(config, peer, public).await);
    }
    findings
}

/// The address that peers in the internet are told, and what the STUN server says.
async fn public_address(config: &Config, resolver: &Resolver) -> (Vec<Finding>, Option<IpAddr>) {
    let configured = config.sip.public_address;
    let Some(server) = &config.sip.stun_server else {
        return (Vec::new(), configured);
    };
    let asked = async {
        let addresses = stun::look_up(resolver, server, families(config)).await?;
        let address = *addresses.first().ok_or("its name has no address")?;
        let seen = sip_probe::ask_stun(address).await;
        let seen = seen.map_err(|error| format!("there is no way to {address}: {error}"))?;
        let seen = seen.ok_or_else(|| {
            format!("{address} tells no address over UDP; is no firewall in between?")
        })?;
        Ok::<_, String>((seen, address))
    };
    let mut range = None;
    let asked = asked.await;
    if let Ok((_, server)) = &asked {
        range = media_range(config, *server).await;
    }
    let (verdict, words, seen) = match asked.map(|(seen, _)| seen) {
        Ok(seen) if nat::is_outside(seen.ip()) => (
            Verdict::Fine,
            format!("{server} sees us at {seen}"),
            Some(seen.ip()),
        ),
        Ok(seen) => {
            let words = format!(
                "{server} sees us at {seen}, an inner network's address; ask one in the internet"
            );
            (Verdict::Wrong, words, None)
        }
        Err(words) => (Verdict::Wrong, words, None),
    };
    let finding = Finding::new("STUN server", verdict, words);
    let findings = [Some(finding), range].into_iter().flatten();
    (findings.collect(), configured.or(seen))
}

/// How the ports for audio look from outside, by the first and the last pair that are free: whether packets get
/// out and their answers in, and whether a router gives them other numbers. Whether it lets in what nobody has
/// asked for, only a call from outside can show.
async fn media_range(config: &Config, server: SocketAddr) -> Option<Finding> {
    let what = "media ports from outside";
    let local = services::port_settings(config).address;
    if local.is_ipv4() != server.is_ipv4() {
        return None;
    }
    let range = config.media.ports;
    let pairs = (range.first.next_multiple_of(2)..=range.last).step_by(2);
    let (mut first, mut last) = (pairs.clone(), pairs.rev());
    let mut seen = Vec::new();
    for ports in [
        &mut first as &mut (dyn Iterator<Item = u16> + Send),
        &mut last,
    ] {
        // Held by a call, or by another program: the next one tells as much.
        for port in ports.take(PORTS_TRIED) {
            let from = SocketAddr::new(local, port);
            if let Ok(mapped) = sip_probe::ask_stun_from(from, server).await {
                seen.push((port, mapped));
                break;
            }
        }
    }
    let silent = seen.iter().find(|(_, mapped)| mapped.is_none());
    let moved = seen.iter().find_map(|(port, mapped)| {
        let other = mapped.filter(|mapped| mapped.port() != *port)?;
        Some((port, other))
    });
    let (first, last) = (range.first, range.last);
    let (verdict, words) = match (silent, moved, seen.is_empty()) {
        (_, _, true) => (
            Verdict::Note,
            "none is free to ask from; ask again when no call runs".to_owned(),
        ),
        (Some((port, _)), ..) => (
            Verdict::Wrong,
            format!(
                "{server} does not answer port {port}, though it answers others: open UDP {first}-{last} in the firewall, both ways"
            ),
        ),
        (None, Some((port, other)), _) => (
            Verdict::Note,
            format!(
                "port {port} is seen as {other}: the router gives other numbers, so audio from outside waits for ours; forward UDP {first}-{last} to this box where a provider does not cope"
            ),
        ),
        (None, None, _) => (
            Verdict::Fine,
            format!(
                "packets of {first} and {last} get out and back under their own numbers; only a call from outside shows whether the firewall lets in UDP {first}-{last} unasked"
            ),
        ),
    };
    Some(Finding::new(what, verdict, words))
}

/// Ports tried for each end of the range before it counts as taken.
const PORTS_TRIED: usize = 8;

/// The servers of one line: its registrar or peer as DNS has it, otherwise the single addresses that may
/// call.
async fn of_line(
    config: &Config,
    line: &Arc<Line>,
    resolver: &Resolver,
) -> Result<Vec<Peer>, Finding> {
    let what = format!("line {}", line.name);
    if line.config.remote().is_some() {
        let found = match line.remote_uri() {
            Some(uri) => resolver
                .resolve(&uri, &spoken(config), families(config))
                .await
                .map_err(|error| error.to_string()),
            None => Err("its registrar or peer is no place to send SIP to".to_owned()),
        };
        let targets = found.map_err(|words| Finding::new(what.clone(), Verdict::Wrong, words))?;
        let peer = |target| Peer {
            what: what.clone(),
            target,
            line: Some(Arc::clone(line)),
            must_answer: true,
        };
        return Ok(targets.into_iter().map(peer).collect());
    }
    let transport = line.config.transport;
    if !matches!(transport, LineTransport::Any | LineTransport::Udp) {
        return Ok(Vec::new());
    }
    let single = line
        .config
        .allow
        .iter()
        .filter_map(|network| network.single());
    let peers = single.map(|ip| Peer {
        what: what.clone(),
        target: Target {
            transport: Transport::Udp,
            address: SocketAddr::new(ip, 5060),
        },
        line: None,
        must_answer: false,
    });
    Ok(peers.collect())
}

/// The transports that the daemon speaks with this configuration. TLS is dialled without being listened on.
fn spoken(config: &Config) -> Vec<Transport> {
    let sip = &config.sip;
    let listened = [
        (Transport::Udp, sip.listen_udp.is_empty()),
        (Transport::Tcp, sip.listen_tcp.is_empty()),
        (Transport::Tls, false),
    ];
    let spoken = listened.into_iter().filter(|(_, is_off)| !is_off);
    spoken.map(|(transport, _)| transport).collect()
}

fn families(config: &Config) -> Families {
    let sip = &config.sip;
    let addresses = || {
        let lists = [&sip.listen_udp, &sip.listen_tcp, &sip.listen_tls];
        lists.into_iter().flatten()
    };
    Families {
        v4: addresses().any(SocketAddr::is_ipv4),
        v6: addresses().any(SocketAddr::is_ipv6),
    }
}

async fn ask(config: &Config, peer: Peer, public: Option<IpAddr>) -> Vec<Finding> {
    let Target { transport, address } = peer.target;
    if transport.is_stream() {
        return vec![connect(config, peer).await];
    }
    let told = public.filter(|_| nat::is_outside(address.ip()));
    match sip_probe::ask(address, |_| told).await {
        Ok(Some((answer, _))) => heard(&peer.what, address, &answer),
        Ok(None) => {
            let verdict = if peer.must_answer {
                Verdict::Wrong
            } else {
                Verdict::Note
            };
            let words = format!(
                "{address} does not answer OPTIONS over UDP; is the address right, and is no firewall in between?"
            );
            vec![Finding::new(peer.what, verdict, words)]
        }
        Err(error) => {
            let words = format!("there is no way to {address}: {error}");
            vec![Finding::new(peer.what, Verdict::Wrong, words)]
        }
    }
}

/// Whether connections are taken, and with TLS whether the certificate is right. Nothing rewrites SIP on those
/// unseen, so that is all there is to ask.
async fn connect(config: &Config, peer: Peer) -> Finding {
    let Target { transport, address } = peer.target;
    let name = transport.name();
    let (verdict, words) = match timeout(CONNECT, TcpStream::connect(address)).await {
        Ok(Ok(connection)) if transport == Transport::Tls => {
            secure(config, &peer, connection).await
        }
        Ok(Ok(_connection)) => (
            Verdict::Fine,
            format!(
                "{address} takes connections ({name}); `ringwell status` tells what comes of them"
            ),
        ),
        Ok(Err(error)) => (
            Verdict::Wrong,
            format!("{address} takes no connections ({name}): {error}"),
        ),
        Err(_) => (
            Verdict::Wrong,
            format!(
                "{address} takes no connections ({name}): it does not answer; is no firewall in between?"
            ),
        ),
    };
    Finding::new(peer.what, verdict, words)
}

/// Whether the line's TLS comes about on a connection.
async fn secure(config: &Config, peer: &Peer, connection: TcpStream) -> (Verdict, String) {
    let address = peer.target.address;
    let authorities = peer.line.as_ref().and_then(|it| it.config.tls_ca.clone());
    let shaken = async {
        let roots =
            tls::trusted_roots(authorities.as_deref()).map_err(|error| error.to_string())?;
        let expected = TlsPeer {
            name: peer.line.as_ref().and_then(|line| line.tls_name()),
            roots: Some(Arc::new(roots)),
        };
        let own = match (&config.sip.certificate, &config.sip.certificate_key) {
            (Some(certificate), Some(key)) => {
                let own = Certificates::load(certificate, key);
                Some(Arc::new(own.map_err(|error| error.to_string())?))
            }
            _ => None,
        };
        let shaken = sip_tls::shake_hands(connection, address, expected, own).await;
        shaken.map_err(|fault| fault.to_string())
    };
    match timeout(CONNECT, shaken).await {
        Ok(Ok(Shaken { name })) => {
            let words = format!(
                "{address} speaks TLS with a good certificate for {name}; `ringwell status` tells what comes of it"
            );
            (Verdict::Fine, words)
        }
        Ok(Err(fault)) => (Verdict::Wrong, format!("no TLS with {address}: {fault}")),
        Err(_) => {
            let words = format!(
                "no TLS with {address}: it does not answer; does it speak TLS on that port?"
            );
            (Verdict::Wrong, words)
        }
    }
}

/// What an answer says, sentence by sentence.
fn heard(what: &str, address: SocketAddr, answer: &Answer) -> Vec<Finding> {
    let seen = answer
        .seen_as
        .map_or_else(String::new, |seen| format!(", and sees us at {seen}"));
    let words = format!("{address} answers {}{seen}", answer.status);
    let mut findings = vec![Finding::new(what, Verdict::Fine, words)];
    findings.extend(answer.findings.iter().map(|finding| {
        let verdict = if finding.is_fault() {
            Verdict::Wrong
        } else {
            Verdict::Note
        };
        Finding::new(what, verdict, finding.to_string())
    }));
    findings
}
