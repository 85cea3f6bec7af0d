//! Asks the process that holds the data directory.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use anyhow::{Context, bail};

use super::{Event, Output, socket};
use crate::command::Request;

pub fn ask(data: &Path, request: &Request, out: &mut dyn Output) -> anyhow::Result<u8> {
    let name = socket::short_name(data).context("open the data directory")?;
    let mut stream = UnixStream::connect(&name.path).with_context(|| {
        format!(
            "another process holds {} and does not answer on its {}; end it, or wait until it has ended",
            data.display(),
            socket::NAME
        )
    })?;
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    stream.write_all(&line)?;
    for line in BufReader::new(stream).lines() {
        match serde_json::from_str(&line?)? {
            Event::Exit(status) => return Ok(status),
            event => out.event(event)?,
        }
    }
    bail!("the server ended before the command did; run it again when the server is back")
}
