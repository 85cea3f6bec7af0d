//! Messages between the mailboxes of a store.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use mapi::{
    FileTime, FolderId, PropertyName, PropertyTag, PropertyType, PropertyValue, Wire, tags,
};
use store::delivery::{self, Submission};
use store::engine::{Engine, Fault, Faults, FaultyEngine, MemoryEngine};
use store::mailbox::names;
use store::message::{self, Message, MessageBody, Recipient, SaveOptions, flags};
use store::quota::{self, Quota};
use store::table::{self, Contents, Query, QueryRows, RowObject};
use store::{
    Account, Grants, Mailbox, NewAccount, Properties, SpecialFolder, Store, StoreError,
    StoreOptions,
};

/// 2026-01-01, in units of 100 ns.
const START: u64 = 134_116_992_000_000_000;
const HOUR: u64 = 3_600 * 10_000_000;

struct House {
    store: Store,
    now: Arc<AtomicU64>,
    ann: Account,
    bob: Account,
    eve: Account,
}

fn house() -> House {
    house_on(Arc::new(MemoryEngine::new()))
}

fn house_on(engine: Arc<dyn Engine>) -> House {
    let now = Arc::new(AtomicU64::new(START));
    let clock = now.clone();
    let options = StoreOptions {
        clock: Arc::new(move || FileTime(clock.load(Ordering::SeqCst))),
        max_submit: 1 << 20,
        ..StoreOptions::default()
    };
    let store = Store::with_engine(engine, options).unwrap();
    let account = |name: &str| {
        let address = format!("{name}@example.test");
        match store.account_by_address(&address).unwrap() {
            Some(account) => account,
            None => {
                let display_name = name.to_uppercase();
                let new = NewAccount { address, display_name, ..NewAccount::default() };
                store.create_account(&new).unwrap()
            }
        }
    };
    let (ann, bob, eve) = (account("ann"), account("bob"), account("eve"));
    House { store, now, ann, bob, eve }
}

impl House {
    fn mailbox(&self, account: &Account) -> Arc<Mailbox> {
        self.store.mailbox(account.mailbox).unwrap()
    }

    /// Submits a message of Ann and delivers it.
    fn send(&self, mut message: Message) -> Message {
        let mailbox = self.mailbox(&self.ann);
        delivery::submit(&mailbox, &mut message, &self.ann, Submission::default()).unwrap();
        delivery::deliver_now(&mailbox, message.id);
        message
    }

    fn draft(&self, subject: &str, recipients: Vec<Recipient>) -> Message {
        let mut draft = Message::new(&self.mailbox(&self.ann), SpecialFolder::Outbox.id(), false);
        draft.body.properties.set(tags::SUBJECT, subject);
        draft.body.properties.set(tags::BODY, "Hello");
        draft.body.recipients = recipients;
        for (row, recipient) in draft.body.recipients.iter_mut().enumerate() {
            recipient.row = row as u32;
        }
        draft
    }
}

fn smtp(address: &str, kind: i32) -> Recipient {
    let mut properties = Properties::new();
    properties.set(tags::RECIPIENT_TYPE, kind);
    properties.set(tags::ADDRESS_TYPE, "SMTP");
    properties.set(tags::EMAIL_ADDRESS, address);
    properties.set(tags::DISPLAY_NAME, address);
    Recipient { row: 0, properties }
}

fn ex(account: &Account, kind: i32) -> Recipient {
    let mut recipient = smtp(&account.legacy_dn, kind);
    recipient.properties.set(tags::ADDRESS_TYPE, "EX");
    recipient.properties.set(tags::DISPLAY_NAME, account.display_name.as_str());
    recipient
}

fn messages(mailbox: &Arc<Mailbox>, folder: FolderId) -> Vec<Message> {
    let query = Query {
        folder,
        rows: QueryRows::Contents(Contents::Normal),
        sort: Default::default(),
        restriction: None,
    };
    let view = table::open(mailbox, query).unwrap();
    let rows = view.rows(0, view.len().unwrap(), &[]).unwrap();
    let open = |object| match object {
        RowObject::Message(id) => Some(message::open(mailbox, id).unwrap()),
        _ => None,
    };
    rows.into_iter().filter_map(|row| open(row.object)).collect()
}

fn inbox(house: &House, account: &Account) -> Vec<Message> {
    messages(&house.mailbox(account), SpecialFolder::Inbox.id())
}

