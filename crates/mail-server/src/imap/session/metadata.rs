//! METADATA (RFC 5464): notes on mailboxes and on the server, private and shared.
//!
//! They stand in one property of the folder, or of the own store object for the server: a list of texts, each the GUID
//! of whose note it is (null for a shared one), its name, a null, and its value.

use mapi::{FolderId, Guid, PropertyType, PropertyValue};
use store::mailbox::store_properties;
use store::permission::Action;

use super::place::{self, User};
use super::property::Named;
use super::{Fail, Outcome, Session, done, done_with, no, special};
use crate::imap::command::{Depth, Name};
use crate::imap::response::{literal, mailbox, put, string};

/// Bytes of a value (MAXSIZE), of the notes on one mailbox, and how many of one user there are on it.
const MAX_VALUE: usize = 16 << 10;
const MAX_TOGETHER: usize = 256 << 10;
const MAX_NOTES: usize = 64;
/// Bytes of a name.
const MAX_NAME: usize = 256;

const PROPERTY: Named = Named { name: "coffer:ImapMetadata", kind: PropertyType::MULTIPLE_BINARY };
/// RFC 6154 5.
const SPECIAL_USE: &str = "/private/specialuse";

#[derive(Debug, Clone, PartialEq, Eq)]
struct Note {
    /// Null for a shared one.
    of: Guid,
    /// In lower case.
    name: String,
    value: Vec<u8>,
}

impl Note {
    fn read(bytes: &[u8]) -> Option<Note> {
        let (guid, rest) = bytes.split_first_chunk::<16>()?;
        let end = rest.iter().position(|byte| *byte == 0)?;
        let name = std::str::from_utf8(&rest[..end]).ok()?.to_owned();
        Some(Note { of: Guid(*guid), name, value: rest[end + 1..].to_vec() })
    }

    fn to_bytes(&self) -> Vec<u8> {
        [&self.of.0[..], self.name.as_bytes(), &[0], &self.value].concat()
    }
}

/// Where notes stand.
struct Notes {
    user: User,
    /// None for the server.
    folder: Option<FolderId>,
}

impl Session {
    pub(super) fn get_metadata(
        &self,
        name: &Name,
        entries: &[String],
        depth: Depth,
        max_size: Option<u32>,
        w: &mut Vec<u8>,
    ) -> Outcome {
        let notes = self.notes(name)?;
        if let Some(folder) = notes.folder {
            notes.user.needs(folder, place::READ)?;
        }
        let own = notes.user.account.mailbox_guid;
        let mut all = notes.read()?;
        all.extend(notes.computed()?);
        all.retain(|note| note.of == own || note.of == Guid::NULL);
        all.retain(|note| entries.iter().any(|entry| is_below(entry, &note.name, depth)));
        let limit = max_size.map_or(usize::MAX, |size| size as usize);
        // RFC 5464 4.2.1: the largest that was left out.
        let longest = all.iter().map(|note| note.value.len()).filter(|size| *size > limit).max();
        all.retain(|note| note.value.len() <= limit);
        let missing = entries.iter().filter(|entry| !all.iter().any(|note| note.name == **entry));
        let missing: Vec<&String> =
            missing.filter(|_| depth == Depth::Zero && longest.is_none()).collect();
        if !all.is_empty() || !missing.is_empty() {
            put(w, "* METADATA ");
            mailbox(w, &self.named(name)?, self.utf8);
            put(w, " (");
            let mut first = true;
            let mut next = |w: &mut Vec<u8>, name: &str| {
                put(w, if std::mem::take(&mut first) { "" } else { " " });
                put(w, name);
                put(w, " ");
            };
            for note in &all {
                next(w, &note.name);
                match note.value.contains(&0) {
                    true => {
                        put(w, "~");
                        literal(w, &note.value);
                    }
                    false => string(w, &note.value),
                }
            }
            for name in missing {
                next(w, name);
                put(w, "NIL");
            }
            put(w, ")\r\n");
        }
        match longest {
            Some(size) => done_with(format!("METADATA LONGENTRIES {size}"), "Some are longer"),
            None => done("These are the notes"),
        }
    }

