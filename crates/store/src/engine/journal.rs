//! Reads fjall's journal, to know how far it is whole.
//!
//! fjall opens a journal with a torn last batch in most cases, but refuses one whose last batch
//! has a hole (a page of a value that did not reach the disk before the power went), and cuts a
//! journal silently at a damaged byte in its middle, with every acknowledged batch behind it. So
//! the journals are read before fjall sees them: a torn tail is cut off, damage in the middle is
//! an error. Since a group is one batch of fjall, and is synced before the next one is written,
//! at most one batch is torn and nothing follows it.
//!
//! The layout, of fjall 3 (integers little-endian): a batch is
//!
//! ```text
//! 01  count u32  seqno u64                                     start
//! 02  type u8  compression u8  keyspace u64  key length u16    item, count times
//!     value length u32  stored length u32  key  stored value
//! 04  keyspace u64                                             clear, counts as an item
//! 03  xxh3-64 of the items u64  "FJL" 03                       end
//! ```
//!
//! A new journal is 64 MiB of zeros (sparse), overwritten from its begin.

use std::fs::{File, OpenOptions};
use std::io::{BufReader, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::Xxh3;

use super::{Error, Result};

/// What a journal holds from some offset on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Extent {
    /// Where the last whole batch ends.
    pub(super) end: u64,
    /// The sequence number of the last whole batch, if there is any.
    pub(super) last_seqno: Option<u64>,
}

/// The journals of a database directory by their number, ascending; the last one is active.
pub(super) fn list(directory: &Path) -> Result<Vec<(u64, PathBuf)>> {
    let io = |error| Error::io("list", directory, error);
    let mut journals = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(io)? {
        let path = entry.map_err(io)?.path();
        if path.extension().is_some_and(|extension| extension == "jnl")
            && let Some(stem) = path.file_stem().and_then(|stem| stem.to_str())
            && let Ok(number) = stem.parse()
        {
            journals.push((number, path));
        }
    }
    journals.sort();
    Ok(journals)
}

/// Cuts a torn batch off the active journal, and batches whose number is not below `keep_below`,
/// if given, off all; refuses journals that are damaged before their end.
pub(super) fn repair(directory: &Path, keep_below: Option<u64>) -> Result<()> {
    let journals = list(directory)?;
    let Some((_, active)) = journals.last() else {
        return Ok(());
    };
    for (_, path) in &journals {
        let extent = extent(path, 0, keep_below)?;
        let written_end = written_end(path, extent.end)?;
        if written_end == extent.end {
            continue;
        }
        let torn = keep_below.is_some() || path == active;
        if !torn || another_batch(path, extent, written_end, keep_below)? {
            return Err(Error::DamagedJournal { path: path.clone(), offset: extent.end });
        }
        let cut = || {
            let file = OpenOptions::new().write(true).open(path)?;
            file.set_len(extent.end)?;
            file.sync_all()
        };
        cut().map_err(|error| Error::io("cut the torn end off", path, error))?;
    }
    Ok(())
}

/// Empties all journals of a closed database whose memtables were all flushed: what they hold is
/// in tables.
pub(super) fn clear(directory: &Path) -> Result<()> {
    for (_, path) in list(directory)? {
        let clear = || {
            let file = OpenOptions::new().write(true).open(&path)?;
            file.set_len(0)?;
            file.sync_all()
        };
        clear().map_err(|error| Error::io("empty", &path, error))?;
    }
    Ok(())
}

/// How far the journal is whole from `from`, the end of a batch or 0, and below a sequence
/// number, if given.
pub(super) fn extent(path: &Path, from: u64, below: Option<u64>) -> Result<Extent> {
    let io = |error| Error::io("read", path, error);
    let mut file = File::open(path).map_err(io)?;
    file.seek(SeekFrom::Start(from)).map_err(io)?;
    let mut reader = Batches { reader: BufReader::with_capacity(64 * 1024, file), position: from };
    let mut extent = Extent { end: from, last_seqno: None };
    while let Some(seqno) = reader.next_batch().map_err(io)? {
        if below.is_some_and(|below| seqno >= below) {
            break;
        }
        extent = Extent { end: reader.position, last_seqno: Some(seqno) };
    }
    Ok(extent)
}

/// Where the bytes other than zero end, behind `from`, to the next 64 KiB; `from` if there are
/// none.
pub(super) fn written_end(path: &Path, from: u64) -> Result<u64> {
    static ZEROS: [u8; 64 * 1024] = [0; 64 * 1024];
    let io = |error| Error::io("read", path, error);
    let mut file = File::open(path).map_err(io)?;
    let mut at = file.seek(SeekFrom::Start(from)).map_err(io)?;
    let mut end = from;
    let mut block = vec![0; ZEROS.len()];
    loop {
        let len = file.read(&mut block).map_err(io)?;
        if len == 0 {
            return Ok(end);
        }
        at += len as u64;
        if block[..len] != ZEROS[..len] {
            end = at;
        }
    }
}

/// Whether a whole batch of a later number (and below `below`) stands anywhere behind the end of
/// the whole part: then it was synced, and so was what is damaged before it.
fn another_batch(
    path: &Path,
    extent: Extent,
    written_end: u64,
    below: Option<u64>,
) -> Result<bool> {
    let io = |error| Error::io("read", path, error);
    let mut file = File::open(path).map_err(io)?;
    file.seek(SeekFrom::Start(extent.end)).map_err(io)?;
    let mut rest = Vec::new();
    file.take(written_end - extent.end).read_to_end(&mut rest).map_err(io)?;
    let after = extent.last_seqno.map_or(0, |seqno| seqno.saturating_add(1));
    let later = |seqno| seqno >= after && below.is_none_or(|below| seqno < below);
    for start in 1..rest.len() {
        // The first byte of a batch, and a count below 2^24.
        if rest[start] != START || rest.get(start + 4) != Some(&0) {
            continue;
        }
        let mut reader = Batches { reader: &rest[start..], position: 0 };
        if reader.next_batch().map_err(io)?.is_some_and(later) {
            return Ok(true);
        }
    }
    Ok(false)
}

