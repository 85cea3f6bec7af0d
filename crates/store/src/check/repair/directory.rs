//! The directory of accounts: under its lock, and never to anybody's gain in rights.

use mapi::Guid;

use super::Mended;
use crate::check::cursor::{Cursor, collect};
use crate::check::pass::read_as;
use crate::directory::{self, index_keys, record};
use crate::engine::{Batch, Direction, KeyRange, Reader, Space, Value};
use crate::keys::{self, Kind};
use crate::record::head::Info;
use crate::{Account, AccountId, MailboxNumber, Result, Store};

/// Numbers of accounts and mailboxes that are passed over where the last one is not known: those of accounts
/// that were removed must not come again.
const MARGIN: u64 = 1 << 20;

/// Removes a record that is still the same, or still unreadable.
pub(super) fn remove(
    store: &Store,
    space: Space,
    key: &[u8],
    was: Option<&Value>,
) -> Result<Mended> {
    directory::write(store, Batch::reclaiming, |reader, batch| {
        match (reader.get(space, key), was) {
            (Ok(Some(now)), Some(was)) if now == *was => {
                batch.check_equals(space, key, &now[..]);
            }
            (Err(crate::engine::Error::Corrupt { .. }), None) => {}
            (Err(error), Some(_)) => return Err(error.into()),
            _ => return Ok(Mended::Fine),
        }
        batch.delete(space, key);
        Ok(Mended::done())
    })
}

/// Makes the record of an account again from the entries that lead to it.
pub(super) fn account(store: &Store, id: u64) -> Result<Mended> {
    let id = AccountId(id);
    directory::write(store, Batch::new, |reader, batch| {
        let key = record::account_key(id);
        let stored = reader.get(Space::Directory, &key);
        let missing = matches!(stored, Ok(None));
        if read_as(stored, |bytes| record::read_account(id, bytes))?.is_ok() {
            return Ok(Mended::Fine);
        }
        let entries = entries(reader, id)?;
        let raw = reader.get_unverified(Space::Directory, &key)?;
        let raw = raw.and_then(|bytes| record::read_account(id, &bytes).ok());
        // What the entries were made from is right.
        let raw = raw.filter(|raw| index_keys(raw).iter().all(|own| entries.contains(own)));
        let text = |kind: u8| {
            let entry = entries.iter().find(|entry| entry.first() == Some(&kind))?;
            String::from_utf8(entry[1..].to_vec()).ok()
        };
        let mailbox = entries.iter().find(|entry| entry.first() == Some(&record::BY_MAILBOX));
        let Some(mailbox) = mailbox.and_then(|entry| record::tail_number(entry)) else {
            if !missing {
                let why = "nothing says which mailbox it has".to_owned();
                return Ok(Mended::Cannot(why));
            }
            // Entries alone, without a mailbox, are what is left of an account that is gone.
            entries.iter().for_each(|entry| batch.delete(Space::Directory, &entry[..]));
            return Ok(Mended::done());
        };
        let mailbox = MailboxNumber(mailbox);
        let info = reader.get(Space::Mailbox, &keys::key(mailbox, Kind::Info, &[]));
        let info = read_as(info, Info::read)?.ok();
        let by_guid = entries.iter().find(|entry| entry.first() == Some(&record::BY_GUID));
        let by_guid = by_guid.and_then(|entry| <[u8; 16]>::try_from(&entry[1..]).ok()).map(Guid);
        let address = text(record::BY_ADDRESS)
            .unwrap_or_else(|| format!("account-{}@recovered.invalid", id.0));
        let made = Account {
            id,
            display_name: address.clone(),
            legacy_dn: match text(record::BY_LEGACY_DN) {
                Some(dn) => dn,
                None => directory::recipient_dn(&directory::site(reader)?, &address),
            },
            address,
            mailbox,
            mailbox_guid: info.map(|info| info.guid).or(by_guid).unwrap_or_else(Guid::random),
            disabled: true,
            // Whoever was verified before is not believed any more.
            credential_epoch: store.now().0,
        };
        let account = match raw {
            Some(raw) => Account { disabled: true, credential_epoch: store.now().0, ..raw },
            None => made,
        };
        batch.put(Space::Directory, key, record::write_account(&account));
        for own in index_keys(&account) {
            batch.put(Space::Directory, own, id.0.to_be_bytes());
        }
        let address = account.address;
        Ok(Mended::lost(vec![format!(
            "the display name of {address}, and whether it was disabled: look at it, then let it in \
             with `coffer user enable {address}`"
        )]))
    })
}

/// The entries that lead to an account.
fn entries(reader: &dyn Reader, id: AccountId) -> Result<Vec<Vec<u8>>> {
    let mut found = Vec::new();
    let range = KeyRange { from: vec![record::BY_ADDRESS], to: Some(vec![record::CREDENTIAL]) };
    let mut cursor = Cursor::new(reader, Space::Directory, range);
    while let Some((key, value)) = cursor.next()? {
        if value.is_ok_and(|value| value[..] == id.0.to_be_bytes()) {
            found.push(key.to_vec());
        }
    }
    Ok(found)
}

