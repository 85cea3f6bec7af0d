//! The keys and records of the space `Directory`.
//!
//! Every key begins with one byte of its kind; the engine keeps leases under 0xFF. Numbers in keys are
//! big-endian, so they sort.

use mapi::{Guid, Reader as WireReader, Wire, WireError};

use super::{Account, AccountId};
use crate::MailboxNumber;
use crate::record::{read_bytes, version, write_bytes};

/// The organisation and the server's name, fixed when the store is made.
pub(crate) const SITE: &[u8] = &[0x01];
/// The last numbers that were given out.
pub(crate) const COUNTERS: &[u8] = &[0x02];

pub(crate) const ACCOUNT: u8 = 0x10;
pub(crate) const BY_ADDRESS: u8 = 0x11;
pub(crate) const BY_LEGACY_DN: u8 = 0x12;
pub(crate) const BY_GUID: u8 = 0x13;
pub(crate) const BY_MAILBOX: u8 = 0x14;
pub(crate) const CREDENTIAL: u8 = 0x15;
pub(crate) const GRANT: u8 = 0x16;
pub(crate) const GRANTED: u8 = 0x17;
pub(crate) const ADMINISTRATOR: u8 = 0x18;
pub(crate) const BY_ALIAS: u8 = 0x19;
pub(crate) const ALIASES: u8 = 0x1A;

/// Further addresses of an account at most.
pub(crate) const MAX_ALIASES: usize = 256;

const VERSION: u8 = 1;

/// How names are compared: without regard to case.
pub(crate) fn fold(name: &str) -> String {
    name.to_lowercase()
}

pub(crate) fn account_key(id: AccountId) -> Vec<u8> {
    numbered(ACCOUNT, id.0)
}

/// The prefix of all addresses, which sort as their folded text.
pub(crate) fn addresses() -> Vec<u8> {
    vec![BY_ADDRESS]
}

pub(crate) fn address_key(address: &str) -> Vec<u8> {
    named(BY_ADDRESS, &fold(address))
}

/// The prefix of all further addresses.
pub(crate) fn all_aliases() -> Vec<u8> {
    vec![BY_ALIAS]
}

/// What leads from a further address to its account; `@domain` from all of a domain that nobody has.
pub(crate) fn alias_key(address: &str) -> Vec<u8> {
    named(BY_ALIAS, &fold(address))
}

/// The further addresses of an account.
pub(crate) fn aliases_key(id: AccountId) -> Vec<u8> {
    numbered(ALIASES, id.0)
}

pub(crate) fn read_aliases(bytes: &[u8]) -> Result<Vec<String>, WireError> {
    let mut r = WireReader::new(bytes);
    version(&mut r, VERSION)?;
    let count = usize::from(u16::read(&mut r)?);
    (0..count.min(MAX_ALIASES)).map(|_| read_text(&mut r)).collect()
}

pub(crate) fn write_aliases(aliases: &[String]) -> Vec<u8> {
    let mut w = vec![VERSION];
    (aliases.len() as u16).write(&mut w);
    aliases.iter().for_each(|alias| write_bytes(&mut w, alias.as_bytes()));
    w
}

pub(crate) fn legacy_dn_key(dn: &str) -> Vec<u8> {
    named(BY_LEGACY_DN, &fold(dn))
}

pub(crate) fn guid_key(guid: Guid) -> Vec<u8> {
    [&[BY_GUID], &guid.0[..]].concat()
}

/// The prefix of all mailboxes that belong to an account.
pub(crate) fn mailboxes() -> Vec<u8> {
    vec![BY_MAILBOX]
}

pub(crate) fn mailbox_key(mailbox: MailboxNumber) -> Vec<u8> {
    numbered(BY_MAILBOX, mailbox.0)
}

/// The prefix of an account's credentials; behind it stands the credential's number in four bytes.
pub(crate) fn credentials(id: AccountId) -> Vec<u8> {
    numbered(CREDENTIAL, id.0)
}

/// The credential that [`set_password`](crate::Store::set_password) replaces.
pub(crate) fn password_key(id: AccountId) -> Vec<u8> {
    [credentials(id), vec![0; 4]].concat()
}

/// The prefix of a mailbox's grants; behind it stands the grantee.
pub(crate) fn grants(mailbox: MailboxNumber) -> Vec<u8> {
    numbered(GRANT, mailbox.0)
}

pub(crate) fn grant_key(mailbox: MailboxNumber, grantee: AccountId) -> Vec<u8> {
    [&grants(mailbox)[..], &grantee.0.to_be_bytes()].concat()
}

/// The prefix of the mailboxes that were granted to an account: the grants, seen from the other side.
pub(crate) fn granted(grantee: AccountId) -> Vec<u8> {
    numbered(GRANTED, grantee.0)
}

pub(crate) fn granted_key(grantee: AccountId, mailbox: MailboxNumber) -> Vec<u8> {
    [&granted(grantee)[..], &mailbox.0.to_be_bytes()].concat()
}

/// What a grant's entry says; one byte.
pub(crate) fn read_grants(value: &[u8]) -> super::Grants {
    super::Grants(value.first().copied().unwrap_or(0))
}

/// Whether a value is that of a grant's entry: a byte that grants something, and nothing else.
pub(crate) fn is_grant(value: &[u8]) -> bool {
    let grants = read_grants(value);
    value.len() == 1 && !grants.is_empty() && super::Grants::EVERYTHING.contains(grants)
}