const START: u8 = 1;
const ITEM: u8 = 2;
const END: u8 = 3;
const CLEAR: u8 = 4;
const TRAILER: [u8; 4] = *b"FJL\x03";

struct Batches<R> {
    reader: R,
    position: u64,
}

impl<R: Read> Batches<R> {
    /// The sequence number of the next batch, if it is there and whole.
    fn next_batch(&mut self) -> std::io::Result<Option<u64>> {
        match self.read_batch() {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(None),
            other => other,
        }
    }

    fn read_batch(&mut self) -> std::io::Result<Option<u64>> {
        let [START] = self.bytes()? else {
            return Ok(None);
        };
        let count = u32::from_le_bytes(self.bytes()?);
        let seqno = u64::from_le_bytes(self.bytes()?);
        let mut checksum = Xxh3::new();
        for _ in 0..count {
            let [tag] = self.bytes()?;
            checksum.update(&[tag]);
            match tag {
                ITEM => {
                    let header: [u8; 20] = self.bytes()?;
                    checksum.update(&header);
                    if header[0] > 4 || header[1] > 1 {
                        return Ok(None);
                    }
                    let [.., k0, k1, _, _, _, _, v0, v1, v2, v3] = header;
                    let key = u64::from(u16::from_le_bytes([k0, k1]));
                    let value = u64::from(u32::from_le_bytes([v0, v1, v2, v3]));
                    self.hash(key + value, &mut checksum)?;
                }
                CLEAR => {
                    let keyspace: [u8; 8] = self.bytes()?;
                    checksum.update(&keyspace);
                }
                _ => return Ok(None),
            }
        }
        let [END] = self.bytes()? else {
            return Ok(None);
        };
        let expected = u64::from_le_bytes(self.bytes()?);
        let trailer: [u8; 4] = self.bytes()?;
        Ok((trailer == TRAILER && expected == checksum.digest()).then_some(seqno))
    }

    fn bytes<const N: usize>(&mut self) -> std::io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.reader.read_exact(&mut bytes)?;
        self.position += N as u64;
        Ok(bytes)
    }

    fn hash(&mut self, mut len: u64, checksum: &mut Xxh3) -> std::io::Result<()> {
        let mut block = [0; 4096];
        while len > 0 {
            let part = &mut block[..len.min(4096) as usize];
            self.reader.read_exact(part)?;
            checksum.update(part);
            self.position += part.len() as u64;
            len -= part.len() as u64;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A batch of one item, as fjall writes it.
    fn batch(seqno: u64, value: &[u8]) -> Vec<u8> {
        let mut item = vec![ITEM, 0, 0];
        item.extend_from_slice(&1u64.to_le_bytes());
        item.extend_from_slice(&3u16.to_le_bytes());
        item.extend_from_slice(&(value.len() as u32).to_le_bytes());
        item.extend_from_slice(&(value.len() as u32).to_le_bytes());
        item.extend_from_slice(b"key");
        item.extend_from_slice(value);
        let mut checksum = Xxh3::new();
        checksum.update(&item);
        let head = [&[START][..], &1u32.to_le_bytes(), &seqno.to_le_bytes()].concat();
        let tail = [&[END][..], &checksum.digest().to_le_bytes(), &TRAILER].concat();
        [head, item, tail].concat()
    }

    #[test]
    fn reads_whole_batches_up_to_a_number() {
        let temporary = tempfile::tempdir().unwrap();
        let path = temporary.path().join("7.jnl");
        let batches = [batch(3, &[9; 5000]), batch(4, b""), batch(9, b"x")];
        std::fs::write(&path, [&batches.concat()[..], &[0; 1000]].concat()).unwrap();
        let ends = [batches[0].len(), batches[..2].concat().len(), batches.concat().len()];
        let at = |end: usize, last_seqno| Extent { end: end as u64, last_seqno };
        assert_eq!(extent(&path, 0, None).unwrap(), at(ends[2], Some(9)));
        assert_eq!(extent(&path, 0, Some(9)).unwrap(), at(ends[1], Some(4)));
        assert_eq!(extent(&path, ends[1] as u64, None).unwrap(), at(ends[2], Some(9)));
        assert_eq!(extent(&path, ends[2] as u64, None).unwrap(), at(ends[2], None));
        assert_eq!(written_end(&path, ends[2] as u64).unwrap(), ends[2] as u64);
        repair(temporary.path(), Some(4)).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), batches[0]);
    }

    #[test]
    fn any_bytes_end_in_an_answer() {
        let whole = [batch(1, &[1; 30]), batch(2, &[2; 30])].concat();
        let mut state = 7u64;
        let mut random = |below: usize| {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 33) as usize % below
        };
        for _ in 0..2000 {
            let mut bytes = whole.clone();
            for _ in 0..random(4) {
                let at = random(bytes.len());
                bytes[at] = random(256) as u8;
            }
            bytes.truncate(random(bytes.len() + 1));
            let mut reader = Batches { reader: &bytes[..], position: 0 };
            let mut end = 0;
            while let Some(seqno) = reader.next_batch().unwrap() {
                let from = std::mem::replace(&mut end, reader.position as usize);
                assert!(bytes[from..end] == batch(seqno, &bytes[from + 37..end - 13])[..]);
            }
        }
    }
}
