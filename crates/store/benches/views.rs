//! What opening, following and searching a contents table of 100,000 messages costs.
//!
//! `cargo bench -p store --bench views -- run` (without the word nothing runs: it takes its time).

use mapi::restriction::FuzzyLevel;
use mapi::{
    FileTime, FolderId, MessageId, PropertyTag, Restriction, SortOrder, SortOrderSet, TaggedValue,
    tags,
};
use store::table::{Contents, Query, QueryRows, RowObject, open};
use store::{NewAccount, SpecialFolder, Store, StoreOptions, message};

const INBOX: FolderId = SpecialFolder::Inbox.id();

fn main() {
    if std::env::args().nth(1).as_deref() != Some("run") {
        println!("skipped: say `-- run`");
        return;
    }
    let dir = tempfile::tempdir().expect("a directory");
    let store = Store::open(dir.path(), StoreOptions::default()).expect("open");
    let new = NewAccount { address: "ann@example.test".into(), ..NewAccount::default() };
    let account = store.create_account(&new).expect("made");
    let mailbox = store.mailbox(account.mailbox).expect("there");
    let began = std::time::Instant::now();
    for start in (0..100_000u64).step_by(64) {
        let items = (start..100_000.min(start + 64))
            .map(|n| {
                let mut content = mapi::MessageContent::default();
                let subject = format!("Re: about {} and {n}", n.wrapping_mul(7919) % 100_000);
                content.properties.set(tags::SUBJECT, subject.as_str());
                content.properties.set(tags::MESSAGE_CLASS, "IPM.Note");
                content.properties.set(tags::SENT_REPRESENTING_NAME, "Somebody Somewhere");
                content.properties.set(tags::DISPLAY_TO, "Ann Example");
                content.properties.set(tags::BODY, "text ".repeat(200).as_str());
                let time = FileTime(n.wrapping_mul(104_729) % 100_000);
                content.properties.set(tags::MESSAGE_DELIVERY_TIME, time);
                (INBOX, content, message::ImportOptions::default())
            })
            .collect();
        assert!(message::import_all(&mailbox, items).is_ok());
    }
    println!("import: {:?}", began.elapsed());
    for (name, order) in [
        ("none", vec![]),
        ("delivery time", vec![down(tags::MESSAGE_DELIVERY_TIME)]),
        ("subject", vec![up(tags::SUBJECT)]),
        ("importance, size", vec![down(tags::IMPORTANCE), up(tags::MESSAGE_SIZE)]),
    ] {
        let query = Query {
            folder: INBOX,
            rows: QueryRows::Contents(Contents::Normal),
            sort: SortOrderSet::new(order),
            restriction: None,
        };
        let began = std::time::Instant::now();
        let view = open(&mailbox, query.clone()).expect("open");
        let cpu = cpu_time();
        view.key_at(0).expect("built");
        let (cold, cpu) = (began.elapsed(), cpu_time() - cpu);
        let began = std::time::Instant::now();
        let again = open(&mailbox, query).expect("open");
        again.key_at(0).expect("there");
        let warm = began.elapsed();
        let columns = [tags::MID, tags::SUBJECT, tags::MESSAGE_DELIVERY_TIME, tags::MESSAGE_FLAGS];
        let began = std::time::Instant::now();
        assert_eq!(again.rows(50_000, 50, &columns).expect("rows").len(), 50);
        let page = began.elapsed();
        let id = match view.rows(7, 1, &[]).expect("rows")[0].object {
            RowObject::Message(id) => id,
            RowObject::Folder(_) => MessageId::NONE,
        };
        let read = message::open(&mailbox, id).expect("open").read;
        message::set_read(&mailbox, id, !read).expect("set");
        let began = std::time::Instant::now();
        view.key_at(0).expect("followed");
        let follow = began.elapsed();
        let began = std::time::Instant::now();
        let wanted = prefix(tags::SUBJECT, "re: about 777");
        assert!(view.find(0, false, &wanted).expect("find").is_some());
        let find = began.elapsed();
        let bytes = store.gauges().view_bytes;
        println!(
            "{name}: open {cold:?} ({cpu:?} of CPU), again {warm:?}, 50 rows {page:?}, follow {follow:?}, find {find:?}, {bytes} bytes of views"
        );
    }
}

fn up(tag: PropertyTag) -> SortOrder {
    SortOrder::ascending(tag)
}

fn down(tag: PropertyTag) -> SortOrder {
    SortOrder::descending(tag)
}

fn prefix(tag: PropertyTag, text: &str) -> Restriction {
    let level = FuzzyLevel { low: FuzzyLevel::PREFIX, high: FuzzyLevel::IGNORE_CASE };
    Restriction::Content { level, tag, value: TaggedValue::new(tag, text) }
}

/// What this thread has used of a processor.
fn cpu_time() -> std::time::Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid place for a timespec.
    let status = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    assert_eq!(status, 0);
    std::time::Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
