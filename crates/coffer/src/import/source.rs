//! Finds what there is to import below the paths that were named, and tells what each file is from its
//! content.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use formats::detect::{self, Format};
use formats::maildir;

/// One file to read, and the folder path below the import's folder that its place suggests.
#[derive(Debug)]
pub struct Source {
    pub path: PathBuf,
    /// Names of folders, outermost first; empty for the import's own folder.
    pub folder: Vec<String>,
    pub kind: SourceKind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceKind {
    Eml,
    Mbox,
    Msg,
    Tnef,
    Pst,
    /// Events, each of which becomes an appointment.
    Calendar,
    /// Cards, each of which becomes a contact.
    Cards,
    /// A message of a Maildir; the flags are in its name.
    MaildirMessage,
    /// Not to be imported, with the reason.
    Refused(String),
}

/// Directories deeper than this are refused, against links that form a loop and hostile trees.
const MAX_DEPTH: usize = 64;

/// Everything below `paths`, in a fixed order, so that a run that is repeated sees the same.
pub fn find(paths: &[PathBuf]) -> Vec<Source> {
    let mut sources = Vec::new();
    for path in paths {
        if path.is_dir() {
            walk(path, &[], 0, &mut sources);
        } else {
            sources.push(file(path, &[]));
        }
    }
    sources
}

fn walk(dir: &Path, folder: &[String], depth: usize, sources: &mut Vec<Source>) {
    if depth > MAX_DEPTH {
        sources.push(refused(dir, folder, format!("directories nest deeper than {MAX_DEPTH}")));
        return;
    }
    if is_maildir(dir) {
        maildir(dir, folder, depth, sources);
        return;
    }
    let entries = match sorted_entries(dir) {
        Ok(entries) => entries,
        Err(error) => {
            sources.push(refused(dir, folder, format!("cannot read the directory: {error}")));
            return;
        }
    };
    for path in entries {
        if path.is_dir() {
            let below = with(folder, name_of(&path));
            walk(&path, &below, depth + 1, sources);
        } else {
            sources.push(file(&path, folder));
        }
    }
}

fn file(path: &Path, folder: &[String]) -> Source {
    let kind = match head(path) {
        Ok(head) => kind_of(&head),
        Err(error) => SourceKind::Refused(format!("cannot read the file: {error}")),
    };
    let mut folder = folder.to_vec();
    if kind == SourceKind::Mbox {
        let stem = path.file_stem().unwrap_or(path.as_os_str());
        folder.push(stem.to_string_lossy().into_owned());
    }
    Source { path: path.to_owned(), folder, kind }
}

fn kind_of(head: &[u8]) -> SourceKind {
    match detect::detect(head) {
        Ok(Format::Eml) => SourceKind::Eml,
        Ok(Format::Mbox) => SourceKind::Mbox,
        Ok(Format::Msg) => SourceKind::Msg,
        Ok(Format::Pst) => SourceKind::Pst,
        Ok(Format::Tnef) => SourceKind::Tnef,
        Ok(Format::ICalendar) => SourceKind::Calendar,
        Ok(Format::VCard) => SourceKind::Cards,
        Err(why) => SourceKind::Refused(why.to_string()),
    }
}

/// `cur`, `new` and `tmp` make a Maildir.
fn is_maildir(dir: &Path) -> bool {
    ["cur", "new", "tmp"].iter().all(|name| dir.join(name).is_dir())
}

/// The messages of a Maildir, and its folders: `.Sent.2019` (Maildir++) or nested Maildirs.
fn maildir(dir: &Path, folder: &[String], depth: usize, sources: &mut Vec<Source>) {
    for part in ["cur", "new"] {
        match sorted_entries(&dir.join(part)) {
            Ok(entries) => {
                sources.extend(entries.into_iter().filter(|p| p.is_file()).map(|path| Source {
                    path,
                    folder: folder.to_vec(),
                    kind: SourceKind::MaildirMessage,
                }))
            }
            Err(error) => {
                sources.push(refused(dir, folder, format!("cannot read {part}: {error}")));
            }
        }
    }
    let Ok(entries) = sorted_entries(dir) else { return };
    for path in entries {
        let name = name_of(&path);
        if !path.is_dir() || ["cur", "new", "tmp"].contains(&name.as_str()) {
            continue;
        }
        let mut below = folder.to_vec();
        below.extend(maildir::folder_of_directory(&name).unwrap_or_else(|| vec![name]));
        walk(&path, &below, depth + 1, sources);
    }
}

fn head(path: &Path) -> std::io::Result<Vec<u8>> {
    let metadata = fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(std::io::Error::other("not a regular file"));
    }
    let mut head = Vec::new();
    fs::File::open(path)?.take(detect::HEAD as u64).read_to_end(&mut head)?;
    Ok(head)
}

fn sorted_entries(dir: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut entries =
        fs::read_dir(dir)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>()?;
    entries.sort();
    Ok(entries)
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn with(folder: &[String], name: String) -> Vec<String> {
    let mut below = folder.to_vec();
    below.push(name);
    below
}

fn refused(path: &Path, folder: &[String], why: String) -> Source {
    Source { path: path.to_owned(), folder: folder.to_vec(), kind: SourceKind::Refused(why) }
}