fn text(message: &Message, tag: PropertyTag) -> String {
    let value = message.body.properties.inline(tag).and_then(PropertyValue::as_text);
    value.map(|text| text.to_string_lossy().into_owned()).unwrap_or_default()
}

fn to_sent_items(message: &mut Message) {
    let id = mapi::server_id::ServerId::Own {
        folder: SpecialFolder::SentItems.id(),
        message: mapi::MessageId::NONE,
        instance: 0,
    };
    let value = PropertyValue::ServerId(id.to_wire());
    message.body.properties.set(tags::SENT_MAIL_SVR_EID, value);
}

#[test]
fn a_message_reaches_each_recipient_once_and_goes_to_sent_items() {
    let house = house();
    // Bob stands there twice, in two forms.
    let recipients =
        vec![ex(&house.bob, 1), smtp("BOB@example.test", 2), smtp("eve@example.test", 3)];
    let mut draft = house.draft("Lunch", recipients);
    to_sent_items(&mut draft);
    let sent = house.send(draft);
    assert!(message::open(&house.mailbox(&house.ann), sent.id).is_err());
    let kept = messages(&house.mailbox(&house.ann), SpecialFolder::SentItems.id());
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].flags & (flags::SUBMITTED | flags::UNSENT), 0);
    assert!(kept[0].read);
    assert_eq!(kept[0].body.recipients.len(), 3);

    for (account, to_me, cc_me) in [(&house.bob, true, false), (&house.eve, false, false)] {
        let got = inbox(&house, account);
        assert_eq!(got.len(), 1, "{}", account.address);
        let got = &got[0];
        assert_eq!(text(got, tags::SUBJECT), "Lunch");
        assert_eq!(text(got, tags::SENDER_NAME), "ANN");
        assert_eq!(text(got, tags::SENDER_EMAIL_ADDRESS), house.ann.legacy_dn);
        assert_eq!(text(got, tags::SENT_REPRESENTING_SMTP_ADDRESS), "ann@example.test");
        assert_eq!(text(got, tags::RECEIVED_BY_NAME), account.display_name);
        assert_eq!(text(got, tags::RECEIVED_BY_EMAIL_ADDRESS), account.legacy_dn);
        assert!(text(got, tags::INTERNET_MESSAGE_ID).ends_with("@example.test>"));
        let properties = &got.body.properties;
        let time = |tag| properties.inline(tag).and_then(PropertyValue::as_time);
        assert_eq!(time(tags::MESSAGE_DELIVERY_TIME), Some(FileTime(START)));
        assert_eq!(time(tags::CLIENT_SUBMIT_TIME), Some(FileTime(START)));
        let flag = |tag| properties.inline(tag).and_then(PropertyValue::as_bool);
        assert_eq!(flag(tags::MESSAGE_TO_ME), Some(to_me));
        assert_eq!(flag(tags::MESSAGE_CC_ME), Some(cc_me));
        assert_eq!(flag(tags::MESSAGE_RECIPIENT_ME), Some(to_me));
        assert!(!got.read);
        assert_eq!(got.flags, flags::UNMODIFIED);
        // The blind copy is nobody's business.
        assert_eq!(got.body.recipients.len(), 2);
        assert_eq!(text(got, tags::DISPLAY_BCC), "");
        assert_eq!(text(got, tags::DISPLAY_TO), "BOB");
        assert!(properties.get(tags::SENT_MAIL_SVR_EID).is_none());
    }
    assert_eq!(delivery::waiting(&house.store).unwrap(), Default::default());
    assert_clean(&house.store);
}

fn assert_clean(store: &Store) {
    let report = store::check::store(store, &Default::default(), &mut |_| {}).unwrap();
    assert_eq!(report.left_in_words(), Vec::<String>::new());
}

#[test]
fn only_blind_copies_show_nobody() {
    let house = house();
    house.send(
        house.draft("Secret", vec![smtp("bob@example.test", 3), smtp("eve@example.test", 3)]),
    );
    for account in [&house.bob, &house.eve] {
        let got = inbox(&house, account);
        assert_eq!(got[0].body.recipients, []);
        for tag in [tags::DISPLAY_TO, tags::DISPLAY_CC, tags::DISPLAY_BCC] {
            assert_eq!(text(&got[0], tag), "");
        }
    }
}

