//! Rules where messages arrive, and what they answer.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use mapi::entry_id::EntryId;
use mapi::restriction::{FuzzyLevel, Restriction};
use mapi::rule_action::{Action, ActionBlock, Destination, RuleActions, Template};
use mapi::server_id::ServerId;
use mapi::{Guid, MessageId, PropertyValue, TaggedValue, Wire, tags};
use mapi_rop::rule::{RuleData, RuleDataFlags};
use mapi_session::{Folder, MapiProp, MsgStore, OpenFlags, RecipientKind};

use super::{Stage, must_fail};
use crate::soak::ground::{Ground, Visit};

const TEMPLATE: Guid = Guid([0x53; 16]);
const ENABLED: i32 = 1;

/// Another one's message to the user: a rule of the user's Inbox files and answers it.
pub fn rules(ground: &Ground) -> Result<Stage> {
    let others = ground.target.others()?;
    Stage::new(move |visit| {
        let session = visit.session()?;
        let store = session.open_default_msg_store()?;
        let (inbox, folder) = (store.inbox()?, store.open_folder(visit.folder()?)?);
        let sender = session.create_store_entry_id(&others[visit.thread % others.len()])?;
        let sender = session.open_msg_store(&sender, OpenFlags::default())?;
        let told = sender.inbox()?;
        // Of this thread alone; also what a cycle left that was broken off.
        let (subject, thanks) =
            (format!("rule {} of the soak", visit.thread), format!("thanks {}", visit.thread));
        sweep(&inbox, &folder, &told, &subject, &thanks)?;

        visit.watch.note("adding a rule");
        let template = inbox.create_associated_message()?;
        template.set(tags::MESSAGE_CLASS, "IPM.Note.rules.ReplyTemplate.Microsoft")?;
        template.set(tags::SUBJECT, thanks.as_str())?;
        template.set(tags::BODY, "It came.")?;
        template.set(tags::REPLY_TEMPLATE_ID, TEMPLATE.0.to_vec())?;
        let template = template.save()?;
        let reply = Template::Ids { folder: inbox.id(), message: template, id: TEMPLATE };
        inbox.modify_rules(vec![rule(&subject, &folder, reply)])?;
        let rule = find(&inbox, &subject)?.context("a rule got lost")?;

        visit.watch.note("submitting");
        let message = sender.outbox()?.create_message()?;
        message.set(tags::SUBJECT, subject.as_str())?;
        message.set(tags::BODY, "A line of text.\r\n".repeat(50).as_str())?;
        message.add_recipient(RecipientKind::To, &own_dn(&store)?, "The soak")?;
        message.save()?;
        message.submit_and_delete()?;
        visit.watch.note("waiting for the message");
        let came = wait(visit, &folder, &subject)?;
        visit.watch.note("waiting for the answer");
        let answers = wait(visit, &told, &thanks)?;
        ensure!((came.len(), answers.len()) == (1, 1), "a rule ran {} times", came.len());
        ensure!(named(&inbox, &subject)?.is_empty(), "a rule moved a message and left it");

        visit.watch.note("deleting");
        folder.hard_delete_messages(&came)?;
        told.hard_delete_messages(&answers)?;
        inbox.modify_rules(vec![removal(rule)])?;
        inbox.hard_delete_messages(&[template])?;
        ensure!(find(&inbox, &subject)?.is_none(), "a rule is still there");
        must_fail(inbox.open_message(template), "a template that was deleted")
    })
}

