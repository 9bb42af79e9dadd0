//! The voice's connection and what may be sent on it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::Shared;
use crate::conversation::Failure;
use crate::io::deepgram::jittered;
use crate::io::deepgram::wire::{Control, pieces};
use crate::io::websocket::{self, Received, Socket, Target};

/// The pause before a second try to connect.
const RETRY: Duration = Duration::from_millis(200);

type Opening = Pin<Box<dyn Future<Output = Result<Socket, Failure>> + Send>>;

/// The connection.
pub(super) enum Link {
    /// There is none.
    Down,
    /// It is being opened.
    Opening(Opening),
    /// It takes text.
    Up(Socket),
    /// It was told to drop what it had and has not confirmed; audio of before may still come.
    Clearing(Socket),
}

/// What the connection has to say.
pub(super) enum LinkEvent {
    /// It is open, or cannot be opened.
    Opened(Result<Socket, Failure>),
    /// Something came.
    Received(Received),
}

impl Link {
    /// Begins to open a connection, trying again while there is patience.
    pub(super) fn open(
        shared: &Arc<Shared>,
        url: Result<String, Failure>,
        patience: Duration,
    ) -> Self {
        let shared = Arc::clone(shared);
        Self::Opening(Box::pin(async move {
            let target = Target {
                url: url?,
                authorization: shared.settings.endpoint.authorization(),
                connect: patience,
            };
            let mut last = Failure::Stalled("the voice's service does not answer".to_owned());
            let tries = async {
                loop {
                    match websocket::connect(&shared.tls, &target).await {
                        Ok(socket) => return Ok(socket),
                        Err(refused @ Failure::Refused(_)) => return Err(refused),
                        Err(failure) => last = failure,
                    }
                    tokio::time::sleep(jittered(RETRY)).await;
                }
            };
            let tried = timeout(patience, tries).await;
            tried.unwrap_or(Err(last))
        }))
    }

    /// What comes next; never anything when there is no connection. Cancel-safe.
    pub(super) async fn next(&mut self) -> LinkEvent {
        match self {
            Self::Down => std::future::pending().await,
            Self::Opening(opening) => LinkEvent::Opened(opening.await),
            Self::Up(socket) | Self::Clearing(socket) => {
                LinkEvent::Received(socket.receive().await)
            }
        }
    }

    /// Sends a text and has it rendered; false when the connection does not take it.
    pub(super) async fn render(&mut self, text: &str) -> bool {
        let Self::Up(socket) = self else { return false };
        for text in pieces(text) {
            if socket
                .send_text(Control::Speak { text }.json())
                .await
                .is_err()
            {
                return false;
            }
        }
        socket.send_text(Control::Flush.json()).await.is_ok()
    }

    /// Has the service drop everything; without a connection there is nothing to drop.
    pub(super) async fn clear(&mut self) {
        *self = match std::mem::replace(self, Self::Down) {
            Self::Up(mut socket) => match socket.send_text(Control::Clear.json()).await {
                Ok(()) => Self::Clearing(socket),
                Err(_) => Self::Down,
            },
            other => other,
        };
    }

    /// Everything was dropped.
    pub(super) fn cleared(&mut self) {
        *self = match std::mem::replace(self, Self::Down) {
            Self::Clearing(socket) => Self::Up(socket),
            other => other,
        };
    }

    /// Holds an idle connection open.
    pub(super) async fn ping(&mut self) {
        if let Self::Up(socket) = self
            && socket.ping().await.is_err()
        {
            *self = Self::Down;
        }
    }

    /// Parts from the service.
    pub(super) async fn finish(self, cap: Duration) {
        if let Self::Up(socket) | Self::Clearing(socket) = self {
            socket.finish(&Control::Close.json(), cap).await;
        }
    }
}
