//! Snapshots: which packs make up a backup (docs/backup-format.md).

use mapi::{FileTime, Guid, Reader, Wire, WireError};

use super::object::{ObjectId, ObjectKind, hex};
use crate::MailboxNumber;
use crate::record::{read_bytes, write_bytes};

/// The layout of snapshots that this program writes, and the newest that it reads.
pub const SNAPSHOT_VERSION: u32 = 1;

const MAGIC: &[u8; 16] = b"coffer snapshot\n";
const HASH: usize = 32;

/// A backup of a whole store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// When it began.
    pub time: FileTime,
    /// The format of the data directory whose records these are.
    pub data_format: u32,
    /// The version of the program that wrote it.
    pub program: String,
    /// Records and values that could not be read then.
    pub missing: Vec<String>,
    /// Accounts, credentials, grants and jobs.
    pub(crate) common: Vec<PackRef>,
    /// By number.
    pub mailboxes: Vec<SavedMailbox>,
}

/// A mailbox in a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedMailbox {
    pub number: MailboxNumber,
    pub guid: Guid,
    /// Of its account.
    pub address: String,
    pub records: u64,
    /// Of keys and values, without large values.
    pub bytes: u64,
    pub(crate) packs: Vec<PackRef>,
}

/// A pack of records in a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PackRef {
    pub(crate) hash: [u8; HASH],
    pub(crate) size: u32,
    pub(crate) records: u32,
    /// Space and key of the first record.
    pub(crate) first: (u8, Vec<u8>),
}

impl PackRef {
    pub(crate) fn id(&self) -> ObjectId {
        ObjectId { kind: ObjectKind::Records, hash: self.hash }
    }

    pub(crate) fn first(&self) -> (u8, &[u8]) {
        (self.first.0, &self.first.1)
    }
}

impl Snapshot {
    /// Whether everything of the store is in it.
    pub fn is_complete(&self) -> bool {
        self.missing.is_empty()
    }

    /// All packs of records, some more than once.
    pub(crate) fn packs(&self) -> impl Iterator<Item = &PackRef> {
        self.common.iter().chain(self.mailboxes.iter().flat_map(|mailbox| &mailbox.packs))
    }

