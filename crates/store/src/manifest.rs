//! A manifest: a hash for each folder and message over everything that a client can see of it, so that a
//! copy can be compared with its original. The bytes that are hashed are canonical: properties by tag or by
//! name (never by the id that a mailbox gave a name), values as the bytes of a stream, however they are kept.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use blake3::Hasher;
use mapi::{FolderId, MessageId, PropertyName, PropertyNameKind, PropertyTag, Wire, tags};

use crate::engine::{Direction, KeyRange, Reader, Space};
use crate::folder::computed::FolderView;
use crate::keys::{self, Kind};
use crate::mailbox::{names, receive, store_properties};
use crate::message::{self, Message, MessageBody, read_in};
use crate::record::{parts, properties};
use crate::table::Contents;
use crate::value::{LargeSource, LargeValue, Properties, Value};
use crate::{Mailbox, Result, Store, StoreError, folder, large};

/// What goes into the hashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Also what tells a copy from its original: ids, change numbers, UIDs, entry ids, counters, and the times
    /// at which folders were made and changed.
    pub ids: bool,
    /// Soft-deleted messages as well.
    pub deleted: bool,
}

/// A line of a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub kind: LineKind,
    /// In hexadecimal.
    pub hash: String,
    /// The folder's names from the top, with `/` between; empty for the mailbox and the root.
    pub path: String,
    /// Of a message; NONE where ids are left out.
    pub id: MessageId,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LineKind {
    /// Properties of the store object, receive folders.
    Mailbox,
    Folder,
    Message,
    Associated,
    Deleted,
    DeletedAssociated,
}

impl LineKind {
    pub fn name(self) -> &'static str {
        match self {
            LineKind::Mailbox => "mailbox",
            LineKind::Folder => "folder",
            LineKind::Message => "message",
            LineKind::Associated => "associated",
            LineKind::Deleted => "deleted",
            LineKind::DeletedAssociated => "deleted-associated",
        }
    }

    fn of(contents: Contents) -> LineKind {
        match contents {
            Contents::Normal => LineKind::Message,
            Contents::Associated => LineKind::Associated,
            Contents::SoftDeleted => LineKind::Deleted,
            Contents::SoftDeletedAssociated => LineKind::DeletedAssociated,
        }
    }
}

impl std::fmt::Display for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} ", self.kind.name(), self.hash)?;
        match self.id.is_none() {
            true => write!(f, "{}", self.path),
            false => write!(f, "{} {}", self.path, self.id),
        }
    }
}

/// The manifest of a mailbox, of one moment: a line for the mailbox, then for each folder by its path one line
/// and those of its messages, by id, or where ids are left out by hash. Ends early with
/// [`ControlFlow::Break`] from `each`.
///
/// Errors: [`StoreError::Corrupt`] for a message or value that cannot be read whole.
pub fn mailbox(
    mailbox: &Mailbox,
    options: Options,
    each: &mut dyn FnMut(Line) -> ControlFlow<()>,
) -> Result<()> {
    let snapshot = mailbox.store().engine().snapshot()?;
    Walk { mailbox, reader: &*snapshot, options }.run(each)
}

/// One hash over the lines of a manifest, as they are printed.
#[derive(Debug, Default)]
pub struct Total(Hasher);

impl Total {
    pub fn add(&mut self, line: &str) {
        self.0.update(line.as_bytes()).update(b"\n");
    }

    pub fn hash(&self) -> String {
        self.0.finalize().to_hex().to_string()
    }
}

/// The lines about the directory: accounts with their state and who may open whose mailbox, by address. Never
/// their credentials.
pub fn accounts(store: &Store, options: Options) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    for account in store.accounts()? {
        let mut hash = Hasher::new();
        add(&mut hash, account.address.as_bytes());
        add(&mut hash, account.display_name.as_bytes());
        hash.update(&[u8::from(account.disabled)]);
        if options.ids {
            add(&mut hash, account.legacy_dn.as_bytes());
            hash.update(&account.mailbox_guid.0);
            hash.update(&account.id.0.to_le_bytes());
            hash.update(&account.mailbox.0.to_le_bytes());
            hash.update(&account.credential_epoch.to_le_bytes());
        }
        for alias in store.aliases(account.id)? {
            add(&mut hash, alias.as_bytes());
        }
        let mut grantees = Vec::new();
        for id in store.grantees(account.mailbox)? {
            grantees.push(store.account(id)?.address);
        }
        grantees.sort_unstable();
        grantees.iter().for_each(|address| add(&mut hash, address.as_bytes()));
        lines.push(format!("account {} {}", hash.finalize().to_hex(), account.address));
    }
    Ok(lines)
}

