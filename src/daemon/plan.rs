//! What new calls are given of the configuration and may change while the daemon runs: whom callers may be
//! connected with, and what the assistant knows and says of them.

use std::sync::{Arc, PoisonError, RwLock};

use super::second_leg::Targets;
use super::wording;
use crate::audio::SpeechFormat;
use crate::config::{Config, Transfer};
use crate::conversation;
use crate::io::prompt_cache::{PromptCache, Rendering};

/// The plan in force. Calls that run keep the one they began with, but are connected by the present one.
pub(crate) struct Plans {
    /// What the daemon was started with: all but `[transfer]` waits for a restart.
    started_with: Config,
    cache: Arc<PromptCache>,
    present: RwLock<Arc<Plan>>,
}

/// What new calls are given.
pub(crate) struct Plan {
    pub(crate) targets: Targets,
    pub(crate) conversation: Arc<conversation::Settings>,
    /// The prompts that are being rendered.
    pub(crate) prompts: Rendering,
}

impl Plans {
    /// The plan of a configuration. Must be called within a tokio runtime.
    pub(crate) fn new(config: &Config, cache: Arc<PromptCache>) -> Self {
        Self {
            started_with: config.clone(),
            present: RwLock::new(Arc::new(Plan::new(config, &cache))),
            cache,
        }
    }

    /// The one in force. The lock is held only for the copy of a pointer.
    pub(crate) fn present(&self) -> Arc<Plan> {
        let present = self.present.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&present)
    }

    /// Takes another `[transfer]`.
    pub(crate) fn reload(&self, transfer: &Transfer) {
        let config = Config {
            transfer: transfer.clone(),
            ..self.started_with.clone()
        };
        let next = Arc::new(Plan::new(&config, &self.cache));
        let mut present = self.present.write().unwrap_or_else(PoisonError::into_inner);
        *present = next;
    }
}

impl Plan {
    fn new(config: &Config, cache: &Arc<PromptCache>) -> Self {
        let conversation = wording::conversation(config);
        Self {
            targets: Targets::new(config),
            prompts: cache.render_all(conversation::prompts(&conversation), speech_formats(config)),
            conversation: Arc::new(conversation),
        }
    }
}

/// The forms of speech that the lines' codecs may ask for.
fn speech_formats(config: &Config) -> Vec<SpeechFormat> {
    let codecs = config.line.iter().flat_map(|line| line.codecs.iter());
    let mut formats = Vec::new();
    for codec in codecs {
        let format = SpeechFormat::spoken_in((*codec).into());
        if !formats.contains(&format) {
            formats.push(format);
        }
    }
    formats
}
