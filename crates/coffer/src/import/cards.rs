//! Files of which each holds many items: calendars and cards.

use std::collections::HashMap;

use formats::report::Report;
use formats::{ical, vcard};
use mapi::names::lid;
use mapi::{MessageContent, PropertyValue};
use store::mailbox::special::SpecialFolder;

use super::item::Item;
use super::source::Source;
use super::{Import, guarded, read_file};

/// What an item is known by: the UID of an event, with the date of an instance ([MS-OXOCAL] 2.2.1.27); else all that it
/// says.
fn identity(content: &MessageContent) -> [u8; 32] {
    let id = content.properties.get_named(&lid::GLOBAL_OBJECT_ID.name());
    match id.and_then(PropertyValue::as_binary) {
        Some(id) => *blake3::hash(id).as_bytes(),
        None => *blake3::hash(format!("{content:?}").as_bytes()).as_bytes(),
    }
}

impl Import<'_> {
    /// The events of an iCalendar file, into the calendar.
    pub fn calendar(&mut self, source: &Source, name: &str) -> anyhow::Result<()> {
        let read = |bytes: &[u8]| {
            let calendar = ical::read(bytes).map_err(|error| error.to_string())?;
            Ok((calendar.items, calendar.refused))
        };
        self.items(source, name, SpecialFolder::Calendar, read)
    }

    /// The cards of a vCard file, into the contacts.
    pub fn cards(&mut self, source: &Source, name: &str) -> anyhow::Result<()> {
        let read = |bytes: &[u8]| {
            let cards = vcard::read(bytes).map_err(|error| error.to_string())?;
            Ok((cards.items, cards.refused))
        };
        self.items(source, name, SpecialFolder::Contacts, read)
    }

    fn items(
        &mut self,
        source: &Source,
        name: &str,
        kind: SpecialFolder,
        read: impl FnOnce(&[u8]) -> Result<(Vec<(MessageContent, Report)>, Vec<String>), String>,
    ) -> anyhow::Result<()> {
        let bytes = match read_file(&source.path) {
            Ok(bytes) => bytes,
            Err(why) => return self.refuse_file(name, &why),
        };
        let (items, refused) = match guarded(|| read(&bytes)) {
            Ok(read) => read,
            Err(why) => return self.refuse_file(name, &why),
        };
        self.counts.files.carried += 1;
        let folder = self.targets.of_kind(&source.folder, kind, &mut self.counts)?;
        let mut seen = HashMap::new();
        for (index, (content, report)) in items.into_iter().enumerate() {
            // A file that has grown since brings only what is new. Two items that are the same are two.
            let known = identity(&content);
            let times = seen.entry(known).and_modify(|times| *times += 1).or_insert(0u64);
            let place = [&known[..], &times.to_le_bytes()].concat();
            let key = self.content_key(&source.folder, &place);
            let item = Item { content, report, associated: false, read: Some(true), key };
            self.take_into(item, folder, &format!("{name}: item {}", index + 1))?;
            if index % 64 == 0 {
                self.progress(name)?;
            }
        }
        for why in refused {
            self.refuse_message(name, &why)?;
        }
        Ok(())
    }
}
