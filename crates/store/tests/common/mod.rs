//! What the store's tests share.
#![allow(dead_code)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use mapi::rule_action::{Action, ActionBlock, Destination, RecipientBlock, RuleActions};
use mapi::server_id::ServerId;
use mapi::{
    AttachedContent, AttachmentContent, FileTime, FolderId, MessageContent, MessageId,
    PropertyName, PropertyValue, RecipientContent, Restriction, TaggedValue, Wire, names, tags,
};
use store::check::{self, Options, Report};
use store::engine::{Engine, MemoryEngine};
use store::rule::Change;
use store::{Account, Mailbox, NewAccount, Properties, Store, StoreOptions};

/// Options with a clock that moves by a second with each question.
pub fn options() -> StoreOptions {
    let ticks = AtomicU64::new(0);
    StoreOptions {
        clock: Arc::new(move || {
            FileTime::from_unix(1_700_000_000 + ticks.fetch_add(1, Ordering::Relaxed) as i64, 0)
        }),
        ..StoreOptions::default()
    }
}

pub fn account(store: &Store, address: &str) -> Account {
    let new = NewAccount { address: address.into(), ..NewAccount::default() };
    store.create_account(&new).expect("a new account")
}

/// A store in memory with one mailbox.
pub fn mailbox() -> (Store, Arc<Mailbox>) {
    let store = Store::in_memory(options()).expect("a store");
    let mailbox = store.mailbox(account(&store, "me@example.test").mailbox).expect("a mailbox");
    (store, mailbox)
}

pub fn on_engine(engine: Arc<MemoryEngine>) -> Store {
    let engine: Arc<dyn Engine> = engine;
    Store::with_engine(engine, options()).expect("a store")
}

/// A plain message.
pub fn plain(subject: &str) -> MessageContent {
    let mut content = MessageContent::default();
    content.properties.set(tags::SUBJECT, subject);
    content.properties.set(tags::MESSAGE_CLASS, "IPM.Note");
    content.properties.set(tags::BODY, "Hello");
    content
}

pub fn recipient(kind: i32, name: &str, address: &str) -> RecipientContent {
    let mut recipient = RecipientContent::default();
    recipient.properties.set(tags::RECIPIENT_TYPE, kind);
    recipient.properties.set(tags::DISPLAY_NAME, name);
    recipient.properties.set(tags::SMTP_ADDRESS, address);
    recipient
}

/// A message with everything: recipients, named properties, large values, attachments of all kinds.
pub fn rich() -> MessageContent {
    let mut content = plain("Re: everything");
    content.properties.set(tags::HTML, "<p>".repeat(50_000).into_bytes());
    content.properties.set(tags::MESSAGE_DELIVERY_TIME, FileTime::from_unix(1_600_000_000, 0));
    content.properties.set_named(PropertyName::string(names::PS_INTERNET_HEADERS, "x-test"), "1");
    content.recipients.push(recipient(1, "Anna", "anna@example.test"));
    content.recipients.push(recipient(1, "Bert", "bert@example.test"));
    content.recipients.push(recipient(2, "Carl", "carl@example.test"));
    let mut file = AttachmentContent::default();
    file.properties.set(tags::ATTACH_LONG_FILENAME, "data.bin");
    file.content = AttachedContent::Bytes((0..200_000u32).map(|n| n as u8).collect());
    content.attachments.push(file);
    let mut inner = plain("inner");
    inner.properties.set_named(PropertyName::id(names::PSETID_COMMON, 0x8530), "named inside");
    let attached =
        |content| AttachmentContent { content, properties: mapi::PropertyBag::default() };
    inner.attachments.push(attached(AttachedContent::Bytes(vec![7; 10])));
    content.attachments.push(attached(AttachedContent::Message(Box::new(inner))));
    content.attachments.push(attached(AttachedContent::Ole(vec![9; 20_000])));
    content.mime = Some(b"Subject: everything\r\n\r\nHello".repeat(2_000));
    content
}

/// An enabled rule on every message with a subject.
pub fn rule(actions: Vec<Action>) -> Change {
    let block = |action| ActionBlock { flavor: 0, flags: 0, action };
    let actions = RuleActions(actions.into_iter().map(block).collect()).to_bytes();
    let condition = Restriction::Exist { tag: tags::SUBJECT };
    let mut rule = Properties::new();
    rule.set(tags::RULE_SEQUENCE, 1);
    rule.set(tags::RULE_STATE, store::rule::ENABLED as i32);
    rule.set(tags::RULE_PROVIDER, "Test");
    rule.set(tags::RULE_CONDITION, PropertyValue::Restriction(condition.to_wire()));
    rule.set(tags::RULE_ACTIONS, PropertyValue::RuleAction(actions));
    Change::Add(rule)
}

/// An action that copies to a folder of the same mailbox.
pub fn copy_to(folder: FolderId) -> Action {
    let id = ServerId::Own { folder, message: MessageId::NONE, instance: 0 };
    Action::Copy(Destination { in_this_store: 1, store: vec![0], folder: id.to_wire() })
}

/// An action that forwards to an address.
pub fn forward_to(address: &str) -> Action {
    let values = vec![
        TaggedValue::new(tags::DISPLAY_NAME, address),
        TaggedValue::new(tags::ADDRESS_TYPE, "SMTP"),
        TaggedValue::new(tags::EMAIL_ADDRESS, address),
        TaggedValue::new(tags::RECIPIENT_TYPE, 1),
    ];
    Action::Forward(vec![RecipientBlock { reserved: 0, values }])
}

/// Everything in the mailbox's store is whole; gives what was looked at in the mailbox.
pub fn assert_whole(mailbox: &Arc<Mailbox>) -> Report {
    let all = check::store(mailbox.store(), &Options::default(), &mut |_| {}).expect("looked at");
    assert_eq!(all.left_in_words(), Vec::<String>::new());
    check::mailbox(mailbox, &Options::default()).expect("looked at")
}
