//! Reading of compound files ([MS-CFB]), as far as they can be read.
//!
//! The crate `cfb` refuses a whole file for one bad entry in its tables. A message in a file cut off or
//! with one bad name is still a message, so this reader takes what the tables give and names what they do
//! not. Writing is left to `cfb`.
//!
//! INVARIANT: memory and time are bounded by the length of the file: chains end after as many sectors as
//! the file has, each directory entry has one parent, and all streams together give at most twice the
//! bytes of the file.

use std::cell::Cell;
use std::collections::HashMap;

use super::MsgError;

const SIGNATURE: [u8; 8] = [0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1];
const HEADER_SIZE: usize = 512;
const ENTRY_SIZE: usize = 128;
/// Streams below this size live in the mini stream ([MS-CFB] 2.2 Mini Stream Cutoff Size).
const MINI_CUTOFF: u64 = 4096;
const MINI_SHIFT: u32 = 6;
/// The last number of an ordinary sector ([MS-CFB] 2.1 MAXREGSECT).
const MAX_SECTOR: u32 = 0xffff_fffa;
const FREE_SECTOR: u32 = 0xffff_ffff;
const END_OF_CHAIN: u32 = 0xffff_fffe;
const NO_ENTRY: u32 = 0xffff_ffff;

/// A directory entry's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EntryId(u32);

/// The root storage is the first directory entry.
pub const ROOT: EntryId = EntryId(0);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    Unused,
    Storage,
    Stream,
}

#[derive(Debug)]
pub struct Entry {
    pub name: String,
    pub kind: EntryKind,
    pub clsid: [u8; 16],
    pub size: u64,
    start: u32,
    left: u32,
    right: u32,
    child: u32,
    children: Vec<EntryId>,
}

/// A stream's bytes: all of them, or what the file still has.
#[derive(Debug, PartialEq, Eq)]
pub struct StreamBytes {
    pub bytes: Vec<u8>,
    /// What its entry promises.
    pub size: u64,
}

impl StreamBytes {
    pub fn is_whole(&self) -> bool {
        self.bytes.len() as u64 == self.size
    }
}

#[derive(Debug)]
pub struct Compound<'a> {
    file: &'a [u8],
    sector_shift: u32,
    fat: Vec<u32>,
    mini_fat: Vec<u32>,
    mini_stream: Vec<u8>,
    entries: Vec<Entry>,
    by_name: HashMap<(EntryId, String), EntryId>,
    /// Bytes that streams may still give.
    budget: Cell<usize>,
    damage: Vec<String>,
}

/// Whether the bytes begin like a compound file.
pub fn has_signature(bytes: &[u8]) -> bool {
    bytes.starts_with(&SIGNATURE)
}

impl<'a> Compound<'a> {
    pub fn open(file: &'a [u8]) -> Result<Self, MsgError> {
        let header = file
            .first_chunk::<HEADER_SIZE>()
            .filter(|header| header.starts_with(&SIGNATURE))
            .ok_or(MsgError::NotCompound)?;
        let sector_shift = u32::from(u16_at(header, 30));
        if sector_shift != 9 && sector_shift != 12 {
            return Err(MsgError::Damaged(format!("sectors of 2^{sector_shift} bytes")));
        }
        let mut compound = Compound {
            file,
            sector_shift,
            fat: Vec::new(),
            mini_fat: Vec::new(),
            mini_stream: Vec::new(),
            entries: Vec::new(),
            by_name: HashMap::new(),
            budget: Cell::new(file.len().saturating_mul(2)),
            damage: Vec::new(),
        };
        compound.read_fat(header);
        compound.read_directory(u32_at(header, 48))?;
        compound.read_mini_stream(u32_at(header, 60));
        compound.link_entries();
        Ok(compound)
    }

    /// What is wrong with the file's tables.
    pub fn damage(&self) -> &[String] {
        &self.damage
    }

    pub fn entry(&self, id: EntryId) -> &Entry {
        &self.entries[id.0 as usize]
    }

    pub fn children(&self, storage: EntryId) -> &[EntryId] {
        &self.entry(storage).children
    }

    /// A child by its name, whatever the case of its letters.
    pub fn child(&self, storage: EntryId, name: &str) -> Option<EntryId> {
        self.by_name.get(&(storage, name.to_uppercase())).copied()
    }

    pub fn stream_child(&self, storage: EntryId, name: &str) -> Option<EntryId> {
        self.child(storage, name).filter(|id| self.entry(*id).kind == EntryKind::Stream)
    }

