//! The summary of a message: the columns of usual views in at most 256 bytes, keyed by the viewing folder.
//!
//! Texts are cut to fit; a cut text is marked, and whoever needs the whole one reads the properties.

use mapi::{ChangeNumber, PropertyTag, PropertyValue, Reader, WString, Wire, WireError, tags};

use crate::message::{MessageBody, conversation_id};
use crate::record::Stored;
use crate::record::hot::Hot;

pub(crate) const MAX: usize = 256;

#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Summary {
    /// PidTagMessageFlags, computed ones included.
    pub(crate) flags: u32,
    pub(crate) status: u32,
    pub(crate) size: u64,
    /// CN as a number, in wire order.
    pub(crate) change: i64,
    pub(crate) uid: u32,
    pub(crate) sequence: u64,
    pub(crate) delivered: Option<u64>,
    pub(crate) submitted: Option<u64>,
    pub(crate) modified: Option<u64>,
    pub(crate) created: Option<u64>,
    pub(crate) importance: Option<i32>,
    pub(crate) sensitivity: Option<i32>,
    pub(crate) icon: Option<i32>,
    pub(crate) flag_status: Option<i32>,
    pub(crate) class: Text,
    /// Units of the subject that are its prefix ("Re: ").
    pub(crate) prefix_units: u8,
    pub(crate) subject: Text,
    pub(crate) from: Text,
    pub(crate) to: Text,
    /// PidTagSenderName is the same as PidTagSentRepresentingName, as it is but for who sends for another.
    pub(crate) sent_by_from: bool,
    /// It has no named list of texts, and so no categories: nobody need open it to know. Not said by summaries of
    /// older programs.
    pub(crate) no_categories: bool,
    /// PidTagConversationId. Not said by summaries of older programs.
    pub(crate) conversation: Conversation,
}

/// What a summary says about the conversation that a message belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Conversation {
    #[default]
    Unsaid,
    /// It has no topic, and so no conversation.
    None,
    Of([u8; 16]),
}

/// A text of a summary.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) enum Text {
    #[default]
    Absent,
    Whole(WString),
    /// The beginning of a longer text.
    Cut(WString),
}

/// What a summary says about a property.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Known {
    Value(PropertyValue),
    Absent,
    /// The summary does not hold it: read the properties.
    Unknown,
}

const VERSION: u8 = 1;

/// The bit of `sent_by_from`, behind those of the options and texts.
const SENT_BY_FROM: u16 = 12;
/// The bit of `no_categories`.
const NO_CATEGORIES: u16 = 13;
/// The bits of `conversation`: whether it is said, and whether its id stands behind the texts.
const CONVERSATION_SAID: u16 = 14;
const CONVERSATION: u16 = 15;

/// Bytes of version, fixed fields and the sizes of the four texts.
const FIXED: usize = 1 + 2 + 1 + 4 + 4 + 8 + 8 + 4 + 8 + 8 * 4 + 4 * 4 + 1 + 4;

impl Summary {
    /// The summary of a message as it is about to be saved. `flags` has the computed ones.
    pub(crate) fn of(body: &MessageBody, hot: &Hot, flags: u32) -> Summary {
        let p = &body.properties;
        let int = |tag: PropertyTag| p.inline(tag).and_then(PropertyValue::as_i32);
        let time = |tag: PropertyTag| p.inline(tag).and_then(PropertyValue::as_time).map(|t| t.0);
        let text = |tag: PropertyTag| match p.get(tag) {
            None => Text::Absent,
            Some(value) => match value.inline() {
                Some(PropertyValue::String(text)) => Text::Whole(text.clone()),
                // Of another type, or beyond what is inline: the properties know.
                _ => Text::Cut(WString::default()),
            },
        };
        let prefix = p.inline(tags::SUBJECT_PREFIX).and_then(PropertyValue::as_text);
        let mut summary = Summary {
            flags,
            status: hot.status,
            size: hot.size,
            change: hot.change.to_i64(),
            uid: hot.uid,
            sequence: hot.sequence,
            delivered: time(tags::MESSAGE_DELIVERY_TIME),
            submitted: time(tags::CLIENT_SUBMIT_TIME),
            modified: time(tags::LAST_MODIFICATION_TIME),
            created: time(tags::CREATION_TIME),
            importance: int(tags::IMPORTANCE),
            sensitivity: int(tags::SENSITIVITY),
            icon: int(tags::ICON_INDEX),
            flag_status: int(tags::FLAG_STATUS),
            class: text(tags::MESSAGE_CLASS),
            prefix_units: prefix.map_or(0, |text| text.to_utf16().len().min(255) as u8),
            subject: text(tags::SUBJECT),
            from: text(tags::SENT_REPRESENTING_NAME),
            to: text(tags::DISPLAY_TO),
            sent_by_from: p
                .inline(tags::SENDER_NAME)
                .is_some_and(|sender| p.inline(tags::SENT_REPRESENTING_NAME) == Some(sender)),
            no_categories: !p.tags().any(may_be_categories),
            conversation: conversation_id(p).map_or(Conversation::None, Conversation::Of),
        };
        summary.fit();
        summary
    }

