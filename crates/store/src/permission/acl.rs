//! A folder's permissions list as it is kept.

use mapi::{Guid, Reader, Wire, WireError};

use super::rights::Rights;

/// Entries for accounts that a list may have.
pub(crate) const MAX_ENTRIES: usize = 2_000;

const VERSION: u8 = 1;

/// For whom an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Member {
    /// Everybody without an entry of his own.
    Default,
    /// Nobody: who is not known cannot log on ([MS-OXCPERM] 3.2.4.1 R2010).
    Anonymous,
    /// The account with this mailbox. Mailbox GUIDs are never used again, and an account that comes back
    /// from a backup has its own.
    Account(Guid),
}

/// A folder's permissions list. One that was never changed is not kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Acl {
    pub default: Rights,
    pub anonymous: Rights,
    /// Somebody set the free/busy rights; until then they follow from the others
    /// ([MS-OXCPERM] 2.2.7, note 5).
    pub free_busy_set: bool,
    /// By member, ascending.
    entries: Vec<(Guid, Rights)>,
}

impl Acl {
    pub(crate) fn read(bytes: &[u8]) -> Result<Acl, WireError> {
        let mut r = Reader::new(bytes);
        let r = &mut r;
        crate::record::version(r, VERSION)?;
        let free_busy_set = match u8::read(r)? {
            0 => false,
            1 => true,
            other => {
                return Err(r.bad("whether free/busy rights were set, 0 or 1", other.into(), 1));
            }
        };
        let default = Rights(u32::read(r)?);
        let anonymous = Rights(u32::read(r)?);
        let count = u32::read(r)? as usize;
        let mut entries: Vec<(Guid, Rights)> = Vec::new();
        for _ in 0..count {
            let entry = (Guid::read(r)?, Rights(u32::read(r)?));
            if entries.len() == MAX_ENTRIES || entries.last().is_some_and(|last| last.0 >= entry.0)
            {
                return Err(r.bad("members in ascending order, up to 2,000", count as u64, 4));
            }
            entries.push(entry);
        }
        r.finish("nothing behind the last member")?;
        Ok(Acl { default, anonymous, free_busy_set, entries })
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut w = vec![VERSION];
        self.free_busy_set.write(&mut w);
        self.default.0.write(&mut w);
        self.anonymous.0.write(&mut w);
        (self.entries.len() as u32).write(&mut w);
        for (member, rights) in &self.entries {
            member.write(&mut w);
            rights.0.write(&mut w);
        }
        w
    }

    /// The accounts with an entry, and what stands in it.
    pub fn accounts(&self) -> impl Iterator<Item = (Guid, Rights)> {
        self.entries.iter().copied()
    }

    pub fn has(&self, member: Member) -> bool {
        match member {
            Member::Default | Member::Anonymous => true,
            Member::Account(guid) => self.find(guid).is_ok(),
        }
    }

    fn find(&self, guid: Guid) -> Result<usize, usize> {
        self.entries.binary_search_by_key(&guid, |(member, _)| *member)
    }

    /// What an entry grants, None where there is none: its rights as they are kept, and the free/busy rights
    /// that hold in the calendar.
    pub fn effective(&self, member: Member, calendar: bool) -> Option<Rights> {
        let kept = match member {
            Member::Default => self.default,
            Member::Anonymous => self.anonymous,
            Member::Account(guid) => self.entries[self.find(guid).ok()?].1,
        };
        let plain = kept.without(Rights::FREE_BUSY);
        Some(match (calendar, self.free_busy_set, member) {
            (true, true, _) => kept,
            (false, ..) | (true, false, Member::Anonymous) => plain,
            (true, false, _) if kept.contains(Rights::READ_ANY) => plain | Rights::FREE_BUSY,
            (true, false, _) => plain | Rights::FREE_BUSY_SIMPLE,
        })
    }