    pub(super) fn set_metadata(
        &self,
        name: &Name,
        entries: &[(String, Option<Vec<u8>>)],
    ) -> Outcome {
        let notes = self.notes(name)?;
        let own = notes.user.account.mailbox_guid;
        let mut all = notes.read()?;
        for (name, value) in entries {
            let of = match name.split('/').nth(1) {
                Some("private") => own,
                _ => Guid::NULL,
            };
            match notes.folder {
                Some(folder) if of == own => notes.user.needs(folder, place::READ)?,
                Some(folder) => notes.user.needs(folder, Action::ChangeFolder)?,
                // What the server says to all is not for one of them to change.
                None if of == Guid::NULL => {
                    return Err(no("NOPERM", "notes of the server are not yours to change"));
                }
                None => {}
            }
            if name == SPECIAL_USE {
                return Err(no("NOPERM", "a special use is given by CREATE"));
            }
            all.retain(|note| note.of != of || note.name != *name);
            let Some(value) = value else { continue };
            if value.len() > MAX_VALUE {
                return Err(Fail::No(
                    Some("METADATA MAXSIZE 16384".into()),
                    "a note is longer than 16384 bytes".into(),
                ));
            }
            all.push(Note { of, name: name.clone(), value: value.clone() });
            let many = all.iter().filter(|note| note.of == of).count() > MAX_NOTES;
            let bytes: usize = all.iter().map(|note| note.value.len() + note.name.len()).sum();
            if many || bytes > MAX_TOGETHER || name.len() > MAX_NAME {
                return Err(no("METADATA TOOMANY", "there are too many notes on this mailbox"));
            }
        }
        notes.write(&all)?;
        done("Noted")
    }

    fn notes(&self, name: &Name) -> Result<Notes, Fail> {
        if name.0.is_empty() {
            return Ok(Notes { user: self.user()?.clone(), folder: None });
        }
        let (user, folder) = self.folder(name)?;
        Ok(Notes { user, folder: Some(folder) })
    }
}

impl Notes {
    fn read(&self) -> Result<Vec<Note>, Fail> {
        let mailbox = &*self.user.mailbox;
        let Some(tag) = PROPERTY.tag(mailbox)? else { return Ok(Vec::new()) };
        let values = match self.folder {
            Some(folder) => store::folder::get(mailbox, folder, &[tag])?,
            None => store_properties::get(mailbox, &[tag])?,
        };
        let Some(value) = values.into_iter().next().flatten() else { return Ok(Vec::new()) };
        match mailbox.store().load(&value, 2 * MAX_TOGETHER as u64)? {
            PropertyValue::MultipleBinary(all) => {
                Ok(all.iter().filter_map(|bytes| Note::read(bytes)).collect())
            }
            _ => Ok(Vec::new()),
        }
    }

    fn write(&self, notes: &[Note]) -> Result<(), Fail> {
        let mailbox = &*self.user.mailbox;
        let tag = PROPERTY.made(mailbox)?;
        let value = PropertyValue::MultipleBinary(notes.iter().map(Note::to_bytes).collect());
        match self.folder {
            Some(folder) => {
                store::folder::set(mailbox, folder, vec![(tag, value.into())]).map(drop)?
            }
            None => store_properties::set(mailbox, vec![(tag, value.into())]).map(drop)?,
        }
        Ok(())
    }

    /// What follows from elsewhere.
    fn computed(&self) -> Result<Option<Note>, Fail> {
        let Some(folder) = self.folder.filter(|_| self.user.prefix.is_empty()) else {
            return Ok(None);
        };
        let value = special::Uses::read(&self.user.mailbox)?.of(folder);
        let of = self.user.account.mailbox_guid;
        Ok(value.map(|value| Note { of, name: SPECIAL_USE.into(), value: value.into() }))
    }
}

fn is_below(entry: &str, name: &str, depth: Depth) -> bool {
    if entry == name {
        return true;
    }
    let below = name.strip_prefix(entry).and_then(|rest| rest.strip_prefix('/'));
    match (below, depth) {
        (None, _) | (_, Depth::Zero) => false,
        (Some(below), Depth::One) => !below.contains('/'),
        (Some(_), Depth::Infinity) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_come_back_and_damaged_ones_are_none() {
        let note = Note { of: Guid([7; 16]), name: "/private/x".into(), value: b"a\0b".to_vec() };
        assert_eq!(Note::read(&note.to_bytes()), Some(note.clone()));
        assert_eq!(Note::read(&note.to_bytes()[..20]), None);
        assert_eq!(Note::read(b""), None);
    }

    #[test]
    fn depth_says_what_is_below() {
        assert!(is_below("/private", "/private", Depth::Zero));
        assert!(is_below("/private", "/private/a", Depth::One));
        assert!(!is_below("/private", "/private/a/b", Depth::One));
        assert!(is_below("/private", "/private/a/b", Depth::Infinity));
        assert!(!is_below("/priv", "/private", Depth::Infinity));
    }
}