    /// Cuts the texts so that all fits: the subject gets what the others leave.
    fn fit(&mut self) {
        let room = MAX - FIXED - self.conversation.bytes().len();
        self.class.cut(48);
        self.from.cut(36);
        self.to.cut(36);
        let others = self.class.bytes().len() + self.from.bytes().len() + self.to.bytes().len();
        self.subject.cut(room - others);
    }

    /// What the record of a hot change moves in the summary.
    pub(crate) fn follow(&mut self, hot: &Hot, flags: u32) {
        self.flags = flags;
        self.status = hot.status;
        self.uid = hot.uid;
        self.sequence = hot.sequence;
        self.change = hot.change.to_i64();
    }

    pub(crate) fn change(&self) -> ChangeNumber {
        ChangeNumber::from_i64(self.change)
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut w = Vec::with_capacity(MAX);
        w.push(VERSION);
        let mut present: u16 = 0;
        let options = [
            self.delivered.is_some(),
            self.submitted.is_some(),
            self.modified.is_some(),
            self.created.is_some(),
            self.importance.is_some(),
            self.sensitivity.is_some(),
            self.icon.is_some(),
            self.flag_status.is_some(),
        ];
        let texts = [&self.class, &self.subject, &self.from, &self.to];
        for (bit, option) in options.into_iter().enumerate() {
            present |= u16::from(option) << bit;
        }
        let mut cut: u8 = 0;
        for (bit, text) in texts.iter().enumerate() {
            present |= u16::from(**text != Text::Absent) << (8 + bit);
            cut |= u8::from(matches!(text, Text::Cut(_))) << bit;
        }
        present |= u16::from(self.sent_by_from) << SENT_BY_FROM;
        present |= u16::from(self.no_categories) << NO_CATEGORIES;
        present |= u16::from(self.conversation != Conversation::Unsaid) << CONVERSATION_SAID;
        present |= u16::from(!self.conversation.bytes().is_empty()) << CONVERSATION;
        present.write(&mut w);
        cut.write(&mut w);
        self.flags.write(&mut w);
        self.status.write(&mut w);
        self.size.write(&mut w);
        self.change.write(&mut w);
        self.uid.write(&mut w);
        self.sequence.write(&mut w);
        for time in [self.delivered, self.submitted, self.modified, self.created] {
            time.unwrap_or(0).write(&mut w);
        }
        for int in [self.importance, self.sensitivity, self.icon, self.flag_status] {
            int.unwrap_or(0).write(&mut w);
        }
        self.prefix_units.write(&mut w);
        for text in texts {
            let bytes = text.bytes();
            w.push(bytes.len() as u8);
            w.extend_from_slice(bytes);
        }
        w.extend_from_slice(self.conversation.bytes());
        w
    }

