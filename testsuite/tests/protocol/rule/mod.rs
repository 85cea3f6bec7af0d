//! [MS-OXORULE]: rules of folders.

mod actions;
mod deferred;
mod extended;
mod list;
mod oof;
mod public;
mod replies;

use mapi::restriction::{FuzzyLevel, Restriction};
use mapi::rule_action::{Action, ActionBlock, Destination, RecipientBlock, RuleActions};
use mapi::server_id::ServerId;
use mapi::wire::Counted;
use mapi::{FolderId, MessageId, PropertyTag, PropertyValue, TaggedValue, Wire, tags};
use mapi_rop::rule::{
    GetRulesTableRequest, ModifyRulesFlags, ModifyRulesRequest, RuleData, RuleDataFlags,
    RulesTableFlags,
};
use mapi_rop::{Handle, RopRequest, RopResponse};
use store::SpecialFolder;
use testsuite::Result;
use testsuite::found::Found;
use testsuite::raw::{Answer, Client};
use testsuite::rig::{ME, Rig, STRANGER};

use crate::omsg::{self, TO};

pub const INBOX: FolderId = SpecialFolder::Inbox.id();
pub const DRAFTS: FolderId = SpecialFolder::Drafts.id();
pub const JOURNAL: FolderId = SpecialFolder::Journal.id();
pub const DEFERRED: FolderId = SpecialFolder::DeferredAction.id();

pub const ENABLED: i32 = 0x01;
pub const ERROR: i32 = 0x02;
pub const ONLY_WHEN_OOF: i32 = 0x04;
pub const KEEP_OOF_HISTORY: i32 = 0x08;
pub const EXIT_LEVEL: i32 = 0x10;
pub const SKIP_IF_SCL_IS_SAFE: i32 = 0x20;
pub const PARSE_ERROR: i32 = 0x40;

pub fn actions(actions: Vec<ActionBlock>) -> PropertyValue {
    PropertyValue::RuleAction(RuleActions(actions).to_bytes())
}

pub fn plain(action: Action) -> ActionBlock {
    ActionBlock { flavor: 0, flags: 0, action }
}

pub fn flavored(flavor: u32, action: Action) -> ActionBlock {
    ActionBlock { flavor, flags: 0, action }
}

/// A folder of the same mailbox.
pub fn to(folder: FolderId) -> Destination {
    let id = ServerId::Own { folder, message: MessageId::NONE, instance: 0 };
    Destination { in_this_store: 1, store: vec![0], folder: id.to_wire() }
}

/// Somebody by his address.
pub fn recipient(address: &str) -> RecipientBlock {
    RecipientBlock {
        reserved: 0,
        values: vec![
            TaggedValue::new(tags::DISPLAY_NAME, address),
            TaggedValue::new(tags::ADDRESS_TYPE, "SMTP"),
            TaggedValue::new(tags::EMAIL_ADDRESS, address),
            TaggedValue::new(tags::RECIPIENT_TYPE, 1),
        ],
    }
}

/// The subject holds a word.
pub fn about(word: &str) -> Restriction {
    Restriction::Content {
        level: FuzzyLevel { low: FuzzyLevel::SUBSTRING, high: FuzzyLevel::IGNORE_CASE },
        tag: tags::SUBJECT,
        value: TaggedValue::new(tags::SUBJECT, word),
    }
}

/// The properties of a rule on messages about a word.
pub fn properties(
    sequence: i32,
    state: i32,
    word: &str,
    blocks: Vec<ActionBlock>,
) -> Vec<TaggedValue> {
    vec![
        TaggedValue::new(tags::RULE_SEQUENCE, sequence),
        TaggedValue::new(tags::RULE_STATE, state),
        TaggedValue::new(tags::RULE_PROVIDER, "Test"),
        TaggedValue::new(tags::RULE_CONDITION, PropertyValue::Restriction(about(word).to_wire())),
        TaggedValue::new(tags::RULE_ACTIONS, actions(blocks)),
    ]
}

pub fn data(flags: RuleDataFlags, values: Vec<TaggedValue>) -> RuleData {
    RuleData { flags, values: Counted::from(values) }
}

pub fn add(sequence: i32, state: i32, word: &str, blocks: Vec<ActionBlock>) -> RuleData {
    data(RuleDataFlags::ADD, properties(sequence, state, word, blocks))
}

pub fn rule_id(id: i64) -> TaggedValue {
    TaggedValue::new(tags::RULE_ID, PropertyValue::Integer64(id))
}

pub fn modify(
    client: &mut Client,
    folder: Handle,
    flags: ModifyRulesFlags,
    rules: Vec<RuleData>,
) -> Answer<()> {
    let request = ModifyRulesRequest { flags, rules: Counted::from(rules) };
    match client.call(folder, RopRequest::ModifyRules(request))? {
        RopResponse::ModifyRules(_) => Ok(()),
        other => panic!("{other:?}"),
    }
}

pub fn table(client: &mut Client, folder: Handle, flags: RulesTableFlags) -> Answer<Handle> {
    client.open(folder, RopRequest::GetRulesTable(GetRulesTableRequest { flags }))
}

/// Columns of all rules of a folder; None where a rule has no such property.
pub fn list(
    client: &mut Client,
    folder: Handle,
    columns: &[PropertyTag],
) -> Answer<Vec<Vec<Option<PropertyValue>>>> {
    let table = table(client, folder, RulesTableFlags::UNICODE)?;
    client.set_columns(table, columns)?;
    let rows = client.query_rows(table, 1_000)?.rows;
    client.release(table);
    let row =
        |row: &mapi::PropertyRow| (0..columns.len()).map(|at| row.value(at).cloned()).collect();
    Ok(rows.iter().map(row).collect())
}

/// The state of the first rule of ME's Inbox.
pub fn state(rig: &Rig) -> Result<i32> {
    let mut client = rig.client(ME)?;
    let inbox = client.open_folder(INBOX)?;
    let rows = list(&mut client, inbox, &[tags::RULE_STATE])?;
    Ok(rows[0][0].as_ref().and_then(PropertyValue::as_i32).ok_or("a state")?)
}

/// Gives ME's Inbox these rules and no others.
pub fn set(rig: &Rig, rules: Vec<RuleData>) -> Result {
    let mut client = rig.client(ME)?;
    let inbox = client.open_folder(INBOX)?;
    Ok(modify(&mut client, inbox, ModifyRulesFlags::REPLACE, rules)?)
}

/// STRANGER sends a message to ME.
pub fn send(rig: &Rig, subject: &str) -> Result {
    send_with(rig, subject, &[])
}

pub fn send_with(rig: &Rig, subject: &str, values: &[TaggedValue]) -> Result {
    let mut client = rig.client(STRANGER)?;
    let message = omsg::draft(&mut client, subject, &[(TO, ME)])?;
    client.set_all(message, values)?;
    omsg::send(&mut client, message)?;
    // What this caused is sent by a thread, or here.
    store::delivery::deliver_due(&rig.store)?;
    Ok(())
}

/// What is in a folder of a user's mailbox, oldest first.
pub fn found(rig: &Rig, user: &str, folder: FolderId) -> Result<Vec<Found>> {
    omsg::messages(rig, user, folder)
}

/// The subjects of what is in a folder of ME's.
pub fn mine(rig: &Rig, folder: FolderId) -> Result<Vec<String>> {
    Ok(omsg::subjects(&found(rig, ME, folder)?))
}

pub fn value(message: &Found, tag: PropertyTag) -> Option<PropertyValue> {
    message.get(tag).cloned()
}

pub fn text(message: &Found, tag: PropertyTag) -> String {
    omsg::text(message, tag)
}
