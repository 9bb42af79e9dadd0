//! What all calls share: the outside services, the store, the media threads, and the limits. Made
//! once, from the configuration.

use core::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use rustls::RootCertStore;
use secrecy::SecretString;

use super::lines::Line;
use super::media_addresses::MediaAddresses;
use super::metrics::Metrics;
use super::plan::Plans;
use super::public_address::PublicAddress;
use super::second_leg::Way;
use crate::audio::Codec;
use crate::call;
use crate::config::{self, Config, OnFax, Secrets};
use crate::io::deepgram::aura::{self, Voice};
use crate::io::deepgram::flux::{self, Ear};
use crate::io::deepgram::{Endpoint, rest::Renderer};
use crate::io::desk::Desk;
use crate::io::desk::kayako::{self, Kayako};
use crate::io::knowledge::Knowledge;
use crate::io::media_socket::{self, MediaPorts, PortPool};
use crate::io::media_thread::{self, MediaHandle, MediaThread, Realtime};
use crate::io::openai::{self, Model};
use crate::io::outbox::Outbox;
use crate::io::prompt_cache::PromptCache;
use crate::io::recording::{self, Recorder};
use crate::io::store::Store;
use crate::io::tls::Tls;
use crate::io::transcode::{self, Transcoder};
use crate::io::{clock, knowledge};
use crate::rtp::session::MediaTimeout;
use crate::sdp;
use crate::sip::message::{Host, Uri};
use crate::sip::{Flow, Random, nat, session, transaction};
use crate::ticket::TicketPolicy;

/// How long the kept HTTP connections to the helpdesk may take to be made.
const CONNECT: Duration = Duration::from_secs(10);

/// Calls that one media thread is given where the configuration leaves it open: two thirds of what a core carries
/// (`tests/bench`).
const CALLS_OF_A_THREAD: usize = 800;

/// Flushes that Deepgram allows one connection within 60 s.
const FLUSHES_PER_MINUTE: usize = 20;

/// As the makers of disks count.
const MEGABYTE: u64 = 1_000_000;

/// Numbers of the configuration that the loop and the calls need.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Calls at once.
    pub(crate) calls_max: usize,
    /// How long calls may go on after a request to stop.
    pub(crate) drain_limit: Duration,
    /// Passages for each question.
    pub(crate) passages: usize,
    /// When a silent caller counts as gone.
    pub(crate) media_timeout: MediaTimeout,
}

/// Everything that is shared.
pub(crate) struct Services {
    pub(crate) limits: Limits,
    pub(crate) metrics: Metrics,
    pub(crate) ear: Ear,
    pub(crate) voice: Voice,
    pub(crate) model: Model,
    pub(crate) store: Store,
    pub(crate) outbox: Outbox,
    pub(crate) knowledge: Knowledge,
    pub(crate) media: MediaHandle,
    pub(crate) transcoder: Transcoder,
    pub(crate) ports: PortPool,
    pub(crate) plans: Plans,
    /// Where calls are recorded.
    pub(crate) recorder: Option<Recorder>,
    recording: Option<call::Recording>,
    answer_after_max: Duration,
    diagnostic_max: Duration,
    fax: call::Fax,
    server_name: String,
    pub(crate) public_address: PublicAddress,
    pub(crate) media_addresses: MediaAddresses,
    /// Whom SIP peers with TLS are trusted by, where their line does not say.
    pub(crate) roots: Arc<RootCertStore>,
}

