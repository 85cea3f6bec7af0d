//! `coffer ls`: the folder tree, or the contents of a folder.

use anyhow::{Context, bail};
use mapi::{FolderId, MessageId, PropertyTag, tags};
use mapi_session::{Folder, MsgStore, Row};
use serde_json::json;

use crate::cli::LsArgs;
use crate::control::Output;

const FOLDER_COLUMNS: &[PropertyTag] = &[
    tags::FOLDER_ID,
    tags::DISPLAY_NAME,
    tags::DEPTH,
    tags::CONTENT_COUNT,
    tags::CONTENT_UNREAD_COUNT,
    tags::ASSOCIATED_CONTENT_COUNT,
    tags::CONTAINER_CLASS,
];

const MESSAGE_COLUMNS: &[PropertyTag] = &[
    tags::MID,
    tags::SUBJECT,
    tags::SENT_REPRESENTING_NAME,
    tags::MESSAGE_DELIVERY_TIME,
    tags::MESSAGE_SIZE,
    tags::MESSAGE_FLAGS,
    tags::MESSAGE_CLASS,
    tags::HAS_ATTACHMENTS,
];

/// mfRead of PidTagMessageFlags ([MS-OXCMSG] 2.2.1.6).
const MF_READ: i64 = 1;

pub fn ls(store: &MsgStore, args: &LsArgs, out: &mut dyn Output) -> anyhow::Result<()> {
    match &args.folder {
        None => tree(store, args.json, out),
        Some(path) => contents(&find(store, path)?, args, out),
    }
}

fn tree(store: &MsgStore, json: bool, out: &mut dyn Output) -> anyhow::Result<()> {
    let root = store.root_folder()?;
    let table = root.deep_hierarchy_table()?.with_columns(FOLDER_COLUMNS)?;
    let mut list = Vec::new();
    if !json {
        out.line(format!(
            "{:<12} {:>8} {:>7} {:>5}  {:<44} {}",
            "id", "messages", "unread", "FAI", "folder", "class"
        ))?;
    }
    for row in table.rows() {
        let row = row?;
        let id = FolderId::from_i64(row.integer(tags::FOLDER_ID).unwrap_or(0));
        let name = row.text(tags::DISPLAY_NAME).unwrap_or_default();
        let class = row.text(tags::CONTAINER_CLASS).unwrap_or_default();
        let depth = row.integer(tags::DEPTH).unwrap_or(1);
        let count = |tag| row.integer(tag).unwrap_or(0);
        if json {
            list.push(json!({
                "id": id.to_string(),
                "name": name,
                "depth": depth,
                "messages": count(tags::CONTENT_COUNT),
                "unread": count(tags::CONTENT_UNREAD_COUNT),
                "associated": count(tags::ASSOCIATED_CONTENT_COUNT),
                "class": class,
            }));
            continue;
        }
        let indent = "  ".repeat(usize::try_from(depth - 1).unwrap_or(0).min(20));
        out.line(format!(
            "{:<12} {:>8} {:>7} {:>5}  {:<44} {class}",
            id.to_string(),
            count(tags::CONTENT_COUNT),
            count(tags::CONTENT_UNREAD_COUNT),
            count(tags::ASSOCIATED_CONTENT_COUNT),
            format!("{indent}{name}"),
        ))?;
    }
    if json {
        out.line(serde_json::to_string_pretty(&list)?)?;
    }
    Ok(())
}

fn contents(folder: &Folder, args: &LsArgs, out: &mut dyn Output) -> anyhow::Result<()> {
    let table = match args.associated {
        true => folder.associated_contents_table()?,
        false => folder.contents_table()?,
    };
    let table = table.with_columns(MESSAGE_COLUMNS)?;
    let mut list = Vec::new();
    if !args.json {
        out.line(format!(
            "{:<20} {:<3} {:<20} {:>9}  {:<24} {}",
            "message", "", "received", "size", "from", "subject"
        ))?;
    }
    for row in table.rows() {
        let row = row?;
        match args.json {
            true => list.push(describe(folder, &row)),
            false => out.line(line(folder, &row))?,
        }
    }
    if args.json {
        out.line(serde_json::to_string_pretty(&list)?)?;
    }
    Ok(())
}