struct Walk<'a> {
    mailbox: &'a Mailbox,
    reader: &'a dyn Reader,
    options: Options,
}

impl Walk<'_> {
    fn run(&self, each: &mut dyn FnMut(Line) -> ControlFlow<()>) -> Result<()> {
        let path = String::new();
        let hash = self.store_object()?;
        let line = Line { kind: LineKind::Mailbox, hash, path, id: MessageId::NONE };
        if each(line).is_break() {
            return Ok(());
        }
        for (path, id) in self.folders()? {
            if self.folder(id, &path, each)?.is_break() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// All folders by path. Names are unique among siblings, so paths are among all, up to a name that holds a
    /// `/`; then the ids decide the order.
    fn folders(&self) -> Result<Vec<(String, FolderId)>> {
        let root = crate::SpecialFolder::Root.id();
        let mut found = vec![(String::new(), root)];
        let mut next = 0;
        while let Some((path, id)) = found.get(next).cloned() {
            next += 1;
            for child in folder::child_ids(self.mailbox, self.reader, id)? {
                let name = folder::record(self.mailbox, self.reader, child)?.name;
                let path = if path.is_empty() { name } else { format!("{path}/{name}") };
                found.push((path, child));
            }
        }
        found.sort();
        Ok(found)
    }

    fn store_object(&self) -> Result<String> {
        let mut hash = Hasher::new();
        let prefix = self.mailbox.key(Kind::StoreProperties, &[]);
        let (bytes, count) = parts::get(self.reader, &prefix)?;
        if count > 0 {
            let stored = properties::read(&mut mapi::Reader::new(&bytes))?;
            self.properties(&mut hash, &stored, |_| true)?;
        }
        if self.options.ids {
            let settings =
                self.reader.get(Space::Mailbox, &self.mailbox.key(Kind::Settings, &[]))?;
            add(&mut hash, &settings.unwrap_or_default());
            hash.update(&self.mailbox.guid().0).update(&self.mailbox.replica().0);
            for tag in store_properties::tags(self.mailbox)? {
                let value = store_properties::get(self.mailbox, &[tag])?.pop().flatten();
                if let Some(value) = value {
                    hash.update(&tag.id().to_le_bytes());
                    self.value(&mut hash, &value)?;
                }
            }
            for entry in receive::all(self.mailbox)? {
                add(&mut hash, &receive::to_bytes(&entry));
            }
            self.records(&mut hash, Kind::PerUser, &[])?;
        }
        Ok(hash.finalize().to_hex().to_string())
    }

    /// Records of a kind as they are kept, with what their keys say.
    fn records(&self, hash: &mut Hasher, kind: Kind, of: &[u8]) -> Result<()> {
        let prefix = self.mailbox.key(kind, &[of]);
        let from = prefix.len();
        let range = KeyRange::prefix(prefix);
        self.reader.visit(Space::Mailbox, &range, Direction::Forward, &mut |key, value| {
            add(hash, key.get(from..).unwrap_or_default());
            add(hash, value);
            ControlFlow::Continue(())
        })?;
        Ok(())
    }

    fn folder(
        &self,
        id: FolderId,
        path: &str,
        each: &mut dyn FnMut(Line) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>> {
        let record = folder::record(self.mailbox, self.reader, id)?;
        let mut hash = Hasher::new();
        add(&mut hash, record.name.as_bytes());
        hash.update(&[record.kind as u8]);
        let view = FolderView::new(self.mailbox, self.reader, id, record);
        let keep = |tag: PropertyTag| !folder::is_computed(tag) && !IDENTITY.contains(&tag);
        self.properties(&mut hash, view.stored()?, keep)?;
        if self.options.ids {
            for tag in view.tags()? {
                if let Some(value) = view.get(tag)? {
                    hash.update(&tag.id().to_le_bytes());
                    self.value(&mut hash, &value)?;
                }
            }
            let record = &view.record;
            hash.update(&record.uid_validity.to_le_bytes());
            hash.update(&record.uid_next.to_le_bytes());
            hash.update(&record.sequence.to_le_bytes());
            // Who may do what in it, its rules, and what users of public folders have read.
            for kind in [Kind::Permissions, Kind::Rule, Kind::Seen] {
                self.records(&mut hash, kind, &keys::fid(id))?;
            }
        }
        let hash = hash.finalize().to_hex().to_string();
        let line = Line { kind: LineKind::Folder, hash, path: path.into(), id: MessageId::NONE };
        if each(line).is_break() {
            return Ok(ControlFlow::Break(()));
        }
        for class in 0..4 {
            let contents = Contents::from_byte(class);
            if contents.is_deleted() && !self.options.deleted {
                continue;
            }
            if self.messages(id, path, contents, each)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn messages(
        &self,
        folder: FolderId,
        path: &str,
        contents: Contents,
        each: &mut dyn FnMut(Line) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>> {
        let kind = LineKind::of(contents);
        let prefix = self.mailbox.key(Kind::Summary, &[&keys::fid(folder), &[contents.to_byte()]]);
        let mut range = KeyRange::prefix(prefix);
        // Without ids in the order of the hashes: 32 bytes a message are held.
        let mut hashes = Vec::new();
        loop {
            let page = self.reader.keys(Space::Mailbox, &range, Direction::Forward, 256)?;
            let Some(last) = page.last() else { break };
            range = range.beyond(last, Direction::Forward);
            for key in &page {
                let Some((replica, counter)) = keys::tail_id(key) else { continue };
                let id = MessageId::new(replica, counter);
                let hash = self.message(id)?;
                if !self.options.ids {
                    hashes.push(hash);
                    continue;
                }
                let hash = hash.to_hex().to_string();
                if each(Line { kind, hash, path: path.into(), id }).is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
        }
        hashes.sort_unstable_by_key(|hash| *hash.as_bytes());
        for hash in hashes {
            let hash = hash.to_hex().to_string();
            let line = Line { kind, hash, path: path.into(), id: MessageId::NONE };
            if each(line).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn message(&self, id: MessageId) -> Result<blake3::Hash> {
        let message = read_in(self.mailbox, self.reader, id)?;
        let mut hash = Hasher::new();
        hash.update(&[u8::from(message.associated), u8::from(message.read)]);
        hash.update(&message.flags.to_le_bytes()).update(&message.status.to_le_bytes());
        let keep = |tag: PropertyTag| !IDENTITY.contains(&tag);
        self.body(&mut hash, &message.body, &keep)?;
        if self.options.ids {
            self.identity(&mut hash, &message)?;
        }
        Ok(hash.finalize())
    }

    fn identity(&self, hash: &mut Hasher, message: &Message) -> Result<()> {
        hash.update(&message.uid.to_le_bytes()).update(&message.sequence.to_le_bytes());
        hash.update(&message.size.to_le_bytes()).update(&message.base.to_wire());
        for tag in message::tags(self.mailbox, message)? {
            if let Some(value) = message::get(self.mailbox, message, tag)?
                && message::is_computed(tag)
            {
                hash.update(&tag.id().to_le_bytes());
                self.value(hash, &value)?;
            }
        }
        Ok(())
    }

    fn body(
        &self,
        hash: &mut Hasher,
        body: &MessageBody,
        keep: &dyn Fn(PropertyTag) -> bool,
    ) -> Result<()> {
        self.properties(hash, &body.properties, keep)?;
        hash.update(&(body.recipients.len() as u64).to_le_bytes());
        for recipient in &body.recipients {
            hash.update(&recipient.row.to_le_bytes());
            self.properties(hash, &recipient.properties, |_| true)?;
        }
        hash.update(&(body.attachments.len() as u64).to_le_bytes());
        for attachment in &body.attachments {
            hash.update(&attachment.number.to_le_bytes());
            self.properties(hash, &attachment.properties, |_| true)?;
            hash.update(&[u8::from(attachment.embedded.is_some())]);
            if let Some(embedded) = &attachment.embedded {
                self.body(hash, embedded, &|_| true)?;
            }
        }
        hash.update(&[u8::from(body.mime.is_some())]);
        match &body.mime {
            // The rest of it is the data of the attachments.
            Some(mime) => {
                self.value(hash, &mime.skeleton)?;
                let mut gaps = Vec::new();
                mime.write_gaps(&mut gaps);
                add(hash, &gaps);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// By tag, then by name.
    fn properties(
        &self,
        hash: &mut Hasher,
        properties: &Properties,
        keep: impl Fn(PropertyTag) -> bool,
    ) -> Result<()> {
        let map = names::load(self.mailbox)?;
        let mut named: BTreeMap<Vec<u8>, &Value> = BTreeMap::new();
        let mut count = 0u64;
        for (id, value) in properties.iter() {
            let tag = PropertyTag::from_parts(id, value.property_type());
            if !keep(tag) && !self.options.ids {
                continue;
            }
            if tag.is_named() {
                let name = map.name(id).ok_or_else(|| {
                    StoreError::Corrupt(format!("a property {id:#06x} without its name"))
                })?;
                named.insert(name_bytes(&name), value);
                continue;
            }
            count += 1;
            hash.update(&id.to_le_bytes());
            self.value(hash, value)?;
        }
        hash.update(&count.to_le_bytes()).update(&(named.len() as u64).to_le_bytes());
        for (name, value) in named {
            add(hash, &name);
            self.value(hash, value)?;
        }
        Ok(())
    }

    /// Type, length and bytes of a value, the same whether it is kept in its record or as a blob.
    fn value(&self, hash: &mut Hasher, value: &Value) -> Result<()> {
        const PIECE: usize = 256 * 1024;
        hash.update(&value.property_type().0.to_le_bytes());
        match value {
            Value::Inline(inline) => add(hash, &large::stream_bytes(inline)),
            Value::Large(large @ LargeValue { source: LargeSource::Blob(blob), .. }) => {
                // Each chunk is compared with its address, not only found.
                self.mailbox.store().inner.blobs.verify(blob)?;
                hash.update(&large.size.to_le_bytes());
                let mut at = 0;
                while at < large.size {
                    let piece = self.mailbox.store().read_large(large, at, PIECE)?;
                    if piece.is_empty() {
                        return Err(StoreError::Corrupt("a value shorter than its size".into()));
                    }
                    at += piece.len() as u64;
                    hash.update(&piece);
                }
            }
            Value::Large(_) => return Err(StoreError::Invalid("a value that is not saved")),
        }
        Ok(())
    }
}

/// Stored properties that tell a copy from its original.
const IDENTITY: &[PropertyTag] = &[
    tags::SOURCE_KEY,
    tags::PREDECESSOR_CHANGE_LIST,
    // What the root and the Inbox say of where other folders are ([MS-OXOSFLD] 2.2.3 to 2.2.6).
    tags::IPM_APPOINTMENT_ENTRY_ID,
    tags::IPM_CONTACT_ENTRY_ID,
    tags::IPM_JOURNAL_ENTRY_ID,
    tags::IPM_NOTE_ENTRY_ID,
    tags::IPM_TASK_ENTRY_ID,
    tags::REMINDERS_ONLINE_ENTRY_ID,
    tags::IPM_DRAFTS_ENTRY_ID,
    tags::ADDITIONAL_REN_ENTRY_IDS,
    tags::ADDITIONAL_REN_ENTRY_IDS_EX,
    tags::FREE_BUSY_ENTRY_IDS,
];

/// Bytes behind their length, so that two fields never read as one.
fn add(hash: &mut Hasher, bytes: &[u8]) {
    hash.update(&(bytes.len() as u64).to_le_bytes()).update(bytes);
}

fn name_bytes(name: &PropertyName) -> Vec<u8> {
    let mut w = name.set.0.to_vec();
    match &name.kind {
        PropertyNameKind::Id(lid) => {
            w.push(0);
            w.extend_from_slice(&lid.to_le_bytes());
        }
        PropertyNameKind::Name(text) => {
            w.push(1);
            w.extend_from_slice(text.as_bytes());
        }
    }
    w
}
