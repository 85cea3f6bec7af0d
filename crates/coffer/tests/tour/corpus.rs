//! Every file of the shared corpus imports, or is refused by name.

use crate::program::{Place, corpus, json};

/// Files that are refused as a whole; docs/corpus.md says why.
const MOST_REFUSED: u64 = 8;

#[test]
fn the_corpus_imports_with_its_counts_stated() {
    let Some(corpus) = corpus() else { return };
    let place = Place::new();
    place.ok(&["user", "add", "me@example.test", "--generate"]);
    let mut arguments = vec!["import", "--mailbox", "me@example.test", "--json"];
    let kinds = ["eml", "mbox", "msg", "pst"].map(|kind| corpus.join(kind));
    arguments.extend(kinds.iter().map(|path| path.to_str().unwrap()));
    let (_, text) = place.run(&arguments);
    let counts = json(&text);

    assert_eq!(counts["files"]["expected"], 125);
    let refused = counts["files"]["refused"].as_u64().unwrap();
    assert!(refused <= MOST_REFUSED, "{counts:#}");
    for kind in ["files", "folders", "messages", "associated", "attachments"] {
        let tally = |what: &str| counts[kind][what].as_u64().unwrap();
        assert_eq!(
            tally("expected"),
            tally("carried") + tally("present") + tally("refused"),
            "{kind}: nothing is lost without a word: {counts:#}"
        );
    }
    assert!(!text.contains("panicked"), "{counts:#}");

    let (_, again) = place.run(&arguments);
    let again = json(&again);
    assert_eq!(again["messages"]["carried"], 0, "no doubles: {again:#}");
    assert_eq!(again["associated"]["carried"], 0, "no doubles: {again:#}");
}