#[test]
fn the_class_says_the_folder_and_names_are_mapped() {
    let house = house();
    let bobs = house.mailbox(&house.bob);
    store::mailbox::receive::set_folder(&bobs, "IPM.Task", Some(SpecialFolder::Tasks.id()))
        .unwrap();
    let name = PropertyName::string(mapi::names::PS_PUBLIC_STRINGS, "colour");
    // The two mailboxes give it different ids.
    let other = PropertyName::string(mapi::names::PS_PUBLIC_STRINGS, "other");
    names::ids_of(&bobs, &[other], true).unwrap();
    let anns = house.mailbox(&house.ann);
    let id = names::ids_of(&anns, std::slice::from_ref(&name), true).unwrap()[0].unwrap();
    let mut draft = house.draft("Do it", vec![ex(&house.bob, 1)]);
    draft.body.properties.set(tags::MESSAGE_CLASS, "IPM.Task.Special");
    let colour = PropertyTag::from_parts(id, PropertyType::STRING);
    draft.body.properties.set(colour, "red");
    house.send(draft);
    let got = messages(&bobs, SpecialFolder::Tasks.id());
    let there = names::ids_of(&bobs, &[name], false).unwrap()[0].unwrap();
    assert_ne!(there, id);
    let value = got[0].body.properties.get_id(there).unwrap().inline().unwrap();
    assert_eq!(value.as_text().unwrap().to_string_lossy(), "red");
}

#[test]
fn whoever_cannot_be_reached_is_reported() {
    let house = house();
    let full = Quota { prohibit_receive: Some(0), ..Quota::default() };
    quota::set(&house.mailbox(&house.eve), Some(full)).unwrap();
    let recipients = vec![
        smtp("nobody@example.test", 1),
        ex(&house.bob, 1),
        smtp("far@elsewhere.test", 3),
        ex(&house.eve, 2),
    ];
    house.send(house.draft("Lunch", recipients));
    assert_eq!(inbox(&house, &house.bob).len(), 1);
    assert_eq!(inbox(&house, &house.eve).len(), 0);
    let reports = inbox(&house, &house.ann);
    assert_eq!(reports.len(), 1);
    let report = &reports[0];
    assert_eq!(text(report, tags::MESSAGE_CLASS), "REPORT.IPM.Note.NDR");
    assert_eq!(text(report, tags::SUBJECT), "Undeliverable: Lunch");
    assert_eq!(text(report, tags::ORIGINAL_SUBJECT), "Lunch");
    let of = |tag| {
        let each = report.body.recipients.iter();
        each.map(|r| r.properties.inline(tag).and_then(PropertyValue::as_i32).unwrap()).collect()
    };
    let codes: Vec<i32> = of(tags::NON_DELIVERY_REPORT_STATUS_CODE);
    assert_eq!(codes, [511, 544, 522]);
    let body = text(report, tags::BODY);
    assert!(body.contains("does not send to other servers"), "{body}");
    let original = report.body.attachments[0].embedded.as_ref().unwrap();
    assert_eq!(
        original.properties.inline(tags::SUBJECT).and_then(PropertyValue::as_text),
        Some(&"Lunch".into())
    );
    assert_clean(&house.store);
}

#[test]
fn deliveries_are_reported_when_asked_for() {
    let house = house();
    let mut draft = house.draft("Lunch", vec![ex(&house.bob, 1), smtp("eve@example.test", 3)]);
    draft.body.properties.set(tags::ORIGINATOR_DELIVERY_REPORT_REQUESTED, true);
    draft.body.properties.set(tags::READ_RECEIPT_REQUESTED, true);
    house.send(draft);
    let reports = inbox(&house, &house.ann);
    assert_eq!(reports.len(), 1);
    assert_eq!(text(&reports[0], tags::MESSAGE_CLASS), "REPORT.IPM.Note.DR");
    assert_eq!(reports[0].body.recipients.len(), 2);
    // A report is answered by nothing.
    assert_eq!(reports[0].flags & flags::NOTIFY_READ, 0);
    assert_ne!(inbox(&house, &house.bob)[0].flags & flags::NOTIFY_READ, 0);
}

