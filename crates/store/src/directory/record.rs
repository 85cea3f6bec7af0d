//! Records and keys of the directory.

use mapi::{Guid, Reader, Wire, WireError};

use super::{Account, AccountId};
use crate::MailboxNumber;
use crate::record::{read_bytes, version, write_bytes};

const VERSION: u8 = 1;

/// What numbers are given out, and how the organisation and the server are called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) last_account: u64,
    pub(crate) last_mailbox: u64,
    pub(crate) organization: String,
    pub(crate) server: String,
}

impl Head {
    pub(crate) fn read(bytes: &[u8]) -> Result<Head, WireError> {
        let mut r = Reader::new(bytes);
        version(&mut r, VERSION)?;
        Ok(Head {
            last_account: u64::read(&mut r)?,
            last_mailbox: u64::read(&mut r)?,
            organization: text(&mut r)?,
            server: text(&mut r)?,
        })
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut w = vec![VERSION];
        self.last_account.write(&mut w);
        self.last_mailbox.write(&mut w);
        write_bytes(&mut w, self.organization.as_bytes());
        write_bytes(&mut w, self.server.as_bytes());
        w
    }
}

pub(crate) fn read_account(bytes: &[u8]) -> Result<Account, WireError> {
    let mut r = Reader::new(bytes);
    version(&mut r, VERSION)?;
    Ok(Account {
        id: AccountId(u64::read(&mut r)?),
        mailbox: MailboxNumber(u64::read(&mut r)?),
        mailbox_guid: Guid::read(&mut r)?,
        disabled: bool::read(&mut r)?,
        credential_epoch: u64::read(&mut r)?,
        address: text(&mut r)?,
        display_name: text(&mut r)?,
        legacy_dn: text(&mut r)?,
    })
}

pub(crate) fn write_account(account: &Account) -> Vec<u8> {
    let mut w = vec![VERSION];
    account.id.0.write(&mut w);
    account.mailbox.0.write(&mut w);
    account.mailbox_guid.write(&mut w);
    account.disabled.write(&mut w);
    account.credential_epoch.write(&mut w);
    write_bytes(&mut w, account.address.as_bytes());
    write_bytes(&mut w, account.display_name.as_bytes());
    write_bytes(&mut w, account.legacy_dn.as_bytes());
    w
}

/// One of an account's credentials. Other kinds (an NT hash under a key kept outside, app passwords, an
/// outside bind) get numbers of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Credential {
    /// A PHC string of argon2id.
    Password(String),
    /// Of a later version: kept, not understood.
    Unknown(u8, Vec<u8>),
}

const PASSWORD: u8 = 1;

pub(crate) fn read_credentials(bytes: &[u8]) -> Result<Vec<Credential>, WireError> {
    let mut r = Reader::new(bytes);
    version(&mut r, VERSION)?;
    let mut credentials = Vec::new();
    while !r.is_empty() {
        let kind = u8::read(&mut r)?;
        let data = read_bytes(&mut r)?;
        credentials.push(match kind {
            PASSWORD => Credential::Password(String::from_utf8_lossy(data).into_owned()),
            other => Credential::Unknown(other, data.to_vec()),
        });
    }
    Ok(credentials)
}

pub(crate) fn write_credentials(credentials: &[Credential]) -> Vec<u8> {
    let mut w = vec![VERSION];
    for credential in credentials {
        match credential {
            Credential::Password(phc) => {
                w.push(PASSWORD);
                write_bytes(&mut w, phc.as_bytes());
            }
            Credential::Unknown(kind, data) => {
                w.push(*kind);
                write_bytes(&mut w, data);
            }
        }
    }
    w
}

fn text(r: &mut Reader<'_>) -> Result<String, WireError> {
    Ok(String::from_utf8_lossy(read_bytes(r)?).into_owned())
}

/// The first byte of a key in the directory.
#[derive(Debug, Clone, Copy)]
#[repr(u8)]
pub(crate) enum Kind {
    Head = b'h',
    /// Id -> account.
    Account = b'a',
    /// Address, folded -> id.
    Address = b'e',
    /// Legacy DN, folded, as a hash -> id.
    LegacyDn = b'd',
    /// Mailbox GUID -> id.
    MailboxGuid = b'g',
    /// Id -> credentials.
    Credentials = b'c',
    /// (mailbox, account) -> rights.
    Grant = b'r',
}

pub(crate) fn key(kind: Kind, parts: &[&[u8]]) -> Vec<u8> {
    let mut key = vec![kind as u8];
    parts.iter().for_each(|part| key.extend_from_slice(part));
    key
}