impl Services {
    /// Opens what is on this machine and starts what works in the background. Outside services are
    /// not needed for it.
    pub(crate) async fn start(config: &Config, secrets: Secrets) -> anyhow::Result<Self> {
        let state = &config.state.dir;
        std::fs::create_dir_all(state)
            .with_context(|| format!("the state folder {} cannot be made", state.display()))?;
        let tls = Tls::new(None)?;
        let store = open_store(config, state).await?;
        let desk = Arc::new(desk(config, secrets.helpdesk, &tls)?);
        let knowledge = Knowledge::open(&state.join("knowledge.db"))?;
        let interval = config.knowledge.sync_interval;
        tokio::spawn(knowledge::run(
            knowledge.clone(),
            Arc::clone(&desk),
            interval,
        ));
        let (voice, cache) = voice(config, secrets.voice, &tls)?;
        Ok(Self {
            limits: limits(config),
            metrics: Metrics::default(),
            ear: ear(config, secrets.ear, &tls),
            voice,
            model: model(config, secrets.model, &tls)?,
            outbox: Outbox::start(store.clone(), desk),
            store,
            knowledge,
            media: start_media(config)?,
            transcoder: start_transcoder(config)?,
            ports: ports(config),
            plans: Plans::new(config, cache),
            recorder: recorder(config)?,
            recording: recording(config),
            answer_after_max: config.calls.answer_after_max,
            diagnostic_max: config.calls.max_duration,
            fax: fax(config),
            server_name: config.sip.server_name.clone(),
            public_address: PublicAddress::new(config.sip.public_address),
            media_addresses: MediaAddresses::new(config),
            roots: tls.roots(),
        })
    }

    /// What a new call needs to know.
    pub(crate) fn call_settings(
        &self,
        flow: Flow,
        line: &Line,
        ports: &MediaPorts,
        random: &mut Random,
    ) -> call::Settings {
        let plan = self.plans.present();
        call::Settings {
            session: self.session_settings(flow, line, ports, random),
            conversation: Arc::clone(&plan.conversation),
            answer_after_max: self.answer_after_max,
            diagnostic_max: self.diagnostic_max,
            trust: line.trust(),
            recording: self.recording,
            targets: plan.targets.of(flow),
            fax: self.fax.clone(),
        }
    }

    /// What a call needs to know of its second leg.
    /// The first leg's codec is offered first, so that nothing need be decoded between the two.
    pub(crate) fn second_leg(
        &self,
        way: &Way,
        first: Option<Codec>,
        random: &mut Random,
    ) -> call::SecondLeg {
        let flow = way.dial.flow;
        let mut settings = self.session_settings(flow, &way.line, &way.ports, random);
        settings.policy = way.dial.policy.clone();
        if let Some(first) = first {
            settings.local_media.prefer(first);
        }
        call::SecondLeg {
            call: way.dial.call.clone(),
            flow,
            more: way.more,
            settings,
            random: random.fork(),
        }
    }

    fn session_settings(
        &self,
        flow: Flow,
        line: &Line,
        ports: &MediaPorts,
        random: &mut Random,
    ) -> session::Settings {
        let of_line = line.public_address(flow);
        let known = nat::Addresses {
            of_line: of_line.map(|public| public.ip()),
            public: self.public_address.known(),
        };
        let (peer, local) = (flow.remote.ip(), flow.local.ip());
        let address = known.told(peer, local);
        let media = known.told(peer, ports.address);
        let reached = of_line.map_or(flow.local.port(), |public| public.port());
        let host = Host::from(address);
        let contact = Uri::sip(Some(&line.contact_user), host, Some(reached));
        let contact = match flow.transport.uri_param() {
            Some(transport) => contact.with_param("transport", Some(transport)),
            None => contact,
        };
        session::Settings {
            contact,
            server_name: self.server_name.clone(),
            local_media: sdp::Local {
                address: media,
                port: ports.port,
                session_id: random.next_u64() >> 32, // ten digits: an offer shall fit a datagram
                codecs: line.codecs(),
                srtp: sdp::Srtp::new(line.srtp(), clock::key()),
            },
            policy: line.policy(),
            timing: transaction::Timing::default(),
        }
    }
}

fn fax(config: &Config) -> call::Fax {
    match (config.calls.on_fax, config.calls.takes_fax()) {
        (_, Some(target)) => call::Fax::Transfer(target.to_owned()),
        (OnFax::Ignore, None) => call::Fax::Ignore,
        (OnFax::Refuse | OnFax::Transfer, None) => call::Fax::Refuse,
    }
}

