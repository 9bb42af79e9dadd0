//! Fixed prompts, rendered once and kept on disk, so that they sound at once and without network.
//!
//! One file for each (voice, text, form of speech). Its name is a hash, and the key stands in it too, so a
//! collision, another version or a damaged file is the same as no file: it is rendered again.

use core::fmt::Debug;
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::task::{AbortHandle, spawn_blocking};

use super::deepgram::rest::Renderer;
use crate::audio::resample::resampled;
use crate::audio::speech_format::linear;
use crate::audio::{Law, SAMPLE_RATE, SpeechFormat};
use crate::conversation::Failure;

/// What is said when nothing else can be: "I am sorry, I have a technical problem right now. A
/// colleague will call you back. Goodbye."
const APOLOGY_MU: &[u8] = include_bytes!("../../config/prompts/apology.ulaw");
const APOLOGY_A: &[u8] = include_bytes!("../../config/prompts/apology.alaw");

/// First bytes of a file.
const MAGIC: &[u8] = b"ringwell prompt 1\n";
/// Prompts kept in memory; a box has a few dozen. What is beyond is read from disk each time.
const MAX_KEPT: usize = 256;
/// First and longest pause between tries to render, and the pause after a refusal, which only the
/// administrator can end.
const RETRY_FIRST: Duration = Duration::from_secs(1);
const RETRY_LAST: Duration = Duration::from_secs(60);
const RETRY_REFUSED: Duration = Duration::from_secs(300);

/// The prompts of one voice.
#[derive(Debug)]
pub struct PromptCache {
    folder: PathBuf,
    renderer: Renderer,
    kept: Mutex<HashMap<String, Bytes>>,
}

/// Rendering in the background; ends when dropped.
#[derive(Debug)]
pub struct Rendering {
    task: AbortHandle,
}

impl Rendering {
    /// True when every prompt has been rendered.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.task.is_finished()
    }
}

