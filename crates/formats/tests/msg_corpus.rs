//! The sample .msg files: their counts, what another tool sees in them, and what harm does to them.

mod seen;
mod support;

use std::fmt::Write;
use std::fs;

use formats::{msg, oracle};
use serde_json::{Value, json};

use seen::{compare, corpus, data, files, golden, sha256};
use support::{Random, harm};

/// What each file gives: a change shows as a change of a line.
#[test]
fn counts() {
    let Some(directory) = corpus("msg") else { return };
    let mut lines = String::from("file\trecipients\tattachments\tproperties\trefused\n");
    for (name, path) in files(&directory, &["msg"]) {
        let line = match msg::read(&fs::read(path).unwrap()) {
            Ok((_, report)) => format!(
                "{name}\t{}\t{}\t{}\t{}",
                report.recipients,
                report.attachments,
                report.properties,
                report.refused.len()
            ),
            Err(error) => format!("{name}\trefused: {error}"),
        };
        writeln!(lines, "{line}").unwrap();
    }
    golden("msg-counts.tsv", &lines);
}

/// The same values as `scripts/expected-msg.py` wrote down.
#[test]
fn as_another_tool_sees_them() {
    let Some(directory) = corpus("msg") else { return };
    let mut ours = serde_json::Map::new();
    for (name, path) in files(&directory, &["msg"]) {
        let bytes = fs::read(path).unwrap();
        let mut seen = match msg::read(&bytes) {
            Ok((content, _)) => seen::msg::message(&content),
            Err(error) => json!({ "error": error.to_string() }),
        };
        seen["sha256"] = sha256(&bytes).into();
        ours.insert(name, seen);
    }
    let expected = seen::json("expected-msg.json");
    compare(&expected["files"], &Value::Object(ours), "differences-msg.tsv");
}

#[test]
fn shipped_samples_are_read() {
    for (name, path) in files(&data().join("corpus/msg"), &["msg"]) {
        let (content, report) = msg::read(&fs::read(path).unwrap()).unwrap();
        assert!(report.properties.carried > 5, "{name}: {report:?}");
        assert_eq!(report.messages.carried, 1);
        assert_eq!(content.recipients.len() as u64, report.recipients.carried);
    }
}

/// Whatever is done to the bytes, reading ends with a message or a reason.
#[test]
fn harmed_files_never_panic() {
    let mut random = Random::new(7);
    let samples = files(&data().join("corpus/msg"), &["msg"]);
    for (_, path) in &samples {
        let bytes = fs::read(path).unwrap();
        for _ in 0..400 {
            oracle::check("msg", &harm(&bytes, &mut random));
        }
    }
}

/// A file that is cut anywhere still gives what stands before the cut, or says why not.
#[test]
fn what_is_lost_is_named() {
    let bytes = fs::read(data().join("corpus/msg/simple_test_msg.msg")).unwrap();
    let (_, whole) = msg::read(&bytes).unwrap();
    assert!(whole.is_whole(), "{whole:?}");
    for length in (512..bytes.len()).step_by(512) {
        if let Ok((_, report)) = msg::read(&bytes[..length]) {
            assert!(!report.is_whole(), "cut at {length}, and no word about it");
        }
    }
}
