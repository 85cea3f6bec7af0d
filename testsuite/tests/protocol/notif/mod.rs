//! [MS-OXCNOTIF]: subscriptions, and what is told to them.

mod categories;
mod events;
mod subscriptions;
mod tables;

use std::sync::Arc;

use mapi::{FolderId, MessageContent, MessageId, PropertyTag, PropertyValue, tags};
use mapi_rop::Handle;
use mapi_rop::irregular::NotificationScope;
use mapi_rop::notification::{NotificationData, NotificationFlags};
use store::message::ImportOptions;
use store::{Mailbox, SpecialFolder};
use testsuite::Result;
use testsuite::raw::Client;
use testsuite::rig::{ME, Rig};

const INBOX: FolderId = SpecialFolder::Inbox.id();
const WHOLE: NotificationScope = NotificationScope::WholeStore;

/// Every type but tables, which subscribe by themselves.
const ALL: NotificationFlags = NotificationFlags(0x00fe);

fn mailbox(rig: &Rig) -> Result<Arc<Mailbox>> {
    let account = rig.store.account_by_address(ME)?.ok_or("no such account")?;
    Ok(rig.store.mailbox(account.mailbox)?)
}

fn on_folder(folder: FolderId) -> NotificationScope {
    NotificationScope::Object { folder, message: MessageId::NONE }
}

/// A message that comes into being without the help of the session that is told.
fn put(mailbox: &Mailbox, folder: FolderId, subject: &str) -> Result<MessageId> {
    let options = ImportOptions { read: Some(false), ..ImportOptions::default() };
    put_as(mailbox, folder, subject, &options)
}

fn put_as(
    mailbox: &Mailbox,
    folder: FolderId,
    subject: &str,
    options: &ImportOptions,
) -> Result<MessageId> {
    let mut content = MessageContent::default();
    content.properties.set(tags::SUBJECT, subject);
    Ok(store::message::import(mailbox, folder, content, options)?.id)
}

/// An unread message of some values.
fn put_with(
    mailbox: &Mailbox,
    folder: FolderId,
    values: &[(PropertyTag, PropertyValue)],
) -> Result<MessageId> {
    let mut content = MessageContent::default();
    values.iter().for_each(|(tag, value)| content.properties.set(*tag, value.clone()));
    let options = ImportOptions { read: Some(false), ..ImportOptions::default() };
    Ok(store::message::import(mailbox, folder, content, &options)?.id)
}

/// What is told, without the modifications of folders' counts that come along.
fn told(client: &mut Client) -> Vec<(Handle, NotificationData)> {
    let is_count = |data: &NotificationData| data.total_count.or(data.unread_count).is_some();
    client.told().into_iter().filter(|(_, data)| !is_count(data)).collect()
}
