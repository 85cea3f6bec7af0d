//! The corpus: the shared one if it is there, else the few files of it that the repository holds.

// Each test uses a part of this.
#![allow(dead_code)]

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

pub fn data() -> PathBuf {
    root().join("testsuite/data")
}

/// The corpus's directory, and whether it is the whole corpus.
pub fn corpus() -> (PathBuf, bool) {
    let shared = root().join("../shared/corpus");
    if shared.join("eml").is_dir() {
        return (shared, true);
    }
    println!("SKIPPED IN PART: ../shared/corpus is absent, so only testsuite/data/mail is read");
    (data().join("mail"), false)
}

/// Files below a directory of the corpus, by name in order: `eml/000.eml` and its bytes.
pub fn files(corpus: &Path, kind: &str) -> Vec<(String, Vec<u8>)> {
    let mut found: Vec<_> = std::fs::read_dir(corpus.join(kind))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == kind))
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (format!("{kind}/{name}"), std::fs::read(path).unwrap())
        })
        .collect();
    found.sort();
    found
}
