//! Data directories with a mailbox of so many messages, made once a run.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::Context;
use mapi::{FileTime, FolderId, MessageContent, tags};
use store::message::{self, ImportOptions, MAX_IMPORTED_TOGETHER};
use store::{NewAccount, SpecialFolder, Store, StoreOptions};

use crate::random::Random;

pub const INBOX: FolderId = SpecialFolder::Inbox.id();
pub const PASSWORD: &str = "correct horse";

/// Somebody who can log on.
#[derive(Debug, Clone)]
pub struct User {
    pub address: String,
    pub dn: String,
}

/// A data directory that nobody holds, and who can log on.
#[derive(Debug, Clone)]
pub struct Made {
    pub data: PathBuf,
    pub users: Vec<User>,
}

pub struct Mailboxes {
    dir: PathBuf,
    made: HashMap<usize, Made>,
}

impl Mailboxes {
    pub fn new(dir: PathBuf) -> Mailboxes {
        Mailboxes { dir, made: HashMap::new() }
    }

    /// The data directory of one user with so many messages of 1 kB in the Inbox.
    pub fn of_size(&mut self, messages: usize) -> anyhow::Result<Made> {
        if let Some(made) = self.made.get(&messages) {
            return Ok(made.clone());
        }
        let dir = self.dir.join(messages.to_string());
        let whole = dir.join("whole");
        let made = match whole.exists() {
            true => look_up(&dir.join("data"))?,
            false => {
                if dir.exists() {
                    std::fs::remove_dir_all(&dir)?;
                }
                std::fs::create_dir_all(&dir)?;
                eprintln!("bench: making a mailbox of {messages} messages");
                let made = make(&dir.join("data"), 1, messages)?;
                std::fs::write(&whole, "")?;
                made
            }
        };
        self.made.insert(messages, made.clone());
        Ok(made)
    }
}

/// The same directory with a second user, who has a small mailbox.
pub fn with_second(made: &Made, messages: usize) -> anyhow::Result<Made> {
    if made.users.len() > 1 {
        return Ok(made.clone());
    }
    let store = open(&made.data)?;
    let account = store.create_account(&account(2))?;
    fill(&store, account.mailbox, messages)?;
    store.close()?;
    // It is let go of before it can be opened again.
    drop(store);
    look_up(&made.data)
}

/// A new data directory of so many users, the first of whom has so many messages.
pub fn make(data: &Path, users: usize, messages: usize) -> anyhow::Result<Made> {
    let store = open(data)?;
    let mut made = Vec::new();
    for number in 1..=users {
        let account = store.create_account(&account(number))?;
        if number == 1 {
            fill(&store, account.mailbox, messages)?;
        }
        made.push(User { address: account.address, dn: account.legacy_dn });
    }
    store.close()?;
    Ok(Made { data: data.to_owned(), users: made })
}

fn account(number: usize) -> NewAccount {
    NewAccount {
        address: format!("user{number}@example.test"),
        display_name: format!("User {number}"),
        password: Some(PASSWORD.into()),
    }
}

fn open(data: &Path) -> anyhow::Result<Store> {
    Store::open(data, StoreOptions::default()).with_context(|| format!("open {}", data.display()))
}

fn look_up(data: &Path) -> anyhow::Result<Made> {
    let store = open(data)?;
    let users = store.accounts()?.into_iter();
    let users = users.map(|account| User { address: account.address, dn: account.legacy_dn });
    let made = Made { data: data.to_owned(), users: users.collect() };
    store.close()?;
    Ok(made)
}

fn fill(store: &Store, mailbox: store::MailboxNumber, messages: usize) -> anyhow::Result<()> {
    let mailbox = store.mailbox(mailbox)?;
    let mut random = Random::new(messages as u64);
    for start in (0..messages).step_by(MAX_IMPORTED_TOGETHER) {
        let end = messages.min(start + MAX_IMPORTED_TOGETHER);
        let items = (start..end)
            .map(|number| (INBOX, content(&mut random, number), ImportOptions::default()))
            .collect();
        for imported in message::import_all(&mailbox, items)? {
            imported?;
        }
    }
    Ok(())
}

/// A message of about 1 kB. Messages come about in the order of time, as mail does.
fn content(random: &mut Random, number: usize) -> MessageContent {
    let mut content = MessageContent::default();
    let words = 2 + random.below(6);
    let prefix = if random.below(3) == 0 { "Re: " } else { "" };
    // Of 100,000 messages about a thousand come from each.
    let sender = random.below(100);
    // The first of January 2020, and a message about every ten minutes.
    let seconds = 1_577_836_800 + number as i64 * 600 + random.below(86_400) as i64;
    let properties = &mut content.properties;
    properties.set(tags::MESSAGE_CLASS, "IPM.Note");
    properties.set(tags::SUBJECT, format!("{prefix}{}", random.words(words)).as_str());
    properties.set(tags::SENT_REPRESENTING_NAME, format!("Sender Number {sender}").as_str());
    properties.set(tags::DISPLAY_TO, "User 1");
    properties.set(tags::IMPORTANCE, if random.below(10) == 0 { 2 } else { 1 });
    properties.set(tags::MESSAGE_DELIVERY_TIME, FileTime::from_unix(seconds, 0));
    properties.set(tags::CLIENT_SUBMIT_TIME, FileTime::from_unix(seconds - 5, 0));
    let bytes = 500 + random.below(1_000);
    properties.set(tags::BODY, random.text(bytes).as_str());
    content
}
