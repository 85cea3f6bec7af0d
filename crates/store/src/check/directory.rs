//! The directory of accounts, and the jobs.

use std::collections::BTreeSet;

use super::body::reason;
use super::cursor::Cursor;
use super::fix::Fix;
use super::pass::{Sink, read_as};
use super::problem::{Problem, What};
use super::report::Report;
use crate::delivery::queue;
use crate::directory::{index_keys, record};
use crate::engine::{Direction, KeyRange, Reader, Scanned, Space, Value};
use crate::keys;
use crate::message::flags;
use crate::outbound::{self, Letter, track};
use crate::record::folder::{FolderRecord, FolderState};
use crate::record::hot::Hot;
use crate::{Account, AccountId, MailboxNumber, Result, jobs};

pub(super) struct DirectoryPass<'a> {
    pub(super) reader: &'a dyn Reader,
    pub(super) sink: &'a mut dyn Sink,
    pub(super) report: &'a mut Report,
    /// Accounts that were said to be damaged or missing.
    pub(super) damaged: BTreeSet<u64>,
    pub(super) counters: record::Counters,
    pub(super) max: record::Counters,
    /// Those that an account says are its own.
    pub(super) mailboxes: BTreeSet<u64>,
}

/// How an account is found to be.
enum Found {
    Whole(Account),
    Damaged(String),
    Missing,
}