    pub(crate) fn read(bytes: &[u8]) -> Result<Summary, WireError> {
        let mut r = Reader::new(bytes);
        let (mut summary, present, cut) = Summary::read_fixed(&mut r)?;
        let texts = [&mut summary.class, &mut summary.subject, &mut summary.from, &mut summary.to];
        for (bit, slot) in texts.into_iter().enumerate() {
            let len = usize::from(u8::read(&mut r)?);
            let bytes = r.bytes(len, "a text of a summary")?;
            let text = read_text(&mut r, bytes)?;
            *slot = match (present >> (8 + bit) & 1 != 0, cut >> bit & 1 != 0) {
                (false, _) => Text::Absent,
                (true, false) => Text::Whole(text),
                (true, true) => Text::Cut(text),
            };
        }
        summary.conversation = match present >> CONVERSATION_SAID {
            0b11 => Conversation::Of(<[u8; 16]>::read(&mut r)?),
            0b01 => Conversation::None,
            _ => Conversation::Unsaid,
        };
        Ok(summary)
    }

    /// All but the texts and what stands behind them, with the bits that say what is there and what is cut. Takes no memory.
    fn read_fixed(r: &mut Reader<'_>) -> Result<(Summary, u16, u8), WireError> {
        super::version(r, VERSION)?;
        let present = u16::read(r)?;
        let cut = u8::read(r)?;
        let has = |bit: u16| present >> bit & 1 != 0;
        let mut summary = Summary {
            flags: u32::read(r)?,
            status: u32::read(r)?,
            size: u64::read(r)?,
            change: i64::read(r)?,
            uid: u32::read(r)?,
            sequence: u64::read(r)?,
            ..Summary::default()
        };
        let times: [u64; 4] = [u64::read(r)?, u64::read(r)?, u64::read(r)?, u64::read(r)?];
        let ints: [i32; 4] = [i32::read(r)?, i32::read(r)?, i32::read(r)?, i32::read(r)?];
        summary.delivered = has(0).then_some(times[0]);
        summary.submitted = has(1).then_some(times[1]);
        summary.modified = has(2).then_some(times[2]);
        summary.created = has(3).then_some(times[3]);
        summary.importance = has(4).then_some(ints[0]);
        summary.sensitivity = has(5).then_some(ints[1]);
        summary.icon = has(6).then_some(ints[2]);
        summary.flag_status = has(7).then_some(ints[3]);
        summary.sent_by_from = has(SENT_BY_FROM);
        summary.no_categories = has(NO_CATEGORIES);
        summary.prefix_units = u8::read(r)?;
        Ok((summary, present, cut))
    }