    /// The bytes of its file, and its name.
    pub(crate) fn encode(&self) -> (Vec<u8>, String) {
        let mut w = MAGIC.to_vec();
        SNAPSHOT_VERSION.write(&mut w);
        self.time.write(&mut w);
        self.data_format.write(&mut w);
        write_bytes(&mut w, self.program.as_bytes());
        (self.missing.len() as u32).write(&mut w);
        self.missing.iter().for_each(|text| write_bytes(&mut w, text.as_bytes()));
        write_packs(&mut w, &self.common);
        (self.mailboxes.len() as u32).write(&mut w);
        for mailbox in &self.mailboxes {
            mailbox.number.0.write(&mut w);
            mailbox.guid.write(&mut w);
            write_bytes(&mut w, mailbox.address.as_bytes());
            mailbox.records.write(&mut w);
            mailbox.bytes.write(&mut w);
            write_packs(&mut w, &mailbox.packs);
        }
        let hash = blake3::hash(&w);
        w.extend_from_slice(hash.as_bytes());
        let name = format!("{}-{}", name_of(self.time), hex(&hash.as_bytes()[..4]));
        (w, name)
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Snapshot, DecodeError> {
        let Some((body, hash)) = bytes.split_last_chunk::<HASH>() else {
            return Err(DecodeError::Damaged("it is too short".into()));
        };
        let mut r = Reader::new(body);
        if &r.array::<16>("the beginning of a snapshot")? != MAGIC {
            return Err(DecodeError::Damaged("it is no snapshot".into()));
        }
        if blake3::hash(body).as_bytes() != hash {
            return Err(DecodeError::Damaged("its hash does not match".into()));
        }
        match u32::read(&mut r)? {
            SNAPSHOT_VERSION => Ok(Snapshot::read(&mut r)?),
            found => Err(DecodeError::Newer(found)),
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Snapshot, WireError> {
        let mut snapshot = Snapshot {
            time: FileTime::read(r)?,
            data_format: u32::read(r)?,
            program: read_text(r)?,
            missing: Vec::new(),
            common: Vec::new(),
            mailboxes: Vec::new(),
        };
        let count = u32::read(r)? as usize;
        for _ in 0..count {
            snapshot.missing.push(read_text(r)?);
        }
        snapshot.common = read_packs(r)?;
        let count = u32::read(r)? as usize;
        for _ in 0..count {
            let mailbox = SavedMailbox {
                number: MailboxNumber(u64::read(r)?),
                guid: Guid::read(r)?,
                address: read_text(r)?,
                records: u64::read(r)?,
                bytes: u64::read(r)?,
                packs: read_packs(r)?,
            };
            let last = snapshot.mailboxes.last();
            if last.is_some_and(|last| last.number >= mailbox.number) {
                return Err(r.bad("mailboxes by their numbers", mailbox.number.0, 0));
            }
            snapshot.mailboxes.push(mailbox);
        }
        r.finish("no bytes behind the mailboxes")?;
        Ok(snapshot)
    }
}

/// Why bytes are no snapshot.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum DecodeError {
    Damaged(String),
    Newer(u32),
}

impl From<WireError> for DecodeError {
    fn from(error: WireError) -> Self {
        DecodeError::Damaged(error.to_string())
    }
}

fn write_packs(w: &mut Vec<u8>, packs: &[PackRef]) {
    (packs.len() as u32).write(w);
    for pack in packs {
        w.extend_from_slice(&pack.hash);
        pack.size.write(w);
        pack.records.write(w);
        w.push(pack.first.0);
        (pack.first.1.len() as u16).write(w);
        w.extend_from_slice(&pack.first.1);
    }
}

fn read_packs(r: &mut Reader<'_>) -> Result<Vec<PackRef>, WireError> {
    let count = u32::read(r)? as usize;
    let mut packs: Vec<PackRef> = Vec::with_capacity(r.capacity(count, size_of::<PackRef>()));
    for _ in 0..count {
        let (hash, size, records) = (r.array("an address")?, u32::read(r)?, u32::read(r)?);
        let space = u8::read(r)?;
        let len = usize::from(u16::read(r)?);
        let first = (space, r.bytes(len, "a key")?.to_vec());
        if packs.last().is_some_and(|last| last.first >= first) {
            return Err(r.bad("packs in the order of their keys", u64::from(space), len + 3));
        }
        packs.push(PackRef { hash, size, records, first });
    }
    Ok(packs)
}

fn read_text(r: &mut Reader<'_>) -> Result<String, WireError> {
    Ok(String::from_utf8_lossy(read_bytes(r)?).into_owned())
}

/// A time as it stands in names: `20261124T061048Z`.
fn name_of(time: FileTime) -> String {
    let (year, month, day, hour, minute, second) = time.to_civil();
    format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z")
}

/// The name of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SnapshotName(String);

impl SnapshotName {
    pub(crate) fn parse(name: &str) -> Option<SnapshotName> {
        let bytes = name.as_bytes();
        let fits = bytes.len() == 25
            && bytes[..8].iter().chain(&bytes[9..15]).all(u8::is_ascii_digit)
            && bytes[8] == b'T'
            && &bytes[15..17] == b"Z-"
            && bytes[17..].iter().all(u8::is_ascii_hexdigit);
        fits.then(|| SnapshotName(name.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The second in the name.
    pub fn time(&self) -> FileTime {
        let part = |from: usize, to: usize| self.0[from..to].parse::<i64>().unwrap_or(0);
        let (year, month, day) = (part(0, 4), part(4, 6), part(6, 8));
        let seconds = part(9, 11) * 3600 + part(11, 13) * 60 + part(13, 15);
        FileTime::from_civil(year, month, day, seconds)
    }

    /// Year to second, as digits.
    fn digits(&self) -> String {
        self.0[..15].replace('T', "")
    }

    /// Whether the snapshot is not later than a time in UTC such as `2026-11-24T06:10:48Z`, `2026-11-24 06:10`
    /// or `2026-11-24`, which stands for its whole day; None if `time` is no time.
    pub fn is_at_or_before(&self, time: &str) -> Option<bool> {
        let plain = time.trim().trim_end_matches('Z');
        if plain.chars().any(|c| !c.is_ascii_digit() && !"-:T ".contains(c)) {
            return None;
        }
        let digits: String = plain.chars().filter(char::is_ascii_digit).collect();
        match digits.len() {
            8 | 10 | 12 | 14 => Some(self.digits()[..digits.len()] <= *digits),
            _ => None,
        }
    }
}

impl std::fmt::Display for SnapshotName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// What must hold for any bytes: reading does not panic, and what was read gives the same bytes again. For
/// tests and fuzz targets.
pub(crate) fn oracle(bytes: &[u8]) {
    let _ = Snapshot::decode(bytes);
    // Past the hash, which hardly any bytes pass.
    let mut file = [&MAGIC[..], &SNAPSHOT_VERSION.to_le_bytes(), bytes].concat();
    let hash = blake3::hash(&file);
    file.extend_from_slice(hash.as_bytes());
    if let Ok(snapshot) = Snapshot::decode(&file) {
        let (again, name) = snapshot.encode();
        assert_eq!(Snapshot::decode(&again), Ok(snapshot));
        // A time beyond the year 9999 has a longer name.
        let _ = SnapshotName::parse(&name);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sample() -> Snapshot {
        let pack = |n: u8| PackRef { hash: [n; 32], size: 9, records: 2, first: (0, vec![n, 1]) };
        Snapshot {
            time: FileTime::from_unix(1_795_500_648, 0),
            data_format: 1,
            program: "0.1.0".into(),
            missing: vec!["a record".into()],
            common: vec![pack(1), pack(2)],
            mailboxes: vec![SavedMailbox {
                number: MailboxNumber(3),
                guid: Guid([4; 16]),
                address: "me@example.test".into(),
                records: 4,
                bytes: 5,
                packs: vec![pack(7)],
            }],
        }
    }

    #[test]
    fn a_snapshot_survives_and_no_part_or_other_bit_is_taken_for_it() {
        let (bytes, name) = sample().encode();
        assert_eq!(Snapshot::decode(&bytes), Ok(sample()));
        assert!(SnapshotName::parse(&name).is_some(), "{name}");
        for cut in 0..bytes.len() {
            assert!(Snapshot::decode(&bytes[..cut]).is_err());
        }
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(Snapshot::decode(&damaged).is_err());
        }
    }

    #[test]
    fn the_time_in_a_name_is_that_of_the_snapshot() {
        for day in 0..800 {
            let time = FileTime::from_unix(1_700_000_000 + day * 86_413, 0);
            let (_, name) = Snapshot { time, ..sample() }.encode();
            assert_eq!(SnapshotName::parse(&name).expect("a name").time(), time, "{name}");
        }
    }

    #[test]
    fn times_are_compared_as_far_as_they_are_given() {
        let name = SnapshotName::parse("20261124T061048Z-1f2e3d4c").expect("a name");
        let cases = [
            ("2026-11-24", Some(true)),
            ("2026-11-23", Some(false)),
            ("2026-11-24T06:10", Some(true)),
            ("2026-11-24 06:09", Some(false)),
            ("2026-11-24T06:10:47Z", Some(false)),
            ("20261124T061048Z", Some(true)),
            ("yesterday", None),
            ("2026", None),
        ];
        for (time, expected) in cases {
            assert_eq!(name.is_at_or_before(time), expected, "{time}");
        }
        for bad in ["20261124T061048Z", "20261124T061048Z-1f2e3d4", "../../../../etc/passwd.."] {
            assert_eq!(SnapshotName::parse(bad), None);
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_a_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            oracle(&bytes);
        }

        #[test]
        fn nearly_right_bytes_neither(at in any::<usize>(), byte in any::<u8>()) {
            let (mut bytes, _) = sample().encode();
            bytes.drain(..MAGIC.len() + 4);
            bytes.truncate(bytes.len() - HASH);
            oracle(&bytes);
            let at = at % bytes.len();
            bytes[at] = byte;
            oracle(&bytes);
        }
    }
}