/// A rule on messages with a subject: move them, and answer.
fn rule(subject: &str, folder: &Folder, reply: Template) -> RuleData {
    let id = ServerId::Own { folder: folder.id(), message: MessageId::NONE, instance: 0 };
    let home = Destination { in_this_store: 1, store: vec![0], folder: id.to_wire() };
    let plain = |action| ActionBlock { flavor: 0, flags: 0, action };
    let actions = RuleActions(vec![plain(Action::Reply(reply)), plain(Action::Move(home))]);
    let condition = Restriction::Content {
        level: FuzzyLevel { low: FuzzyLevel::FULL_STRING, high: 0 },
        tag: tags::SUBJECT,
        value: TaggedValue::new(tags::SUBJECT, subject),
    };
    let values = vec![
        TaggedValue::new(tags::RULE_SEQUENCE, 1),
        TaggedValue::new(tags::RULE_STATE, ENABLED),
        TaggedValue::new(tags::RULE_PROVIDER, subject),
        TaggedValue::new(tags::RULE_CONDITION, PropertyValue::Restriction(condition.to_wire())),
        TaggedValue::new(tags::RULE_ACTIONS, PropertyValue::RuleAction(actions.to_bytes())),
    ];
    RuleData { flags: RuleDataFlags::ADD, values: values.into() }
}

fn removal(id: i64) -> RuleData {
    let values = vec![TaggedValue::new(tags::RULE_ID, PropertyValue::Integer64(id))];
    RuleData { flags: RuleDataFlags::REMOVE, values: values.into() }
}

/// The rule of a provider.
fn find(inbox: &Folder, provider: &str) -> Result<Option<i64>> {
    let rows = inbox.rules_table()?.query_rows(1000)?;
    let own = rows.iter().find(|row| row.text(tags::RULE_PROVIDER).as_deref() == Some(provider));
    Ok(own.and_then(|row| row.integer(tags::RULE_ID)))
}

/// Takes away what a broken cycle of this thread left.
fn sweep(
    inbox: &Folder,
    folder: &Folder,
    told: &Folder,
    subject: &str,
    thanks: &str,
) -> Result<()> {
    if let Some(rule) = find(inbox, subject)? {
        inbox.modify_rules(vec![removal(rule)])?;
    }
    let associated = inbox.associated_contents_table()?;
    let templates = with_subject(&associated, thanks)?;
    for (from, ids) in [
        (inbox, templates),
        (inbox, named(inbox, subject)?),
        (folder, named(folder, subject)?),
        (told, named(told, thanks)?),
    ] {
        if !ids.is_empty() {
            from.hard_delete_messages(&ids)?;
        }
    }
    Ok(())
}

/// The messages of a folder with a subject.
fn named(folder: &Folder, subject: &str) -> Result<Vec<MessageId>> {
    with_subject(&folder.contents_table()?, subject)
}

fn with_subject(table: &mapi_session::Table, subject: &str) -> Result<Vec<MessageId>> {
    table.set_columns(&[tags::MID, tags::NORMALIZED_SUBJECT])?;
    let rows = table.query_rows(1000)?;
    let own =
        rows.iter().filter(|row| row.text(tags::NORMALIZED_SUBJECT).as_deref() == Some(subject));
    Ok(own.filter_map(|row| row.integer(tags::MID)).map(MessageId::from_i64).collect())
}

/// Some servers deliver when they have answered.
fn wait(visit: &Visit<'_>, folder: &Folder, subject: &str) -> Result<Vec<MessageId>> {
    for _ in 0..1000 {
        if let Ok(local) = visit.ground.target.local() {
            store::delivery::deliver_due(&local.store)?;
        }
        let ids = named(folder, subject)?;
        if !ids.is_empty() {
            return Ok(ids);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    bail!("what a rule had to do was not done: no {subject:?}")
}

/// The name of the mailbox's owner in the address book.
pub fn own_dn(store: &MsgStore) -> Result<String> {
    let own =
        store.property(tags::MAILBOX_OWNER_ENTRY_ID)?.context("a mailbox without an owner")?;
    match EntryId::parse(own.as_binary().unwrap_or_default()) {
        EntryId::AddressBook(own) => Ok(String::from_utf8_lossy(&own.dn.0).into_owned()),
        _ => bail!("the owner is nobody of the address book"),
    }
}
