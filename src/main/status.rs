//! `ringwell status` and `ringwell drain`: questions to the running daemon.

use clap::Args;
use ringwell::daemon::control::{self, Request};
use serde_json::Value;

use crate::{EX_UNAVAILABLE, Failure, Place, block_on, say};

#[derive(Args, Debug)]
pub(crate) struct Status {
    #[command(flatten)]
    place: Place,
    /// Print the whole status as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Drain {
    #[command(flatten)]
    place: Place,
}

impl Status {
    pub(crate) fn execute(self) -> Result<(), Failure> {
        let status = ask(&self.place, Request::Status)?;
        if self.json {
            say(&format!("{status:#}\n"));
        } else {
            say(&control::render(&status));
        }
        Ok(())
    }
}

impl Drain {
    pub(crate) fn execute(self) -> Result<(), Failure> {
        let answer = ask(&self.place, Request::Drain)?;
        say(&control::render(&answer));
        Ok(())
    }
}

/// Asks at the socket of the state folder; without one on the command line the configuration is read.
fn ask(place: &Place, request: Request) -> Result<Value, Failure> {
    let socket = match &place.state {
        Some(state) => state.join("control.sock"),
        None => place.load()?.control_socket(),
    };
    let asked = block_on(control::ask(&socket, request))?;
    asked.map_err(|error| Failure {
        exit: EX_UNAVAILABLE,
        text: format!(
            "no daemon answers at {}: {error}; is it running, and may you open the socket?",
            socket.display()
        ),
    })
}