/// Writes an entry by which an account is found, unless it leads to another one that has it, too.
pub(super) fn index(store: &Store, key: &[u8], id: u64) -> Result<Mended> {
    directory::write(store, Batch::new, |reader, batch| {
        let account = |id: u64| {
            let stored = reader.get(Space::Directory, &record::account_key(AccountId(id)));
            read_as(stored, |bytes| record::read_account(AccountId(id), bytes))
        };
        let has = |account: std::result::Result<Account, String>| {
            account.is_ok_and(|account| {
                index_keys(&account).iter().any(|own| own == key)
                    || directory::alias::read(reader, account.id).is_ok_and(|(all, _)| {
                        all.iter().any(|alias| record::alias_key(alias) == key)
                    })
            })
        };
        if !has(account(id)?) {
            return Ok(Mended::Fine);
        }
        let stored = read_as(reader.get(Space::Directory, key), |bytes| {
            Ok(record::tail_number(bytes).filter(|_| bytes.len() == 8))
        })?;
        match stored.ok().flatten() {
            Some(other) if other == id => return Ok(Mended::Fine),
            Some(other) if has(account(other)?) => {
                let why = format!("account {other} has the same address, name or mailbox");
                return Ok(Mended::Cannot(why));
            }
            _ => {}
        }
        batch.put(Space::Directory, key, id.to_be_bytes());
        Ok(Mended::done())
    })
}

/// Makes the list of an account's further addresses again, in lower case, from the entries that lead to it.
pub(super) fn aliases(store: &Store, id: u64) -> Result<Mended> {
    let id = AccountId(id);
    directory::write(store, Batch::new, |reader, batch| {
        let key = record::aliases_key(id);
        let stored = reader.get(Space::Directory, &key);
        if matches!(stored, Ok(None)) || read_as(stored, record::read_aliases)?.is_ok() {
            return Ok(Mended::Fine);
        }
        let mut all = Vec::new();
        let mut cursor =
            Cursor::new(reader, Space::Directory, KeyRange::prefix(record::all_aliases()));
        while let Some((key, value)) = cursor.next()? {
            if value.is_ok_and(|value| value[..] == id.0.to_be_bytes())
                && all.len() < record::MAX_ALIASES
            {
                all.push(String::from_utf8_lossy(&key[1..]).into_owned());
            }
        }
        match all.is_empty() {
            true => batch.delete(Space::Directory, key),
            false => batch.put(Space::Directory, key, record::write_aliases(&all)),
        }
        Ok(Mended::done())
    })
}

/// Raises the last numbers. Zeros stand for what is not known.
pub(super) fn numbers(store: &Store, account: u64, mailbox: u64) -> Result<Mended> {
    directory::write(store, Batch::new, |reader, batch| {
        let stored = reader.get(Space::Directory, record::COUNTERS);
        let stored = read_as(stored, record::Counters::read)?;
        let mut counters = match stored {
            Ok(stored) if stored.account >= account && stored.mailbox >= mailbox => {
                return Ok(Mended::Fine);
            }
            Ok(stored) => stored,
            Err(_) => in_use(reader)?,
        };
        counters.account = counters.account.max(account);
        counters.mailbox = counters.mailbox.max(mailbox);
        batch.put(Space::Directory, record::COUNTERS, counters.to_bytes());
        Ok(Mended::done())
    })
}

fn in_use(reader: &dyn Reader) -> Result<record::Counters> {
    let mut counters = record::Counters::default();
    let range = KeyRange { from: vec![record::ACCOUNT], to: None };
    let mut cursor = Cursor::new(reader, Space::Directory, range);
    while let Some((key, value)) = cursor.next()? {
        let number = record::tail_number(&key).unwrap_or_default();
        match key.first() {
            Some(&record::ACCOUNT) => counters.account = counters.account.max(number),
            Some(&(record::BY_MAILBOX | 0xFF)) => counters.mailbox = counters.mailbox.max(number),
            _ => {}
        }
        let _ = value;
    }
    let last = KeyRange { from: Vec::new(), to: None };
    if let Ok(keys) = reader.keys(Space::Mailbox, &last, Direction::Reverse, 1)
        && let Some(number) = keys.first().and_then(|key| key.first_chunk::<8>())
    {
        counters.mailbox = counters.mailbox.max(u64::from_be_bytes(*number));
    }
    counters.account += MARGIN;
    counters.mailbox += MARGIN;
    Ok(counters)
}

/// Makes the record with the organisation's name again from an account's legacy DN.
pub(super) fn site(store: &Store) -> Result<Mended> {
    directory::write(store, Batch::new, |reader, batch| {
        let stored = reader.get(Space::Directory, record::SITE);
        if read_as(stored, record::Site::read)?.is_ok() {
            return Ok(Mended::Fine);
        }
        let mut organization = store.inner.options.organization.clone();
        let range = KeyRange::prefix([record::ACCOUNT]);
        for (key, value) in collect(reader, Space::Directory, range)? {
            let id = AccountId(record::tail_number(&key).unwrap_or_default());
            if let Ok(value) = value
                && let Ok(account) = record::read_account(id, &value)
                && let Some(rest) = account.legacy_dn.strip_prefix("/o=")
            {
                organization = rest.split('/').next().unwrap_or_default().to_owned();
                break;
            }
        }
        let site = record::Site { organization, server: "COFFER".into() };
        batch.put(Space::Directory, record::SITE, site.to_bytes());
        Ok(Mended::done())
    })
}
