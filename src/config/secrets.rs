//! Where secrets come from: a systemd credential, a file, or an environment variable.

use core::fmt;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

pub use secrecy::SecretString;

use super::{Config, Line, NoSecret};

/// Longest secret, in bytes.
const SECRET_BYTES_MAX: u64 = 8 << 10;

/// The secrets a configuration names; `None` where it says there is none.
pub struct Secrets {
    /// The ear's key.
    pub ear: Option<SecretString>,
    /// The voice's key.
    pub voice: Option<SecretString>,
    /// The model's key.
    pub model: Option<SecretString>,
    /// The helpdesk's password.
    pub helpdesk: Option<SecretString>,
    /// The lines' passwords by the name of the line; a line without one is not there.
    pub lines: BTreeMap<String, SecretString>,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets { .. }")
    }
}

/// A secret that is missing or unusable, in a sentence with the remedy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {text}")]
pub struct SecretError {
    /// As in `ear.key`.
    pub key: String,
    /// The configuration names no place, so a systemd credential is awaited.
    pub awaits_credential: bool,
    text: String,
}

type Variables = dyn Fn(&str) -> Option<OsString>;

/// What the process was started with; a test gives its own.
pub struct Environment {
    variable: Box<Variables>,
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Environment { .. }")
    }
}

impl Environment {
    /// The process's own.
    #[must_use]
    pub fn of_process() -> Self {
        Self::new(|name| std::env::var_os(name))
    }

    /// Variables from a function.
    #[must_use]
    pub fn new(variable: impl Fn(&str) -> Option<OsString> + 'static) -> Self {
        Self {
            variable: Box::new(variable),
        }
    }

    fn credential(&self, name: &str) -> Option<PathBuf> {
        let directory = (self.variable)("CREDENTIALS_DIRECTORY")?;
        let path = Path::new(&directory).join(name);
        path.is_file().then_some(path)
    }
}

/// One secret of the configuration.
struct Place<'c> {
    /// As in `ear.key`.
    key: String,
    /// Name of the systemd credential.
    credential: String,
    none: Option<NoSecret>,
    file: &'c Option<PathBuf>,
    env: &'c Option<String>,
}

impl Secrets {
    /// Reads the secrets of `config`. A key named in the file wins over the credential.
    ///
    /// # Errors
    /// One for each secret that is missing or unusable.
    pub fn read(config: &Config, environment: &Environment) -> Result<Self, Vec<SecretError>> {
        let mut errors = Vec::new();
        let mut read = |place: Place<'_>| {
            let read = place.read(environment);
            read.unwrap_or_else(|text| {
                errors.push(SecretError {
                    awaits_credential: place.file.is_none() && place.env.is_none(),
                    key: place.key,
                    text,
                });
                None
            })
        };
        let deepgram = "deepgram-key";
        let place = |key: &str, credential: &str, none, file, env| Place {
            key: key.to_owned(),
            credential: credential.to_owned(),
            none,
            file,
            env,
        };
        let (ear, voice) = (&config.ear, &config.voice);
        let (model, helpdesk) = (&config.model, &config.helpdesk);
        let ear = place("ear.key", deepgram, ear.key, &ear.key_file, &ear.key_env);
        let voice = place(
            "voice.key",
            deepgram,
            voice.key,
            &voice.key_file,
            &voice.key_env,
        );
        let model = place(
            "model.key",
            "model-key",
            model.key,
            &model.key_file,
            &model.key_env,
        );
        let helpdesk = place(
            "helpdesk.password",
            "helpdesk-password",
            helpdesk.password,
            &helpdesk.password_file,
            &helpdesk.password_env,
        );
        let [ear, voice, model, helpdesk] = [ear, voice, model, helpdesk].map(&mut read);
        let mut lines = BTreeMap::new();
        for (index, line) in config.line.iter().enumerate() {
            if let Some(password) = of_line(index, line).and_then(&mut read) {
                lines.insert(line.name.clone(), password);
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        Ok(Self {
            ear,
            voice,
            model,
            helpdesk,
            lines,
        })
    }
}

/// The password of a line that has a user.
fn of_line(index: usize, line: &Line) -> Option<Place<'_>> {
    line.user.as_ref()?;
    Some(Place {
        key: format!("line[{index}].password"),
        credential: format!("line-{}", line.name),
        none: line.password,
        file: &line.password_file,
        env: &line.password_env,
    })
}

impl Place<'_> {
    fn read(&self, environment: &Environment) -> Result<Option<SecretString>, String> {
        if self.none.is_some() {
            return Ok(None);
        }
        let text = if let Some(name) = self.env {
            let value = (environment.variable)(name)
                .ok_or_else(|| format!("the environment has no {name}; set it"))?;
            value
                .into_string()
                .map_err(|_| format!("{name} is not text; set it anew"))?
        } else if let Some(path) = self.file {
            check_mode(path)?;
            read_file(path)?
        } else if let Some(path) = environment.credential(&self.credential) {
            read_file(&path)?
        } else {
            return Err(format!(
                "no secret; give it as the systemd credential `{}`, or name its place with {}_file or {}_env",
                self.credential, self.key, self.key
            ));
        };
        let secret = text.trim();
        if secret.is_empty() {
            return Err("the secret is empty; write it where the configuration says".to_owned());
        }
        if secret.chars().any(char::is_control) {
            return Err("the secret has more than one line; write it as one line".to_owned());
        }
        Ok(Some(SecretString::from(secret.to_owned())))
    }
}

/// Refuses a file that others may read, or the group may write.
fn check_mode(path: &Path) -> Result<(), String> {
    let shown = path.display();
    let metadata =
        std::fs::metadata(path).map_err(|error| format!("{shown}: {error}; create the file"))?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o027 != 0 {
        return Err(format!(
            "{shown} has mode {mode:03o} and is open to others; run `chmod 0640 {shown}`"
        ));
    }
    Ok(())
}

fn read_file(path: &Path) -> Result<String, String> {
    let shown = path.display();
    let unreadable = |error: std::io::Error| format!("{shown}: {error}; make it readable");
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let mut text = String::new();
    file.take(SECRET_BYTES_MAX)
        .read_to_string(&mut text)
        .map_err(unreadable)?;
    Ok(text)
}

#[cfg(test)]
mod tests;
