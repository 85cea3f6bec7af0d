//! Commands on a data directory. One process holds the directory: a command opens it if it is free, else
//! it asks the process that holds it through `control.sock`. Both run [`crate::command::run`].

mod client;
mod server;
mod socket;

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

pub use server::ControlServer;

use crate::command::Request;

/// What a command says while it runs, on a terminal or through the socket.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Event {
    /// A line for standard output.
    Line(String),
    /// A line for standard error.
    Warning(String),
    Progress {
        done: u64,
        /// 0 while it is not known.
        total: u64,
        what: String,
    },
    /// The command failed: the whole chain of causes.
    Failed(String),
    /// The last event: the exit status.
    Exit(u8),
}

/// Takes a command's events. An error means that nobody listens any more: the command stops.
pub trait Output {
    fn event(&mut self, event: Event) -> io::Result<()>;
}

impl dyn Output + '_ {
    /// A line for standard output.
    pub fn line(&mut self, text: impl Into<String>) -> io::Result<()> {
        self.event(Event::Line(text.into()))
    }
}

/// Runs a request on the data directory, here or in the process that holds it, and returns the exit
/// status.
pub fn run(data: &Path, request: Request, out: &mut dyn Output) -> anyhow::Result<u8> {
    // Not made by accident where the command was given in another directory than it was meant for.
    if !data.exists() && !matches!(request, Request::UserAdd { .. }) {
        anyhow::bail!(
            "there is no data directory {}; name it with --data or COFFER_DATA, or make it with \
             `coffer user add ADDRESS` or `coffer serve`",
            data.display()
        );
    }
    match crate::open::store(data, crate::open::COMMAND_BUDGET) {
        Ok(store) => {
            let status = crate::command::run(&store, None, request, out);
            store.close()?;
            status
        }
        Err(error) if error.is_locked() => client::ask(data, &request, out),
        Err(error) => Err(crate::open::explain(data, error)),
    }
}
