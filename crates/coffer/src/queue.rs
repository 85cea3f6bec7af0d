//! `coffer queue`: messages that wait to be sent to other domains. `coffer track`: each message's way.

use std::ops::ControlFlow;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use mapi::FileTime;
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::outbound::{self, Letter, LetterId, Order, Recipient, RecipientState, track};
use store::{Store, StoreError};

use crate::control::Output;
use crate::recover::{parse_time, show_time};

#[derive(Debug, Clone, Subcommand, Serialize, Deserialize)]
pub enum QueueCommand {
    /// List what waits, where it goes, and why it waits.
    List {
        /// Print JSON: an object a line.
        #[arg(long)]
        json: bool,
    },
    /// Show one message with each of its recipients.
    Show {
        id: String,
        #[arg(long)]
        json: bool,
    },
    /// Try messages now; lets go on what was held.
    Retry(Which),
    /// Keep messages back until they are released.
    Hold(Which),
    /// Let messages go on.
    Release(Which),
    /// Take messages out of the queue; nobody is told.
    Drop(Which),
}

#[derive(Debug, Clone, Args, Serialize, Deserialize)]
#[group(required = true, multiple = true)]
pub struct Which {
    /// Every message of the queue.
    #[arg(long, conflicts_with = "ids")]
    pub all: bool,
    /// Ids as the list has them.
    #[arg(value_name = "ID")]
    pub ids: Vec<String>,
}

#[derive(Debug, Clone, Args, Serialize, Deserialize)]
pub struct TrackArgs {
    /// The message with this Message-ID.
    #[arg(long, value_name = "ID")]
    pub message_id: Option<String>,
    /// The message with this id in the queue.
    #[arg(long, value_name = "ID")]
    pub id: Option<String>,
    /// Messages of senders whose address holds this.
    #[arg(long, value_name = "PART")]
    pub sender: Option<String>,
    /// What happened to recipients whose address holds this.
    #[arg(long, value_name = "PART")]
    pub recipient: Option<String>,
    /// Only what happened since then: 2026-11-24, or 2026-11-24T18:30:00Z.
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Print JSON: an object a line.
    #[arg(long)]
    pub json: bool,
}

pub fn run(store: &Store, command: &QueueCommand, out: &mut dyn Output) -> anyhow::Result<u8> {
    match command {
        QueueCommand::List { json } => list(store, *json, out)?,
        QueueCommand::Show { id, json } => show(store, id.parse()?, *json, out)?,
        QueueCommand::Retry(which) => return order(store, which, Order::Retry, out),
        QueueCommand::Hold(which) => return order(store, which, Order::Hold, out),
        QueueCommand::Release(which) => return order(store, which, Order::Release, out),
        QueueCommand::Drop(which) => return order(store, which, Order::Drop, out),
    }
    Ok(0)
}

