//! The stream: a signature, a key, and attributes one behind the other ([MS-OXTNEF] 2.1.3, 2.1.3.2).
//!
//! ```text
//! signature u32 | key u16 | attribute*
//! attribute: level u8 | id u32 | length u32 | data | checksum u16
//! ```

use crate::report::{Kind, Report};

/// TNEFSignature ([MS-OXTNEF] 2.1.3.1).
const SIGNATURE: [u8; 4] = 0x223e_9f78_u32.to_le_bytes();
const KEY_SIZE: usize = 2;
const HEADER_SIZE: usize = 9;
const CHECKSUM_SIZE: usize = 2;

/// Attributes of one stream. Real ones have some dozen, and seven for each attachment.
const MAX_ATTRIBUTES: usize = 100_000;

/// What an attribute speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    Message,
    Attachment,
}

impl Level {
    fn byte(self) -> u8 {
        match self {
            Level::Message => 1,
            Level::Attachment => 2,
        }
    }
}

/// An attribute's id: the type of old in the high half ([MS-OXTNEF] 2.1.3.2).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct AttributeId(pub u32);

impl std::fmt::Debug for AttributeId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match NAMES.iter().find(|(id, _)| id == self) {
            Some((_, name)) => f.write_str(name),
            None => write!(f, "attribute {:#010x}", self.0),
        }
    }
}

macro_rules! attribute_ids {
    ($($constant:ident = $id:literal, $name:literal;)*) => {
        /// The ids of [MS-OXTNEF] 2.1.3.2 and 2.1.3.3.
        pub mod ids {
            use super::AttributeId;
            $(pub const $constant: AttributeId = AttributeId($id);)*
        }
        const NAMES: &[(AttributeId, &str)] = &[$((ids::$constant, $name)),*];
    };
}

attribute_ids! {
    NULL = 0x0000_0000, "attNull";
    FROM = 0x0000_8000, "attFrom";
    SUBJECT = 0x0001_8004, "attSubject";
    MESSAGE_ID = 0x0001_8009, "attMessageID";
    PARENT_ID = 0x0001_800a, "attParentID";
    CONVERSATION_ID = 0x0001_800b, "attConversationID";
    ATTACH_TITLE = 0x0001_8010, "attAttachTitle";
    BODY = 0x0002_800c, "attBody";
    DATE_START = 0x0003_0006, "attDateStart";
    DATE_END = 0x0003_0007, "attDateEnd";
    DATE_SENT = 0x0003_8005, "attDateSent";
    DATE_RECEIVED = 0x0003_8006, "attDateRecd";
    ATTACH_CREATE_DATE = 0x0003_8012, "attAttachCreateDate";
    ATTACH_MODIFY_DATE = 0x0003_8013, "attAttachModifyDate";
    DATE_MODIFIED = 0x0003_8020, "attDateModified";
    REQUEST_RESPONSE = 0x0004_0009, "attRequestRes";
    PRIORITY = 0x0004_800d, "attPriority";
    APPOINTMENT_ID_OWNER = 0x0005_0008, "attAidOwner";
    OWNER = 0x0006_0000, "attOwner";
    SENT_FOR = 0x0006_0001, "attSentFor";
    DELEGATE = 0x0006_0002, "attDelegate";
    MESSAGE_STATUS = 0x0006_8007, "attMessageStatus";
    ATTACH_DATA = 0x0006_800f, "attAttachData";
    ATTACH_META_FILE = 0x0006_8011, "attAttachMetaFile";
    ATTACH_TRANSPORT_FILENAME = 0x0006_9001, "attAttachTransportFilename";
    ATTACH_REND_DATA = 0x0006_9002, "attAttachRendData";
    MSG_PROPS = 0x0006_9003, "attMsgProps";
    RECIPIENT_TABLE = 0x0006_9004, "attRecipTable";
    ATTACHMENT = 0x0006_9005, "attAttachment";
    OEM_CODEPAGE = 0x0006_9007, "attOemCodepage";
    ORIGINAL_MESSAGE_CLASS = 0x0007_0600, "attOriginalMessageClass";
    MESSAGE_CLASS = 0x0007_8008, "attMessageClass";
    TNEF_VERSION = 0x0008_9006, "attTnefVersion";
}

#[derive(Debug, Clone, Copy)]
pub struct Attribute<'a> {
    pub level: Level,
    pub id: AttributeId,
    /// As much as there is.
    pub data: &'a [u8],
    /// The stream ends before the data do.
    pub cut: bool,
}

/// Whether the bytes begin like a TNEF stream.
pub fn has_signature(bytes: &[u8]) -> bool {
    bytes.starts_with(&SIGNATURE)
}

