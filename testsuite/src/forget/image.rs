//! A directory with all that is in it, in memory: names, bytes and holes. Owners, modes and times are left
//! out.

use std::collections::{BTreeMap, HashMap};
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::Result;

pub(super) const BLOCK: u64 = 4096;

#[derive(Debug, Clone, Default)]
pub struct Image {
    /// The root is 0.
    pub(super) nodes: Vec<Node>,
    /// By the inode that a node had when the directory was read.
    pub(super) inodes: HashMap<u64, usize>,
}

#[derive(Debug, Clone)]
pub(super) enum Node {
    File(Content),
    Directory(BTreeMap<Vec<u8>, usize>),
}

/// The bytes of a file; blocks that are not there are zeros.
#[derive(Debug, Clone, Default)]
pub(super) struct Content {
    pub(super) size: u64,
    pub(super) blocks: BTreeMap<u64, Box<[u8]>>,
}

impl Content {
    pub(super) fn write(&mut self, offset: u64, bytes: &[u8]) {
        let end = offset + bytes.len() as u64;
        self.size = self.size.max(end);
        let mut at = offset;
        while at < end {
            let next = end.min((at / BLOCK + 1) * BLOCK);
            let piece = &bytes[(at - offset) as usize..(next - offset) as usize];
            let zeros = || vec![0; BLOCK as usize].into_boxed_slice();
            let block = self.blocks.entry(at / BLOCK).or_insert_with(zeros);
            let from = (at % BLOCK) as usize;
            block[from..from + piece.len()].copy_from_slice(piece);
            at = next;
        }
    }

    pub(super) fn resize(&mut self, size: u64) {
        if size < self.size {
            self.blocks.retain(|number, _| number * BLOCK < size);
            if let Some(block) = self.blocks.get_mut(&(size / BLOCK)) {
                block[(size % BLOCK) as usize..].fill(0);
            }
        }
        self.size = size;
    }

    fn same_as(&self, other: &Content) -> bool {
        let zero = |block: &[u8]| block.iter().all(|byte| *byte == 0);
        let numbers = self.blocks.keys().chain(other.blocks.keys());
        let same = |number: &u64| match (self.blocks.get(number), other.blocks.get(number)) {
            (Some(one), Some(two)) => one == two,
            (Some(one), None) | (None, Some(one)) => zero(one),
            (None, None) => true,
        };
        self.size == other.size && { numbers }.all(same)
    }
}

impl Image {
    pub fn read(root: &Path) -> Result<Image> {
        let mut image = Image::default();
        image.add(root)?;
        Ok(image)
    }

    fn add(&mut self, path: &Path) -> Result<usize> {
        let metadata = fs::symlink_metadata(path)?;
        if let Some(known) = self.inodes.get(&metadata.ino()) {
            return Ok(*known);
        }
        let index = self.nodes.len();
        self.nodes.push(Node::Directory(BTreeMap::new()));
        self.inodes.insert(metadata.ino(), index);
        if metadata.is_file() {
            self.nodes[index] = Node::File(read_content(path)?);
            return Ok(index);
        }
        let mut names = BTreeMap::new();
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            // Sockets do not outlive their process.
            if kind.is_file() || kind.is_dir() {
                names.insert(entry.file_name().into_vec(), self.add(&entry.path())?);
            }
        }
        self.nodes[index] = Node::Directory(names);
        Ok(index)
    }

    /// Makes a directory hold this and nothing else.
    pub fn write(&self, root: &Path) -> Result {
        for entry in fs::read_dir(root)? {
            let entry = entry?;
            match entry.file_type()?.is_dir() {
                true => fs::remove_dir_all(entry.path())?,
                false => fs::remove_file(entry.path())?,
            }
        }
        self.write_below(0, root, &mut HashMap::new())
    }

    fn write_below(
        &self,
        directory: usize,
        path: &Path,
        written: &mut HashMap<usize, PathBuf>,
    ) -> Result {
        let Node::Directory(names) = &self.nodes[directory] else {
            return Err("a file in the place of a directory".into());
        };
        for (name, index) in names {
            let path = path.join(OsStr::from_bytes(name));
            match &self.nodes[*index] {
                Node::Directory(_) => {
                    fs::DirBuilder::new().mode(0o700).create(&path)?;
                    self.write_below(*index, &path, written)?;
                }
                Node::File(content) => match written.get(index) {
                    Some(first) => fs::hard_link(first, &path)?,
                    None => {
                        write_content(&path, content)?;
                        written.insert(*index, path);
                    }
                },
            }
        }
        Ok(())
    }

    /// The paths that are not the same in both.
    pub fn differences(&self, other: &Image) -> Vec<PathBuf> {
        let mut differences = Vec::new();
        self.compare(0, other, 0, &PathBuf::new(), &mut differences);
        differences
    }

    fn compare(
        &self,
        one: usize,
        other: &Image,
        two: usize,
        path: &Path,
        differences: &mut Vec<PathBuf>,
    ) {
        match (&self.nodes[one], &other.nodes[two]) {
            (Node::File(one), Node::File(two)) if one.same_as(two) => {}
            (Node::Directory(one), Node::Directory(two)) => {
                for (name, index) in one {
                    let path = path.join(OsStr::from_bytes(name));
                    match two.get(name) {
                        Some(beside) => self.compare(*index, other, *beside, &path, differences),
                        None => differences.push(path),
                    }
                }
                let more = two.keys().filter(|name| !one.contains_key(*name));
                differences.extend(more.map(|name| path.join(OsString::from_vec(name.clone()))));
            }
            _ => differences.push(path.to_owned()),
        }
    }
}

fn read_content(path: &Path) -> Result<Content> {
    let file = File::open(path)?;
    let size = file.metadata()?.len();
    let mut content = Content { size, blocks: BTreeMap::new() };
    let mut at = 0;
    while at < size {
        // SAFETY: an open descriptor; no pointers.
        let seek = |from: u64, what| unsafe { libc::lseek(file.as_raw_fd(), from as i64, what) };
        let from = seek(at, libc::SEEK_DATA);
        let Ok(from) = u64::try_from(from) else { break };
        let to = seek(from, libc::SEEK_HOLE) as u64;
        let from = from / BLOCK * BLOCK;
        let mut bytes = vec![0; (to.min(size) - from) as usize];
        file.read_exact_at(&mut bytes, from)?;
        content.write(from, &bytes);
        at = to;
    }
    Ok(content)
}

fn write_content(path: &Path, content: &Content) -> Result {
    let file = File::options().write(true).create_new(true).mode(0o600).open(path)?;
    for (number, block) in &content.blocks {
        file.write_all_at(block, number * BLOCK)?;
    }
    file.set_len(content.size)?;
    Ok(())
}
