//! What IMAP URLs name: CATENATE (RFC 4469) and URLAUTH (RFC 4467).

use std::fmt::Write as _;

use mapi::{FolderId, PropertyType, PropertyValue, Wire};
use sha2::{Digest, Sha256};
use store::mailbox::store_properties;
use store::{Mailbox, StoreError, message};
use subtle::ConstantTimeEq;

use super::place::{READ, User};
use super::property::Named;
use super::{Fail, Outcome, Session, done, done_with, no, source};
use crate::imap::command::{Name, Piece};
use crate::imap::names;
use crate::imap::response::{literal, put, string};
use crate::imap::structure;
use crate::imap::url::{self, Access, Url};

/// A property of the store object: the key of the mailbox, and what was added to the keys of single folders.
const PROPERTY: Named = Named { name: "coffer:ImapUrlKeys", kind: PropertyType::MULTIPLE_BINARY };
const KEY: usize = 32;
/// Folders whose keys were reset by themselves; one more resets all.
const MAX_RESET: usize = 1_000;
const INTERNAL: &str = "INTERNAL";

impl Session {
    /// Puts the pieces of a message together (RFC 4469 3).
    pub(super) fn catenated(&self, pieces: Vec<Piece>) -> Result<Vec<u8>, Fail> {
        let limit = self.options.append_limit as usize;
        let mut whole = Vec::new();
        for piece in pieces {
            let bytes = match piece {
                Piece::Text(bytes) => bytes,
                Piece::Url(text) => {
                    let bad = || Fail::BadUrl(text.clone());
                    let url = url::parse(&text).ok_or_else(bad)?;
                    match self.named_by(&text, &url)? {
                        Some(bytes) => bytes,
                        None => return Err(bad()),
                    }
                }
            };
            if bytes.len() > limit.saturating_sub(whole.len()) {
                return Err(no("TOOBIG", "the message is larger than APPENDLIMIT says"));
            }
            whole.extend_from_slice(&bytes);
        }
        Ok(whole)
    }

    pub(super) fn generate(&self, urls: &[(String, String)], w: &mut Vec<u8>) -> Outcome {
        let user = self.user()?;
        let mut made = String::new();
        for (text, mechanism) in urls {
            let url = url::parse(text).ok_or(Fail::Bad("that is no URL of a message"))?;
            if url.access.is_none() || url.token.is_some() {
                return Err(Fail::Bad("a URL ends with ;URLAUTH= and who may use it"));
            }
            if !mechanism.eq_ignore_ascii_case(INTERNAL) {
                return Err(Fail::Bad("there is no such mechanism of URLAUTH"));
            }
            // RFC 4467 6: the owner of the mailbox, and nobody else.
            let named = url.server.as_ref().and_then(|server| server.user.as_deref());
            if !named.is_some_and(|named| named.eq_ignore_ascii_case(&user.account.address)) {
                return Err(Fail::Bad("a URL names you, and this server"));
            }
            let folder = own_folder(user, &url)?;
            let folder = folder.ok_or_else(|| no("NONEXISTENT", "there is no such mailbox"))?;
            let key = folder_key(&user.mailbox, folder, true)?;
            let key = key.ok_or_else(|| no("LIMIT", "no more properties"))?;
            let _ = write!(made, " \"{text}:internal:{}\"", token(&key, text));
        }
        put(w, &format!("* GENURLAUTH{made}\r\n"));
        done("These may be given away")
    }

    pub(super) fn fetch_urls(&self, urls: &[String], w: &mut Vec<u8>) -> Outcome {
        self.user()?;
        let limit = self.options.append_limit as usize;
        put(w, "* URLFETCH");
        let begin = w.len();
        for text in urls {
            put(w, " ");
            string(w, text.as_bytes());
            put(w, " ");
            let found = match url::parse(text).filter(|url| url.access.is_some()) {
                Some(url) => self.named_by(text, &url),
                None => Ok(None),
            };
            // Why one cannot be had is not told (RFC 4467 7).
            match found {
                Ok(Some(bytes)) if w.len() - begin + bytes.len() <= limit => literal(w, &bytes),
                _ => put(w, "NIL"),
            }
        }
        put(w, "\r\n");
        done("This is what could be had")
    }

