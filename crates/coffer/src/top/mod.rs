//! `coffer top`: who is connected to the running server, and what each one holds.
//!
//! The server answers with one JSON object, which goes out as it is with `--json`, and is drawn as tables
//! otherwise: once, or again and again on a terminal.

mod json;
mod screen;
mod tables;

use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::Value;
use store::Store;

use crate::cli::{TopArgs, TopSort};
use crate::command::Request;
use crate::control::{self, Event, Output};

/// The server of this process.
pub type Served = mapi_server::http::Watch;

/// Answers for the process that serves the store: one line of JSON.
pub fn tell(
    store: &Store,
    served: Option<&Served>,
    user: Option<&str>,
    out: &mut dyn Output,
) -> anyhow::Result<()> {
    let Some(report) = served.and_then(|served| json::report(store, served, user)) else {
        bail!(
            "no server holds the data directory: `coffer top` shows a running `coffer serve`; name \
             its data directory with --data or COFFER_DATA"
        );
    };
    out.line(report.to_string())?;
    Ok(())
}

/// Asks the server and shows what it says.
pub fn run(data: &Path, args: &TopArgs) -> anyhow::Result<u8> {
    let interval = Duration::from_secs(u64::from(args.interval));
    let live = !args.json && !args.once && io::stdout().is_terminal() && io::stdin().is_terminal();
    if live {
        // The first answer comes before the screen is taken, so that an error stays readable.
        let first = ask(data, args)?;
        screen::watch(args.sort, interval, first, || ask(data, args))?;
        return Ok(0);
    }
    let mut report = ask(data, args)?;
    sort(&mut report, args.sort);
    let mut out = io::stdout().lock();
    match args.json {
        true => writeln!(out, "{report}")?,
        false => tables::draw(&report, args.sort, usize::MAX)
            .iter()
            .try_for_each(|line| writeln!(out, "{}", line.trim_end()))?,
    }
    Ok(0)
}

fn ask(data: &Path, args: &TopArgs) -> anyhow::Result<Value> {
    let mut answer = Answer::default();
    control::run(data, Request::Top { user: args.user.clone() }, &mut answer)?;
    if let Some(failure) = answer.failure {
        bail!(failure);
    }
    let line = answer.line.context("the server said nothing")?;
    serde_json::from_str(&line).context("the server's answer cannot be read")
}

/// Keeps what the server says.
#[derive(Default)]
struct Answer {
    line: Option<String>,
    failure: Option<String>,
}

impl Output for Answer {
    fn event(&mut self, event: Event) -> io::Result<()> {
        match event {
            Event::Line(line) => self.line = Some(line),
            Event::Failed(text) => self.failure = Some(text),
            Event::Warning(_) | Event::Progress { .. } | Event::Exit(_) => {}
        }
        Ok(())
    }
}

/// Puts the greatest first, in each list of things that hold something.
fn sort(report: &mut Value, by: TopSort) {
    let key = match by {
        TopSort::Bytes => "bytes",
        TopSort::Objects => "objects",
        TopSort::Age => "age_seconds",
        TopSort::Idle => "idle_seconds",
        TopSort::Requests => "requests",
        TopSort::Writes => "writes",
        TopSort::Errors => "errors",
        TopSort::Busy => "busy_seconds",
    };
    for list in ["users", "clients", "sessions"] {
        if let Some(rows) = report.get_mut(list).and_then(Value::as_array_mut) {
            let number = |row: &Value| row.get(key).and_then(Value::as_f64).unwrap_or(0.0);
            rows.sort_by(|a, b| number(b).total_cmp(&number(a)));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_greatest_stands_first() {
        let mut report = json!({
            "users": [{"user": "a", "bytes": 1}, {"user": "b", "bytes": 30}, {"user": "c"}],
            "sessions": [],
        });
        sort(&mut report, TopSort::Bytes);
        let names: Vec<_> =
            report["users"].as_array().unwrap().iter().map(|u| &u["user"]).collect();
        assert_eq!(names, ["b", "a", "c"]);
    }
}
