//! `coffer import`: files into a mailbox, with a count of everything that was expected, carried and
//! refused. What a run carried is known by a key in the mailbox, so that the next run skips it.

mod cards;
mod committer;
pub mod count;
pub mod item;
mod pst;
mod search;
mod source;
mod target;

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use formats::flags::MailFlags;
use formats::report::Report;
use formats::{maildir, mbox, mime, msg, tnef};
use mapi::MessageContent;
use store::{Mailbox, Store};

use crate::cli::ImportArgs;
use crate::control::{Event, Output};
use committer::Committer;
use count::{Counts, Kind};
use item::Item;
use source::{Source, SourceKind};
use target::Targets;

/// A single message larger than this is refused, whatever file it stands in.
const MAX_MESSAGE: u64 = 256 << 20;

/// An import under way.
struct Import<'a> {
    mailbox: Arc<Mailbox>,
    args: &'a ImportArgs,
    targets: Targets,
    counts: Counts,
    /// How often this run has seen the same bytes in the same folder: two equal files are two messages.
    seen: HashMap<[u8; 16], u32>,
    waiting: item::Waiting,
    committer: Committer,
    /// What the committer works on.
    under_way: Vec<item::About>,
    out: &'a mut dyn Output,
    done: u64,
    total: u64,
}

pub fn run(store: &Store, args: &ImportArgs, out: &mut dyn Output) -> anyhow::Result<u8> {
    let account = crate::account::find(store, &args.mailbox)?;
    let mailbox = store.mailbox(account.mailbox)?;
    let sources = source::find(&args.paths);
    let mut import = Import {
        targets: Targets::new(mailbox.clone(), args.folder.as_deref(), args.dry_run),
        committer: Committer::start(mailbox.clone()).context("start the thread that writes")?,
        mailbox,
        args,
        counts: Counts::default(),
        seen: HashMap::new(),
        waiting: item::Waiting::default(),
        under_way: Vec::new(),
        out,
        done: 0,
        total: sources.len() as u64,
    };
    let done = sources.iter().try_for_each(|source| {
        import.source(source)?;
        import.done += 1;
        Ok(())
    });
    let done = match done {
        Ok(()) => import.flush(),
        Err(error) => {
            // What is under way is carried or not, and counted either way; why the import ends is known.
            let _ = import.settle_group();
            Err(error)
        }
    };
    if let Err(error) = done {
        import.report()?;
        return Err(error.context(
            "the import stopped; what is counted as carried is safe, and the same command goes on where \
             it stopped",
        ));
    }
    import.report()?;
    let whole = import.counts.nothing_refused() && import.counts.unaccounted() == 0;
    Ok(if whole { 0 } else { 1 })
}