    pub(super) fn reset_keys(&self, name: Option<&Name>, mechanisms: &[String]) -> Outcome {
        let user = self.user()?;
        if !mechanisms.iter().all(|name| name.eq_ignore_ascii_case(INTERNAL)) {
            return Err(Fail::Bad("there is no such mechanism of URLAUTH"));
        }
        let folder = match name {
            None => None,
            Some(name) => {
                let (place, folder) = self.folder(name)?;
                if !place.prefix.is_empty() {
                    return Err(no("NOPERM", "the keys of a mailbox are its owner's"));
                }
                Some(folder)
            }
        };
        let mut keys =
            Keys::read(&user.mailbox)?.unwrap_or(Keys { key: random()?, reset: Vec::new() });
        match folder {
            Some(folder) if keys.reset.len() < MAX_RESET => {
                keys.reset.retain(|(known, _)| *known != folder);
                keys.reset.push((folder, random()?));
            }
            _ => keys = Keys { key: random()?, reset: Vec::new() },
        }
        keys.write(&user.mailbox)?;
        done_with(format!("URLMECH {INTERNAL}"), "URLs that were given away are worth nothing now")
    }

    /// The bytes that a URL names, if this user may have them.
    fn named_by(&self, text: &str, url: &Url) -> Result<Option<Vec<u8>>, Fail> {
        let user = self.user()?;
        let Some(access) = &url.access else {
            // Without a grant, what is the user's own anyway.
            let named = url.server.as_ref().and_then(|server| server.user.as_deref());
            if named.is_some_and(|named| !named.eq_ignore_ascii_case(&user.account.address)) {
                return Ok(None);
            }
            return match self.folder_at(&url.mailbox)? {
                Some((place, folder)) => bytes_of(&place, folder, url),
                None => Ok(None),
            };
        };
        let (Some(server), Some(given)) = (&url.server, &url.token) else { return Ok(None) };
        let now = self.store.now().to_unix().0;
        let allowed = match access {
            Access::Anonymous | Access::AnyUser => true,
            Access::User(name) => name.eq_ignore_ascii_case(&user.account.address),
            // Only a server of submission may use it, and none logs in here (RFC 4467 3).
            Access::Submit(_) => false,
        };
        if !allowed || given.mechanism != INTERNAL || url.expire.is_some_and(|at| at <= now) {
            return Ok(None);
        }
        let Some(owner) = server.user.as_deref() else { return Ok(None) };
        let Some(account) = self.store.account_by_address(owner)? else { return Ok(None) };
        if account.disabled {
            return Ok(None);
        }
        let owner = User::own(&self.store, account)?;
        let Some(folder) = own_folder(&owner, url)? else { return Ok(None) };
        let Some(key) = folder_key(&owner.mailbox, folder, false)? else { return Ok(None) };
        let Some(rump) = url::rump(text) else { return Ok(None) };
        let expected = token(&key, rump);
        match bool::from(expected.as_bytes().ct_eq(given.value.as_bytes())) {
            true => bytes_of(&owner, folder, url),
            false => Ok(None),
        }
    }
}

fn own_folder(owner: &User, url: &Url) -> Result<Option<FolderId>, StoreError> {
    names::find(&owner.mailbox, &url.mailbox)
}

