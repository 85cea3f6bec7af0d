//! `coffer recover`: lists what was soft-deleted in a mailbox and brings it back.

use std::ops::ControlFlow;

use anyhow::{Context, bail};
use mapi::{FileTime, FolderId, MessageId};
use serde_json::{Value, json};
use store::recover::{self, Deleted, Object, Recovered};
use store::{Mailbox, SpecialFolder, Store, StoreError, folder};

use crate::cli::RecoverArgs;
use crate::control::Output;
use crate::show::parse_id;

/// Things that are brought back in one run of `--all` and held in memory until then.
const MAX_AT_ONCE: usize = 1_000_000;

pub fn run(store: &Store, args: &RecoverArgs, out: &mut dyn Output) -> anyhow::Result<u8> {
    let account = crate::account::owner(store, &args.mailbox)?;
    let mailbox = store.mailbox(account.mailbox)?;
    let since = match &args.since {
        Some(text) => parse_time(text)?,
        None => FileTime(0),
    };
    let to = args.to.as_deref().map(|path| find_folder(&mailbox, path)).transpose()?;
    if args.ids.is_empty() && !args.all {
        list(&mailbox, since, args.json, out)?;
        return Ok(0);
    }
    let objects = match args.all {
        true => all(&mailbox, since)?,
        false => args.ids.iter().map(|id| named(id)).collect::<anyhow::Result<_>>()?,
    };
    let mut recovered = Vec::new();
    let mut failed = 0u64;
    for (object, title) in objects {
        let result = match object {
            Object::Message(id) => recover::message(&mailbox, id, to),
            Object::Folder(id, _) => recover::folder(&mailbox, id, to),
        };
        match result {
            Ok(done) if args.json => recovered.push(describe_recovered(object, &done)),
            Ok(done) => out.line(tell(&title, &done))?,
            Err(error) => {
                failed += 1;
                let full = matches!(error, StoreError::MailboxFull { .. });
                let text = format!("{title} was not recovered: {error}");
                out.event(crate::control::Event::Warning(text))?;
                // Whatever comes behind it has no room either, or is damaged like it: go on only then.
                if full {
                    break;
                }
            }
        }
    }
    if args.json {
        out.line(serde_json::to_string_pretty(&recovered)?)?;
    }
    Ok(if failed == 0 { 0 } else { 1 })
}

fn list(
    mailbox: &Mailbox,
    since: FileTime,
    json: bool,
    out: &mut dyn Output,
) -> anyhow::Result<()> {
    let mut found = 0u64;
    let mut failure = None;
    // One line each, so that a long list takes no memory.
    recover::list(mailbox, since, &mut |deleted| {
        found += 1;
        let line = match json {
            true => describe(&deleted).to_string(),
            false => row(&deleted),
        };
        Ok(match out.line(line) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                failure = Some(error);
                ControlFlow::Break(())
            }
        })
    })?;
    if let Some(error) = failure {
        return Err(error.into());
    }
    if found == 0 && !json {
        out.line("nothing is there to be recovered")?;
    }
    Ok(())
}

/// Folders first, so that messages find their folders again.
fn all(mailbox: &Mailbox, since: FileTime) -> anyhow::Result<Vec<(Object, String)>> {
    let mut objects = Vec::new();
    recover::list(mailbox, since, &mut |deleted| {
        objects.push((deleted.object, title_of(&deleted)));
        Ok(match objects.len() < MAX_AT_ONCE {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(()),
        })
    })?;
    Ok(objects)
}

fn named(text: &str) -> anyhow::Result<(Object, String)> {
    let ids = match text.split_once('/') {
        Some((folder, message)) => parse_id(folder).and(parse_id(message)).map(|id| (true, id)),
        None => parse_id(text).map(|id| (false, id)),
    };
    let object = match ids {
        Some((true, id)) => Object::Message(MessageId::from_i64(id)),
        Some((false, id)) => Object::Folder(FolderId::from_i64(id), 0),
        None => bail!(
            "{text} is no id; `coffer recover` without ids lists them: 1-5/1-1a is a message, 1-1b a folder"
        ),
    };
    Ok((object, text.to_owned()))
}

/// A folder by its id or its path below the top of the folder tree.
pub fn find_folder(mailbox: &Mailbox, path: &str) -> anyhow::Result<FolderId> {
    if let Some(id) = parse_id(path) {
        return Ok(FolderId::from_i64(id));
    }
    let mut at = SpecialFolder::IpmSubtree.id();
    for name in path.split('/').filter(|name| !name.is_empty()) {
        at = folder::child_by_name(mailbox, at, name)?
            .with_context(|| format!("there is no folder {path}; `coffer ls` shows the folders"))?;
    }
    Ok(at)
}