    /// Streams and storages that no storage holds.
    pub fn orphans(&self) -> impl Iterator<Item = &Entry> {
        let held: std::collections::HashSet<u32> =
            self.entries.iter().flat_map(|e| e.children.iter().map(|id| id.0)).collect();
        self.entries
            .iter()
            .enumerate()
            .skip(1)
            .filter(move |(index, _)| !held.contains(&(*index as u32)))
            .map(|(_, entry)| entry)
            .filter(|entry| entry.kind != EntryKind::Unused)
    }

    /// The bytes of a stream, as many as are there.
    pub fn stream(&self, id: EntryId) -> StreamBytes {
        let entry = self.entry(id);
        let wanted = usize::try_from(entry.size).unwrap_or(usize::MAX).min(self.budget.get());
        let bytes = match entry.size < MINI_CUTOFF {
            true => gather(&self.mini_fat, entry.start, wanted, |sector| {
                let start = (sector as usize) << MINI_SHIFT;
                let end = (start + (1 << MINI_SHIFT)).min(self.mini_stream.len());
                self.mini_stream.get(start..end).unwrap_or(&[])
            }),
            false => self.regular(entry.start, wanted),
        };
        self.budget.set(self.budget.get() - bytes.len());
        StreamBytes { bytes, size: entry.size }
    }

    fn regular(&self, start: u32, wanted: usize) -> Vec<u8> {
        gather(&self.fat, start, wanted, |sector| self.sector(sector))
    }

    /// A sector's bytes; fewer at the end of a file that was cut off.
    fn sector(&self, sector: u32) -> &'a [u8] {
        let start = (sector as usize + 1) << self.sector_shift;
        let end = (start + (1 << self.sector_shift)).min(self.file.len());
        self.file.get(start..end).unwrap_or(&[])
    }

    fn sector_count(&self) -> usize {
        self.file.len().div_ceil(1 << self.sector_shift).saturating_sub(1)
    }

    // [MS-CFB] 2.5: the first 109 numbers of FAT sectors stand in the header, the others in a chain of
    // their own.
    fn read_fat(&mut self, header: &[u8; HEADER_SIZE]) {
        let sectors = self.sector_count();
        let mut listed: Vec<u32> = u32s(&header[76..]).collect();
        let mut next = u32_at(header, 68);
        let mut seen = 0;
        while next <= MAX_SECTOR && seen <= sectors {
            let numbers: Vec<u32> = u32s(self.sector(next)).collect();
            let Some((last, numbers)) = numbers.split_last() else {
                self.damage.push(format!("the list of table sectors leaves the file at {next}"));
                break;
            };
            listed.extend_from_slice(numbers);
            next = *last;
            seen += 1;
        }
        for number in listed.into_iter().filter(|number| *number <= MAX_SECTOR) {
            if self.fat.len() >= sectors {
                break;
            }
            let before = self.fat.len();
            self.fat.extend(u32s(self.sector(number)));
            // A table sector that is missing still stands for its sectors.
            self.fat.resize(before + (1 << self.sector_shift) / 4, FREE_SECTOR);
            if number as usize >= sectors {
                self.damage.push(format!("table sector {number} lies outside the file"));
            }
        }
        if self.fat.len() < sectors {
            self.damage.push(format!(
                "the allocation table covers {} of {sectors} sectors",
                self.fat.len()
            ));
        }
        self.fat.truncate(sectors);
    }

    // [MS-CFB] 2.6.
    fn read_directory(&mut self, start: u32) -> Result<(), MsgError> {
        let bytes = self.regular(start, self.file.len());
        for record in bytes.as_chunks::<ENTRY_SIZE>().0 {
            self.entries.push(read_entry(record, self.sector_shift));
        }
        match self.entries.is_empty() {
            true => Err(MsgError::Damaged("the directory lies outside the file".into())),
            false => Ok(()),
        }
    }

    fn read_mini_stream(&mut self, mini_fat_start: u32) {
        let root = self.entry(ROOT);
        let (start, size) = (root.start, usize::try_from(root.size).unwrap_or(usize::MAX));
        self.mini_stream = self.regular(start, size.min(self.file.len()));
        if self.mini_stream.len() < size {
            self.damage
                .push(format!("the mini stream has {} of {size} bytes", self.mini_stream.len()));
        }
        self.mini_fat = u32s(&self.regular(mini_fat_start, self.file.len())).collect();
    }

    // [MS-CFB] 2.6.4: the children of a storage are a binary tree of siblings. Its order and colours do
    // not matter to a reader that visits all of them.
    fn link_entries(&mut self) {
        let mut claimed = vec![false; self.entries.len()];
        claimed[0] = true;
        let mut storages = vec![ROOT];
        while let Some(storage) = storages.pop() {
            let mut pending = vec![self.entry(storage).child];
            let mut children = Vec::new();
            while let Some(next) = pending.pop() {
                // Entry 0 is the root: some writers mean "none" by it.
                if next == NO_ENTRY || next == 0 {
                    continue;
                }
                let Some(mark) = claimed.get_mut(next as usize) else {
                    self.damage.push(format!("directory entry {next} does not exist"));
                    continue;
                };
                if std::mem::replace(mark, true) {
                    self.damage.push(format!("directory entry {next} stands in two places"));
                    continue;
                }
                let (id, entry) = (EntryId(next), &self.entries[next as usize]);
                pending.extend([entry.right, entry.left]);
                match entry.kind {
                    EntryKind::Unused => continue,
                    EntryKind::Storage => storages.push(id),
                    EntryKind::Stream => {}
                }
                children.push(id);
                self.by_name.entry((storage, entry.name.to_uppercase())).or_insert(id);
            }
            children.sort();
            self.entries[storage.0 as usize].children = children;
        }
    }
}

