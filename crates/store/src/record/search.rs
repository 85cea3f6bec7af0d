//! What a search folder looks for, and a row of its contents.

use mapi::{FolderId, Reader, Restriction, Wire, WireError};

use crate::record::Stored;
use crate::search::SearchState;

/// The criteria of a search folder (kind `16`).
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CriteriaRecord {
    /// Folders below those that are named are searched as well.
    pub(crate) recursive: bool,
    /// What was found once is not followed.
    pub(crate) fixed: bool,
    pub(crate) state: SearchState,
    /// Names the filling that is under way or was the last: a filling that finds another one here ends.
    pub(crate) run: u64,
    pub(crate) folders: Vec<FolderId>,
    pub(crate) restriction: Restriction,
}

const VERSION: u8 = 1;

const RECURSIVE: u8 = 1;
const FIXED: u8 = 2;

impl CriteriaRecord {
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, WireError> {
        let mut r = Reader::new(bytes);
        let r = &mut r;
        super::version(r, VERSION)?;
        let flags = u8::read(r)?;
        let state = u8::read(r)?;
        let state = SearchState::from_byte(state)
            .ok_or_else(|| r.bad("a state of a search", u64::from(state), 1))?;
        let run = u64::read(r)?;
        let count = u32::read(r)?;
        let mut folders = Vec::new();
        for _ in 0..count {
            folders.push(FolderId::read(r)?);
        }
        let mut restriction = Reader::new(super::read_bytes(r)?);
        Ok(CriteriaRecord {
            recursive: flags & RECURSIVE != 0,
            fixed: flags & FIXED != 0,
            state,
            run,
            folders,
            restriction: Restriction::read(&mut restriction)?,
        })
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut w = vec![VERSION];
        let flags = if self.recursive { RECURSIVE } else { 0 } | if self.fixed { FIXED } else { 0 };
        flags.write(&mut w);
        self.state.to_byte().write(&mut w);
        self.run.write(&mut w);
        (self.folders.len() as u32).write(&mut w);
        self.folders.iter().for_each(|id| id.write(&mut w));
        super::write_bytes(&mut w, &self.restriction.to_wire());
        w
    }

    /// Whether what is found is kept up to date.
    pub(crate) fn is_followed(&self) -> bool {
        !self.fixed && self.state != SearchState::Stopped
    }
}

/// A link: a message that a search folder shows (kind `17`). It keeps a copy of the message's summary, so that
/// a table over the search folder reads as little as one over any other folder.
pub(crate) struct Link<'a> {
    /// The folder of the message.
    pub(crate) home: FolderId,
    pub(crate) summary: Stored<'a>,
}

/// Bytes before the summary.
const LINK_HEAD: usize = 9;

impl<'a> Link<'a> {
    pub(crate) fn read(bytes: impl Into<Stored<'a>>) -> Result<Self, WireError> {
        let bytes = bytes.into();
        let mut r = Reader::new(&bytes);
        super::version(&mut r, VERSION)?;
        let home = FolderId::read(&mut r)?;
        Ok(Link { home, summary: bytes.behind(LINK_HEAD) })
    }
}

impl Link<'_> {
    pub(crate) fn to_bytes(home: FolderId, summary: &[u8]) -> Vec<u8> {
        let mut w = Vec::with_capacity(LINK_HEAD + summary.len());
        w.push(VERSION);
        home.write(&mut w);
        w.extend_from_slice(summary);
        w
    }
}

/// Tells one set of criteria of a mailbox from another (kind `18`): another number whenever one of them changes.
pub(crate) struct Stamp(pub(crate) u64);

impl Stamp {
    /// One that no other had: batches that failed leave no number behind that could come again.
    pub(crate) fn fresh() -> Stamp {
        let bytes = mapi::Guid::random().0;
        Stamp(u64::from_le_bytes(std::array::from_fn(|at| bytes[at] ^ bytes[at + 8])))
    }

    pub(crate) fn read(bytes: &[u8]) -> Result<Stamp, WireError> {
        let mut r = Reader::new(bytes);
        super::version(&mut r, VERSION)?;
        Ok(Stamp(u64::read(&mut r)?))
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut w = vec![VERSION];
        self.0.write(&mut w);
        w
    }
}

#[cfg(test)]
mod tests {
    use mapi::tags;

    use super::*;

    #[test]
    fn criteria_survive_and_no_part_of_them_is_taken_for_them() {
        let criteria = CriteriaRecord {
            recursive: true,
            fixed: false,
            state: SearchState::Complete,
            run: 7,
            folders: vec![FolderId::own(5), FolderId::own(300)],
            restriction: Restriction::Not(Box::new(Restriction::Exist { tag: tags::SUBJECT })),
        };
        let bytes = criteria.to_bytes();
        assert_eq!(CriteriaRecord::read(&bytes), Ok(criteria));
        for cut in 0..bytes.len() {
            assert!(CriteriaRecord::read(&bytes[..cut]).is_err());
        }
    }

    #[test]
    fn a_link_holds_the_summary() {
        let bytes = Link::to_bytes(FolderId::own(5), b"summary");
        let link = Link::read(&bytes[..]).unwrap();
        assert_eq!((link.home, &link.summary[..]), (FolderId::own(5), &b"summary"[..]));
        assert!(Link::read(&bytes[..8]).is_err());
        let stamp = Stamp::fresh();
        assert_eq!(Stamp::read(&stamp.to_bytes()).unwrap().0, stamp.0);
    }
}
