//! What was imported comes back over MAPI/HTTP as other tools see it in the files
//! (testsuite/data/expected-*.json), with every property that the readers read. What differs stands in
//! testsuite/data/differences-*.tsv with its reason.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use mapi::{AttachedContent, MessageContent};
use mapi_session::{Http, Profile, Session};
use serde_json::Value;

use crate::differences::Differences;
use crate::program::{Place, end, json, start};
use crate::samples::{self, Sample};
use crate::seen;
use crate::wire::{self, Found};

/// What came back of each sample: its folders, its own first, with paths below that one.
type Back = BTreeMap<String, Vec<Found>>;

#[test]
fn what_was_imported_comes_back_over_http() {
    let (samples, whole) = samples::all();
    let place = Place::new();
    samples::lay_out(&samples, &place.path("files"));
    let mut server = start(&place, &["serve", "--ephemeral"]);
    let ready = json(&server.line());
    let text = |field: &str| ready[field].as_str().unwrap().to_owned();
    let counts = import(&place, &text("data"), &text("user"));

    let service = Http::new(&text("mapi_url"), &text("user"), &text("password")).unwrap();
    let session = Session::logon(Profile::new(service)).unwrap();
    let back = read_back(&session);
    session.logoff().unwrap();
    let errors = server.child.stderr.take().unwrap();
    assert_eq!(end(server), 0);
    let errors = std::io::read_to_string(errors).unwrap();
    assert!(!errors.contains("panicked"), "{errors}");

    compare_counts(&samples, whole, &back, &counts);
    let mut differences = Differences::default();
    for sample in &samples {
        compare(sample, &back[&sample.name], &mut differences);
    }
    differences.judge(whole);
}

/// Imports twice through the server's control socket, the second time for nothing; returns the counts.
fn import(place: &Place, data: &str, user: &str) -> Value {
    let files = place.path("files");
    let arguments =
        ["import", "--mailbox", user, "--folder", "Samples", "--json", files.to_str().unwrap()];
    let (_, text) = place.run_at(Path::new(data), &arguments);
    let (_, again) = place.run_at(Path::new(data), &arguments);
    let (counts, again) = (json(&text), json(&again));
    for kind in ["messages", "associated", "folders"] {
        assert_eq!(again[kind]["carried"], 0, "no doubles: {again:#}");
        assert_eq!(again[kind]["refused"], counts[kind]["refused"], "{again:#}");
    }
    counts
}

fn read_back(session: &Session) -> Back {
    let store = session.open_default_msg_store().unwrap();
    let below = wire::children(&store.ipm_subtree().unwrap()).unwrap();
    let (_, root) = below.into_iter().find(|(name, _)| name == "Samples").unwrap();
    let mut back = Back::new();
    for (kind, folder) in wire::children(&root).unwrap() {
        for (file, folder) in wire::children(&folder).unwrap() {
            let mut found = Vec::new();
            wire::walk(&folder, &[], &mut found).unwrap();
            back.insert(format!("{kind}/{file}"), found);
        }
    }
    store.logoff().unwrap();
    back
}

/// What is in the table of counts comes back, and what is refused was said.
fn compare_counts(samples: &[Sample], whole: bool, back: &Back, counts: &Value) {
    let refusals = counts["refusals"].as_array().unwrap();
    let mut table =
        String::from("file\tfolders\tmessages\tassociated\trecipients\tattachments\trefused\n");
    for sample in samples {
        let found = &back[&sample.name];
        let all = || found.iter().flat_map(|f| f.messages.iter().chain(&f.associated));
        let count = |of: fn(&Found) -> usize| found.iter().map(of).sum::<usize>();
        let of_sample = format!("/{}/", sample.name);
        let refused =
            refusals.iter().filter(|r| r["what"].as_str().unwrap().contains(&of_sample)).count();
        writeln!(
            table,
            "{}\t{}\t{}\t{}\t{}\t{}\t{refused}",
            sample.name,
            found.len(),
            count(|f| f.messages.len()),
            count(|f| f.associated.len()),
            all().map(|content| parts(content).0).sum::<usize>(),
            all().map(|content| parts(content).1).sum::<usize>(),
        )
        .unwrap();
    }
    if whole {
        seen::golden("import-counts.tsv", &table);
        return;
    }
    let committed = std::fs::read_to_string(seen::data().join("import-counts.tsv")).unwrap();
    for line in table.lines() {
        assert!(committed.lines().any(|known| known == line), "{line}");
    }
}

/// Recipients and attachments of a message and of the messages in it.
fn parts(content: &MessageContent) -> (usize, usize) {
    let mut sum = (content.recipients.len(), content.attachments.len());
    for attachment in &content.attachments {
        if let AttachedContent::Message(inner) = &attachment.content {
            let (recipients, attachments) = parts(inner);
            sum = (sum.0 + recipients, sum.1 + attachments);
        }
    }
    sum
}

/// A sample with what came back of it.
fn compare(sample: &Sample, back: &[Found], differences: &mut Differences) {
    let expected = Expected::of(sample);
    let mut tree = samples::read(sample);
    for found in back {
        let at = format!("{}.folders.{}", sample.name, found.path.join("/"));
        let Some(read) = tree.remove(&found.path) else {
            differences.add(at, "is not in the file".into());
            continue;
        };
        if let Some(class) = read.class
            && found.class.as_ref() != Some(&class)
        {
            differences.add(format!("{at}.class"), format!("{:?} for {class}", found.class));
        }
        for (list, back, what) in [
            (read.messages, &found.messages, "messages"),
            (read.associated, &found.associated, "associated"),
        ] {
            if list.len() != back.len() {
                let counts = format!("{} for {}", back.len(), list.len());
                differences.add(format!("{at}.{what}"), counts);
                continue;
            }
            for ((name, read), back) in list.iter().zip(back) {
                let back = differences.as_stored(name, read, back.clone());
                differences.same(name, read, &back);
                differences.expected(name, sample.kind(), expected.message(name), &back);
            }
        }
    }
    for path in tree.keys() {
        differences.add(format!("{}.folders.{}", sample.name, path.join("/")), "is missing".into());
    }
}

/// What the other tools see in a sample: messages by the names that `samples` gives them.
struct Expected(BTreeMap<String, Value>);

impl Expected {
    fn of(sample: &Sample) -> Self {
        let name = &sample.name;
        let list = match sample.kind() {
            "msg" => "expected-msg.json",
            "pst" => "expected-pst.json",
            _ => "expected-mime.json",
        };
        let files = &seen::json(list)["files"];
        let messages = |of: &Value| of.as_array().expect("the sample's messages").clone();
        Expected(match sample.kind() {
            "msg" => BTreeMap::from([(name.clone(), files[sample.file()].clone())]),
            "pst" => messages(&files[sample.file()]["messages"])
                .into_iter()
                .map(|m| (format!("{name}.messages.{:#x}", m["id"].as_u64().unwrap()), m))
                .collect(),
            _ => messages(&files[name])
                .into_iter()
                .enumerate()
                .map(|(index, message)| (format!("{name}#{index}"), message))
                .collect(),
        })
    }

    fn message(&self, name: &str) -> &Value {
        self.0.get(name).unwrap_or_else(|| panic!("no other tool has seen {name}"))
    }
}