fn bytes_of(place: &User, folder: FolderId, url: &Url) -> Result<Option<Vec<u8>>, Fail> {
    if !place.may(folder, READ)? {
        return Ok(None);
    }
    let info = store::folder::info(&place.mailbox, folder)?;
    if url.uid_validity.is_some_and(|validity| validity != info.uid_validity) {
        return Ok(None);
    }
    let listed = message::list(&place.mailbox, folder)?;
    let Ok(at) = listed.binary_search_by_key(&url.uid, |listed| listed.uid) else {
        return Ok(None);
    };
    let bytes = match source::received(&place.mailbox, listed[at].id) {
        Ok(bytes) => bytes,
        Err(StoreError::NotFound(_)) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let root = structure::parse(&bytes);
    let Some(found) = root.section(&url.section) else { return Ok(None) };
    let (offset, length) = url.partial.unwrap_or((0, None));
    let from = (offset as usize).min(found.len());
    let to = length.map_or(found.len(), |length| from.saturating_add(length as usize));
    Ok(Some(found[from..to.min(found.len())].to_vec()))
}

/// The keys of a mailbox. They stand on the store object, which nobody but the owner can read.
struct Keys {
    key: [u8; KEY],
    reset: Vec<(FolderId, [u8; KEY])>,
}

impl Keys {
    fn read(mailbox: &Mailbox) -> Result<Option<Keys>, Fail> {
        let Some(tag) = PROPERTY.tag(mailbox)? else { return Ok(None) };
        let value = store_properties::get(mailbox, &[tag])?.into_iter().next().flatten();
        let Some(value) = value else { return Ok(None) };
        let PropertyValue::MultipleBinary(all) = mailbox.store().load(&value, 1 << 20)? else {
            return Ok(None);
        };
        let Some(key) = all.first().and_then(|key| key.as_slice().try_into().ok()) else {
            return Ok(None);
        };
        let reset = all[1..].iter().filter_map(|bytes| {
            let mut reader = mapi::Reader::new(bytes);
            let folder = FolderId::read(&mut reader).ok()?;
            let key = bytes.get(bytes.len().checked_sub(KEY)?..)?.try_into().ok()?;
            Some((folder, key))
        });
        Ok(Some(Keys { key, reset: reset.collect() }))
    }

    fn write(&self, mailbox: &Mailbox) -> Result<(), Fail> {
        let tag = PROPERTY.made(mailbox)?;
        let mut all = vec![self.key.to_vec()];
        for (folder, key) in &self.reset {
            let mut bytes = Vec::new();
            folder.write(&mut bytes);
            bytes.extend_from_slice(key);
            all.push(bytes);
        }
        store_properties::set(mailbox, vec![(tag, PropertyValue::MultipleBinary(all).into())])?;
        Ok(())
    }
}

/// The key of a folder (RFC 4467 3): what no other folder and no other mailbox has.
fn folder_key(
    mailbox: &Mailbox,
    folder: FolderId,
    create: bool,
) -> Result<Option<[u8; KEY]>, Fail> {
    let keys = match Keys::read(mailbox)? {
        Some(keys) => keys,
        None if create => {
            let keys = Keys { key: random()?, reset: Vec::new() };
            keys.write(mailbox)?;
            keys
        }
        None => return Ok(None),
    };
    let mut what = Vec::new();
    folder.write(&mut what);
    let reset = keys.reset.iter().find(|(known, _)| *known == folder);
    what.extend(reset.iter().flat_map(|(_, key)| key));
    Ok(Some(hmac(&keys.key, &what)))
}

/// The token of a URL that ends with who may use it.
fn token(key: &[u8; KEY], rump: &str) -> String {
    let mut text = String::with_capacity(2 * KEY);
    for byte in hmac(key, rump.as_bytes()) {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// HMAC-SHA-256 (RFC 2104), for keys that are not longer than a block.
fn hmac(key: &[u8; KEY], message: &[u8]) -> [u8; KEY] {
    let padded = |with: u8| {
        let mut block = [with; 64];
        block.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
        block
    };
    let inner = Sha256::new().chain_update(padded(0x36)).chain_update(message).finalize();
    Sha256::new().chain_update(padded(0x5c)).chain_update(inner).finalize().into()
}

fn random() -> Result<[u8; KEY], Fail> {
    let mut key = [0; KEY];
    getrandom::fill(&mut key)
        .map_err(|_| no("UNAVAILABLE", "the system has no random numbers now"))?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_of_a_message_is_that_of_the_rfc() {
        // RFC 4231 4.3 has keys of other lengths; this is RFC 2104 over SHA-256 with 32 bytes, by another program.
        let key: [u8; KEY] = std::array::from_fn(|at| at as u8);
        let text: String =
            hmac(&key, b"message").iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(text, "6297b77508a1a30ea4dfadd8f847c31b49aba45de10a79daf721d3f7ec112a24");
    }
}
