//! Lists of entry ids in one value ([MS-OXCDATA] 2.3).

use crate::wire::{Reader, Wire, WireError};

/// A FlatEntryList ([MS-OXCDATA] 2.3.3), as PidTagReplyRecipientEntries holds it: a count, the size of
/// all entries, then each entry behind its size and padded to four bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FlatEntryList {
    pub entries: Vec<FlatEntry>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FlatEntry {
    pub bytes: Vec<u8>,
    /// What stands in the padding: zeros, or what the maker's memory held. Only as many bytes as the
    /// padding needs are written.
    pub padding: [u8; 3],
}

impl From<Vec<u8>> for FlatEntry {
    fn from(bytes: Vec<u8>) -> Self {
        FlatEntry { bytes, padding: [0; 3] }
    }
}

const ENTRY_ALIGNMENT: usize = 4;

fn padding_of(size: usize) -> usize {
    size.next_multiple_of(ENTRY_ALIGNMENT) - size
}

impl Wire for FlatEntryList {
    fn read(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let count = u32::read(r)? as usize;
        let size = u32::read(r)? as usize;
        let mut r = r.sub(size, "as many bytes of entries as their size says")?;
        let mut entries = Vec::with_capacity(r.capacity(count, size_of::<FlatEntry>()));
        for _ in 0..count {
            entries.push(FlatEntry::read(&mut r)?);
        }
        r.finish("no bytes behind the counted entries")?;
        Ok(FlatEntryList { entries })
    }

    fn write(&self, w: &mut Vec<u8>) {
        (self.entries.len() as u32).write(w);
        let size_at = w.len();
        0u32.write(w);
        self.entries.iter().for_each(|entry| entry.write(w));
        let size = (w.len() - size_at - 4) as u32;
        w[size_at..size_at + 4].copy_from_slice(&size.to_le_bytes());
    }
}

impl Wire for FlatEntry {
    fn read(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let size = u32::read(r)? as usize;
        let bytes = r.bytes(size, "as many bytes of an entry as its size says")?.to_vec();
        let needed = padding_of(size);
        let mut padding = [0; 3];
        padding[..needed].copy_from_slice(r.bytes(needed, "the padding of an entry")?);
        Ok(FlatEntry { bytes, padding })
    }

    fn write(&self, w: &mut Vec<u8>) {
        (self.bytes.len() as u32).write(w);
        w.extend_from_slice(&self.bytes);
        w.extend_from_slice(&self.padding[..padding_of(self.bytes.len())]);
    }
}

/// An EntryList ([MS-OXCDATA] 2.3.1): a count, the sizes, then the entries one behind the other.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EntryList {
    pub padding: u32,
    pub entries: Vec<ListedEntry>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListedEntry {
    pub bytes: Vec<u8>,
    /// Has no meaning; makers leave what their memory held.
    pub padding: u32,
}

impl Wire for EntryList {
    fn read(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let count = u32::read(r)? as usize;
        let padding = u32::read(r)?;
        let mut sizes: Vec<(u32, u32)> = Vec::with_capacity(r.capacity(count, 8));
        for _ in 0..count {
            sizes.push((u32::read(r)?, u32::read(r)?));
        }
        let entry = |(size, padding): (u32, u32)| {
            let bytes = r.bytes(size as usize, "as many bytes of an entry as its size says")?;
            Ok(ListedEntry { bytes: bytes.to_vec(), padding })
        };
        Ok(EntryList { padding, entries: sizes.into_iter().map(entry).collect::<Result<_, _>>()? })
    }

    fn write(&self, w: &mut Vec<u8>) {
        (self.entries.len() as u32).write(w);
        self.padding.write(w);
        for entry in &self.entries {
            (entry.bytes.len() as u32).write(w);
            entry.padding.write(w);
        }
        self.entries.iter().for_each(|entry| w.extend_from_slice(&entry.bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flat_entries_are_padded() {
        let list = FlatEntryList { entries: vec![vec![1].into(), vec![2, 3, 4, 5].into()] };
        let bytes = list.to_wire();
        assert_eq!(bytes[..8], [2, 0, 0, 0, 16, 0, 0, 0]);
        assert_eq!(bytes[8..16], [1, 0, 0, 0, 1, 0, 0, 0]);
        assert_eq!(FlatEntryList::from_wire(&bytes), Ok(list));
    }

    #[test]
    fn listed_entries_follow_their_sizes() {
        let entry = |bytes: &[u8]| ListedEntry { bytes: bytes.to_vec(), padding: 7 };
        let list = EntryList { padding: 9, entries: vec![entry(&[1]), entry(&[2, 3])] };
        assert_eq!(list.to_wire()[24..], [1, 2, 3]);
        assert_eq!(EntryList::from_wire(&list.to_wire()), Ok(list));
    }
}
