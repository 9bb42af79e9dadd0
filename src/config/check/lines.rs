//! The rules of `[[line]]`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{Findings, is_token};
use crate::config::line::is_host;
use crate::config::{Config, Line, LineKind, LineTransport};

/// More than an office has; each register line keeps a registration alive.
const LINES_MAX: usize = 64;

/// Registrations shorter than this are a load, longer ones leave the PBX with a dead address.
const EXPIRES: core::ops::RangeInclusive<Duration> =
    Duration::from_mins(1)..=Duration::from_hours(24);

/// The shortest session interval there is (RFC 4028 §4).
const SESSION_EXPIRES_MIN: Duration = Duration::from_secs(90);

/// What a country may be: the two letters of ISO 3166-1.
const COUNTRIES: &str = "\
AD AE AF AG AI AL AM AO AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BW BY BZ CA CC CD \
CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD \
GE GF GG GH GI GL GM GN GP GQ GR GT GU GW GY HK HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI \
KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW \
MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PR PS PT PW PY QA RE RO RS RU RW SA SB SC \
SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG US UY UZ \
VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW";

/// One line's table.
struct Table<'c, 'f> {
    line: &'c Line,
    index: usize,
    findings: &'f mut Findings,
}

impl Table<'_, '_> {
    fn blame(&mut self, key: &str, what: impl Into<String>, remedy: impl Into<String>) {
        let key = format!("line[{}].{key}", self.index);
        self.findings.add(key, what, remedy);
    }
}

/// Everything that is wrong with the lines.
pub(super) fn check(config: &Config, findings: &mut Findings) {
    if config.line.is_empty() {
        findings.add("line", "nobody can call", "add a [[line]]");
    }
    if config.line.len() > LINES_MAX {
        let what = format!("{} lines are more than {LINES_MAX}", config.line.len());
        findings.add("line", what, "remove some");
    }
    for (index, line) in config.line.iter().enumerate() {
        let mut table = Table {
            line,
            index,
            findings,
        };
        name(&mut table);
        match line.kind {
            LineKind::Register => register(&mut table),
            LineKind::Trunk => trunk(&mut table),
        }
        login(&mut table);
        transport(&mut table, config);
        tls(&mut table);
        session(&mut table);
    }
    names(config, findings);
    networks(config, findings);
    registrations(config, findings);
}

fn name(table: &mut Table<'_, '_>) {
    let name = &table.line.name;
    if name.is_empty() || !name.bytes().all(is_token) {
        let what = format!("`{name}` cannot be a line's name");
        table.blame("name", what, "use letters, digits, `-`, `.` and `_`");
    }
}

fn register(table: &mut Table<'_, '_>) {
    let line = table.line;
    if line.registrar.is_none() {
        table.blame(
            "registrar",
            "a line that registers needs a registrar",
            "name the PBX, such as registrar = \"pbx.example.com\"",
        );
    }
    if line.user.is_none() {
        table.blame(
            "user",
            "a line that registers needs a user",
            "name the extension, such as user = \"200\"",
        );
    }
    if line.peer.is_some() {
        table.blame(
            "peer",
            "calls on a line that registers go through its registrar",
            "remove the key",
        );
    }
    if !EXPIRES.contains(&line.expires) {
        let key = format!("line[{}].expires", table.index);
        table.findings.span(&key, line.expires, EXPIRES);
    }
}

fn trunk(table: &mut Table<'_, '_>) {
    let line = table.line;
    if line.allow.is_empty() && line.peer.is_none() {
        table.blame(
            "allow",
            "nobody can call on this line",
            "name the addresses the PBX or the provider calls from, or its host as `peer`",
        );
    }
    if line.registrar.is_some() {
        table.blame(
            "registrar",
            "a trunk does not register",
            "write kind = \"register\", or name where calls go with `peer`",
        );
    }
}

/// User, password, realm, domain.
fn login(table: &mut Table<'_, '_>) {
    let line = table.line;
    let places = [
        ("password", line.password.is_some()),
        ("password_file", line.password_file.is_some()),
        ("password_env", line.password_env.is_some()),
    ];
    let mut places = places.iter().filter(|(_, there)| *there).map(|it| it.0);
    let place = places.next();
    if let (Some(one), Some(other)) = (place, places.next()) {
        let what = format!("`{one}` and `{other}` exclude each other");
        table.blame(other, what, "keep one of them");
    }
    let needs_user = [
        ("auth_user", line.auth_user.is_some()),
        ("realm", line.realm.is_some()),
        (place.unwrap_or("password"), place.is_some()),
    ];
    let without_user = line.user.is_none() && line.kind == LineKind::Trunk;
    for (key, there) in needs_user {
        if there && without_user {
            table.blame(key, "it is of no use without a user", "add `user`");
        }
    }
    let visible = |text: &str| !text.is_empty() && !text.chars().any(char::is_control);
    for (key, value) in [
        ("user", &line.user),
        ("auth_user", &line.auth_user),
        ("realm", &line.realm),
    ] {
        if value.as_deref().is_some_and(|value| !visible(value)) {
            table.blame(
                key,
                "it is empty or has control characters",
                "write it anew",
            );
        }
    }
    let user = line.user.as_deref().unwrap_or_default();
    if user.contains(['@', ' ']) {
        table.blame(
            "user",
            format!("`{user}` is not the user part of an address alone"),
            "write what stands before the @, and the rest as `domain`",
        );
    }
    for (key, value) in [("domain", &line.domain), ("tls_name", &line.tls_name)] {
        if let Some(value) = value.as_deref().filter(|value| !is_host(value)) {
            let what = format!("`{value}` is not a host");
            table.blame(key, what, "write a name such as \"example.com\"");
        }
    }
}

