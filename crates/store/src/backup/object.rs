//! Objects of a repository, as bytes (docs/backup-format.md).

use bytes::Bytes;
use xxhash_rust::xxh3::xxh3_64;

use crate::blob::node::compress;
use crate::engine::{MAX_KEY, MAX_VALUE};

/// Plain bytes of an object at most.
pub(crate) const MAX_PLAIN: usize = 2 << 20;
/// Where a list of records is cut at the latest.
const MAX_PACK: usize = 1 << 20;
/// Where it is cut at the earliest.
const MIN_PACK: usize = 64 << 10;
/// Where it is cut on average.
const PACK: usize = 256 << 10;

const MAGIC: &[u8; 4] = b"CFBO";
const VERSION: u8 = 1;
const PLAIN: u8 = 0;
const ZSTD: u8 = 1;
const HEADER: usize = 12;
const SUM: usize = 8;

/// What an object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum ObjectKind {
    Records = b'r' as isize,
    Chunk = b'c' as isize,
    Manifest = b'm' as isize,
}

impl ObjectKind {
    pub(crate) const ALL: [ObjectKind; 3] =
        [ObjectKind::Records, ObjectKind::Chunk, ObjectKind::Manifest];

    pub(crate) fn from_byte(byte: u8) -> Option<ObjectKind> {
        ObjectKind::ALL.into_iter().find(|kind| *kind as u8 == byte)
    }
}

/// Names an object: its kind and its content's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ObjectId {
    pub(crate) kind: ObjectKind,
    pub(crate) hash: [u8; 32],
}

impl ObjectId {
    pub(crate) fn of(kind: ObjectKind, plain: &[u8]) -> ObjectId {
        // A manifest's address leaves the kind of its children out, as in the store.
        let addressed = match kind {
            ObjectKind::Manifest => plain.get(1..).unwrap_or_default(),
            _ => plain,
        };
        ObjectId { kind, hash: *blake3::hash(addressed).as_bytes() }
    }

    pub(crate) fn file_name(&self) -> String {
        format!("{}-{}", char::from(self.kind as u8), hex(&self.hash))
    }

    pub(crate) fn from_file_name(name: &str) -> Option<ObjectId> {
        let (kind, hash) = name.split_once('-')?;
        let &[kind] = kind.as_bytes() else { return None };
        Some(ObjectId { kind: ObjectKind::from_byte(kind)?, hash: unhex(hash)? })
    }
}

/// The bytes of an object's file.
pub(crate) fn encode(kind: ObjectKind, plain: &[u8]) -> Vec<u8> {
    let compressed =
        compress(plain).ok().filter(|compressed| compressed.len() + plain.len() / 16 < plain.len());
    let (form, bytes) = match &compressed {
        Some(compressed) => (ZSTD, &compressed[..]),
        None => (PLAIN, plain),
    };
    let mut file = Vec::with_capacity(HEADER + bytes.len() + SUM);
    file.extend_from_slice(MAGIC);
    file.extend_from_slice(&[VERSION, kind as u8, form, 0]);
    file.extend_from_slice(&(plain.len() as u32).to_le_bytes());
    file.extend_from_slice(bytes);
    let sum = xxh3_64(&file);
    file.extend_from_slice(&sum.to_le_bytes());
    file
}

/// The plain bytes of an object, if the file is whole and holds what its name says.
pub(crate) fn decode(id: &ObjectId, file: &[u8]) -> Result<Vec<u8>, &'static str> {
    let (kind, plain) = open(file)?;
    if kind != id.kind || ObjectId::of(kind, &plain) != *id {
        return Err("its content does not match its name");
    }
    Ok(plain)
}

fn open(file: &[u8]) -> Result<(ObjectKind, Vec<u8>), &'static str> {
    let Some((body, sum)) = file.split_last_chunk::<SUM>() else {
        return Err("it is too short");
    };
    let Some((header, bytes)) = body.split_first_chunk::<HEADER>() else {
        return Err("it is too short");
    };
    if &header[..4] != MAGIC {
        return Err("it is no object of a backup");
    }
    if header[4] != VERSION {
        return Err("it has a version that this program does not know");
    }
    if xxh3_64(body) != u64::from_le_bytes(*sum) {
        return Err("its checksum does not match");
    }
    let kind = ObjectKind::from_byte(header[5]).ok_or("it has an unknown kind")?;
    let len = u32::from_le_bytes([header[8], header[9], header[10], header[11]]) as usize;
    if len > MAX_PLAIN || header[7] != 0 {
        return Err("its header makes no sense");
    }
    let plain = match header[6] {
        PLAIN => bytes.to_vec(),
        ZSTD => zstd::bulk::decompress(bytes, len).map_err(|_| "it cannot be decompressed")?,
        _ => return Err("it has an unknown form"),
    };
    if plain.len() != len {
        return Err("its length does not match");
    }
    Ok((kind, plain))
}

