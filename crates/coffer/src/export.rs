//! `coffer export`: a mailbox as EML files or mbox files, with the same counts as an import.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use formats::detect::{Format, HEAD, detect};
use formats::flags::MailFlags;
use formats::{mbox, mime};
use mapi::generated::tags;
use mapi::{FolderId, MessageId, SortOrderSet};
use store::folder::{FolderInfo, FolderKind};
use store::mailbox::special::SpecialFolder;
use store::table::{self, Contents, Query, QueryRows, RowObject};
use store::{Mailbox, Store, folder, message};

use crate::cli::{ExportArgs, ExportFormat};
use crate::control::{Event, Output};
use crate::import::count::{Counts, Kind};
use crate::import::item::attachments;

/// Rows that are read at a time.
const PAGE: usize = 256;

struct Export<'a> {
    mailbox: Arc<Mailbox>,
    format: ExportFormat,
    counts: Counts,
    out: &'a mut dyn Output,
    done: u64,
    total: u64,
}

pub fn run(store: &Store, args: &ExportArgs, out: &mut dyn Output) -> anyhow::Result<u8> {
    let account = crate::account::find(store, &args.mailbox)?;
    let mailbox = store.mailbox(account.mailbox)?;
    fs::create_dir_all(&args.dir)
        .with_context(|| format!("make the directory {}", args.dir.display()))?;
    let total = messages_below(&mailbox, SpecialFolder::IpmSubtree.id())?;
    let counts = Counts::default();
    let mut export = Export { mailbox, format: args.format, counts, out, done: 0, total };
    export.tree(SpecialFolder::IpmSubtree.id(), &args.dir)?;
    let text = match args.json {
        true => serde_json::to_string_pretty(&export.counts)?,
        false => export.counts.table("carried"),
    };
    export.out.line(text)?;
    let whole = export.counts.nothing_refused() && export.counts.unaccounted() == 0;
    Ok(if whole { 0 } else { 1 })
}

impl Export<'_> {
    /// Writes the folders below `parent`, each into a directory or file named after it.
    fn tree(&mut self, parent: FolderId, dir: &Path) -> anyhow::Result<()> {
        let mut taken = HashSet::new();
        for info in holding(&self.mailbox, parent)? {
            self.counts.folders.expected += 1;
            let name = free_name(&info.display_name, &mut taken);
            self.folder(info.id, &dir.join(&name), &info.display_name)?;
            self.counts.folders.carried += 1;
            if info.children > 0 {
                let below = dir.join(&name);
                fs::create_dir_all(&below)?;
                self.tree(info.id, &below)?;
            }
        }
        Ok(())
    }

    fn folder(&mut self, id: FolderId, place: &Path, name: &str) -> anyhow::Result<()> {
        self.associated(id, name)?;
        let mut writer = Writer::create(self.format, place)?;
        let query = Query {
            folder: id,
            rows: QueryRows::Contents(Contents::Normal),
            sort: SortOrderSet::default(),
            restriction: None,
        };
        let view = table::open(&self.mailbox, query)?;
        let mut at = 0;
        loop {
            let rows = view.rows(at, PAGE, &[])?;
            if rows.is_empty() {
                return writer.finish();
            }
            at += rows.len();
            for row in rows {
                let RowObject::Message(id) = row.object else { continue };
                self.message(id, &mut writer, name)?;
            }
        }
    }

    fn message(&mut self, id: MessageId, to: &mut Writer, folder: &str) -> anyhow::Result<()> {
        self.done += 1;
        if self.done.is_multiple_of(64) {
            let what = folder.to_owned();
            self.out.event(Event::Progress { done: self.done, total: self.total, what })?;
        }
        self.counts.messages.expected += 1;
        let exported = match message::export(&self.mailbox, id) {
            Ok(exported) => exported,
            Err(error) => {
                self.counts.refuse(Kind::Message, format!("{folder}: {id}"), error.to_string());
                return Ok(());
            }
        };
        let attached = attachments(&exported);
        self.counts.attachments.expected += attached;
        to.write(id, &mime::write(&exported), &exported)?;
        self.counts.messages.carried += 1;
        self.counts.attachments.carried += attached;
        Ok(())
    }

    /// Associated items hold settings and views as properties that mail cannot express: they are counted
    /// and named, so that nothing is left behind without a word.
    fn associated(&mut self, id: FolderId, name: &str) -> anyhow::Result<()> {
        let count = u64::from(folder::info(&self.mailbox, id)?.associated);
        self.counts.associated.expected += count;
        if count > 0 {
            self.counts.associated.refused += count - 1;
            self.counts.refuse(
                Kind::Associated,
                format!("{name}: {count} associated items"),
                "settings of mail programs, which EML and mbox cannot express",
            );
        }
        Ok(())
    }
}

/// Where the messages of one folder go.
enum Writer {
    Eml { dir: PathBuf, made: bool },
    Mbox { path: PathBuf, file: Option<BufWriter<File>> },
}