/// Says that an account may open every mailbox.
pub(crate) fn administrator_key(id: AccountId) -> Vec<u8> {
    numbered(ADMINISTRATOR, id.0)
}

/// The number that a key or an entry of an index ends with.
pub(crate) fn tail_number(bytes: &[u8]) -> Option<u64> {
    let start = bytes.len().checked_sub(8)?;
    Some(u64::from_be_bytes(bytes[start..].try_into().ok()?))
}

fn numbered(kind: u8, number: u64) -> Vec<u8> {
    [&[kind][..], &number.to_be_bytes()].concat()
}

fn named(kind: u8, name: &str) -> Vec<u8> {
    [&[kind], name.as_bytes()].concat()
}

/// The last account and mailbox numbers.
///
/// INVARIANT: a number is used only in the batch that makes it durable here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Counters {
    pub(crate) account: u64,
    pub(crate) mailbox: u64,
}

impl Counters {
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, WireError> {
        let mut r = WireReader::new(bytes);
        version(&mut r, VERSION)?;
        Ok(Counters { account: u64::read(&mut r)?, mailbox: u64::read(&mut r)? })
    }

    pub(crate) fn to_bytes(self) -> Vec<u8> {
        let mut w = vec![VERSION];
        self.account.write(&mut w);
        self.mailbox.write(&mut w);
        w
    }
}

/// What all legacy DNs of a store begin with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Site {
    pub(crate) organization: String,
    pub(crate) server: String,
}

impl Site {
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, WireError> {
        let mut r = WireReader::new(bytes);
        version(&mut r, VERSION)?;
        Ok(Site { organization: read_text(&mut r)?, server: read_text(&mut r)? })
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut w = vec![VERSION];
        write_bytes(&mut w, self.organization.as_bytes());
        write_bytes(&mut w, self.server.as_bytes());
        w
    }
}

pub(crate) fn read_account(id: AccountId, bytes: &[u8]) -> Result<Account, WireError> {
    let mut r = WireReader::new(bytes);
    let r = &mut r;
    version(r, VERSION)?;
    Ok(Account {
        id,
        address: read_text(r)?,
        display_name: read_text(r)?,
        legacy_dn: read_text(r)?,
        mailbox: MailboxNumber(u64::read(r)?),
        mailbox_guid: Guid::read(r)?,
        disabled: bool::read(r)?,
        credential_epoch: u64::read(r)?,
    })
}

pub(crate) fn write_account(account: &Account) -> Vec<u8> {
    let mut w = vec![VERSION];
    write_bytes(&mut w, account.address.as_bytes());
    write_bytes(&mut w, account.display_name.as_bytes());
    write_bytes(&mut w, account.legacy_dn.as_bytes());
    account.mailbox.0.write(&mut w);
    account.mailbox_guid.write(&mut w);
    account.disabled.write(&mut w);
    account.credential_epoch.write(&mut w);
    w
}

fn read_text(r: &mut WireReader<'_>) -> Result<String, WireError> {
    Ok(String::from_utf8_lossy(read_bytes(r)?).into_owned())
}

/// Kinds of credentials.
const ARGON2: u8 = 1;

/// A credential that is a hash in PHC form; None for a kind that this program does not know.
pub(crate) fn read_credential(bytes: &[u8]) -> Result<Option<String>, WireError> {
    let mut r = WireReader::new(bytes);
    version(&mut r, VERSION)?;
    match u8::read(&mut r)? {
        ARGON2 => Ok(Some(read_text(&mut r)?)),
        _ => Ok(None),
    }
}

pub(crate) fn write_credential(phc: &str) -> Vec<u8> {
    let mut w = vec![VERSION, ARGON2];
    write_bytes(&mut w, phc.as_bytes());
    w
}

/// Any bytes as each record of the directory: what comes of it does not matter, but that it ends well.
pub(crate) fn read_any(bytes: &[u8]) {
    let _ = Counters::read(bytes);
    let _ = Site::read(bytes);
    let _ = read_account(AccountId(1), bytes);
    let _ = read_credential(bytes);
    let _ = read_aliases(bytes);
    let _ = tail_number(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_survives_and_no_part_of_it_is_taken_for_it() {
        let account = Account {
            id: AccountId(7),
            address: "Ä@example.test".into(),
            display_name: "Ä".into(),
            legacy_dn: "/o=X".into(),
            mailbox: MailboxNumber(9),
            mailbox_guid: Guid([3; 16]),
            disabled: true,
            credential_epoch: 5,
        };
        let bytes = write_account(&account);
        assert_eq!(read_account(AccountId(7), &bytes), Ok(account));
        for cut in 0..bytes.len() {
            assert!(read_account(AccountId(7), &bytes[..cut]).is_err());
        }
    }

    #[test]
    fn further_addresses_survive_and_no_part_of_them_is_taken_for_them() {
        let all = vec!["A@b.test".to_owned(), "@c.test".to_owned()];
        let bytes = write_aliases(&all);
        assert_eq!(read_aliases(&bytes), Ok(all));
        for cut in 0..bytes.len() {
            assert!(read_aliases(&bytes[..cut]).is_err());
        }
    }

    #[test]
    fn a_credential_of_an_unknown_kind_is_passed_over() {
        assert_eq!(read_credential(&write_credential("$x")), Ok(Some("$x".into())));
        assert_eq!(read_credential(&[VERSION, 77]), Ok(None));
    }
}