/// A record in a pack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    /// The number of the space.
    pub(crate) space: u8,
    /// In a mailbox's packs without the number of the mailbox.
    pub(crate) key: Bytes,
    pub(crate) value: Bytes,
}

impl Record {
    /// By what records are in order.
    pub(crate) fn place(&self) -> (u8, &[u8]) {
        (self.space, &self.key)
    }
}

/// Bytes of a record beside its key and value.
const RECORD: usize = 7;

/// A pack in the making.
#[derive(Debug, Default)]
pub(crate) struct PackBuilder {
    bytes: Vec<u8>,
    records: u32,
    first: (u8, Vec<u8>),
}

/// A finished pack.
#[derive(Debug)]
pub(crate) struct Pack {
    pub(crate) bytes: Vec<u8>,
    pub(crate) records: u32,
    pub(crate) first: (u8, Vec<u8>),
}

impl PackBuilder {
    /// Adds a record, which comes behind those before; gives the pack if it ends here.
    pub(crate) fn add(&mut self, space: u8, key: &[u8], value: &[u8]) -> Option<Pack> {
        if self.records == 0 {
            self.first = (space, key.to_vec());
        }
        self.records += 1;
        let before = self.bytes.len();
        self.bytes.push(space);
        self.bytes.extend_from_slice(&(key.len() as u16).to_le_bytes());
        self.bytes.extend_from_slice(&(value.len() as u32).to_le_bytes());
        self.bytes.extend_from_slice(key);
        self.bytes.extend_from_slice(value);
        let place = &self.bytes[before..];
        let size = place.len();
        let hash = xxh3_64(&[&[space][..], key].concat());
        // hash / 2^64 < size / PACK
        let cut = (u128::from(hash) * PACK as u128) >> 64 < size as u128;
        let len = self.bytes.len();
        (len >= MAX_PACK || (len >= MIN_PACK && cut)).then(|| self.take())
    }

    /// What is left at the end.
    pub(crate) fn finish(mut self) -> Option<Pack> {
        (self.records > 0).then(|| self.take())
    }

    fn take(&mut self) -> Pack {
        let PackBuilder { bytes, records, first } = std::mem::take(self);
        Pack { bytes, records, first }
    }
}

/// The records of a pack, in their order.
pub(crate) fn read_records(plain: Bytes) -> Result<Vec<Record>, &'static str> {
    let mut records: Vec<Record> = Vec::new();
    let mut at = 0;
    while at < plain.len() {
        let header = plain.get(at..at + RECORD).ok_or("a record ends early")?;
        let space = header[0];
        let key_len = usize::from(u16::from_le_bytes([header[1], header[2]]));
        let value_len = u32::from_le_bytes([header[3], header[4], header[5], header[6]]) as usize;
        if key_len > MAX_KEY || value_len > MAX_VALUE || space > 3 {
            return Err("a record's header makes no sense");
        }
        let key_at = at + RECORD;
        let value_at = key_at + key_len;
        let end = value_at + value_len;
        if end > plain.len() {
            return Err("a record ends early");
        }
        let key = plain.slice(key_at..value_at);
        let record = Record { space, key, value: plain.slice(value_at..end) };
        if records.last().is_some_and(|last| last.place() >= record.place()) {
            return Err("records are out of order");
        }
        records.push(record);
        at = end;
    }
    Ok(records)
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let lower = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if text.len() != 64 || !lower {
        return None;
    }
    let mut bytes = [0; 32];
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[index * 2..index * 2 + 2], 16).ok()?;
    }
    Some(bytes)
}