impl Writer {
    fn create(format: ExportFormat, place: &Path) -> anyhow::Result<Self> {
        Ok(match format {
            ExportFormat::Eml => Writer::Eml { dir: place.to_owned(), made: false },
            ExportFormat::Mbox => {
                let mut name = place.as_os_str().to_owned();
                name.push(".mbox");
                Writer::Mbox { path: name.into(), file: None }
            }
        })
    }

    fn write(
        &mut self,
        id: MessageId,
        bytes: &[u8],
        content: &mapi::MessageContent,
    ) -> anyhow::Result<()> {
        match self {
            Writer::Eml { dir, made } => {
                if !*made {
                    fs::create_dir_all(&*dir)?;
                    *made = true;
                }
                let path = dir.join(format!("{id}.eml"));
                let bytes = as_file(bytes, content);
                fs::write(&path, bytes).with_context(|| format!("write {}", path.display()))
            }
            Writer::Mbox { path, file } => {
                let file = match file {
                    Some(file) => file,
                    None => {
                        let made = File::create(&*path)
                            .with_context(|| format!("write {}", path.display()))?;
                        file.insert(BufWriter::new(made))
                    }
                };
                let sender = content.properties.text(tags::SENDER_SMTP_ADDRESS).unwrap_or_default();
                let received = [tags::MESSAGE_DELIVERY_TIME, tags::CLIENT_SUBMIT_TIME]
                    .iter()
                    .find_map(|tag| content.properties.get(*tag)?.as_time())
                    .unwrap_or_default();
                let flags = MailFlags::of(content);
                Ok(mbox::write_message(file, &sender, received, flags, bytes)?)
            }
        }
    }

    fn finish(self) -> anyhow::Result<()> {
        if let Writer::Mbox { file: Some(file), .. } = self {
            file.into_inner().map_err(|e| e.into_error())?.sync_all()?;
        }
        Ok(())
    }
}

/// A message as a file of its own: it begins with a field by which it is known for a message, since a file without
/// any is no message to an import. One that came without fields is written anew, its text as it was.
fn as_file<'a>(bytes: &'a [u8], content: &mapi::MessageContent) -> Cow<'a, [u8]> {
    let is_message =
        |bytes: &[u8]| matches!(detect(&bytes[..bytes.len().min(HEAD)]), Ok(Format::Eml));
    if is_message(bytes) {
        return bytes.into();
    }
    let anew = mime::write(&mapi::MessageContent { mime: None, ..content.clone() });
    match is_message(&anew) {
        true => anew.into(),
        false => [b"MIME-Version: 1.0\r\n", &anew[..]].concat().into(),
    }
}

/// The folders in a folder that hold messages. What a search folder shows is written where it is.
fn holding(mailbox: &Mailbox, parent: FolderId) -> anyhow::Result<Vec<FolderInfo>> {
    let mut children = folder::children(mailbox, parent)?;
    children.retain(|info| info.kind != FolderKind::Search);
    Ok(children)
}

fn messages_below(mailbox: &Mailbox, parent: FolderId) -> anyhow::Result<u64> {
    let mut total = 0;
    for info in holding(mailbox, parent)? {
        total += u64::from(info.contents);
        if info.children > 0 {
            total += messages_below(mailbox, info.id)?;
        }
    }
    Ok(total)
}

/// A folder's name as a file can have it, unlike those of its siblings whatever the case.
fn free_name(name: &str, taken: &mut HashSet<String>) -> String {
    let cleaned: String = name
        .chars()
        .map(|c| if c.is_control() || "/\\:*?\"<>|".contains(c) { '_' } else { c })
        .take(100)
        .collect();
    let base = match cleaned.trim_matches(['.', ' ']) {
        "" => "folder".to_owned(),
        trimmed => trimmed.to_owned(),
    };
    let mut name = base.clone();
    let mut nth = 1;
    while !taken.insert(name.to_lowercase()) {
        nth += 1;
        name = format!("{base} ({nth})");
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_begins_with_a_field() {
        for text in ["\nno field at all\n", "prose: and more\nprose\n", "prose\n"] {
            let content = mime::read(text.as_bytes()).unwrap();
            let bytes = mime::write(&content);
            let file = as_file(&bytes, &content);
            assert_eq!(detect(&file), Ok(Format::Eml), "{text:?}: {}", file.escape_ascii());
            let again = mime::read(&file).unwrap().properties.text(tags::BODY).unwrap_or_default();
            let before = content.properties.text(tags::BODY).unwrap_or_default();
            assert_eq!(again.trim_end(), before.trim_end(), "{text:?}");
        }
        let known = b"Subject: a\n\nb";
        assert!(matches!(as_file(known, &mime::read(known).unwrap()), Cow::Borrowed(_)));
    }

    #[test]
    fn names_of_files_are_safe_and_differ() {
        let mut taken = HashSet::new();
        assert_eq!(free_name("../etc", &mut taken), "_etc");
        assert_eq!(free_name("A/B", &mut taken), "A_B");
        assert_eq!(free_name("a:b", &mut taken), "a_b (2)");
        assert_eq!(free_name("..", &mut taken), "folder");
    }
}