    /// What the summary knows about a property, by the tag's id.
    pub(crate) fn get(&self, tag: PropertyTag) -> Known {
        const MESSAGE_FLAGS: u16 = tags::MESSAGE_FLAGS.id();
        const MESSAGE_STATUS: u16 = tags::MESSAGE_STATUS.id();
        const MESSAGE_SIZE: u16 = tags::MESSAGE_SIZE.id();
        const CHANGE_NUMBER: u16 = tags::CHANGE_NUMBER.id();
        const INTERNET_ARTICLE_NUMBER: u16 = tags::INTERNET_ARTICLE_NUMBER.id();
        const HAS_ATTACHMENTS: u16 = tags::HAS_ATTACHMENTS.id();
        const MESSAGE_DELIVERY_TIME: u16 = tags::MESSAGE_DELIVERY_TIME.id();
        const CLIENT_SUBMIT_TIME: u16 = tags::CLIENT_SUBMIT_TIME.id();
        const LAST_MODIFICATION_TIME: u16 = tags::LAST_MODIFICATION_TIME.id();
        const CREATION_TIME: u16 = tags::CREATION_TIME.id();
        const IMPORTANCE: u16 = tags::IMPORTANCE.id();
        const SENSITIVITY: u16 = tags::SENSITIVITY.id();
        const ICON_INDEX: u16 = tags::ICON_INDEX.id();
        const FLAG_STATUS: u16 = tags::FLAG_STATUS.id();
        const MESSAGE_CLASS: u16 = tags::MESSAGE_CLASS.id();
        const SUBJECT: u16 = tags::SUBJECT.id();
        const NORMALIZED_SUBJECT: u16 = tags::NORMALIZED_SUBJECT.id();
        const SENT_REPRESENTING_NAME: u16 = tags::SENT_REPRESENTING_NAME.id();
        const SENDER_NAME: u16 = tags::SENDER_NAME.id();
        const DISPLAY_TO: u16 = tags::DISPLAY_TO.id();
        const CONVERSATION_ID: u16 = tags::CONVERSATION_ID.id();
        match tag.id() {
            MESSAGE_FLAGS => Known::Value((self.flags as i32).into()),
            MESSAGE_STATUS => Known::Value((self.status as i32).into()),
            MESSAGE_SIZE if tag.property_type() == mapi::PropertyType::INTEGER64 => {
                Known::Value((self.size as i64).into())
            }
            MESSAGE_SIZE => Known::Value(i32::try_from(self.size).unwrap_or(i32::MAX).into()),
            CHANGE_NUMBER => Known::Value(self.change.into()),
            INTERNET_ARTICLE_NUMBER => Known::Value((self.uid as i32).into()),
            HAS_ATTACHMENTS => {
                Known::Value((self.flags & crate::message::flags::HAS_ATTACHMENTS != 0).into())
            }
            MESSAGE_DELIVERY_TIME => time(self.delivered),
            CLIENT_SUBMIT_TIME => time(self.submitted),
            LAST_MODIFICATION_TIME => time(self.modified),
            CREATION_TIME => time(self.created),
            IMPORTANCE => int(self.importance),
            SENSITIVITY => int(self.sensitivity),
            ICON_INDEX => int(self.icon),
            FLAG_STATUS => int(self.flag_status),
            MESSAGE_CLASS => self.class.known(),
            SUBJECT => self.subject.known(),
            NORMALIZED_SUBJECT => match &self.subject {
                Text::Whole(text) => {
                    Known::Value(without_prefix(text.clone(), self.prefix_units).into())
                }
                other => other.known(),
            },
            SENT_REPRESENTING_NAME => self.from.known(),
            SENDER_NAME if self.sent_by_from => self.from.known(),
            DISPLAY_TO => self.to.known(),
            CONVERSATION_ID => self.conversation.known(),
            _ => Known::Unknown,
        }
    }
}

/// Whether a property may be PidNameKeywords, whose id is another one in each mailbox.
fn may_be_categories(tag: PropertyTag) -> bool {
    tag.is_named() && tag.property_type() == mapi::PropertyType::MULTIPLE_STRING
}

/// A summary as a row of a table sees it: what is asked for is read, and nothing else. A search looks at one
/// text of each of a hundred thousand, and a view that is sorted by a time at none.
pub(crate) struct Packed<'a>(Stored<'a>);

// Where the numbers stand, and behind them the texts.
const PRESENT: usize = 1;
const CUT: usize = 3;
const FLAGS: usize = 4;
const STATUS: usize = 8;
const SIZE: usize = 12;
const CHANGE: usize = 20;
const UID: usize = 28;
const SEQUENCE: usize = 32;
const DELIVERED: usize = 40;
const CREATED: usize = 64;
const ICON: usize = 80;
const FLAG_STATUS: usize = 84;
const PREFIX_UNITS: usize = 88;
const TEXTS: usize = 89;
const TEXT_COUNT: u32 = 4;

impl<'a> Packed<'a> {
    pub(crate) fn new(bytes: impl Into<Stored<'a>>) -> Result<Self, WireError> {
        let bytes = bytes.into();
        let mut r = Reader::new(&bytes);
        super::version(&mut r, VERSION)?;
        r.bytes(TEXTS - PRESENT, "the numbers of a summary")?;
        Ok(Packed(bytes))
    }
}

