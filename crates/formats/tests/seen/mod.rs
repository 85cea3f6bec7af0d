//! What messages look like to the tests that compare them with what other tools see (testsuite/data/expected-*):
//! those of this crate on what the readers read, and those of the program on what comes back from a server.

// Each test uses a part of this.
#![allow(dead_code)]

pub mod mime;
pub mod msg;
pub mod pst;
pub mod tnef;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use mapi::{PropertyBag, PropertyTag};
use serde_json::Value;
use sha2::{Digest, Sha256};

pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

pub fn data() -> PathBuf {
    workspace().join("testsuite/data")
}

/// The sample files beside the workspace; None, with a word, where they are absent.
pub fn corpus(kind: &str) -> Option<PathBuf> {
    let directory = workspace().join("../shared/corpus").join(kind);
    if directory.is_dir() {
        return Some(directory);
    }
    println!("SKIPPED: {} is absent", directory.display());
    None
}

/// The files of a directory with one of these extensions, by their names.
pub fn files(directory: &Path, extensions: &[&str]) -> Vec<(String, PathBuf)> {
    let mut found: Vec<(String, PathBuf)> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| extensions.iter().any(|x| e == *x)))
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), path))
        .collect();
    found.sort();
    found
}

pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

pub fn json(name: &str) -> Value {
    let path = data().join(name);
    serde_json::from_slice(&fs::read(&path).unwrap())
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// To the second, as the other tool gives it.
pub fn time(bag: &PropertyBag, tag: PropertyTag) -> Option<String> {
    let time = bag.get(tag)?.as_time()?;
    let text = time.to_string();
    Some(format!("{}Z", &text[..19.min(text.len())]))
}

/// Values by their place: what is there on each side, flattened.
pub type Flat = BTreeMap<String, Value>;

pub fn flatten(value: &Value, place: &str, flat: &mut Flat) {
    let join = |key: &str| match place.is_empty() {
        true => key.to_string(),
        false => format!("{place}.{key}"),
    };
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (key, value) in map {
                flatten(value, &join(key), flat);
            }
        }
        Value::Array(items) => {
            flat.insert(join("count"), items.len().into());
            for (index, value) in items.iter().enumerate() {
                flatten(value, &join(&index.to_string()), flat);
            }
        }
        other => {
            flat.insert(place.to_string(), other.clone());
        }
    }
}

/// Fails for a difference between `expected` and `ours` that the list does not name, and for a line of
/// the list that names none. A line is `place <tab> reason`; a place that ends in `*` stands for all that
/// begin so.
pub fn compare(expected: &Value, ours: &Value, list: &str) {
    let path = data().join(list);
    let text = fs::read_to_string(&path).unwrap_or_default();
    let mut listed: Vec<(&str, bool)> = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (place, reason) = line.split_once('\t').unwrap_or((line, ""));
        assert!(!reason.trim().is_empty(), "{list}: {place} has no reason");
        listed.push((place, false));
    }
    let (mut left, mut right) = (Flat::new(), Flat::new());
    flatten(expected, "", &mut left);
    flatten(ours, "", &mut right);
    let mut problems = Vec::new();
    let places: std::collections::BTreeSet<&String> = left.keys().chain(right.keys()).collect();
    for place in places {
        let (theirs, mine) = (left.get(place), right.get(place));
        if theirs == mine {
            continue;
        }
        let line = listed.iter_mut().find(|(known, _)| match known.strip_suffix('*') {
            Some(prefix) => place.starts_with(prefix),
            None => place == known,
        });
        match line {
            Some((_, used)) => *used = true,
            None => problems.push(format!("{place}: expected {theirs:?}, found {mine:?}")),
        }
    }
    let stale = listed.iter().filter(|(_, used)| !used);
    problems.extend(stale.map(|(place, _)| format!("{place}: listed, but there is no difference")));
    assert!(problems.is_empty(), "{list}:\n{}", problems.join("\n"));
}

/// Compares text with a committed file, or writes it if `COFFER_BLESS` is set.
pub fn golden(name: &str, text: &str) {
    let path = data().join(name);
    if std::env::var_os("COFFER_BLESS").is_some() {
        fs::write(&path, text).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    for (theirs, ours) in committed.lines().zip(text.lines()) {
        assert_eq!(ours, theirs, "{name}");
    }
    assert_eq!(committed.lines().count(), text.lines().count(), "lines of {name}");
}