impl Import<'_> {
    /// Reads one file. An error here ends the import: the store does not take any more, or nobody
    /// listens. What is wrong with the file is a refusal.
    fn source(&mut self, source: &Source) -> anyhow::Result<()> {
        let name = source.path.display().to_string();
        self.progress(&name)?;
        self.counts.files.expected += 1;
        match &source.kind {
            SourceKind::Refused(why) => self.refuse_file(&name, why),
            SourceKind::Eml => self.mime_file(source, &name, None),
            SourceKind::MaildirMessage => {
                let flags = maildir::flags_of_name(&file_name(&source.path));
                self.mime_file(source, &name, Some(flags))
            }
            SourceKind::Mbox => self.mbox(source, &name),
            SourceKind::Msg => {
                self.item_file(source, &name, |bytes| msg::read(bytes).map_err(|e| e.to_string()))
            }
            SourceKind::Tnef => {
                self.item_file(source, &name, |bytes| tnef::read(bytes).map_err(|e| e.to_string()))
            }
            SourceKind::Pst => self.pst(source, &name),
            SourceKind::Calendar => self.calendar(source, &name),
            SourceKind::Cards => self.cards(source, &name),
        }
    }

    /// The file cannot be read as anything.
    fn refuse_file(&mut self, name: &str, why: &str) -> anyhow::Result<()> {
        self.counts.refuse(Kind::File, name, why);
        Ok(())
    }

    fn mime_file(
        &mut self,
        source: &Source,
        name: &str,
        flags: Option<MailFlags>,
    ) -> anyhow::Result<()> {
        match read_file(&source.path) {
            Ok(bytes) => {
                self.counts.files.carried += 1;
                self.mime(&bytes, name, &source.folder, flags)
            }
            Err(why) => self.refuse_file(name, &why),
        }
    }

    fn mime(
        &mut self,
        bytes: &[u8],
        name: &str,
        folder: &[String],
        flags: Option<MailFlags>,
    ) -> anyhow::Result<()> {
        let key = self.content_key(folder, bytes);
        match guarded(|| mime::read(bytes).map_err(|e| e.to_string())) {
            Ok(mut content) => {
                let read = flags.map(|flags| flags.read);
                if let Some(flags) = flags {
                    flags.apply(&mut content);
                }
                let report = item::whole(&content);
                let item = Item { content, report, associated: false, read, key };
                self.take(item, folder, name)
            }
            Err(why) => self.refuse_message(name, &why),
        }
    }

    fn mbox(&mut self, source: &Source, name: &str) -> anyhow::Result<()> {
        let file = match File::open(&source.path) {
            Ok(file) => file,
            Err(error) => return self.refuse_file(name, &format!("cannot open it: {error}")),
        };
        self.counts.files.carried += 1;
        // The folder is there even if the file holds no message.
        self.targets.folder(&source.folder, None, &mut self.counts)?;
        let file = BufReader::with_capacity(1 << 20, file);
        let reader = mbox::MboxReader::new(file, MAX_MESSAGE as usize);
        for (index, message) in reader.enumerate() {
            let name = format!("{name}: message {}", index + 1);
            match message {
                Ok(message) => {
                    let flags = mbox::flags_of_message(&message.bytes);
                    self.mime(&message.bytes, &name, &source.folder, Some(flags))?;
                }
                Err(error) => self.refuse_message(&name, &error.to_string())?,
            }
            if index % 64 == 0 {
                self.progress(&name)?;
            }
        }
        Ok(())
    }

    /// A file that holds one item of MAPI.
    fn item_file(
        &mut self,
        source: &Source,
        name: &str,
        read: impl Fn(&[u8]) -> Result<(MessageContent, Report), String>,
    ) -> anyhow::Result<()> {
        let bytes = match read_file(&source.path) {
            Ok(bytes) => bytes,
            Err(why) => return self.refuse_file(name, &why),
        };
        self.counts.files.carried += 1;
        let key = self.content_key(&source.folder, &bytes);
        match guarded(|| read(&bytes)) {
            Ok((content, report)) => {
                let item = Item { content, report, associated: false, read: None, key };
                self.take(item, &source.folder, name)
            }
            Err(why) => self.refuse_message(name, &why),
        }
    }

    fn refuse_message(&mut self, name: &str, why: &str) -> anyhow::Result<()> {
        self.counts.messages.expected += 1;
        self.refuse(Kind::Message, name, why)
    }

    fn refuse(&mut self, kind: Kind, what: &str, why: &str) -> anyhow::Result<()> {
        self.counts.refuse(kind, what, why);
        Ok(())
    }

    /// The key of a message that is known by its bytes: the folder, the bytes, and how many equal ones
    /// came before it in this run.
    fn content_key(&mut self, folder: &[String], bytes: &[u8]) -> Vec<u8> {
        let mut hasher = blake3::Hasher::new();
        self.hash_place(&mut hasher, folder);
        hasher.update(bytes);
        let mut key = [0; 16];
        key.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        let nth = self.seen.entry(key).or_default();
        *nth += 1;
        [&key[..], &nth.to_be_bytes()].concat()
    }

    /// Where a message goes is a part of its key: the same file may be carried into two folders.
    fn hash_place(&self, hasher: &mut blake3::Hasher, folder: &[String]) {
        let base = self.args.folder.as_deref().unwrap_or_default().split('/');
        for name in base.filter(|name| !name.is_empty()).chain(folder.iter().map(String::as_str)) {
            hasher.update(name.as_bytes()).update(&[0]);
        }
        hasher.update(&[0]);
    }

    fn progress(&mut self, what: &str) -> anyhow::Result<()> {
        let event = Event::Progress { done: self.done, total: self.total, what: what.to_owned() };
        Ok(self.out.event(event)?)
    }

    fn report(&mut self) -> anyhow::Result<()> {
        let column = if self.args.dry_run { "readable" } else { "carried" };
        let text = match self.args.json {
            true => serde_json::to_string_pretty(&self.counts)?,
            false => self.counts.table(column),
        };
        Ok(self.out.line(text)?)
    }
}

/// Runs a reader of foreign bytes. A panic there is a bug of ours; it costs the message and says so.
fn guarded<T>(read: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(read)).unwrap_or_else(|_| {
        Err("the reader panicked; this is a bug of Coffer, please report it".into())
    })
}

fn read_file(path: &Path) -> Result<Vec<u8>, String> {
    let read = || -> anyhow::Result<Vec<u8>> {
        let file = File::open(path).context("cannot open it")?;
        let size = file.metadata()?.len();
        anyhow::ensure!(size <= MAX_MESSAGE, "{size} bytes are more than a message may have");
        let mut bytes = Vec::with_capacity(size as usize);
        file.take(MAX_MESSAGE).read_to_end(&mut bytes).context("cannot read it")?;
        Ok(bytes)
    };
    read().map_err(|error| format!("{error:#}"))
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
