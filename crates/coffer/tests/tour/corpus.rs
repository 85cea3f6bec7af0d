//! Every file of the shared corpus imports, and what is refused of any is named here and in docs/corpus.md.

use std::collections::{BTreeMap, BTreeSet};

use mapi::{Restriction, tags};
use serde_json::Value;
use store::folder::{self, FolderKind};
use store::{mailbox, search};

use crate::program::{Place, corpus, json};
use crate::samples::KINDS;
use crate::seen;

/// Files of which something may be refused at most.
const MOST_REFUSED: usize = 3;

#[test]
fn the_corpus_imports_with_its_counts_stated() {
    let Some(corpus) = corpus() else { return };
    let place = Place::new();
    place.ok(&["user", "add", "me@example.test", "--generate"]);
    let mut arguments = vec!["import", "--mailbox", "me@example.test", "--json"];
    let kinds = KINDS.map(|kind| corpus.join(kind));
    arguments.extend(kinds.iter().map(|path| path.to_str().unwrap()));
    let (_, text) = place.run(&arguments);
    let counts = json(&text);

    assert_eq!(counts["files"]["carried"], 125);
    let table = Counts::load("import-counts.tsv");
    for kind in ["files", "folders", "searches", "messages", "associated", "attachments"] {
        let tally = |what: &str| counts[kind][what].as_u64().unwrap();
        let came = tally("carried") + tally("present");
        assert_eq!(
            tally("expected"),
            came + tally("refused"),
            "{kind}: nothing is lost without a word: {counts:#}"
        );
        // Folders depend on where they go.
        if !["files", "folders", "searches"].contains(&kind) {
            assert_eq!(came, table.sum(kind), "{kind}: {counts:#}");
        }
    }
    assert_refused(&counts, &table);

    let (_, again) = place.run(&arguments);
    let again = json(&again);
    for kind in ["folders", "searches", "messages", "associated", "attachments"] {
        assert_eq!(again[kind]["carried"], 0, "no doubles: {again:#}");
        assert_eq!(again[kind]["refused"], counts[kind]["refused"], "{again:#}");
    }
}

/// A search folder looks for what it looked for in the file. One of which the file says nothing is named, and the
/// import is whole without it.
#[test]
fn search_folders_come_with_their_criteria() {
    let Some(corpus) = corpus() else { return };
    let place = Place::new();
    place.ok(&["user", "add", "me@example.test", "--generate"]);
    let file = corpus.join("pst/dist-list.pst");
    let arguments = [
        "import",
        "--mailbox",
        "me@example.test",
        "--folder",
        "Old",
        "--json",
        file.to_str().unwrap(),
    ];
    let counts = json(&place.ok(&arguments));
    let tally = |what: &str| counts["searches"][what].as_u64().unwrap();
    assert_eq!(["expected", "carried", "present", "refused"].map(tally), [6, 4, 0, 2]);
    assert_eq!(counts["refusals"], json("[]"));
    let left_out = counts["left_out"].as_array().unwrap();
    assert_eq!(left_out.len(), 2);
    for (left_out, name) in
        left_out.iter().zip(["SPAM Search Folder 2", "Search Root/All Messages"])
    {
        assert!(left_out["what"].as_str().unwrap().ends_with(name), "{left_out}");
        assert_eq!(left_out["why"], "the file does not say what it looks for");
    }
    // A second run finds them, and leaves out what it left out.
    let again = json(&place.ok(&arguments));
    let tally = |what: &str| again["searches"][what].as_u64().unwrap();
    assert_eq!(["expected", "carried", "present", "refused"].map(tally), [6, 0, 4, 2]);

    let store = store::Store::open(&place.data(), store::StoreOptions::default()).unwrap();
    let account = store.account_by_address("me@example.test").unwrap().unwrap();
    let mailbox = store.mailbox(account.mailbox).unwrap();
    let below =
        |parent, name: &str| folder::child_by_name(&mailbox, parent, name).unwrap().unwrap();
    let old = below(store::SpecialFolder::IpmSubtree.id(), "Old");
    let criteria = |name: &str| search::criteria(&mailbox, below(old, name)).unwrap().unwrap();
    let reminders = criteria("Reminders");
    assert!(reminders.recursive && !reminders.fixed);
    assert_eq!(reminders.folders, [old]);
    assert_eq!(reminders.state, search::SearchState::Complete);
    // Conditions name the folders and properties of this mailbox.
    let Restriction::And(parts) = &reminders.restriction else { panic!("{reminders:?}") };
    let (Restriction::And(elsewhere), Restriction::And(what)) = (&parts[0], &parts[1]) else {
        panic!("{reminders:?}")
    };
    let entry_id = |folder| match &folder::get(&mailbox, folder, &[tags::ENTRY_ID]).unwrap()[..] {
        [Some(value)] => value.inline().cloned().unwrap(),
        other => panic!("{other:?}"),
    };
    let deleted = entry_id(below(old, "Deleted Items"));
    assert!(elsewhere.iter().any(|part| matches!(part,
        Restriction::Property { value, .. } if value.value == deleted)));
    let Restriction::Or(reminder) = &what[2] else { panic!("{reminders:?}") };
    let Restriction::Property { tag, .. } = &reminder[0] else { panic!("{reminders:?}") };
    let names = mailbox::names::names_of(&mailbox, &[tag.id()]).unwrap();
    // PidLidReminderSet
    let reminder_set = names[0].as_ref().map(|name| name.kind.clone());
    assert_eq!(reminder_set, Some(mapi::PropertyNameKind::Id(0x8503)));
    assert_eq!(
        folder::info(&mailbox, below(old, "To-Do Search")).unwrap().kind,
        FolderKind::Search
    );
}