/// What must hold for any bytes: reading does not panic, and records that are read give the same bytes
/// again. For tests and fuzz targets.
pub(crate) fn oracle(bytes: &[u8]) {
    if let Ok((kind, plain)) = open(bytes) {
        let id = ObjectId::of(kind, &plain);
        assert_eq!(decode(&id, &encode(kind, &plain)), Ok(plain));
    }
    // Past the checksum, which hardly any bytes pass.
    let kind = bytes.first().map(|byte| ObjectKind::ALL[usize::from(byte % 3)]);
    if let Some(kind) = kind {
        let mut file = [&MAGIC[..], &[VERSION, kind as u8], &bytes[1..]].concat();
        file.extend_from_slice(&xxh3_64(&file).to_le_bytes());
        let _ = open(&file);
    }
    if let Ok(records) = read_records(Bytes::copy_from_slice(bytes)) {
        let mut again = Vec::new();
        let mut builder = PackBuilder::default();
        for record in &records {
            if let Some(pack) = builder.add(record.space, &record.key, &record.value) {
                again.extend_from_slice(&pack.bytes);
            }
        }
        again.extend(builder.finish().map(|pack| pack.bytes).unwrap_or_default());
        assert_eq!(again, bytes);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn any_flipped_bit_is_noticed() {
        for plain in [&b"short"[..], &[7; 5000], b""] {
            let id = ObjectId::of(ObjectKind::Records, plain);
            let file = encode(id.kind, plain);
            assert_eq!(decode(&id, &file).as_deref(), Ok(plain));
            for bit in 0..file.len() * 8 {
                let mut damaged = file.clone();
                damaged[bit / 8] ^= 1 << (bit % 8);
                assert!(decode(&id, &damaged).is_err(), "bit {bit}");
            }
            for len in 0..file.len() {
                assert!(decode(&id, &file[..len]).is_err());
            }
        }
    }

    #[test]
    fn names_survive_and_others_are_refused() {
        let id = ObjectId::of(ObjectKind::Chunk, b"x");
        assert_eq!(ObjectId::from_file_name(&id.file_name()), Some(id));
        let name = id.file_name();
        for bad in [&name[1..], &name[..65], "x-00", "", "-", &name.to_uppercase()] {
            assert_eq!(ObjectId::from_file_name(bad), None, "{bad}");
        }
    }

    /// A change in the middle leaves the packs before and, from a few packs on, those behind as they are.
    #[test]
    fn cuts_follow_the_content() {
        let records: Vec<(Vec<u8>, Vec<u8>)> = (0..20_000u32)
            .map(|n| (n.to_be_bytes().to_vec(), vec![n as u8; (n % 700) as usize]))
            .collect();
        let packs = |records: &[(Vec<u8>, Vec<u8>)]| -> Vec<ObjectId> {
            let mut builder = PackBuilder::default();
            let mut packs: Vec<Pack> =
                records.iter().filter_map(|(key, value)| builder.add(0, key, value)).collect();
            packs.extend(builder.finish());
            for pack in &packs {
                assert!(pack.bytes.len() < MAX_PACK + MAX_VALUE);
                let read = read_records(pack.bytes.clone().into()).expect("whole");
                assert_eq!(read.len(), pack.records as usize);
                assert_eq!(read[0].place(), (pack.first.0, &pack.first.1[..]));
            }
            packs.iter().map(|pack| ObjectId::of(ObjectKind::Records, &pack.bytes)).collect()
        };
        let before = packs(&records);
        assert!(before.len() > 15, "{}", before.len());
        let mut changed = records.clone();
        changed.remove(10_000);
        let after = packs(&changed);
        let new = after.iter().filter(|id| !before.contains(id)).count();
        assert!((1..=3).contains(&new), "{new} of {}", after.len());
    }

    proptest! {
        #[test]
        fn no_bytes_make_a_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            oracle(&bytes);
        }

        #[test]
        fn nearly_right_bytes_neither(
            keys in proptest::collection::btree_set(proptest::collection::vec(any::<u8>(), 0..5), 0..9),
            flip in any::<u16>(),
        ) {
            let mut builder = PackBuilder::default();
            for key in &keys {
                prop_assert!(builder.add(0, key, b"value").is_none());
            }
            let mut bytes = builder.finish().map(|pack| pack.bytes).unwrap_or_default();
            oracle(&bytes);
            if !bytes.is_empty() {
                let at = usize::from(flip) % (bytes.len() * 8);
                bytes[at / 8] ^= 1 << (at % 8);
            }
            oracle(&bytes);
            let mut file = encode(ObjectKind::Records, &bytes);
            oracle(&file);
            let at = usize::from(flip) % (file.len() * 8);
            file[at / 8] ^= 1 << (at % 8);
            oracle(&file);
        }
    }
}