#[test]
fn what_is_submitted_is_nobodys_to_change_until_it_is_taken_back() {
    let house = house();
    let mailbox = house.mailbox(&house.ann);
    let mut draft = house.draft("Later", vec![ex(&house.bob, 1)]);
    draft.body.properties.set(tags::DEFERRED_SEND_TIME, FileTime(START + HOUR));
    let mut sent = house.send(draft);
    let outbox = SpecialFolder::Outbox.id();
    assert_ne!(sent.flags & flags::SUBMITTED, 0);
    assert_eq!(inbox(&house, &house.bob).len(), 0);
    assert_eq!(delivery::waiting(&house.store).unwrap().deferred, 1);
    let again = delivery::submit(&mailbox, &mut sent, &house.ann, Submission::default());
    assert!(matches!(again, Err(StoreError::Submitted)));
    let saved = message::save(&mailbox, &mut sent.clone(), SaveOptions { force: true });
    assert!(matches!(saved, Err(StoreError::Submitted)));
    assert_eq!(message::delete(&mailbox, outbox, &[sent.id], true).unwrap(), 1);
    let drafts = SpecialFolder::Drafts.id();
    let moved = message::move_to(&mailbox, outbox, &[sent.id], &mailbox, drafts).unwrap();
    assert_eq!(moved, [None]);
    let copied = message::copy_to(&mailbox, outbox, &[sent.id], &mailbox, drafts).unwrap();
    let copy = message::open(&mailbox, copied[0].unwrap()).unwrap();
    assert_eq!(copy.flags & flags::SUBMITTED, 0);
    assert_clean(&house.store);

    let wrong = delivery::abort(&mailbox, drafts, sent.id);
    assert!(matches!(wrong, Err(StoreError::NotFound(_))));
    delivery::abort(&mailbox, outbox, sent.id).unwrap();
    let again = delivery::abort(&mailbox, outbox, sent.id);
    assert!(matches!(again, Err(StoreError::NotInQueue)));
    house.now.fetch_add(2 * HOUR, Ordering::SeqCst);
    assert_eq!(delivery::deliver_due(&house.store).unwrap(), 0);
    assert_eq!(inbox(&house, &house.bob).len(), 0);
    let back = message::open(&mailbox, sent.id).unwrap();
    assert_eq!(back.flags & (flags::SUBMITTED | flags::UNSENT), flags::UNSENT);
    // It can be sent once more, now that its time has come.
    house.send(back);
    assert_eq!(inbox(&house, &house.bob).len(), 1);
    assert_clean(&house.store);
}

#[test]
fn what_waits_for_its_time_is_sent_then_also_after_a_restart() {
    let engine = Arc::new(MemoryEngine::new());
    let house = house_on(engine.clone());
    let mut draft = house.draft("Later", vec![ex(&house.bob, 1)]);
    // Two hours.
    draft.body.properties.set(tags::DEFERRED_SEND_NUMBER, 2);
    draft.body.properties.set(tags::DEFERRED_SEND_UNITS, 1);
    draft.body.properties.set(tags::DELETE_AFTER_SUBMIT, true);
    let sent = house.send(draft);
    assert_eq!(delivery::deliver_due(&house.store).unwrap(), 0);
    drop(house);
    let house = house_on(engine);
    house.now.fetch_add(2 * HOUR, Ordering::SeqCst);
    assert_eq!(delivery::deliver_due(&house.store).unwrap(), 1);
    assert_eq!(inbox(&house, &house.bob).len(), 1);
    // Nothing is left of it.
    assert!(message::open(&house.mailbox(&house.ann), sent.id).is_err());
    assert_eq!(delivery::deliver_due(&house.store).unwrap(), 0);
    assert_eq!(inbox(&house, &house.bob).len(), 1);
    assert_clean(&house.store);
}

#[test]
fn who_may_send_for_whom() {
    let house = house();
    let mailbox = house.mailbox(&house.ann);
    let store = &house.store;
    let for_bob = || {
        let mut draft = house.draft("For Bob", vec![ex(&house.eve, 1)]);
        draft.body.properties.set(tags::SENT_REPRESENTING_ADDRESS_TYPE, "SMTP");
        draft.body.properties.set(tags::SENT_REPRESENTING_EMAIL_ADDRESS, "bob@example.test");
        draft
    };
    let refused = delivery::submit(&mailbox, &mut for_bob(), &house.ann, Submission::default());
    assert!(matches!(refused, Err(StoreError::Access)));
    store.grant(house.bob.id, house.ann.id, Grants::SEND_ON_BEHALF).unwrap();
    // It opens nothing.
    assert!(!store.may_open(house.bob.mailbox, house.ann.id).unwrap());
    house.send(for_bob());
    store.grant(house.bob.id, house.ann.id, Grants::SEND_AS).unwrap();
    house.send(for_bob());
    let got = inbox(&house, &house.eve);
    let mut senders: Vec<_> = got.iter().map(|m| text(m, tags::SENDER_NAME)).collect();
    senders.sort_unstable();
    assert_eq!(senders, ["ANN", "BOB"]);
    assert!(got.iter().all(|m| text(m, tags::SENT_REPRESENTING_NAME) == "BOB"));
    assert_clean(store);
    store.revoke(house.bob.id, house.ann.id, Grants::SEND_AS).unwrap();
    let left = store.grants(house.bob.mailbox, house.ann.id).unwrap();
    assert_eq!(left, Grants::SEND_ON_BEHALF);
    store.revoke(house.bob.id, house.ann.id, left).unwrap();
    let refused = delivery::submit(&mailbox, &mut for_bob(), &house.ann, Submission::default());
    assert!(matches!(refused, Err(StoreError::Access)));
    // Somebody whom nobody knows gave no rights.
    let mut unknown = for_bob();
    unknown.body.properties.set(tags::SENT_REPRESENTING_EMAIL_ADDRESS, "x@elsewhere.test");
    let refused = delivery::submit(&mailbox, &mut unknown, &house.ann, Submission::default());
    assert!(matches!(refused, Err(StoreError::Access)));
    assert_clean(store);
}

