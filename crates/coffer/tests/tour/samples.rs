//! The sample files, what the readers find in them, and where an import puts it.

use std::collections::BTreeMap;
use std::fs;
use std::io::Cursor;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use formats::detect::{self, Format};
use formats::mbox::{self, MboxReader};
use formats::pst::{self, Folder, FolderKind, NodeId, Role, Visitor};
use formats::{mime, msg};
use mapi::MessageContent;

use crate::seen;

pub const KINDS: [&str; 4] = ["eml", "mbox", "msg", "pst"];

/// A sample file.
pub struct Sample {
    /// Such as `eml/000.eml`.
    pub name: String,
    pub bytes: Vec<u8>,
}

impl Sample {
    pub fn kind(&self) -> &str {
        self.name.split('/').next().unwrap()
    }

    pub fn file(&self) -> &str {
        self.name.split('/').nth(1).unwrap()
    }
}

/// The samples, and whether they are all: without the shared corpus those few that the project holds.
pub fn all() -> (Vec<Sample>, bool) {
    let whole = seen::corpus("eml").is_some();
    let mut samples = Vec::new();
    for kind in KINDS {
        let directory = match (whole, kind) {
            (true, _) => seen::workspace().join("../shared/corpus").join(kind),
            (false, "eml" | "mbox") => seen::data().join("mail").join(kind),
            (false, _) => seen::data().join("corpus").join(kind),
        };
        for (file, path) in seen::files(&directory, &[kind, "zst"]) {
            let mut bytes = fs::read(path).unwrap();
            if file.ends_with(".zst") {
                bytes = zstd::decode_all(&bytes[..]).unwrap();
            }
            let name = format!("{kind}/{}", file.trim_end_matches(".zst"));
            samples.push(Sample { name, bytes });
        }
    }
    if !whole {
        println!("SKIPPED IN PART: only the {} samples in testsuite/data are read", samples.len());
    }
    (samples, whole)
}

/// Writes each sample into a directory of its own, so that an import puts it into a folder of its own.
pub fn lay_out(samples: &[Sample], root: &Path) -> Vec<PathBuf> {
    let write = |sample: &Sample| {
        let directory = root.join(&sample.name);
        fs::create_dir_all(&directory).unwrap();
        let path = directory.join(sample.file());
        fs::write(&path, &sample.bytes).unwrap();
        path
    };
    samples.iter().map(write).collect()
}

/// What a reader finds in a folder of a sample, and how the lists of other tools name it.
#[derive(Default)]
pub struct Contents {
    pub class: Option<String>,
    /// Messages with their names in those lists, in the order in which they are read.
    pub messages: Vec<(String, MessageContent)>,
    pub associated: Vec<(String, MessageContent)>,
}

/// By the folders' paths below the sample's own folder. Search folders are left out: they have no messages of
/// their own.
pub type Tree = BTreeMap<Vec<String>, Contents>;

/// What is read from a sample.
pub fn read(sample: &Sample) -> Tree {
    let head = &sample.bytes[..sample.bytes.len().min(detect::HEAD)];
    let name = &sample.name;
    let mut tree = Tree::from([(Vec::new(), Contents::default())]);
    let single = match detect::detect(head).unwrap() {
        Format::Pst => return read_pst(sample),
        Format::Mbox => {
            let stem = Path::new(sample.file()).file_stem().unwrap().to_str().unwrap();
            let messages = MboxReader::new(&sample.bytes[..], 1 << 20).map(|message| {
                let bytes = message.unwrap().bytes;
                let mut content = mime::read(&bytes).unwrap();
                mbox::flags_of_message(&bytes).apply(&mut content);
                content
            });
            let messages =
                messages.enumerate().map(|(index, content)| (format!("{name}#{index}"), content));
            let contents = Contents { messages: messages.collect(), ..Contents::default() };
            tree.insert(vec![stem.to_owned()], contents);
            return tree;
        }
        Format::Eml => (format!("{name}#0"), mime::read(&sample.bytes).unwrap()),
        Format::Msg => (name.clone(), msg::read(&sample.bytes).unwrap().0),
        other => panic!("{name}: {other:?}"),
    };
    tree.get_mut(&Vec::new()).unwrap().messages.push(single);
    tree
}

fn read_pst(sample: &Sample) -> Tree {
    let mut walk = Walk { name: &sample.name, paths: BTreeMap::new(), tree: Tree::new() };
    pst::open(Cursor::new(sample.bytes.clone())).unwrap().walk(&mut walk);
    walk.tree
}

struct Walk<'a> {
    name: &'a str,
    paths: BTreeMap<NodeId, Vec<String>>,
    tree: Tree,
}

impl Visitor for Walk<'_> {
    fn folder(&mut self, folder: &Folder) -> ControlFlow<()> {
        if folder.kind == FolderKind::Search {
            return ControlFlow::Continue(());
        }
        // Both tops of the tree go to the import's own folder.
        let top = matches!(folder.role, Some(Role::Root | Role::IpmSubtree));
        let mut path = Vec::new();
        if !top {
            path.clone_from(&self.paths[&folder.parent.expect("a folder above")]);
            path.push(folder.name.clone());
        }
        let contents = self.tree.entry(path.clone()).or_default();
        if !top {
            contents.class.clone_from(&folder.class);
        }
        self.paths.insert(folder.id, path);
        ControlFlow::Continue(())
    }

    fn message(&mut self, folder: &Folder, item: pst::Item) -> ControlFlow<()> {
        let contents = self.tree.get_mut(&self.paths[&folder.id]).unwrap();
        let list = if item.associated { &mut contents.associated } else { &mut contents.messages };
        list.push((format!("{}.messages.{:#x}", self.name, item.id.0), item.content));
        ControlFlow::Continue(())
    }
}
