//! Reads everything that a store holds back, as a program that logs on sees it.

use mapi::{MessageId, tags};
use mapi_session::{Folder, Loopback, MapiProp, Profile, Session};
use store::Store;

use super::USER;
use super::model::{Model, State};
use crate::Result;
use crate::letter::{Letter, READERS};

/// The folder that every mailbox has; the others are beside it.
pub const INBOX: &str = "Inbox";

/// What was sent, and where each reader has it.
pub const SENT: &str = "Sent";

/// How a folder of a reader stands among those of a model: what arrived, and what his rule made of it.
pub fn reader_folders(address: &str) -> [String; 2] {
    ["Inbox", "Drafts"].map(|name| format!("{address}:{name}"))
}

/// What the folders of the crash tests hold. Every message is read whole. What waits to be sent is sent before.
///
/// Errors: also what is there by half, or twice.
pub fn read_all(store: &Store) -> Result<Model> {
    store::delivery::deliver_due(store)?;
    while store::delivery::waiting(store)?.ready > 0 {
        // A thread of the store has it in hand.
        std::thread::sleep(std::time::Duration::from_millis(5));
        store::delivery::deliver_due(store)?;
    }
    let session = Session::logon(Profile::new(Loopback::open(store.clone(), USER)?))?;
    let mailbox = session.open_default_msg_store()?;
    let mut found = Model::default();
    read_folder(&mailbox.inbox()?, INBOX, &mut found)?;
    read_folder(&mailbox.sent_items()?, SENT, &mut found)?;
    if mailbox.outbox()?.contents_table()?.row_count()? > 0 {
        return Err("something is left in the Outbox".into());
    }
    let subtree = mailbox.ipm_subtree()?;
    let table = subtree.hierarchy_table()?.with_columns(&[tags::DISPLAY_NAME, tags::FOLDER_ID])?;
    for row in table.rows() {
        let row = row?;
        let name = row.text(tags::DISPLAY_NAME).ok_or("a folder without a name")?;
        if !super::work::is_ours(&name) {
            continue;
        }
        let id = row.integer(tags::FOLDER_ID).ok_or("a folder without an id")?;
        let folder = subtree.open_folder(mapi::FolderId::from_i64(id))?;
        read_folder(&folder, &name, &mut found)?;
        found.folders.insert(name);
    }
    drop(table);
    session.logoff()?;
    for address in READERS.iter().filter(|address| has_account(store, address)) {
        let session = Session::logon(Profile::new(Loopback::open(store.clone(), address)?))?;
        let mailbox = session.open_default_msg_store()?;
        let names = reader_folders(address);
        for (folder, name) in [mailbox.inbox()?, mailbox.drafts()?].iter().zip(names) {
            read_folder(folder, &name, &mut found)?;
        }
        session.logoff()?;
    }
    let known = |address: &str| address == USER || READERS.contains(&address);
    let others = store.accounts()?.into_iter().filter(|account| !known(&account.address));
    found.folders.extend(others.map(|account| account_name(&account.address)));
    Ok(found)
}

/// A store of an older format, or one that was cut off as it was made, may have none of them yet.
fn has_account(store: &Store, address: &str) -> bool {
    store.account_by_address(address).is_ok_and(|account| account.is_some())
}

fn read_folder(folder: &Folder, name: &str, found: &mut Model) -> Result {
    let columns = [tags::SUBJECT, tags::MID, tags::MESSAGE_FLAGS];
    let table = folder.contents_table()?.with_columns(&columns)?;
    for row in table.rows() {
        let row = row?;
        let subject = row.text(tags::SUBJECT).ok_or("a row without a subject")?;
        let number =
            Letter::number_of(&subject).ok_or_else(|| format!("the subject {subject:?}"))?;
        let id = MessageId::from_i64(row.integer(tags::MID).ok_or("a row without an id")?);
        let message = folder.open_message(id)?;
        let body = message.text(tags::BODY)?.unwrap_or_default();
        let version = Letter::version_of(&body).ok_or("a body without its version")?;
        if let Some(fault) = Letter::edited(number, version).fault(&message)? {
            return Err(format!("letter {number} in {name} is not whole: {fault}").into());
        }
        let flags = row.integer(tags::MESSAGE_FLAGS).unwrap_or_default();
        let state = State { version, read: flags & 1 != 0 };
        if found.letters.insert((number, name.to_owned()), state).is_some() {
            return Err(format!("letter {number} is in {name} twice").into());
        }
    }
    Ok(())
}

/// How an account stands among the folders of a model.
pub fn account_name(address: &str) -> String {
    format!("account:{address}")
}