impl Packed<'_> {
    /// PidTagMessageFlags.
    pub(crate) fn flags(&self) -> u32 {
        u32::from_le_bytes(self.number(FLAGS))
    }

    pub(crate) fn status(&self) -> u32 {
        u32::from_le_bytes(self.number(STATUS))
    }

    /// The IMAP UID.
    pub(crate) fn uid(&self) -> u32 {
        u32::from_le_bytes(self.number(UID))
    }

    /// PidTagMessageDeliveryTime, or PidTagCreationTime of what was not delivered.
    pub(crate) fn received(&self) -> u64 {
        match self.present() & 1 != 0 {
            true => u64::from_le_bytes(self.number(DELIVERED)),
            false => u64::from_le_bytes(self.number(CREATED)),
        }
    }

    /// PidTagIconIndex.
    pub(crate) fn icon(&self) -> Option<i32> {
        (self.present() >> 6 & 1 != 0).then(|| i32::from_le_bytes(self.number(ICON)))
    }

    /// PidTagFlagStatus.
    pub(crate) fn flag_status(&self) -> Option<i32> {
        (self.present() >> 7 & 1 != 0).then(|| i32::from_le_bytes(self.number(FLAG_STATUS)))
    }

    /// Whether the message has to be opened to know of categories.
    pub(crate) fn may_have_categories(&self) -> bool {
        self.present() >> NO_CATEGORIES & 1 == 0
    }

    /// PidTagMessageSize.
    pub(crate) fn size(&self) -> u64 {
        u64::from_le_bytes(self.number(SIZE))
    }

    /// The sequence of the message's newest change.
    pub(crate) fn sequence(&self) -> u64 {
        u64::from_le_bytes(self.number(SEQUENCE))
    }

    pub(crate) fn change(&self) -> ChangeNumber {
        ChangeNumber::from_i64(i64::from_le_bytes(self.number(CHANGE)))
    }

    /// What the summary knows about a property.
    pub(crate) fn get(&self, tag: PropertyTag) -> Result<Known, WireError> {
        if tag.id() == tags::CONVERSATION_ID.id() {
            return Ok(self.conversation().known());
        }
        let Some(at) = self.text_of(tag) else {
            let (fixed, ..) = Summary::read_fixed(&mut Reader::new(&self.0))?;
            return Ok(fixed.get(tag));
        };
        if !self.has(at) {
            return Ok(Known::Absent);
        }
        if self.is_cut(at) {
            return Ok(Known::Unknown);
        }
        let mut r = Reader::new(&self.0);
        let bytes = self.bytes_of(at);
        let bytes = bytes.ok_or_else(|| r.bad("a text of a summary", u64::from(at), 0))?;
        let text = read_text(&mut r, bytes)?;
        Ok(Known::Value(match tag.id() == tags::NORMALIZED_SUBJECT.id() {
            true => without_prefix(text, self.number::<1>(PREFIX_UNITS)[0]).into(),
            false => text.into(),
        }))
    }

    /// The bytes of a text that the summary has whole. None if it is not one of them, or not whole.
    pub(crate) fn text(&self, tag: PropertyTag) -> Option<&[u8]> {
        let at = self.text_of(tag).filter(|_| tag.id() != tags::NORMALIZED_SUBJECT.id())?;
        (self.has(at) && !self.is_cut(at)).then(|| self.bytes_of(at)).flatten()
    }

    /// PidTagConversationId, which stands behind the texts.
    fn conversation(&self) -> Conversation {
        let id = || self.behind_texts(TEXT_COUNT)?.first_chunk::<16>();
        match self.present() >> CONVERSATION_SAID {
            0b11 => id().map_or(Conversation::Unsaid, |id| Conversation::Of(*id)),
            0b01 => Conversation::None,
            _ => Conversation::Unsaid,
        }
    }

    /// Which of the texts a property is.
    fn text_of(&self, tag: PropertyTag) -> Option<u32> {
        const MESSAGE_CLASS: u16 = tags::MESSAGE_CLASS.id();
        const SUBJECT: u16 = tags::SUBJECT.id();
        const NORMALIZED_SUBJECT: u16 = tags::NORMALIZED_SUBJECT.id();
        const SENT_REPRESENTING_NAME: u16 = tags::SENT_REPRESENTING_NAME.id();
        const SENDER_NAME: u16 = tags::SENDER_NAME.id();
        const DISPLAY_TO: u16 = tags::DISPLAY_TO.id();
        Some(match tag.id() {
            MESSAGE_CLASS => 0,
            SUBJECT | NORMALIZED_SUBJECT => 1,
            SENT_REPRESENTING_NAME => 2,
            SENDER_NAME if self.present() >> SENT_BY_FROM & 1 != 0 => 2,
            DISPLAY_TO => 3,
            _ => return None,
        })
    }

    fn present(&self) -> u16 {
        u16::from_le_bytes(self.number(PRESENT))
    }

    fn has(&self, text: u32) -> bool {
        self.present() >> (8 + text) & 1 != 0
    }

    fn is_cut(&self, text: u32) -> bool {
        self.number::<1>(CUT)[0] >> text & 1 != 0
    }

    fn bytes_of(&self, text: u32) -> Option<&[u8]> {
        let rest = self.behind_texts(text)?;
        rest.get(1..1 + usize::from(*rest.first()?))
    }

    /// What stands behind so many texts.
    fn behind_texts(&self, count: u32) -> Option<&[u8]> {
        let mut rest = &self.0[TEXTS..];
        for _ in 0..count {
            rest = rest.get(1 + usize::from(*rest.first()?)..)?;
        }
        Some(rest)
    }

    /// INVARIANT: all numbers are there, `new` saw to it.
    fn number<const N: usize>(&self, at: usize) -> [u8; N] {
        std::array::from_fn(|byte| self.0[at + byte])
    }
}