impl Drop for Rendering {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The built-in last words.
#[must_use]
pub fn apology(format: SpeechFormat) -> Bytes {
    match format {
        SpeechFormat::G711(Law::Mu) => Bytes::from_static(APOLOGY_MU),
        SpeechFormat::G711(Law::A) => Bytes::from_static(APOLOGY_A),
        SpeechFormat::Linear16(rate) => {
            let samples: Vec<i16> = APOLOGY_MU
                .iter()
                .map(|code| Law::Mu.decode(*code))
                .collect();
            // Voices are asked for whole kilohertz alone.
            let samples = resampled(&samples, SAMPLE_RATE, rate).unwrap_or_default();
            linear(&samples).into()
        }
    }
}

impl PromptCache {
    /// A cache in this folder, which is made if it does not exist.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn open(folder: &Path, renderer: Renderer) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        Ok(Self {
            folder: folder.to_owned(),
            renderer,
            kept: Mutex::default(),
        })
    }

    /// The audio of a prompt, if it has been rendered. Reads the disk the first time.
    #[must_use]
    pub fn get(&self, text: &str, format: SpeechFormat) -> Option<Bytes> {
        let key = self.key(text, format);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(audio) = kept.get(&key) {
            return Some(audio.clone());
        }
        let file = fs::read(self.path(&key)).ok()?;
        let Some(audio) = unpacked(&file, &key) else {
            log::warn!("a kept prompt is damaged and will be rendered again");
            return None;
        };
        let audio = Bytes::from(audio);
        if kept.len() < MAX_KEPT {
            kept.insert(key, audio.clone());
        }
        Some(audio)
    }

    /// Renders what is missing of these prompts, in these forms, in the background, trying again
    /// until all are there. Must be called within a tokio runtime.
    #[must_use]
    pub fn render_all(
        self: &Arc<Self>,
        texts: Vec<String>,
        formats: Vec<SpeechFormat>,
    ) -> Rendering {
        let cache = Arc::clone(self);
        let rendering = tokio::spawn(async move {
            for text in &texts {
                // The forms of one prompt at once: there are four at most, which every account may ask for.
                let forms = formats.iter().map(|format| cache.insist(text, *format));
                futures_util::future::join_all(forms).await;
            }
            log::info!("all {} prompts are rendered", texts.len());
        });
        Rendering {
            task: rendering.abort_handle(),
        }
    }

    async fn insist(self: &Arc<Self>, text: &str, format: SpeechFormat) {
        let mut pause = RETRY_FIRST;
        while let Err(failure) = self.render(text, format).await {
            let wait = match &failure {
                Failure::Refused(reason) => {
                    log::error!("the voice refuses to render a prompt: {reason}");
                    RETRY_REFUSED
                }
                Failure::Unavailable(reason) | Failure::Stalled(reason) => {
                    log::warn!("a prompt is not rendered yet: {reason}");
                    pause
                }
            };
            tokio::time::sleep(wait).await;
            pause = (pause * 2).min(RETRY_LAST);
        }
    }

    /// Renders one prompt unless it is there.
    ///
    /// # Errors
    /// When the voice or the disk fails.
    pub async fn render(self: &Arc<Self>, text: &str, format: SpeechFormat) -> Result<(), Failure> {
        let (cache, owned) = (Arc::clone(self), text.to_owned());
        let there = spawn_blocking(move || cache.get(&owned, format).is_some()).await;
        if there.unwrap_or(false) || text.trim().is_empty() {
            return Ok(());
        }
        let audio = self.renderer.whole(format, text).await?;
        let key = self.key(text, format);
        let (path, file) = (self.path(&key), packed(&key, &audio));
        let written = spawn_blocking(move || write(&path, &file)).await;
        let written = written.unwrap_or_else(|error| Err(io::Error::other(error)));
        written.map_err(|error| Failure::Unavailable(format!("a prompt cannot be kept: {error}")))
    }

    fn key(&self, text: &str, format: SpeechFormat) -> String {
        let model = self.renderer.model();
        let form: &dyn Debug = match &format {
            SpeechFormat::G711(law) => law,
            SpeechFormat::Linear16(_) => &"linear16",
        };
        format!("{model}\n{form:?}\n{}\n{text}", format.sample_rate())
    }

    fn path(&self, key: &str) -> PathBuf {
        self.folder
            .join(format!("{:032x}.prompt", hash(key.as_bytes())))
    }
}

/// FNV-1a of 128 bits: only spreads names, the key itself is compared.
fn hash(bytes: &[u8]) -> u128 {
    const PRIME: u128 = (1 << 88) + 0x13B;
    const BASIS: u128 = 0x6C62_272E_07BB_0142_62B8_2175_6295_C58D;
    let step = |hash: u128, byte: &u8| (hash ^ u128::from(*byte)).wrapping_mul(PRIME);
    bytes.iter().fold(BASIS, step)
}

/// Magic, length and bytes of the key, hash of the audio, audio.
fn packed(key: &str, audio: &[u8]) -> Vec<u8> {
    let length = u32::try_from(key.len()).expect("a prompt is shorter than 4 GiB");
    [
        MAGIC,
        &length.to_be_bytes(),
        key.as_bytes(),
        &hash(audio).to_be_bytes(),
        audio,
    ]
    .concat()
}

/// The audio, if the file is whole and of this key.
fn unpacked(file: &[u8], key: &str) -> Option<Vec<u8>> {
    let rest = file.strip_prefix(MAGIC)?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (stored, rest) = rest.split_at_checked(length)?;
    let (sum, audio) = rest.split_first_chunk::<16>()?;
    let whole =
        stored == key.as_bytes() && !audio.is_empty() && hash(audio) == u128::from_be_bytes(*sum);
    whole.then(|| audio.to_vec())
}

/// Writes so that the name holds either nothing or the whole file, whenever the power goes.
fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    let passing = path.with_extension("new");
    let mut file = File::create(&passing)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&passing, path)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests;