    /// Writes an entry, or replaces it.
    pub fn set(&mut self, member: Member, rights: Rights) {
        let rights = rights.normal();
        match member {
            Member::Default => self.default = rights,
            Member::Anonymous => self.anonymous = rights,
            Member::Account(guid) => match self.find(guid) {
                Ok(at) => self.entries[at].1 = rights,
                Err(at) => self.entries.insert(at, (guid, rights)),
            },
        }
    }

    /// Takes an entry out. The reserved ones stay, and grant nothing.
    pub fn remove(&mut self, member: Member) {
        match member {
            Member::Default => self.default = Rights::NONE,
            Member::Anonymous => self.anonymous = Rights::NONE,
            Member::Account(guid) => {
                if let Ok(at) = self.find(guid) {
                    self.entries.remove(at);
                }
            }
        }
    }

    /// Takes every entry out but the one for everybody ([MS-OXCPERM] 2.2.2.1 R1197).
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        self.anonymous = Rights::NONE;
    }

    /// Writes down the free/busy rights that hold, so that they can be changed.
    pub(crate) fn settle_free_busy(&mut self) {
        if self.free_busy_set {
            return;
        }
        let members: Vec<Member> = [Member::Default, Member::Anonymous]
            .into_iter()
            .chain(self.entries.iter().map(|(guid, _)| Member::Account(*guid)))
            .collect();
        for member in members {
            if let Some(rights) = self.effective(member, true) {
                self.set(member, rights);
            }
        }
        self.free_busy_set = true;
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether somebody else than the owner may do anything by it.
    pub(crate) fn grants_to(&self, guid: Guid) -> bool {
        let rights = match self.find(guid) {
            Ok(at) => self.entries[at].1,
            Err(_) => self.default,
        };
        rights.without(Rights::FREE_BUSY | Rights::FOLDER_CONTACT) != Rights::NONE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acl() -> Acl {
        let mut acl = Acl { default: Rights::FOLDER_VISIBLE, ..Acl::default() };
        acl.set(Member::Account(Guid([2; 16])), Rights::READ_ANY);
        acl.set(Member::Account(Guid([1; 16])), Rights::EDIT_ANY);
        acl
    }

    #[test]
    fn a_list_survives_and_no_part_of_it_is_taken_for_one() {
        for acl in [Acl::default(), acl()] {
            let bytes = acl.to_bytes();
            assert_eq!(Acl::read(&bytes), Ok(acl));
            for cut in 0..bytes.len() {
                assert!(Acl::read(&bytes[..cut]).is_err());
            }
            assert!(Acl::read(&[&bytes[..], &[0]].concat()).is_err());
        }
    }

    /// Found by fuzzing: another byte was read as 1, and written as that.
    #[test]
    fn a_byte_that_is_no_flag_is_refused() {
        let mut bytes = acl().to_bytes();
        bytes[1] = 0xff;
        assert!(Acl::read(&bytes).is_err());
    }

    #[test]
    fn members_that_are_out_of_order_are_refused() {
        let mut acl = acl();
        acl.entries.reverse();
        assert!(Acl::read(&acl.to_bytes()).is_err());
    }

    #[test]
    fn free_and_busy_follow_from_the_other_rights_until_they_are_set() {
        let mut acl = acl();
        let reader = Member::Account(Guid([2; 16]));
        let rights = |acl: &Acl, member| acl.effective(member, true).unwrap_or_default().0;
        assert_eq!(rights(&acl, reader), 0x1801);
        assert_eq!(rights(&acl, Member::Default), 0xc00);
        assert_eq!(rights(&acl, Member::Anonymous), 0);
        assert_eq!(acl.effective(reader, false), Some(Rights::READ_ANY));
        acl.settle_free_busy();
        acl.set(reader, Rights::READ_ANY);
        assert_eq!((rights(&acl, reader), rights(&acl, Member::Default)), (1, 0xc00));
    }

    #[test]
    fn what_is_allowed_with_any_item_is_with_ones_own() {
        let acl = acl();
        assert_eq!(acl.effective(Member::Account(Guid([1; 16])), false), Some(Rights(0x28)));
        assert_eq!(Rights(0xffff_ffff).normal(), Rights(0x1ffb));
    }
}