/// What was refused is what the table of counts and the documentation say.
fn assert_refused(counts: &Value, table: &Counts) {
    let refused: BTreeSet<&str> = counts["refusals"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|refusal| refusal["what"].as_str().unwrap().split("/corpus/").nth(1))
        .map(|what| what.split(':').next().unwrap())
        .collect();
    let listed: BTreeSet<&str> =
        table.rows.iter().filter(|(_, row)| row["refused"] > 0).map(|(name, _)| &**name).collect();
    assert_eq!(refused, listed);
    assert!(refused.len() <= MOST_REFUSED, "{refused:?}");
    assert_eq!(counts["refusals_left_out"], 0);
    let documentation = std::fs::read_to_string(seen::workspace().join("docs/corpus.md")).unwrap();
    let (_, chapter) = documentation.split_once("\n## Import and reading back\n").unwrap();
    for name in refused {
        let file = name.split('/').nth(1).unwrap();
        assert!(chapter.contains(file), "docs/corpus.md does not tell what is refused of {name}");
    }
}

/// What comes back of each file is what its reader carried, and for PST files what pffexport exports, but
/// for the differences that are listed.
#[test]
fn the_counts_are_those_of_the_readers_and_of_pffexport() {
    let table = Counts::load("import-counts.tsv");
    for list in ["msg", "pst"] {
        for (name, row) in Counts::load(&format!("{list}-counts.tsv")).rows {
            let ours = &table.rows[&format!("{list}/{name}")];
            for kind in ["messages", "associated", "recipients", "attachments"] {
                if let Some(count) = row.get(kind) {
                    assert_eq!(ours[kind], *count, "{name}: {kind}");
                }
            }
        }
    }
    let expected = seen::json("expected-pst.json");
    let differences = std::fs::read_to_string(seen::data().join("differences-pst.tsv")).unwrap();
    for (name, file) in expected["files"].as_object().unwrap() {
        let ours = &table.rows[&format!("pst/{name}")];
        let of_kind = |associated: bool| {
            let messages = file["messages"].as_array().unwrap();
            messages.iter().filter(|message| message["associated"] == associated).count() as u64
        };
        assert_eq!(
            (ours["messages"], ours["associated"]),
            (of_kind(false), of_kind(true)),
            "{name}"
        );
        let exported = file["pffexport"]["export"].as_u64().unwrap();
        let place = format!("{name}.pffexport.export\t");
        let listed = differences.lines().any(|line| line.starts_with(&place));
        assert_eq!(exported != ours["messages"], listed, "{name}: pffexport exports {exported}");
    }
}

/// A table of counts by file.
struct Counts {
    rows: BTreeMap<String, BTreeMap<String, u64>>,
}

impl Counts {
    /// A cell is a number, or `carried of expected`, of which the first counts.
    fn load(name: &str) -> Self {
        let text = std::fs::read_to_string(seen::data().join(name)).unwrap();
        let mut lines = text.lines().map(|line| line.split('\t'));
        let titles: Vec<&str> = lines.next().unwrap().skip(1).collect();
        let count = |cell: &str| cell.split(' ').next().unwrap().parse().unwrap();
        let row = |mut cells: std::str::Split<'_, char>| {
            let file = cells.next().unwrap().to_owned();
            let cells = titles.iter().zip(cells);
            (file, cells.map(|(title, cell)| ((*title).to_owned(), count(cell))).collect())
        };
        Counts { rows: lines.map(row).collect() }
    }

    fn sum(&self, kind: &str) -> u64 {
        self.rows.values().map(|row| row[kind]).sum()
    }
}
