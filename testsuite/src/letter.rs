//! Messages whose whole content follows from a number, so that whoever reads one knows whether it is
//! whole.

use std::io::{Read, Write};

use mapi::{
    AttachedContent, AttachmentContent, MessageContent, PropertyBag, RecipientContent, tags,
};
use mapi_session::{Folder, MapiProp, Message, RecipientKind};

use crate::Result;

/// What the letter of a number holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    pub number: u64,
    /// How often its body was changed.
    pub version: u64,
    pub body: String,
    pub attached: Vec<u8>,
}

/// A small generator (splitmix64).
pub struct Random(pub u64);

impl Random {
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.draw() % bound.max(1)
    }
}

const SUBJECT: &str = "letter ";

/// Who gets the letters that are sent: accounts of the crash tests' store.
pub const READERS: [&str; 2] = ["reader-one@example.test", "reader-two@example.test"];
/// The bit of a number by which it is that of a letter that is sent.
const SENT: u64 = 1 << 62;

impl Letter {
    /// Small ones, some with large bodies, some with attachments beyond a chunk of 64 kB.
    pub fn new(number: u64) -> Letter {
        Letter::edited(number, 0)
    }

    /// The letter with its body changed so many times; the rest stays.
    pub fn edited(number: u64, version: u64) -> Letter {
        let mut random = Random(number ^ version.rotate_right(8));
        let words = match random.below(8) {
            0 => 3000,
            _ => random.below(200),
        };
        let words = (0..words).map(|_| format!("{:x} ", random.below(1 << 20)));
        let body = std::iter::once(format!("v{version} ")).chain(words).collect();
        let mut random = Random(!number);
        let size = match random.below(8) {
            0 => 70_000 + random.below(150_000),
            1..4 => 0,
            _ => random.below(12_000),
        };
        let attached = (0..size).map(|_| random.draw() as u8).collect();
        Letter { number, version, body, attached }
    }

    pub fn subject(&self) -> String {
        format!("{SUBJECT}{}", self.number)
    }

    /// The number of the letter with this subject.
    pub fn number_of(subject: &str) -> Option<u64> {
        subject.strip_prefix(SUBJECT)?.parse().ok()
    }

    /// The version of the letter with this body.
    pub fn version_of(body: &str) -> Option<u64> {
        body.split(' ').next()?.strip_prefix('v')?.parse().ok()
    }

    /// A letter that is sent to the readers.
    pub fn to_readers(number: u64) -> Letter {
        Letter::new(number | SENT)
    }

    fn recipients(&self) -> Vec<String> {
        match self.number & SENT {
            0 => vec![format!("reader{}@example.test", self.number)],
            _ => READERS.map(str::to_owned).to_vec(),
        }
    }

    /// Saves the letter as a MAPI program does, and returns when that was acknowledged.
    pub fn save(&self, folder: &Folder) -> Result<mapi::MessageId> {
        Ok(self.write(folder)?.save()?)
    }

    /// Sends the letter, which goes to Sent Items then; returns when that was acknowledged.
    pub fn send(&self, outbox: &Folder) -> Result {
        Ok(self.write(outbox)?.submit()?)
    }

    /// The letter as a message that is not saved yet.
    fn write(&self, folder: &Folder) -> Result<Message> {
        let message = folder.create_message()?;
        message.set(tags::MESSAGE_CLASS, "IPM.Note")?;
        message.set(tags::SUBJECT, self.subject())?;
        message.set(tags::BODY, self.body.as_str())?;
        for recipient in self.recipients() {
            message.add_recipient(RecipientKind::To, &recipient, "Reader")?;
        }
        if !self.attached.is_empty() {
            let attachment = message.create_attachment()?;
            attachment.set(tags::ATTACH_METHOD, 1_i32)?;
            attachment.set(tags::ATTACH_LONG_FILENAME, "enclosed.bin")?;
            attachment.set(tags::ATTACH_DATA_BINARY, self.attached.as_slice())?;
            attachment.save()?;
        }
        Ok(message)
    }