impl DirectoryPass<'_> {
    /// Gives the mailboxes that belong to accounts.
    pub(super) fn run(mut self) -> Result<BTreeSet<u64>> {
        self.fixed_records()?;
        let mut cursor = Cursor::new(self.reader, Space::Directory, KeyRange::all());
        while let Some(pair) = cursor.next()? {
            self.report.records += 1;
            self.record(&pair)?;
        }
        let mut cursor = Cursor::new(self.reader, Space::Queue, KeyRange::all());
        while let Some((key, value)) = cursor.next()? {
            self.report.records += 1;
            match () {
                () if jobs::is_submission(&key) => self.submission(&key, &value)?,
                () if jobs::is_outbound(&key) => self.outbound(&key, &value)?,
                () if track::time_of(&key).is_some() => self.event(&key, &value)?,
                () => self.job(&key)?,
            }
        }
        let (kept, max) = (self.counters, self.max);
        if max.account > kept.account || max.mailbox > kept.mailbox {
            let detail = format!(
                "account {} of {}, mailbox {} of {}",
                max.account, kept.account, max.mailbox, kept.mailbox
            );
            let problem =
                Problem::new(What::Numbers, detail).record(Space::Directory, record::COUNTERS);
            let fix = Fix::Numbers { account: max.account, mailbox: max.mailbox };
            self.sink.found(vec![problem], Some(fix))?;
        }
        Ok(self.mailboxes)
    }

    fn found(&mut self, what: What, key: &[u8], detail: &str, fix: Option<Fix>) -> Result<()> {
        let problem = Problem::new(what, detail).record(Space::Directory, key);
        self.sink.found(vec![problem], fix)
    }

    fn fixed_records(&mut self) -> Result<()> {
        let site = self.reader.get(Space::Directory, record::SITE);
        if let Err(detail) = read_as(site, record::Site::read)? {
            self.found(What::Site, record::SITE, &detail, Some(Fix::Site))?;
        }
        let counters = self.reader.get(Space::Directory, record::COUNTERS);
        // A store without accounts has none yet.
        let none = matches!(counters, Ok(None));
        match read_as(counters, record::Counters::read)? {
            Ok(counters) => self.counters = counters,
            Err(_) if none => {}
            Err(detail) => {
                // Numbers in use are raised over; those of removed accounts are not known any more.
                let fix = Fix::Numbers { account: 0, mailbox: 0 };
                self.found(What::Numbers, record::COUNTERS, &detail, Some(fix))?;
                self.counters = record::Counters { account: u64::MAX, mailbox: u64::MAX };
            }
        }
        Ok(())
    }

    fn account(&self, id: u64) -> Result<Found> {
        let value = self.reader.get(Space::Directory, &record::account_key(AccountId(id)));
        if matches!(value, Ok(None)) {
            return Ok(Found::Missing);
        }
        Ok(match read_as(value, |bytes| record::read_account(AccountId(id), bytes))? {
            Ok(account) => Found::Whole(account),
            Err(detail) => Found::Damaged(detail),
        })
    }

    fn exists(&self, account: u64) -> Result<bool> {
        Ok(!matches!(self.account(account)?, Found::Missing) || self.damaged.contains(&account))
    }

    fn record(&mut self, pair: &Scanned) -> Result<()> {
        let (key, value) = pair;
        let remove = || {
            let was = value.as_ref().ok().cloned();
            Some(Fix::Remove { space: Space::Directory, key: key.to_vec(), was })
        };
        match (key.first(), key.len()) {
            (Some(&first), 1) if [record::SITE[0], record::COUNTERS[0]].contains(&first) => Ok(()),
            (Some(&record::ACCOUNT), 9) => self.account_record(key),
            (Some(&(record::BY_ADDRESS | record::BY_LEGACY_DN)), 2..)
            | (Some(&record::BY_GUID), 17)
            | (Some(&record::BY_MAILBOX), 9) => self.index(key, value),
            (Some(&record::BY_ALIAS), 2..) => self.alias(key, value),
            (Some(&record::ALIASES), 9) => self.aliases(key),
            (Some(&record::CREDENTIAL), 13) => {
                let account = key.get(1..9).and_then(record::tail_number).unwrap_or_default();
                let read = value.as_ref().map_err(reason).and_then(|value| {
                    record::read_credential(value).map_err(|error| error.to_string())
                });
                let detail = match read {
                    Err(detail) => detail,
                    Ok(_) if self.exists(account)? => return Ok(()),
                    Ok(_) => "it belongs to no account".to_owned(),
                };
                self.found(What::Credential, key, &detail, remove())
            }
            (Some(&record::ADMINISTRATOR), 9) => {
                let account = record::tail_number(key).unwrap_or_default();
                match value {
                    Err(error) => self.found(What::Grant, key, &reason(error), remove()),
                    Ok(_) if self.exists(account)? => Ok(()),
                    Ok(_) => self.found(What::Grant, key, "it belongs to no account", remove()),
                }
            }
            (Some(&(record::GRANT | record::GRANTED)), 17) => self.grant(key, value, remove()),
            (Some(0xFF), 14) if key.starts_with(b"\xFFlease") => match value {
                Ok(value) if value.len() == 8 => Ok(()),
                Ok(_) => self.found(What::Lease, key, "an epoch has 8 bytes", remove()),
                Err(error) => self.found(What::Lease, key, &reason(error), remove()),
            },
            _ => self.found(What::UnknownRecord, key, "", None),
        }
    }

    fn account_record(&mut self, key: &[u8]) -> Result<()> {
        let Some(id) = record::tail_number(key) else { return Ok(()) };
        self.max.account = self.max.account.max(id);
        let account = match self.account(id)? {
            Found::Whole(account) => account,
            Found::Damaged(detail) => {
                self.damaged.insert(id);
                return self.found(What::Account, key, &detail, Some(Fix::Account { id }));
            }
            Found::Missing => return Ok(()),
        };
        self.max.mailbox = self.max.mailbox.max(account.mailbox.0);
        self.mailboxes.insert(account.mailbox.0);
        for index in index_keys(&account) {
            self.leads_to(&index, id)?;
        }
        if !self.has_records(account.mailbox)? {
            let detail = format!("{}, mailbox {}", account.address, account.mailbox.0);
            self.found(What::MissingMailbox, key, &detail, None)?;
        }
        Ok(())
    }

    /// An entry by which an account is found.
    fn index(&mut self, key: &[u8], value: &crate::engine::Result<Value>) -> Result<()> {
        let id = match value {
            Ok(value) if value.len() == 8 => record::tail_number(value),
            // What should stand here is said with its account.
            _ => None,
        };
        let remove = Fix::Remove {
            space: Space::Directory,
            key: key.to_vec(),
            was: value.as_ref().ok().cloned(),
        };
        let Some(id) = id else {
            let detail = value.as_ref().map_or_else(reason, |_| "it is no account".into());
            return self.found(What::AccountIndex, key, &detail, Some(remove));
        };
        match self.account(id)? {
            Found::Whole(account) if index_keys(&account).iter().any(|own| own == key) => Ok(()),
            Found::Whole(_) => {
                self.found(What::AccountIndex, key, "its account has another one", Some(remove))
            }
            Found::Damaged(_) => Ok(()),
            Found::Missing => {
                self.max.account = self.max.account.max(id);
                if self.damaged.insert(id) {
                    let key = record::account_key(AccountId(id));
                    let fix = Some(Fix::Account { id });
                    self.found(What::Account, &key, "it is missing, its entries are there", fix)?;
                }
                Ok(())
            }
        }
    }

    /// What leads from a further address to its account.
    fn alias(&mut self, key: &[u8], value: &crate::engine::Result<Value>) -> Result<()> {
        let id = value.as_ref().ok().filter(|value| value.len() == 8);
        let id = id.and_then(|value| record::tail_number(value));
        let detail = match (value, id) {
            (Err(error), _) => reason(error),
            (Ok(_), None) => "it is no account".to_owned(),
            (Ok(_), Some(id)) => match self.aliases_of(id)? {
                Ok(all) if all.iter().any(|alias| record::alias_key(alias) == key) => return Ok(()),
                Ok(_) => "its account has no such address".to_owned(),
                // That is said with the list, which is made again from this.
                Err(_) if self.exists(id)? => return Ok(()),
                Err(_) => "there is no such account".to_owned(),
            },
        };
        let was = value.as_ref().ok().cloned();
        let fix = Fix::Remove { space: Space::Directory, key: key.to_vec(), was };
        self.found(What::AccountIndex, key, &detail, Some(fix))
    }

    /// Whether an index of an account leads to it.
    fn leads_to(&mut self, index: &[u8], id: u64) -> Result<()> {
        let detail = match self.reader.get(Space::Directory, index) {
            Ok(Some(entry)) if entry[..] == id.to_be_bytes() => return Ok(()),
            Ok(Some(_)) => "it leads to another account".to_owned(),
            Ok(None) => "it is missing".to_owned(),
            Err(error @ crate::engine::Error::Corrupt { .. }) => reason(&error),
            Err(error) => return Err(error.into()),
        };
        let fix = Fix::AccountIndex { key: index.to_vec(), id };
        self.found(What::AccountIndex, index, &detail, Some(fix))
    }

    /// An account's further addresses; none where it has no list.
    fn aliases_of(&self, id: u64) -> Result<std::result::Result<Vec<String>, String>> {
        let list = self.reader.get(Space::Directory, &record::aliases_key(AccountId(id)));
        match list {
            Ok(None) => Ok(Ok(Vec::new())),
            list => read_as(list, record::read_aliases),
        }
    }

    fn aliases(&mut self, key: &[u8]) -> Result<()> {
        let Some(id) = record::tail_number(key) else { return Ok(()) };
        let all = match self.aliases_of(id)? {
            Ok(all) if self.exists(id)? => all,
            Ok(_) => {
                let was = self.reader.get(Space::Directory, key).ok().flatten();
                let fix = Fix::Remove { space: Space::Directory, key: key.to_vec(), was };
                return self.found(What::AccountIndex, key, "there is no such account", Some(fix));
            }
            Err(detail) => {
                return self.found(What::AccountIndex, key, &detail, Some(Fix::Aliases { id }));
            }
        };
        for alias in all {
            self.leads_to(&record::alias_key(&alias), id)?;
        }
        Ok(())
    }

    fn grant(
        &mut self,
        key: &[u8],
        value: &crate::engine::Result<Value>,
        fix: Option<Fix>,
    ) -> Result<()> {
        let numbers = key.get(1..9).and_then(record::tail_number).zip(record::tail_number(key));
        let Some((first, second)) = numbers else { return Ok(()) };
        let of_mailbox = key[0] == record::GRANT;
        let (mailbox, account) = if of_mailbox { (first, second) } else { (second, first) };
        let (mailbox, account) = (MailboxNumber(mailbox), AccountId(account));
        let other = match of_mailbox {
            true => record::granted_key(account, mailbox),
            false => record::grant_key(mailbox, account),
        };
        let owner = self.reader.contains(Space::Directory, &record::mailbox_key(mailbox))?;
        let detail = match value {
            Err(error) => reason(error),
            Ok(value) if !record::is_grant(value) => "it grants nothing".to_owned(),
            Ok(_) if !self.exists(account.0)? => "there is no such account".to_owned(),
            // A mailbox whose index entry is lost is said with its account.
            Ok(_) if !owner && !self.has_owner(mailbox)? => "there is no such mailbox".to_owned(),
            Ok(_) if !self.reader.contains(Space::Directory, &other)? => {
                "its other side is missing".to_owned()
            }
            Ok(_) => return Ok(()),
        };
        self.found(What::Grant, key, &detail, fix)
    }

    fn has_owner(&self, mailbox: MailboxNumber) -> Result<bool> {
        let range = KeyRange::prefix([record::ACCOUNT]);
        let mut accounts = Cursor::new(self.reader, Space::Directory, range);
        while let Some((key, value)) = accounts.next()? {
            let id = AccountId(record::tail_number(&key).unwrap_or_default());
            if let Ok(value) = value
                && record::read_account(id, &value).is_ok_and(|account| account.mailbox == mailbox)
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn job(&mut self, key: &[u8]) -> Result<()> {
        let mailbox = key.get(2..10).and_then(record::tail_number).map(MailboxNumber);
        let detail = match (key.get(..2), mailbox, key.len()) {
            (Some(b"jm"), Some(mailbox), 10) => {
                if !self.reader.contains(Space::Directory, &record::mailbox_key(mailbox))? {
                    return Ok(());
                }
                "it would remove the mailbox of an account"
            }
            (Some(b"jf"), Some(mailbox), 18) => {
                let gone = !self.has_records(mailbox)?;
                let folder = keys::key(mailbox, keys::Kind::Folder, &[&key[10..]]);
                let folder = self.reader.get(Space::Mailbox, &folder);
                match (read_as(folder, FolderRecord::read)?, gone) {
                    (_, true) => return Ok(()),
                    (Ok(record), _) if record.state == FolderState::Detached => return Ok(()),
                    (Ok(_), _) => "it would remove a folder that is not deleted",
                    (Err(_), _) if self.is_removed(mailbox)? => return Ok(()),
                    (Err(_), _) => "its folder does not exist or is damaged",
                }
            }
            (Some(b"js" | b"jp" | b"jt"), Some(mailbox), 18) => {
                let folder = keys::key(mailbox, keys::Kind::Folder, &[&key[10..]]);
                if self.reader.contains(Space::Mailbox, &folder)?
                    || self.is_removed(mailbox)?
                    || !self.has_records(mailbox)?
                {
                    return Ok(());
                }
                "its folder does not exist"
            }
            _ => {
                let problem = Problem::new(What::UnknownRecord, "").record(Space::Queue, key);
                return self.sink.found(vec![problem], None);
            }
        };
        let mut problem = Problem::new(What::Job, detail).record(Space::Queue, key);
        problem.mailbox = mailbox;
        let fix = Fix::Remove { space: Space::Queue, key: key.to_vec(), was: Some(Value::new()) };
        self.sink.found(vec![problem], Some(fix))
    }

    /// The entry of a submitted message.
    fn submission(&mut self, key: &[u8], value: &crate::engine::Result<Value>) -> Result<()> {
        let Some((mailbox, message)) = queue::item_of(key) else { return Ok(()) };
        let detail = match value {
            Err(error) => reason(error),
            Ok(value) => match queue::Entry::read(value) {
                Err(error) => error.to_string(),
                Ok(_) => {
                    let hot = self.reader.get(Space::Mailbox, &keys::hot(mailbox, message));
                    match read_as(hot, Hot::read)? {
                        Ok(hot) if hot.flags & flags::SUBMITTED != 0 => return Ok(()),
                        Ok(_) => "its message was not submitted".to_owned(),
                        Err(_) if self.is_removed(mailbox)? => return Ok(()),
                        Err(_) => "its message does not exist or is damaged".to_owned(),
                    }
                }
            },
        };
        self.bad_record(What::Job, key, value, Some(mailbox), detail)
    }

    /// A message to other domains. Its bytes are looked at with its mailbox.
    fn outbound(&mut self, key: &[u8], value: &crate::engine::Result<Value>) -> Result<()> {
        let Some(id) = outbound::id_of(key) else { return Ok(()) };
        let detail = match value {
            Err(error) => reason(error),
            Ok(value) => match Letter::read(value) {
                Err(error) => error.to_string(),
                Ok(_) if self.has_records(id.mailbox)? || self.is_removed(id.mailbox)? => {
                    return Ok(());
                }
                Ok(_) => "its mailbox does not exist".to_owned(),
            },
        };
        self.bad_record(What::Job, key, value, Some(id.mailbox), detail)
    }

    /// An event of message tracking.
    fn event(&mut self, key: &[u8], value: &crate::engine::Result<Value>) -> Result<()> {
        let at = track::time_of(key).unwrap_or_default();
        let detail = match value {
            Err(error) => reason(error),
            Ok(value) => match track::Event::read(at, value) {
                Ok(_) => return Ok(()),
                Err(error) => error.to_string(),
            },
        };
        self.bad_record(What::Event, key, value, None, detail)
    }

    /// A record of the queue that is of no use, and goes.
    fn bad_record(
        &mut self,
        what: What,
        key: &[u8],
        value: &crate::engine::Result<Value>,
        mailbox: Option<MailboxNumber>,
        detail: String,
    ) -> Result<()> {
        let mut problem = Problem::new(what, detail).record(Space::Queue, key);
        problem.mailbox = mailbox;
        let was = value.as_ref().ok().cloned();
        let fix = Fix::Remove { space: Space::Queue, key: key.to_vec(), was };
        self.sink.found(vec![problem], Some(fix))
    }

    fn has_records(&self, mailbox: MailboxNumber) -> Result<bool> {
        let own = KeyRange::prefix(keys::mailbox_prefix(mailbox));
        Ok(!self.reader.keys(Space::Mailbox, &own, Direction::Forward, 1)?.is_empty())
    }

    fn is_removed(&self, mailbox: MailboxNumber) -> Result<bool> {
        Ok(self.reader.contains(Space::Queue, &jobs::mailbox_job(mailbox))?)
    }
}