/// A text of a summary. What is no text would become longer when it is read, beyond what its size can say.
fn read_text(r: &mut Reader<'_>, bytes: &[u8]) -> Result<WString, WireError> {
    let text = WString::from_bytes(bytes);
    match text.as_bytes() == bytes {
        true => Ok(text),
        false => Err(r.bad("a text of a summary in WTF-8", bytes.len() as u64, bytes.len())),
    }
}

/// A subject without what stands before it ("Re: "), which has so many units.
fn without_prefix(subject: WString, units: u8) -> WString {
    if units == 0 {
        return subject;
    }
    let all = subject.to_utf16();
    WString::from_utf16(all.get(usize::from(units)..).unwrap_or_default().iter().copied())
}

fn time(value: Option<u64>) -> Known {
    value.map_or(Known::Absent, |ticks| Known::Value(mapi::FileTime(ticks).into()))
}

fn int(value: Option<i32>) -> Known {
    value.map_or(Known::Absent, |value| Known::Value(value.into()))
}

impl Conversation {
    fn bytes(&self) -> &[u8] {
        match self {
            Conversation::Unsaid | Conversation::None => &[],
            Conversation::Of(id) => id,
        }
    }

    fn known(self) -> Known {
        match self {
            Conversation::Unsaid => Known::Unknown,
            Conversation::None => Known::Absent,
            Conversation::Of(id) => Known::Value(id.to_vec().into()),
        }
    }
}

impl Text {
    fn bytes(&self) -> &[u8] {
        match self {
            Text::Absent => &[],
            Text::Whole(text) | Text::Cut(text) => text.as_bytes(),
        }
    }

    /// Cuts to at most `limit` bytes, at a character.
    fn cut(&mut self, limit: usize) {
        let bytes = self.bytes();
        if bytes.len() <= limit {
            return;
        }
        let mut end = limit;
        while end > 0 && bytes[end] & 0xc0 == 0x80 {
            end -= 1;
        }
        *self = Text::Cut(WString::from_bytes(&bytes[..end]));
    }

