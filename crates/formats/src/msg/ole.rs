//! A storage within a message as a compound file of its own.

use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

use super::MAX_NESTING;
use super::compound::{Compound, EntryId, EntryKind};

/// The storage, written as a file that an OLE server could open.
pub fn standalone(file: &Compound<'_>, storage: EntryId) -> Result<Vec<u8>, String> {
    let failed = |error: std::io::Error| format!("its storage cannot be written: {error}");
    let mut out = cfb::CompoundFile::create(Cursor::new(Vec::new())).map_err(failed)?;
    set_class(&mut out, Path::new("/"), file.entry(storage).clsid).map_err(failed)?;
    let mut pending = vec![(storage, PathBuf::from("/"))];
    while let Some((parent, path)) = pending.pop() {
        if path.components().count() > MAX_NESTING {
            return Err(format!("its storages nest deeper than {MAX_NESTING}"));
        }
        for child in file.children(parent) {
            let entry = file.entry(*child);
            // A name that is a path to somewhere else would leave the storage.
            if matches!(entry.name.as_str(), "" | "." | "..") || entry.name.contains('/') {
                return Err(format!("its storage holds a name {:?}", entry.name));
            }
            let path = path.join(&entry.name);
            match entry.kind {
                EntryKind::Unused => {}
                EntryKind::Storage => {
                    out.create_storage(&path).map_err(failed)?;
                    set_class(&mut out, &path, entry.clsid).map_err(failed)?;
                    pending.push((*child, path));
                }
                EntryKind::Stream => {
                    let stream = file.stream(*child);
                    if !stream.is_whole() {
                        return Err(format!("its stream {:?} is cut off", entry.name));
                    }
                    let mut target = out.create_new_stream(&path).map_err(failed)?;
                    target.write_all(&stream.bytes).map_err(failed)?;
                }
            }
        }
    }
    out.flush().map_err(failed)?;
    Ok(out.into_inner().into_inner())
}

fn set_class(
    out: &mut cfb::CompoundFile<Cursor<Vec<u8>>>,
    path: &Path,
    clsid: [u8; 16],
) -> std::io::Result<()> {
    match clsid == [0; 16] {
        true => Ok(()),
        false => out.set_storage_clsid(path, uuid::Uuid::from_bytes_le(clsid)),
    }
}