/// What `coffer cat` takes: a folder and a message in it.
fn reference(folder: &Folder, row: &Row) -> String {
    let id = MessageId::from_i64(row.integer(tags::MID).unwrap_or(0));
    format!("{}/{id}", folder.id())
}

fn line(folder: &Folder, row: &Row) -> String {
    let read = row.integer(tags::MESSAGE_FLAGS).unwrap_or(0) & MF_READ != 0;
    let attached = row.boolean(tags::HAS_ATTACHMENTS).unwrap_or(false);
    let marks = format!("{}{}", if read { ' ' } else { '*' }, if attached { '@' } else { ' ' });
    let received = row.time(tags::MESSAGE_DELIVERY_TIME).map(|t| t.to_string()).unwrap_or_default();
    format!(
        "{:<20} {marks:<3} {:<20} {:>9}  {:<24} {}",
        reference(folder, row),
        received.get(..19).unwrap_or(&received),
        row.integer(tags::MESSAGE_SIZE).unwrap_or(0),
        shortened(&row.text(tags::SENT_REPRESENTING_NAME).unwrap_or_default(), 24),
        row.text(tags::SUBJECT).unwrap_or_default(),
    )
}

fn describe(folder: &Folder, row: &Row) -> serde_json::Value {
    json!({
        "message": reference(folder, row),
        "subject": row.text(tags::SUBJECT),
        "from": row.text(tags::SENT_REPRESENTING_NAME),
        "received": row.time(tags::MESSAGE_DELIVERY_TIME).map(|t| t.to_string()),
        "size": row.integer(tags::MESSAGE_SIZE),
        "read": row.integer(tags::MESSAGE_FLAGS).unwrap_or(0) & MF_READ != 0,
        "class": row.text(tags::MESSAGE_CLASS),
        "attachments": row.boolean(tags::HAS_ATTACHMENTS),
    })
}

/// The folder of an id, or of a path below the IPM subtree (or below the root).
pub fn find(store: &MsgStore, path: &str) -> anyhow::Result<Folder> {
    if let Some(id) = parse_id(path) {
        let id = FolderId::from_i64(id);
        return store.open_folder(id).with_context(|| format!("open the folder {path}"));
    }
    match below(store.ipm_subtree()?, path)? {
        Some(folder) => Ok(folder),
        None => match below(store.root_folder()?, path)? {
            Some(folder) => Ok(folder),
            None => bail!("there is no folder {path}; `coffer ls` shows those that there are"),
        },
    }
}

fn below(top: Folder, path: &str) -> anyhow::Result<Option<Folder>> {
    let mut folder = top;
    for name in path.split('/').filter(|name| !name.is_empty()) {
        let table =
            folder.hierarchy_table()?.with_columns(&[tags::FOLDER_ID, tags::DISPLAY_NAME])?;
        let mut found = None;
        for row in table.rows() {
            let row = row?;
            if row.text(tags::DISPLAY_NAME).is_some_and(|n| n.to_lowercase() == name.to_lowercase())
            {
                found = row.integer(tags::FOLDER_ID);
                break;
            }
        }
        let Some(id) = found else { return Ok(None) };
        folder = folder.open_folder(FolderId::from_i64(id))?;
    }
    Ok(Some(folder))
}

/// `1-1a`: replica and counter, as ids are printed; the value of the id as a property.
pub fn parse_id(text: &str) -> Option<i64> {
    let (replica, counter) = text.split_once('-')?;
    let replica = mapi::ReplId(replica.parse().ok()?);
    let counter = u64::from_str_radix(counter, 16).ok()?;
    (counter <= mapi::GlobalCounter::MAX)
        .then(|| MessageId::new(replica, mapi::GlobalCounter::new(counter)).to_i64())
}

fn shortened(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_as_they_are_printed() {
        let id = MessageId::own(0x1a2b);
        assert_eq!(parse_id(&id.to_string()).map(MessageId::from_i64), Some(id));
        assert_eq!(parse_id("Inbox"), None);
        assert_eq!(parse_id("1-xyz"), None);
    }
}