/// The attributes of a stream in their order, and in the report what is wrong with them. None without a
/// signature.
pub fn attributes<'a>(stream: &'a [u8], report: &mut Report) -> Option<Vec<Attribute<'a>>> {
    let mut rest = stream.strip_prefix(&SIGNATURE)?;
    rest = rest.get(KEY_SIZE..).unwrap_or_default();
    let mut found = Vec::new();
    // What transports leave behind the stream, the ends of lines mostly, is no attribute.
    while rest.iter().any(|byte| !matches!(byte, 0 | b'\r' | b'\n' | b' ')) {
        let at = stream.len() - rest.len();
        let mut refuse = |why: String| {
            report.refuse(Kind::Structure, format!("the attribute at byte {at}"), why);
        };
        if found.len() >= MAX_ATTRIBUTES {
            refuse(format!("a stream may have {MAX_ATTRIBUTES} attributes; the rest is left out"));
            break;
        }
        let level = match rest[0] {
            1 => Level::Message,
            2 => Level::Attachment,
            other => {
                refuse(format!("its level is {other}; what stands from here on is lost"));
                break;
            }
        };
        let Some((header, data)) = rest.split_at_checked(HEADER_SIZE) else {
            refuse(format!("the stream ends {} bytes after its begin", rest.len()));
            break;
        };
        let number = |at: usize| {
            u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
        };
        let id = AttributeId(number(1));
        let length = number(5) as usize;
        let Some((data, behind)) = data.split_at_checked(length) else {
            refuse(format!("{id:?} has {} of its {length} bytes", data.len()));
            found.push(Attribute { level, id, data, cut: true });
            break;
        };
        match behind.first_chunk::<CHECKSUM_SIZE>() {
            Some(sum) if u16::from_le_bytes(*sum) == checksum(data) => {}
            Some(_) => refuse(format!("{id:?} has a wrong checksum; it is read all the same")),
            None => refuse(format!("the stream ends before the checksum of {id:?}")),
        }
        found.push(Attribute { level, id, data, cut: false });
        rest = behind.get(CHECKSUM_SIZE..).unwrap_or_default();
    }
    Some(found)
}

/// Begins a stream.
pub fn begin(key: u16) -> Vec<u8> {
    let mut out = SIGNATURE.to_vec();
    out.extend_from_slice(&key.to_le_bytes());
    out
}

/// Adds an attribute. One longer than its length can say is left out.
pub fn push(out: &mut Vec<u8>, level: Level, id: AttributeId, data: &[u8]) {
    let Ok(length) = u32::try_from(data.len()) else { return };
    out.push(level.byte());
    out.extend_from_slice(&id.0.to_le_bytes());
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(data);
    out.extend_from_slice(&checksum(data).to_le_bytes());
}

/// The sum of the bytes, modulo 65536 ([MS-OXTNEF] 2.1.3.2).
fn checksum(data: &[u8]) -> u16 {
    data.iter().fold(0_u16, |sum, byte| sum.wrapping_add(u16::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream() -> Vec<u8> {
        let mut out = begin(1);
        push(&mut out, Level::Message, ids::SUBJECT, b"a\0");
        push(&mut out, Level::Attachment, ids::ATTACH_DATA, b"data");
        out
    }

    /// [MS-OXTNEF] 3.1: attOemCodepage of 1252 has the checksum 0x00E8.
    #[test]
    fn the_checksum_is_a_sum() {
        assert_eq!(checksum(&[0xe4, 0x04, 0, 0, 0, 0, 0, 0]), 0x00e8);
        assert_eq!(checksum(b"IPM.Microsoft Mail.Note\0"), 0x0831);
    }

    #[test]
    fn attributes_come_back() {
        let mut report = Report::default();
        let mut bytes = stream();
        bytes.extend_from_slice(b"\r\n");
        let found = attributes(&bytes, &mut report).unwrap();
        assert_eq!(found.len(), 2);
        assert_eq!((found[1].id, found[1].data), (ids::ATTACH_DATA, &b"data"[..]));
        assert!(report.is_whole(), "{report:?}");
    }

    #[test]
    fn a_wrong_checksum_is_reported_and_not_fatal() {
        let mut report = Report::default();
        let mut bytes = stream();
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        assert_eq!(attributes(&bytes, &mut report).unwrap().len(), 2);
        assert!(report.refused[0].why.contains("wrong checksum"), "{report:?}");
    }

    #[test]
    fn what_stands_before_damage_is_kept() {
        let bytes = stream();
        for length in 6..bytes.len() {
            let mut report = Report::default();
            let found = attributes(&bytes[..length], &mut report).unwrap();
            let whole = found.iter().filter(|attribute| !attribute.cut).count();
            assert_eq!(whole, usize::from(length >= 17) + usize::from(length >= 32), "{length}");
            assert!(report.refused.len() == 1 || length == 6 || length == 19, "{length}");
        }
        let mut report = Report::default();
        let mut bytes = stream();
        bytes[19] = 9;
        assert_eq!(attributes(&bytes, &mut report).unwrap().len(), 1);
        assert!(report.refused[0].why.contains("level is 9"), "{report:?}");
        assert!(attributes(b"\x78\x9f\x3e", &mut report).is_none());
    }
}
