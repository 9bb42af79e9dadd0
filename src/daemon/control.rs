//! The control socket: one line in, one line of JSON out, for `ringwell status` and `ringwell drain`.
//!
//! It stands in the state folder with mode 0600: whoever may write there is the administrator.

use core::future::Future;
use core::str::FromStr;
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;

mod render;

pub use render::render;

/// Connections served at once; an administrator and a monitor need two. One more waits in the
/// kernel's backlog; nothing is dropped.
const CONNECTIONS_MAX: usize = 8;

/// Longest request line, in bytes.
const REQUEST_BYTES_MAX: u64 = 256;

/// Longest answer a client takes, in bytes.
const ANSWER_BYTES_MAX: u64 = 16 << 20;

/// How long either side waits for the other.
const PATIENCE: Duration = Duration::from_secs(5);

/// What can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// How it goes.
    Status,
    /// Take no new calls; end when the last one has.
    Drain,
}

impl Request {
    /// The word on the socket.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Drain => "drain",
        }
    }
}

impl FromStr for Request {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let all = [Self::Status, Self::Drain];
        let found = all.into_iter().find(|request| request.as_str() == text);
        found.ok_or_else(|| "unknown request; ask `status` or `drain`".to_owned())
    }
}

/// The bound socket. The file is removed when this is dropped.
#[derive(Debug)]
pub struct Control {
    listener: UnixListener,
    path: PathBuf,
}

impl Control {
    /// Binds the socket; a file left by a dead daemon is replaced.
    ///
    /// # Errors
    /// `AddrInUse` when another daemon answers there; otherwise what the system says.
    pub fn bind(path: &Path) -> io::Result<Self> {
        if let Ok(metadata) = std::fs::symlink_metadata(path) {
            if !metadata.file_type().is_socket() {
                let what = format!("{} is in the way and is no socket", path.display());
                return Err(io::Error::new(io::ErrorKind::AlreadyExists, what));
            }
            if std::os::unix::net::UnixStream::connect(path).is_ok() {
                let what = format!("another ringwell answers at {}", path.display());
                return Err(io::Error::new(io::ErrorKind::AddrInUse, what));
            }
            std::fs::remove_file(path)?;
        }
        let listener = UnixListener::bind(path)?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
        Ok(Self {
            listener,
            path: path.to_owned(),
        })
    }

    /// Answers requests until the future is dropped. `answer` gives the JSON.
    pub async fn serve<A, F>(self, answer: A)
    where
        A: Fn(Request) -> F + Send + Sync + 'static,
        F: Future<Output = Value> + Send,
    {
        let answer = Arc::new(answer);
        let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        loop {
            let place = Arc::clone(&places).acquire_owned().await;
            let place = place.expect("the semaphore is never closed");
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    let answer = Arc::clone(&answer);
                    tokio::spawn(async move {
                        let served = timeout(PATIENCE, serve_one(stream, &*answer)).await;
                        if !matches!(served, Ok(Ok(()))) {
                            ::log::debug!("a control connection ended early");
                        }
                        drop(place);
                    });
                }
                Err(error) => {
                    ::log::warn!("the control socket does not accept: {error}");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
        }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        // Gone already, or the next start replaces it.
        let _ = std::fs::remove_file(&self.path);
    }
}

async fn serve_one<A, F>(stream: UnixStream, answer: &A) -> io::Result<()>
where
    A: Fn(Request) -> F,
    F: Future<Output = Value>,
{
    let (reader, mut writer) = stream.into_split();
    let mut line = String::new();
    BufReader::new(reader.take(REQUEST_BYTES_MAX))
        .read_line(&mut line)
        .await?;
    let value = match line.trim().parse() {
        Ok(request) => answer(request).await,
        Err(error) => json!({ "error": error }),
    };
    let mut text = value.to_string();
    text.push('\n');
    writer.write_all(text.as_bytes()).await?;
    writer.shutdown().await
}

/// Asks the daemon at `path`.
///
/// # Errors
/// When nothing answers there, or not in time, or not in JSON.
pub async fn ask(path: &Path, request: Request) -> io::Result<Value> {
    let asking = async {
        let mut stream = UnixStream::connect(path).await?;
        stream
            .write_all(format!("{}\n", request.as_str()).as_bytes())
            .await?;
        let mut text = String::new();
        stream
            .take(ANSWER_BYTES_MAX)
            .read_to_string(&mut text)
            .await?;
        serde_json::from_str(&text).map_err(io::Error::from)
    };
    let answered = timeout(PATIENCE, asking).await;
    answered.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

#[cfg(test)]
mod tests;