/// The bytes of a chain of sectors, at most `wanted`, and at most as many sectors as the table has.
fn gather<'b>(
    table: &[u32],
    start: u32,
    wanted: usize,
    sector: impl Fn(u32) -> &'b [u8],
) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut next = start;
    for _ in 0..table.len() {
        if bytes.len() >= wanted || next > MAX_SECTOR {
            break;
        }
        let Some(following) = table.get(next as usize) else { break };
        let part = sector(next);
        bytes.extend_from_slice(&part[..part.len().min(wanted - bytes.len())]);
        next = *following;
        if next != END_OF_CHAIN && part.is_empty() {
            break;
        }
    }
    bytes
}

// [MS-CFB] 2.6.1.
fn read_entry(record: &[u8; ENTRY_SIZE], sector_shift: u32) -> Entry {
    let length = usize::from(u16_at(record, 64)).min(64);
    let units = record[..length].chunks_exact(2).map(|b| u16::from_le_bytes([b[0], b[1]]));
    let name: Vec<u16> = units.take_while(|unit| *unit != 0).collect();
    let size = u64::from(u32_at(record, 120));
    // The high half is not to be trusted in files with sectors of 512 bytes.
    let high = if sector_shift == 9 { 0 } else { u64::from(u32_at(record, 124)) };
    let mut clsid = [0; 16];
    clsid.copy_from_slice(&record[80..96]);
    Entry {
        name: String::from_utf16_lossy(&name),
        kind: match record[66] {
            1 | 5 => EntryKind::Storage,
            2 => EntryKind::Stream,
            _ => EntryKind::Unused,
        },
        clsid,
        size: high << 32 | size,
        start: u32_at(record, 116),
        left: u32_at(record, 68),
        right: u32_at(record, 72),
        child: u32_at(record, 76),
        children: Vec::new(),
    }
}

/// Reads at an offset that the caller knows to lie inside.
fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn u32s(bytes: &[u8]) -> impl Iterator<Item = u32> + '_ {
    bytes.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Cursor, Write};

    fn sample() -> Vec<u8> {
        let mut file = cfb::CompoundFile::create(Cursor::new(Vec::new())).unwrap();
        file.create_storage("/inner").unwrap();
        file.create_stream("/small").unwrap().write_all(b"small").unwrap();
        file.create_stream("/inner/large").unwrap().write_all(&[7; 10_000]).unwrap();
        file.flush().unwrap();
        file.into_inner().into_inner()
    }

    #[test]
    fn reads_what_cfb_wrote() {
        let bytes = sample();
        let file = Compound::open(&bytes).unwrap();
        assert!(file.damage().is_empty(), "{:?}", file.damage());
        assert_eq!(file.children(ROOT).len(), 2);
        let small = file.stream_child(ROOT, "SMALL").unwrap();
        assert_eq!(file.stream(small), StreamBytes { bytes: b"small".to_vec(), size: 5 });
        let inner = file.child(ROOT, "inner").unwrap();
        let large = file.stream_child(inner, "large").unwrap();
        assert_eq!(file.stream(large).bytes, vec![7; 10_000]);
        assert_eq!(file.orphans().count(), 0);
    }

    #[test]
    fn gives_what_a_cut_file_still_has() {
        let bytes = sample();
        for length in 0..bytes.len() {
            let Ok(file) = Compound::open(&bytes[..length]) else { continue };
            for (index, _) in file.entries.iter().enumerate() {
                let stream = file.stream(EntryId(index as u32));
                assert!(stream.bytes.len() <= length);
            }
        }
    }

    #[test]
    fn refuses_other_bytes() {
        assert!(matches!(Compound::open(b"From: me"), Err(MsgError::NotCompound)));
        assert!(matches!(Compound::open(&SIGNATURE), Err(MsgError::NotCompound)));
    }
}