/// `2026-11-24`, `2026-11-24T18:30:00Z`, or seconds since 1970.
pub(crate) fn parse_time(text: &str) -> anyhow::Result<FileTime> {
    let wrong = || format!("{text:?} is no time; write 2026-11-24 or 2026-11-24T18:30:00Z");
    if let Ok(seconds) = text.parse::<i64>() {
        return Ok(FileTime::from_unix(seconds, 0));
    }
    let (date, time) = text.trim_end_matches('Z').split_once('T').unwrap_or((text, "00:00:00"));
    let numbers = |text: &str, between| -> Option<Vec<i64>> {
        text.split(between).map(|part| part.parse().ok()).collect()
    };
    let date = numbers(date, '-').filter(|date| date.len() == 3).with_context(wrong)?;
    let time = numbers(time, ':').filter(|time| time.len() == 3).with_context(wrong)?;
    let fits = (1601..=9999).contains(&date[0])
        && (1..=12).contains(&date[1])
        && (1..=31).contains(&date[2])
        && (0..24).contains(&time[0])
        && (0..60).contains(&time[1])
        && (0..=60).contains(&time[2]);
    anyhow::ensure!(fits, wrong());
    let seconds = time[0] * 3600 + time[1] * 60 + time[2];
    Ok(FileTime::from_civil(date[0], date[1], date[2], seconds))
}

pub(crate) fn show_time(time: FileTime) -> String {
    let (year, month, day, hour, minute, second) = time.to_civil();
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

fn id_text(deleted: &Deleted) -> String {
    match deleted.object {
        Object::Message(id) => format!("{}/{id}", deleted.parent),
        Object::Folder(id, _) => id.to_string(),
    }
}

fn title_of(deleted: &Deleted) -> String {
    match deleted.object {
        Object::Message(_) => format!("{} {:?}", id_text(deleted), deleted.title),
        Object::Folder(..) => format!("{} {}/", id_text(deleted), deleted.title),
    }
}

fn row(deleted: &Deleted) -> String {
    let kind = match deleted.object {
        Object::Message(_) => "message".to_owned(),
        Object::Folder(_, messages) => format!("folder of {messages}"),
    };
    let gone = if deleted.parent_deleted { " (deleted)" } else { "" };
    format!(
        "{:<16} {kind:<12} deleted {} ends {}  {}{gone}  {}",
        id_text(deleted),
        show_time(deleted.deleted),
        show_time(deleted.ends),
        if deleted.path.is_empty() { "/" } else { &deleted.path },
        deleted.title.chars().filter(|c| !c.is_control()).collect::<String>(),
    )
}

fn describe(deleted: &Deleted) -> Value {
    let mut value = json!({
        "id": id_text(deleted),
        "kind": match deleted.object {
            Object::Message(_) => "message",
            Object::Folder(..) => "folder",
        },
        "folder": deleted.path,
        "folder_deleted": deleted.parent_deleted,
        "subject": deleted.title,
        "size": deleted.size,
        "deleted": show_time(deleted.deleted),
        "purged": show_time(deleted.ends),
    });
    if let Object::Folder(_, messages) = deleted.object {
        value["messages"] = json!(messages);
    }
    value
}

fn tell(title: &str, done: &Recovered) -> String {
    let place = if done.path.is_empty() { "the top of the folders" } else { &done.path };
    let name = done.name.as_ref().map(|name| format!(" as {name:?}")).unwrap_or_default();
    let elsewhere = match done.elsewhere {
        true => ": where it was is deleted, or its name is taken",
        false => "",
    };
    format!("recovered {title} to {place}{name}{elsewhere}")
}

fn describe_recovered(was: Object, done: &Recovered) -> Value {
    let id = |object: Object| match object {
        Object::Message(id) => id.to_string(),
        Object::Folder(id, _) => id.to_string(),
    };
    json!({
        "was": id(was),
        "id": match done.object {
            Object::Message(message) => format!("{}/{message}", done.folder),
            Object::Folder(folder, _) => folder.to_string(),
        },
        "folder": done.path,
        "name": done.name,
        "elsewhere": done.elsewhere,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_they_are_shown() {
        for text in ["1970-01-01T00:00:00Z", "2024-02-29T23:59:59Z", "2100-03-01T12:00:00Z"] {
            assert_eq!(show_time(parse_time(text).unwrap()), text);
        }
        assert_eq!(show_time(parse_time("2026-11-24").unwrap()), "2026-11-24T00:00:00Z");
        assert_eq!(parse_time("86400").unwrap(), FileTime::from_unix(86_400, 0));
        for wrong in ["", "yesterday", "2026-13-01", "2026-1", "2026-11-24T25:00:00Z"] {
            assert!(parse_time(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn ids_are_read_as_they_are_listed() {
        let message = MessageId::own(0x1a);
        let text = format!("{}/{message}", FolderId::own(5));
        assert_eq!(named(&text).unwrap().0, Object::Message(message));
        assert_eq!(named("1-1b").unwrap().0, Object::Folder(FolderId::own(0x1b), 0));
        assert!(named("Inbox").is_err());
    }
}