async fn open_store(config: &Config, state: &Path) -> anyhow::Result<Store> {
    let policy = match config.helpdesk.ticket_policy {
        config::TicketPolicy::Unanswered => TicketPolicy::Unsettled,
        config::TicketPolicy::EveryCall => TicketPolicy::Every,
    };
    let store = Store::open(&state.join("ringwell.db"), policy)?;
    let recovered = store.recover().await?;
    if recovered.calls > 0 {
        log::warn!(
            CALLS = recovered.calls, TICKETS = recovered.tickets;
            "calls were running when the daemon ended last time; their tickets are on their way"
        );
    }
    Ok(store)
}

/// Services want an Authorization header in any case; those that need no key ignore what is in it.
fn or_none(key: Option<SecretString>) -> SecretString {
    key.unwrap_or_else(|| "none".to_owned().into())
}

pub(super) fn endpoint(url: &str, key: Option<SecretString>) -> Endpoint {
    let key = or_none(key);
    Endpoint {
        url: url.to_owned(),
        key,
    }
}

pub(super) fn ear(config: &Config, key: Option<SecretString>, tls: &Tls) -> Ear {
    let config = &config.ear;
    let settings = flux::Settings {
        endpoint: endpoint(&config.url, key),
        model: config.model.clone(),
        eot_threshold: config.eot_threshold,
        eager_eot_threshold: None,
        eot_timeout_ms: u32::try_from(config.eot_timeout.as_millis()).unwrap_or(u32::MAX),
        keyterms: config.keyterms.clone(),
        language_hints: Vec::new(),
        mip_opt_out: config.training_opt_out,
        patience: flux::Patience::default(),
    };
    Ear::new(settings, tls.clone())
}

fn voice(
    config: &Config,
    key: Option<SecretString>,
    tls: &Tls,
) -> anyhow::Result<(Voice, Arc<PromptCache>)> {
    let account = endpoint(&config.voice.url, key);
    let renderer = Renderer::new(account.clone(), &config.voice.model, tls)?;
    let cache = PromptCache::open(&config.state.dir.join("prompts"), renderer)?;
    let cache = Arc::new(cache);
    let settings = aura::Settings {
        endpoint: account,
        model: config.voice.model.clone(),
        mip_opt_out: config.voice.training_opt_out,
        flushes_per_minute: FLUSHES_PER_MINUTE,
        patience: aura::Patience::default(),
    };
    let voice = Voice::new(settings, tls.clone(), Arc::clone(&cache))?;
    Ok((voice, cache))
}

pub(super) fn model(
    config: &Config,
    key: Option<SecretString>,
    tls: &Tls,
) -> anyhow::Result<Model> {
    let config = &config.model;
    let dialect = match config.dialect {
        config::Dialect::Responses => openai::Dialect::Responses,
        config::Dialect::Chat => openai::Dialect::Chat,
    };
    let settings = openai::Settings {
        key: Some(or_none(key)),
        temperature: config.temperature,
        reasoning_effort: config
            .reasoning_effort
            .map(|effort| effort.as_str().to_owned()),
        max_output_tokens: Some(config.max_output_tokens),
        token_limit: match config.token_key {
            config::TokenKey::MaxTokens => openai::TokenLimit::MaxTokens,
            config::TokenKey::MaxCompletionTokens => openai::TokenLimit::MaxCompletionTokens,
        },
        instruction_role: match config.system_role {
            config::SystemRole::System => openai::Role::System,
            config::SystemRole::Developer => openai::Role::Developer,
        },
        prompt_cache_key: Some("ringwell".to_owned()),
        ..openai::Settings::new(dialect, &config.url, &config.model)
    };
    Ok(Model::new(settings, tls)?)
}