fn list(store: &Store, json: bool, out: &mut dyn Output) -> anyhow::Result<()> {
    let mut count = 0;
    for id in outbound::all(store)? {
        let letter = match outbound::get(store, id) {
            Ok(Some(letter)) => letter,
            // It went meanwhile.
            Ok(None) => continue,
            Err(StoreError::Corrupt(why)) => {
                out.line(format!("{id}  damaged: {why}; `coffer check` says more"))?;
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        count += 1;
        out.line(if json { described(id, &letter).to_string() } else { row(id, &letter) })?;
    }
    if !json {
        out.line(format!("{count} messages wait"))?;
    }
    Ok(())
}

/// One message in two lines.
fn row(id: LetterId, letter: &Letter) -> String {
    let waiting: Vec<&Recipient> = letter.recipients.iter().filter(|one| one.waits()).collect();
    let mut domains: Vec<String> = waiting.iter().map(|one| one.domain()).collect();
    domains.sort();
    domains.dedup();
    let state = match (letter.held, waiting.iter().map(|one| one.due).min()) {
        (true, _) => "held".to_owned(),
        (false, Some(FileTime(0)) | None) => "ready".to_owned(),
        (false, Some(due)) => format!("next try {}", show_time(due)),
    };
    let from = if letter.from.is_empty() { "<>" } else { &letter.from };
    let why = waiting.iter().map(|one| one.last.as_str()).find(|last| !last.is_empty());
    let why = why.map(|why| format!("\n    {why}")).unwrap_or_default();
    format!(
        "{id}  {}  {:>9} bytes  {from} -> {} recipients at {}  {state}{why}",
        show_time(letter.queued),
        letter.message.len(),
        waiting.len(),
        domains.join(", "),
    )
}

fn show(store: &Store, id: LetterId, json: bool, out: &mut dyn Output) -> anyhow::Result<()> {
    let letter = outbound::get(store, id)?;
    let letter = letter.with_context(|| format!("{id} is not in the queue; it may be sent"))?;
    if json {
        out.line(serde_json::to_string_pretty(&described(id, &letter))?)?;
        return Ok(());
    }
    out.line(format!("id          {id}"))?;
    out.line(format!("queued      {}", show_time(letter.queued)))?;
    out.line(format!("from        <{}>", letter.from))?;
    let message_id: String = letter.message_id.chars().filter(|c| !c.is_control()).collect();
    out.line(format!("Message-ID  {message_id}"))?;
    out.line(format!("size        {} bytes", letter.message.len()))?;
    out.line(format!("held        {}", if letter.held { "yes" } else { "no" }))?;
    for one in &letter.recipients {
        out.line("")?;
        out.line(format!("recipient   {}", one.address))?;
        out.line(format!("state       {}", state(one)))?;
        out.line(format!("attempts    {}", one.attempts))?;
        if one.waits() && one.due.0 > 0 {
            out.line(format!("next try    {}", show_time(one.due)))?;
        }
        if !one.last.is_empty() {
            let host = if one.remote.is_empty() { "" } else { " said " };
            out.line(format!("last        {}{host}{}", one.remote, one.last))?;
        }
    }
    Ok(())
}

fn state(recipient: &Recipient) -> &'static str {
    match recipient.state {
        RecipientState::Waiting => "waiting",
        RecipientState::Relayed => "relayed",
        RecipientState::Failed => "failed",
        RecipientState::Dropped => "dropped",
    }
}

fn described(id: LetterId, letter: &Letter) -> serde_json::Value {
    let time = |at: FileTime| (at.0 > 0).then(|| show_time(at));
    let recipients = letter.recipients.iter().map(|one| {
        json!({
            "address": one.address,
            "state": state(one),
            "attempts": one.attempts,
            "next_try": time(one.due).filter(|_| one.waits()),
            "host": one.remote,
            "last": one.last,
            "delay_told": one.delay_told,
        })
    });
    json!({
        "id": id.to_string(),
        "queued": show_time(letter.queued),
        "from": letter.from,
        "message_id": letter.message_id,
        "bytes": letter.message.len(),
        "held": letter.held,
        "recipients": recipients.collect::<Vec<_>>(),
    })
}

fn order(store: &Store, which: &Which, order: Order, out: &mut dyn Output) -> anyhow::Result<u8> {
    let ids: Vec<LetterId> = match which.all {
        true => outbound::all(store)?,
        false => which.ids.iter().map(|id| id.parse()).collect::<Result<_, _>>()?,
    };
    let done = match order {
        Order::Hold => "held",
        Order::Release => "released",
        Order::Retry => "to be tried now",
        Order::Drop => "dropped",
    };
    let mut failed = 0;
    for id in ids {
        match outbound::order(store, id, order) {
            Ok(()) => out.line(format!("{id} {done}"))?,
            Err(StoreError::NotInQueue) if which.all => {}
            Err(StoreError::NotInQueue) => {
                failed = 1;
                out.event(crate::control::Event::Warning(format!("{id} is not in the queue")))?;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(failed)
}

/// `coffer track`.
pub fn track(store: &Store, args: &TrackArgs, out: &mut dyn Output) -> anyhow::Result<u8> {
    let wanted = track::Wanted {
        since: args.since.as_deref().map(parse_time).transpose()?,
        message_id: args.message_id.clone(),
        letter: args.id.as_deref().map(str::parse).transpose()?,
        sender: args.sender.clone(),
        recipient: args.recipient.clone(),
    };
    let mut failure = None;
    let mut found = false;
    track::find(store, &wanted, &mut |event| {
        found = true;
        match out.line(if args.json { told(&event).to_string() } else { line(&event) }) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                failure = Some(error);
                ControlFlow::Break(())
            }
        }
    })?;
    match failure {
        Some(error) => bail!(error),
        None => Ok(u8::from(!found)),
    }
}

fn line(event: &track::Event) -> String {
    let mut text = format!("{}  {:<11}", show_time(event.at), event.what.name());
    let sender = if event.sender.is_empty() { "<>" } else { &event.sender };
    text += &format!(" {sender}");
    if !event.recipient.is_empty() {
        text += &format!(" -> {}", event.recipient);
    }
    if !event.message_id.is_empty() {
        // It is what the message says it is.
        let id: String = event.message_id.chars().filter(|c| !c.is_control()).collect();
        text += &format!("  {id}");
    }
    if let Some(id) = event.letter {
        text += &format!("  {id}");
    }
    match (event.remote.is_empty(), event.detail.is_empty()) {
        (_, true) => text,
        (true, false) => format!("{text}\n    {}", event.detail),
        (false, false) => format!("{text}\n    {} said: {}", event.remote, event.detail),
    }
}

fn told(event: &track::Event) -> serde_json::Value {
    json!({
        "at": show_time(event.at),
        "event": event.what.name(),
        "message_id": event.message_id,
        "id": event.letter.map(|id| id.to_string()),
        "sender": event.sender,
        "recipient": event.recipient,
        "host": event.remote,
        "detail": event.detail,
    })
}