    /// Saves the letter with its attachment written piece by piece through a stream.
    pub fn save_streaming(&self, folder: &Folder) -> Result {
        let message = folder.create_message()?;
        message.set(tags::MESSAGE_CLASS, "IPM.Note")?;
        message.set(tags::SUBJECT, self.subject())?;
        message.set(tags::BODY, self.body.as_str())?;
        for recipient in self.recipients() {
            message.add_recipient(RecipientKind::To, &recipient, "Reader")?;
        }
        let attachment = message.create_attachment()?;
        attachment.set(tags::ATTACH_METHOD, 1_i32)?;
        attachment.set(tags::ATTACH_LONG_FILENAME, "enclosed.bin")?;
        let mut stream = attachment.create_stream(tags::ATTACH_DATA_BINARY)?;
        self.attached.chunks(20_000).try_for_each(|piece| stream.write_all(piece))?;
        stream.commit()?;
        stream.close()?;
        attachment.save()?;
        message.save()?;
        Ok(())
    }

    /// The letter as an importer has it.
    pub fn content(&self) -> MessageContent {
        let mut properties = PropertyBag::new();
        properties.set(tags::MESSAGE_CLASS, "IPM.Note");
        properties.set(tags::SUBJECT, self.subject());
        properties.set(tags::BODY, self.body.as_str());
        let mut recipient = PropertyBag::new();
        recipient.set(tags::RECIPIENT_TYPE, 1_i32);
        recipient.set(tags::DISPLAY_NAME, "Reader");
        recipient.set(tags::ADDRESS_TYPE, "SMTP");
        recipient.set(tags::EMAIL_ADDRESS, self.recipients().remove(0));
        let mut attachments = Vec::new();
        if !self.attached.is_empty() {
            let mut properties = PropertyBag::new();
            properties.set(tags::ATTACH_METHOD, 1_i32);
            properties.set(tags::ATTACH_LONG_FILENAME, "enclosed.bin");
            let content = AttachedContent::Bytes(self.attached.clone());
            attachments.push(AttachmentContent { properties, content });
        }
        MessageContent {
            properties,
            recipients: vec![RecipientContent { properties: recipient }],
            attachments,
            mime: None,
        }
    }

    /// What is wrong with a message that should be this letter; none if it is whole.
    pub fn fault(&self, message: &Message) -> Result<Option<String>> {
        if message.text(tags::SUBJECT)? != Some(self.subject()) {
            return Ok(Some("another subject".into()));
        }
        let body = message.text(tags::BODY)?.unwrap_or_default();
        if body != self.body {
            return Ok(Some(format!("a body of {} instead of {}", body.len(), self.body.len())));
        }
        let recipients = message.recipients()?;
        let addresses: Vec<&String> = recipients.iter().map(|one| &one.address).collect();
        if addresses != self.recipients().iter().collect::<Vec<_>>() {
            return Ok(Some(format!("the recipients {recipients:?}")));
        }
        let table = message.attachment_table()?.with_columns(&[tags::ATTACH_NUMBER])?;
        let rows = table.rows().collect::<mapi_session::Result<Vec<_>>>()?;
        if rows.len() != usize::from(!self.attached.is_empty()) {
            return Ok(Some(format!("{} attachments", rows.len())));
        }
        for row in rows {
            let number = row.integer(tags::ATTACH_NUMBER).unwrap_or_default() as u32;
            let attachment = message.open_attachment(number)?;
            let mut bytes = Vec::new();
            attachment.open_stream(tags::ATTACH_DATA_BINARY)?.read_to_end(&mut bytes)?;
            if bytes != self.attached {
                return Ok(Some(format!("an attachment of {} bytes that differs", bytes.len())));
            }
        }
        Ok(None)
    }
}