pub(super) fn desk(
    config: &Config,
    password: Option<SecretString>,
    tls: &Tls,
) -> anyhow::Result<Desk> {
    let config = &config.helpdesk;
    let config::HelpdeskKind::Kayako = config.kind;
    let password = or_none(password);
    let settings = kayako::Settings {
        labels: kayako::Labels {
            status: config.status.clone(),
            priority: config.priority.clone(),
            kind: config.case_type.clone(),
            team: config.team.clone(),
            tags: config.tags.clone(),
        },
        ..kayako::Settings::new(&config.url, &config.email, password)
    };
    let client = tls.http_client(CONNECT)?;
    Ok(Desk::Kayako(Kayako::new(settings, client)?))
}

/// What writes recordings, where calls are recorded.
fn recorder(config: &Config) -> anyhow::Result<Option<Recorder>> {
    let recording = &config.recording;
    if !recording.is_on() {
        return Ok(None);
    }
    let settings = recording::Settings {
        folder: config.state.dir.join("recordings"),
        keep: Some(recording.keep).filter(|keep| !keep.is_zero()),
        size_max: recording.max_megabytes.saturating_mul(MEGABYTE),
        room_min: recording.free_megabytes.saturating_mul(MEGABYTE),
    };
    let recorder = Recorder::start(settings).context("calls cannot be recorded")?;
    Ok(Some(recorder))
}

fn recording(config: &Config) -> Option<call::Recording> {
    let recording = &config.recording;
    recording.is_on().then(|| call::Recording {
        pause_key: recording.pause_key(),
        after_transfer: recording.after_transfer,
    })
}

fn start_media(config: &Config) -> anyhow::Result<MediaHandle> {
    let settings = media_thread::Settings {
        threads: media_threads(config),
        realtime: config.media.realtime,
        cpus: config.media.cpus.clone(),
    };
    let media = MediaThread::start(settings).context("the media thread does not start")?;
    let Realtime {
        scheduling,
        memory,
        affinity,
        threads,
    } = media.realtime();
    log::info!(
        THREADS = threads, SCHEDULING:% = scheduling, MEMORY:% = memory, AFFINITY:% = affinity;
        "the media threads run"
    );
    Ok(media)
}

fn start_transcoder(config: &Config) -> anyhow::Result<Transcoder> {
    let settings = transcode::Settings {
        threads: config.media.codec_threads,
        complexity: config.media.opus_complexity.unwrap_or(opus_complexity()),
    };
    Transcoder::start(settings).context("the codec threads do not start")
}

/// A small ARM core takes several times as long for a frame of speech as a desktop's.
fn opus_complexity() -> u8 {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    if cfg!(target_arch = "aarch64") && cores <= 4 {
        5
    } else {
        9
    }
}

/// As many as carry the calls, but one processor is left for everything else.
fn media_threads(config: &Config) -> usize {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let chosen = config.calls.max.div_ceil(CALLS_OF_A_THREAD);
    let most = processors.saturating_sub(1).max(1);
    config.media.threads.unwrap_or(chosen.min(most))
}

/// Where the ports for audio are.
pub(super) fn port_settings(config: &Config) -> media_socket::Settings {
    let everywhere = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    let addresses = MediaAddresses::new(config).of_each_family();
    let address = addresses.first().copied().unwrap_or(everywhere);
    media_socket::Settings {
        first_port: config.media.ports.first,
        last_port: config.media.ports.last,
        dscp: config.media.dscp,
        ..media_socket::Settings::new(address)
    }
}

fn ports(config: &Config) -> PortPool {
    let [seed, _] = clock::seed();
    let pool = PortPool::new(port_settings(config), seed);
    log::info!(DSCP = config.media.dscp, MARKED = pool.is_marked(); "the ports for audio are there");
    pool
}

fn limits(config: &Config) -> Limits {
    Limits {
        calls_max: config.calls.max,
        drain_limit: config.calls.drain_limit,
        passages: config.knowledge.passages,
        media_timeout: MediaTimeout {
            initial: config.media.timeout_initial,
            running: config.media.timeout_running,
        },
    }
}
