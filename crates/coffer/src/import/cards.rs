//! Files of which each holds many items: calendars and cards.

use formats::report::Report;
use formats::{ical, vcard};
use mapi::MessageContent;
use store::mailbox::special::SpecialFolder;

use super::item::Item;
use super::source::Source;
use super::{Import, guarded, read_file};

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
        let hash = blake3::hash(&bytes);
        for (index, (content, report)) in items.into_iter().enumerate() {
            // What an item is known by is the file and its place in it.
            let place = [&hash.as_bytes()[..], &(index as u64).to_le_bytes()].concat();
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