#[test]
fn what_is_not_sent_at_all() {
    let house = house();
    let mailbox = house.mailbox(&house.ann);
    let submit = |mut message: Message| {
        let submitted = delivery::submit(&mailbox, &mut message, &house.ann, Submission::default());
        submitted.map(drop)
    };
    assert!(matches!(submit(house.draft("x", vec![])), Err(StoreError::NoRecipients)));
    let many = vec![ex(&house.bob, 1); delivery::MAX_RECIPIENTS + 1];
    let many = submit(house.draft("x", many));
    assert!(matches!(many, Err(StoreError::TooManyRecipients { .. })));
    let mut large = house.draft("x", vec![ex(&house.bob, 1)]);
    large.body.properties.set(tags::HTML, vec![b'x'; 2 << 20]);
    assert!(matches!(submit(large), Err(StoreError::TooBigToSend { .. })));
    let mut associated = house.draft("x", vec![ex(&house.bob, 1)]);
    associated.associated = true;
    assert!(matches!(submit(associated), Err(StoreError::Access)));
    let embedded = Message::embedded(MessageBody::default());
    assert!(matches!(submit(embedded), Err(StoreError::Invalid(_))));
    message::save(&mailbox, &mut house.draft("kept", vec![]), SaveOptions::default()).unwrap();
    let used = quota::usage(&mailbox).unwrap().used;
    let quota = Quota { prohibit_send: Some(used - 1), ..Quota::default() };
    quota::set(&mailbox, Some(quota)).unwrap();
    let over = submit(house.draft("x", vec![ex(&house.bob, 1)]));
    assert!(matches!(over, Err(StoreError::MayNotSend { .. })));
    assert_eq!(delivery::waiting(&house.store).unwrap(), Default::default());
    assert_eq!(inbox(&house, &house.bob).len(), 0);
}

#[test]
fn a_resent_message_goes_to_those_who_lacked_it() {
    let house = house();
    let again = ex(&house.eve, 1 | 0x1000_0000);
    let mut draft = house.draft("Again", vec![ex(&house.bob, 1), again]);
    draft.flags |= flags::RESEND;
    house.send(draft);
    assert_eq!(inbox(&house, &house.bob).len(), 0);
    assert_eq!(inbox(&house, &house.eve).len(), 1);
}

#[test]
fn a_spooler_sends_by_itself() {
    let house = house();
    let mailbox = house.mailbox(&house.ann);
    let mut message = house.draft("By hand", vec![ex(&house.bob, 1)]);
    to_sent_items(&mut message);
    let spooler = Submission { spooler: true };
    delivery::submit(&mailbox, &mut message, &house.ann, spooler).unwrap();
    delivery::deliver_now(&mailbox, message.id);
    assert_eq!(delivery::deliver_due(&house.store).unwrap(), 0);
    assert_eq!(delivery::waiting(&house.store).unwrap().spooler, 1);
    assert_eq!(delivery::lock(&mailbox, message.id).unwrap(), delivery::Locked::Now);
    assert_eq!(delivery::lock(&mailbox, message.id).unwrap(), delivery::Locked::Already);
    let outbox = SpecialFolder::Outbox.id();
    let aborted = delivery::abort(&mailbox, outbox, message.id);
    assert!(matches!(aborted, Err(StoreError::CannotAbort)));
    let (copy, sent) = delivery::send_now(&mailbox, &message, &house.ann).unwrap();
    delivery::deliver_now(&mailbox, copy);
    assert_eq!(text(&sent, tags::SENDER_NAME), "ANN");
    assert_eq!(inbox(&house, &house.bob).len(), 1);
    assert_eq!(messages(&mailbox, SpecialFolder::SpoolerQueue.id()).len(), 0);
    delivery::unlock(&mailbox, message.id).unwrap();
    delivery::finish(&mailbox, message.id).unwrap();
    assert_eq!(messages(&mailbox, outbox).len(), 0);
    assert_eq!(messages(&mailbox, SpecialFolder::SentItems.id()).len(), 1);
    assert!(matches!(delivery::finish(&mailbox, message.id), Err(StoreError::NotFound(_))));
    assert_clean(&house.store);
}