fn transport(table: &mut Table<'_, '_>, config: &Config) {
    let line = table.line;
    let listens = match line.transport {
        LineTransport::Any => true,
        LineTransport::Udp => !config.sip.listen_udp.is_empty(),
        LineTransport::Tcp => !config.sip.listen_tcp.is_empty(),
        // A connection that we have made ourselves needs no listening address.
        LineTransport::Tls => !config.sip.listen_tls.is_empty() || line.remote().is_some(),
    };
    if !listens {
        table.blame(
            "transport",
            "nothing is listened on for this transport",
            "add an address to [sip], or change the transport",
        );
    }
    let (key, remote) = match line.kind {
        LineKind::Register => ("registrar", &line.registrar),
        LineKind::Trunk => ("peer", &line.peer),
    };
    let named = remote
        .as_ref()
        .map_or(LineTransport::Any, |it| it.transport());
    let any = LineTransport::Any;
    if named != any && line.transport != any && named != line.transport {
        table.blame(
            key,
            format!(
                "it names another transport than transport = \"{}\"",
                line.transport.name()
            ),
            "name it once",
        );
    }
}

fn tls(table: &mut Table<'_, '_>) {
    let line = table.line;
    let plain = matches!(line.transport, LineTransport::Udp | LineTransport::Tcp);
    for (key, there) in [
        ("tls_name", line.tls_name.is_some()),
        ("tls_ca", line.tls_ca.is_some()),
    ] {
        if there && plain {
            table.blame(
                key,
                "it is of no use without TLS",
                "write transport = \"tls\", or remove the key",
            );
        }
    }
}

fn session(table: &mut Table<'_, '_>) {
    let line = table.line;
    if line.codecs.is_empty() {
        table.blame(
            "codecs",
            "no call can be answered without a codec",
            "name \"pcmu\", \"pcma\", \"g722\" or \"opus\"",
        );
    }
    let twice = |at: usize| line.codecs[..at].contains(&line.codecs[at]);
    if (0..line.codecs.len()).any(twice) {
        table.blame("codecs", "a codec stands twice", "remove one");
    }
    if line.public_address.is_some_and(|it| it.is_unspecified()) {
        table.blame(
            "public_address",
            "it is no address that a peer can reach",
            "write the address peers see, or remove the key",
        );
    }
    if !COUNTRIES.split(' ').any(|country| country == line.country) {
        table.blame(
            "country",
            format!("`{}` is no country", line.country),
            "write the two letters of ISO 3166, such as \"US\" or \"DE\"",
        );
    }
    let interval = line.session_expires;
    let longest = Duration::from_hours(24);
    if !interval.is_zero() && !(SESSION_EXPIRES_MIN..=longest).contains(&interval) {
        table.blame(
            "session_expires",
            format!("{interval:?} is out of range"),
            "write a duration from \"90s\" to \"1d\", or \"0s\" to leave it to the peer",
        );
    }
}

fn names(config: &Config, findings: &mut Findings) {
    let mut names = BTreeSet::new();
    for (index, line) in config.line.iter().enumerate() {
        if !names.insert(&line.name) {
            findings.add(
                format!("line[{index}].name"),
                format!("a second line is named `{}`", line.name),
                "give each line a name of its own",
            );
        }
    }
}

/// Extensions of one PBX may share its networks: the Request-URI tells them apart.
fn networks(config: &Config, findings: &mut Findings) {
    let mut networks: BTreeMap<String, &Line> = BTreeMap::new();
    for (index, line) in config.line.iter().enumerate() {
        for cidr in &line.allow {
            let Some(other) = networks.insert(cidr.to_string(), line) else {
                continue;
            };
            let extensions = other.kind == LineKind::Register && line.kind == LineKind::Register;
            if !extensions || other.name == line.name {
                findings.add(
                    format!("line[{index}].allow"),
                    format!("{cidr} stands in line `{}` already", other.name),
                    "name a network once",
                );
            }
        }
    }
}

fn registrations(config: &Config, findings: &mut Findings) {
    let mut users = BTreeMap::new();
    for (index, line) in config.line.iter().enumerate() {
        let (Some(registrar), Some(user)) = (&line.registrar, &line.user) else {
            continue;
        };
        let host = registrar.host().to_ascii_lowercase();
        let domain = line.domain().unwrap_or_default().to_ascii_lowercase();
        let place = (host, registrar.port(), domain, user);
        if let Some(other) = users.insert(place, &line.name) {
            findings.add(
                format!("line[{index}].user"),
                format!("line `{other}` registers as `{user}` there already"),
                "register each extension once",
            );
        }
    }
}
