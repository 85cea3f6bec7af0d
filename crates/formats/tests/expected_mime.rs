//! What is read from Internet messages, compared with what Python's email package sees
//! (testsuite/data/expected-mime.json, made by scripts/expected-mime.py).
//!
//! Where the two differ, testsuite/data/differences-mime.tsv says why; a difference that stands there and is
//! gone fails as well.

mod common;
mod seen;

use std::collections::BTreeMap;

use formats::mbox::MboxReader;
use formats::mime;
use mapi::MessageContent;
use serde_json::Value;

use seen::mime::{compare, describe, listed_differences};

#[test]
fn messages_are_what_python_sees() {
    let (corpus, whole) = common::corpus();
    let text = std::fs::read_to_string(common::data().join("expected-mime.json")).unwrap();
    let expected: Value = serde_json::from_str(&text).unwrap();
    let mut found = BTreeMap::new();
    let mut seen = Vec::new();
    for kind in ["eml", "mbox"] {
        for (name, bytes) in common::files(&corpus, kind) {
            let messages = read_all(kind, &bytes);
            let wanted = expected["files"][&name].as_array().expect("a file of the corpus");
            if messages.len() != wanted.len() {
                let value = format!("{} for {}", messages.len(), wanted.len());
                found.insert((name.clone(), "messages".to_owned()), value);
            }
            for (index, (content, wanted)) in messages.iter().zip(wanted).enumerate() {
                let name = format!("{name}#{index}");
                compare(&describe(content), wanted, "", &mut |field, value| {
                    found.insert((name.clone(), field), value);
                });
            }
            seen.push(name);
        }
    }
    if whole {
        assert_eq!(seen.len(), 87);
    }
    let listed = listed_differences(&seen);
    let unlisted: Vec<_> = found
        .iter()
        .filter(|(key, _)| !listed.contains_key(*key))
        .map(|((name, field), value)| format!("{name}\t{field}\t{value}"))
        .collect();
    let gone: Vec<_> = listed.keys().filter(|key| !found.contains_key(*key)).collect();
    assert!(unlisted.is_empty(), "differences without a reason:\n{}", unlisted.join("\n"));
    assert!(gone.is_empty(), "listed differences that are gone: {gone:#?}");
    println!("{} files compared, {} differences, each with its reason", seen.len(), listed.len());
}

fn read_all(kind: &str, bytes: &[u8]) -> Vec<MessageContent> {
    match kind {
        "mbox" => MboxReader::new(bytes, 1 << 20)
            .map(|message| mime::read(&message.unwrap().bytes).unwrap())
            .collect(),
        _ => vec![mime::read(bytes).unwrap()],
    }
}