    fn known(&self) -> Known {
        match self {
            Text::Absent => Known::Absent,
            Text::Whole(text) => Known::Value(text.clone().into()),
            Text::Cut(_) => Known::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Contents;

    #[test]
    fn round_trip_within_the_bound() {
        let mut summary = Summary {
            flags: 1,
            uid: 9,
            delivered: Some(5),
            importance: Some(-1),
            class: Text::Whole("IPM.Note".into()),
            subject: Text::Whole("ä".repeat(200).as_str().into()),
            from: Text::Whole("x".repeat(300).as_str().into()),
            prefix_units: 2,
            conversation: Conversation::Of([7; 16]),
            ..Summary::default()
        };
        summary.fit();
        let bytes = summary.to_bytes();
        assert!(bytes.len() <= MAX && bytes.len() > MAX - 3);
        assert_eq!(Summary::read(&bytes), Ok(summary.clone()));
        let packed = Packed::new(&bytes[..]).unwrap();
        let all = 0..=u16::MAX;
        for tag in all.map(|id| PropertyTag::from_parts(id, mapi::PropertyType::UNSPECIFIED)) {
            assert_eq!(packed.get(tag), Ok(summary.get(tag)), "{tag:?}");
            if let Some(text) = packed.text(tag) {
                let whole = WString::from_bytes(text);
                assert_eq!(summary.get(tag), Known::Value(whole.into()), "{tag:?}");
            }
        }
        assert_eq!(summary.get(tags::SUBJECT), Known::Unknown);
        assert_eq!(packed.text(tags::MESSAGE_CLASS), Some(&b"IPM.Note"[..]));
        assert_eq!((packed.text(tags::SUBJECT), packed.text(tags::DISPLAY_TO)), (None, None));
        assert_eq!(summary.get(tags::DISPLAY_TO), Known::Absent);
        assert_eq!(summary.get(tags::CONVERSATION_ID), Known::Value(vec![7u8; 16].into()));
        for (conversation, known) in
            [(Conversation::None, Known::Absent), (Conversation::Unsaid, Known::Unknown)]
        {
            let bytes = Summary { conversation, ..summary.clone() }.to_bytes();
            let packed = Packed::new(&bytes[..]).unwrap();
            assert_eq!(packed.get(tags::CONVERSATION_ID), Ok(known));
        }
        assert_eq!(summary.get(tags::MESSAGE_CLASS), Known::Value("IPM.Note".into()));
    }

    #[test]
    fn numbers_stand_where_rows_look() {
        let summary = Summary {
            flags: 1,
            status: 2,
            size: 3,
            change: 4,
            uid: 5,
            sequence: 6,
            delivered: Some(7),
            created: Some(8),
            icon: Some(261),
            flag_status: Some(2),
            no_categories: true,
            ..Summary::default()
        };
        let bytes = summary.to_bytes();
        let packed = Packed::new(&bytes[..]).unwrap();
        assert_eq!((packed.flags(), packed.status(), packed.size()), (1, 2, 3));
        assert_eq!((packed.uid(), packed.sequence(), packed.received()), (5, 6, 7));
        assert_eq!((packed.icon(), packed.flag_status()), (Some(261), Some(2)));
        assert!(!packed.may_have_categories());
        let bytes = Summary { created: Some(8), ..Summary::default() }.to_bytes();
        let packed = Packed::new(&bytes[..]).unwrap();
        assert_eq!((packed.received(), packed.icon(), packed.flag_status()), (8, None, None));
        assert!(packed.may_have_categories());
    }

    #[test]
    fn who_sends_for_himself_stands_there_once() {
        let mut body = MessageBody::default();
        body.properties.set(tags::SENT_REPRESENTING_NAME, "Ann");
        let hot = Hot {
            folder: mapi::FolderId::NONE,
            contents: Contents::Normal,
            read: false,
            flags: 0,
            status: 0,
            change: ChangeNumber::NONE,
            read_change: ChangeNumber::NONE,
            uid: 1,
            sequence: 1,
            size: 1,
            deleted: mapi::FileTime(0),
            committed: mapi::FileTime(0),
            saved: mapi::FileTime(0),
        };
        let of = |body: &MessageBody| {
            let summary = Summary::of(body, &hot, 0);
            Summary::read(&summary.to_bytes()).unwrap().get(tags::SENDER_NAME)
        };
        assert_eq!(of(&body), Known::Unknown);
        body.properties.set(tags::SENDER_NAME, "Ann");
        assert_eq!(of(&body), Known::Value("Ann".into()));
        body.properties.set(tags::SENDER_NAME, "Bob");
        assert_eq!(of(&body), Known::Unknown);
    }
}