#[test]
fn many_recipients_are_left_to_a_thread() {
    let house = house();
    let mut accounts = Vec::new();
    for number in 0..100 {
        let address = format!("user{number}@example.test");
        let new = NewAccount { address, ..NewAccount::default() };
        accounts.push(house.store.create_account(&new).unwrap());
    }
    house.send(house.draft("All", accounts.iter().map(|account| ex(account, 1)).collect()));
    while delivery::waiting(&house.store).unwrap().ready > 0 {
        std::thread::yield_now();
    }
    for account in &accounts {
        assert_eq!(inbox(&house, account).len(), 1, "{}", account.address);
    }
}

#[test]
fn what_a_removed_mailbox_had_to_send_goes_with_it() {
    let house = house();
    let mut draft = house.draft("Later", vec![ex(&house.bob, 1)]);
    draft.body.properties.set(tags::DEFERRED_SEND_TIME, FileTime(START + HOUR));
    house.send(draft);
    house.store.remove_account(house.ann.id).unwrap();
    assert_eq!(delivery::waiting(&house.store).unwrap(), Default::default());
    house.now.fetch_add(2 * HOUR, Ordering::SeqCst);
    delivery::deliver_due(&house.store).unwrap();
    assert_eq!(inbox(&house, &house.bob).len(), 0);
    assert_clean(&house.store);
}

/// Whatever call fails, and whatever is done about it, after a restart everybody has the message once if its
/// submission was acknowledged, and nobody has it else.
#[test]
fn a_failure_anywhere_loses_nothing_and_delivers_nothing_twice() {
    for fault in [Fault::Io, Fault::DiskFull, Fault::Conflict] {
        let mut calls = 0;
        loop {
            let memory = Arc::new(MemoryEngine::new());
            let faults = Faults::default();
            let house = house_on(Arc::new(FaultyEngine::new(memory.clone(), faults.clone())));
            let nobody = smtp("nobody@example.test", 1);
            let recipients = vec![ex(&house.bob, 1), nobody, ex(&house.eve, 2)];
            let mut draft = house.draft("Once", recipients);
            draft.body.properties.set(tags::ORIGINATOR_DELIVERY_REPORT_REQUESTED, true);
            to_sent_items(&mut draft);
            let mailbox = house.mailbox(&house.ann);
            faults.arm(fault, calls);
            let submission = Submission::default();
            let submitted = delivery::submit(&mailbox, &mut draft, &house.ann, submission);
            if submitted.is_ok() {
                // By this thread alone: it ends where the call fails, as a crash would.
                let _ = delivery::deliver_due(&house.store);
            }
            let struck = faults.struck() > 0;
            faults.disarm();
            drop((mailbox, house));

            let house = house_on(memory);
            delivery::deliver_due(&house.store).unwrap();
            let once = usize::from(submitted.is_ok());
            let at = format!("{fault:?} at call {calls}: {submitted:?}");
            for account in [&house.bob, &house.eve] {
                assert_eq!(inbox(&house, account).len(), once, "{at}");
            }
            // One report of what failed, one of what did not.
            assert_eq!(inbox(&house, &house.ann).len(), 2 * once, "{at}");
            let sent = messages(&house.mailbox(&house.ann), SpecialFolder::SentItems.id());
            assert_eq!(sent.len(), once, "{at}");
            assert_eq!(delivery::waiting(&house.store).unwrap(), Default::default(), "{at}");
            assert_clean(&house.store);
            if !struck {
                break;
            }
            calls += 1 + calls / 40;
        }
        assert!(calls > 4, "{fault:?} struck {calls} calls");
    }
}
