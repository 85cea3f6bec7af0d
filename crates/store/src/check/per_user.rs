//! What users have read in public folders (kind `51`), and what mailboxes keep of that (kind `50`): records in
//! parts, which are read whole.

use std::collections::BTreeSet;

use mapi::{FolderId, Guid};

use super::body::reason;
use super::cursor::collect;
use super::fix::Fix;
use super::pass::Pass;
use super::problem::What;
use crate::directory::record;
use crate::engine::{KeyRange, Reader, Scanned, Space};
use crate::keys::{self, Kind};
use crate::mailbox::{per_user, read_state};
use crate::record::parts::PART;
use crate::{MailboxNumber, Result};

/// Bytes of a key before the number of its part: 9, and 24 of a folder and a user, or of a folder.
const NAME: usize = 33;

impl Pass<'_> {
    pub(super) fn per_user(&mut self) -> Result<()> {
        for (kind, what) in [(Kind::PerUser, What::PerUser), (Kind::Seen, What::ReadState)] {
            // By name: a record is met once for each of its parts.
            let mut known: BTreeSet<Vec<u8>> = BTreeSet::new();
            self.each(kind, |pass, pair| {
                let Some(name) = pair.0.get(..NAME) else { return Ok(()) };
                if known.last().is_some_and(|last| last[..] == *name) {
                    return Ok(());
                }
                known.clear();
                known.insert(name.to_vec());
                let Some(detail) = fault(pass.reader, pass.number, pass.public, name)? else {
                    return Ok(());
                };
                let mut problem = pass.problem(what, detail).record(Space::Mailbox, name);
                if kind == Kind::Seen {
                    problem.folder = folder_of(name);
                }
                pass.found(problem, Fix::PerUser { name: name.to_vec() })
            })?;
        }
        Ok(())
    }
}

/// What is wrong with a record of either kind; None if nothing is. A repair asks again.
pub(super) fn fault(
    reader: &dyn Reader,
    mailbox: MailboxNumber,
    public: bool,
    name: &[u8],
) -> Result<Option<String>> {
    let parts = collect(reader, Space::Mailbox, KeyRange::prefix(name))?;
    if parts.is_empty() {
        return Ok(None);
    }
    let bytes = match whole(&parts) {
        Ok(bytes) => bytes,
        Err(detail) => return Ok(Some(detail)),
    };
    if name.get(8) == Some(&(Kind::PerUser as u8)) {
        return Ok(per_user::PerUser::read(&bytes).err().map(|error| error.to_string()));
    }
    if let Err(error) = read_state::Seen::read(&bytes) {
        return Ok(Some(error.to_string()));
    }
    if !public {
        return Ok(Some("in a mailbox each message says itself whether it is read".into()));
    }
    let there = match folder_of(name) {
        Some(id) => reader.contains(Space::Mailbox, &keys::folder(mailbox, id))?,
        None => false,
    };
    if !there {
        return Ok(Some("there is no such folder".into()));
    }
    let user = name.last_chunk::<16>().map(|guid| Guid(*guid)).unwrap_or(Guid::NULL);
    match reader.contains(Space::Directory, &record::guid_key(user))? {
        true => Ok(None),
        false => Ok(Some(format!("no account has the mailbox {user}"))),
    }
}

/// The bytes of a record whose parts follow each other, each but the last one full.
fn whole(parts: &[Scanned]) -> std::result::Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    for (index, (key, value)) in parts.iter().enumerate() {
        let number = key.last_chunk::<2>().map(|number| u16::from_be_bytes(*number));
        if number.map(usize::from) != Some(index) {
            return Err(format!("its part {index} is missing"));
        }
        let value = value.as_ref().map_err(reason)?;
        if index + 1 < parts.len() && value.len() != PART {
            return Err(format!("its part {index} is cut off"));
        }
        bytes.extend_from_slice(value);
    }
    Ok(bytes)
}

fn folder_of(name: &[u8]) -> Option<FolderId> {
    let (replica, counter) = keys::tail_id(name.get(9..17)?)?;
    Some(FolderId::new(replica, counter))
}
