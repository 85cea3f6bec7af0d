//! PidLidGlobalObjectId and PidLidCleanGlobalObjectId ([MS-OXOCAL] 2.2.1.27, 2.2.1.28), and the UID that they
//! are in an iCalendar file ([MS-OXCICAL] 2.1.3.1.1.20.26).

use mapi::FileTime;
use mapi::wire::{Reader, SizedBytes, Wire, WireError};

/// Byte Array ID.
const ARRAY_ID: [u8; 16] =
    [4, 0, 0, 0, 0x82, 0, 0xe0, 0, 0x74, 0xc5, 0xb7, 0x10, 0x1a, 0x82, 0xe0, 0x08];
/// What stands before a UID that came from another program ([MS-OXCICAL] 2.1.3.1.1.20.26).
const FOREIGN: &[u8] = b"vCal-Uid\x01\0\0\0";
/// A longer UID is cut: nobody's is.
const MAX_UID: usize = 2_000;

/// A GlobalObjectId. The date is that of the original instance, 0 if the id is the whole series'.
#[derive(Debug, Clone, PartialEq)]
pub struct GlobalObjectId {
    pub array_id: [u8; 16],
    pub year: u16,
    pub month: u8,
    pub day: u8,
    pub created: FileTime,
    pub x: [u8; 8],
    pub data: SizedBytes<u32>,
}

impl Wire for GlobalObjectId {
    fn read(r: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(GlobalObjectId {
            array_id: r.array("the Byte Array ID")?,
            // YH and YL: the only big-endian number here.
            year: u16::from_be_bytes(r.array("the year")?),
            month: u8::read(r)?,
            day: u8::read(r)?,
            created: FileTime::read(r)?,
            x: r.array("X")?,
            data: SizedBytes::read(r)?,
        })
    }

    fn write(&self, w: &mut Vec<u8>) {
        self.array_id.write(w);
        w.extend_from_slice(&self.year.to_be_bytes());
        self.month.write(w);
        self.day.write(w);
        self.created.write(w);
        self.x.write(w);
        self.data.write(w);
    }
}

impl GlobalObjectId {
    /// From a UID: hexadecimal digits of an id, or any text.
    pub fn from_uid(uid: &str) -> Self {
        if let Some(bytes) = from_hex(uid)
            && bytes.starts_with(&ARRAY_ID)
            && let Ok(id) = GlobalObjectId::from_wire(&bytes)
        {
            return id;
        }
        let uid = &uid[..uid.floor_char_boundary(MAX_UID)];
        GlobalObjectId {
            array_id: ARRAY_ID,
            year: 0,
            month: 0,
            day: 0,
            created: FileTime(0),
            x: [0; 8],
            data: [FOREIGN, uid.as_bytes(), &[0]].concat().into(),
        }
    }

    /// The UID of a series and of all its instances.
    pub fn to_uid(&self) -> String {
        let foreign = self.data.strip_prefix(FOREIGN).and_then(|rest| rest.strip_suffix(&[0]));
        if let Some(uid) = foreign.and_then(|uid| std::str::from_utf8(uid).ok()) {
            return uid.to_owned();
        }
        let bytes = self.clean().to_wire();
        bytes.iter().map(|byte| format!("{byte:02X}")).collect()
    }

    /// The id of an instance, by the date on which it should have been.
    pub fn of_instance(&self, year: u16, month: u8, day: u8) -> Self {
        GlobalObjectId { year, month, day, ..self.clone() }
    }

    /// PidLidCleanGlobalObjectId.
    pub fn clean(&self) -> Self {
        self.of_instance(0, 0, 0)
    }
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    if text.len() > 2 * MAX_UID {
        return None;
    }
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    pairs.iter().map(|pair| crate::hex::byte(pair)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    // [MS-OXCICAL] 2.1.3.1.1.20.26.
    #[test]
    fn uids_of_both_kinds_come_back() {
        let own = "040000008200E00074C5B7101A82E00800000000F0DB09F532E5CA01000000000000000010000000\
                   E73C73F73F1C3941BDD6450F640703F3";
        for uid in [own, "20141020T130403Z@montrealjazzfest.com", "ü", "", "0400"] {
            let id = GlobalObjectId::from_uid(uid);
            assert_eq!(id.to_uid(), uid);
            assert_eq!(GlobalObjectId::from_wire(&id.to_wire()), Ok(id.clone()));
            let instance = id.of_instance(2011, 1, 18);
            assert_eq!(instance.to_wire()[16..20], [7, 0xdb, 1, 18]);
            assert_eq!(instance.clean(), id);
            assert_eq!(instance.to_uid(), uid);
        }
    }
}
