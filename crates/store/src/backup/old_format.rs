//! Tests: backups of data directories of older formats come back through the same migration as the
//! directories themselves. The fixtures are those of `crates/store/tests/formats.rs`.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use super::{CarryOptions, Part, Repository, WholeOptions, adopt, carry, open, whole};
use crate::check;
use crate::engine::{self, FjallEngine};
use crate::manifest::{self, Options};
use crate::{Mailbox, NewAccount, Store, StoreOptions};

const ME: &str = "me@example.test";

#[test]
fn a_backup_of_an_older_format_is_migrated_when_it_is_restored() {
    for format in 1..engine::FORMAT {
        let dir = tempfile::tempdir().unwrap();
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join(format!("../../testsuite/data/formats/{format}"));
        copy(&fixture, &dir.path().join("data"));
        copy(&fixture, &dir.path().join("migrated"));
        let repository = Repository::create(&dir.path().join("repository")).unwrap();
        // Below the store that migrates.
        let engine = FjallEngine::open(&dir.path().join("data"), &engine::Options::default());
        let old = Store::with_engine(Arc::new(engine.unwrap()), StoreOptions::default()).unwrap();
        let done = super::write::run_as(&old, &repository, format, &mut |_| true).unwrap();
        assert_eq!(done.missing, [] as [String; 0]);
        old.close().unwrap();
        let migrated = Store::open(&dir.path().join("migrated"), StoreOptions::default()).unwrap();
        let expected = lines(&mailbox(&migrated, ME), true);

        let to = dir.path().join("copy");
        let restored = whole(&repository, &to, &WholeOptions::default(), &mut |_| true).unwrap();
        assert!(restored.is_whole(), "{restored:?}");
        let whole = Store::open(&to, StoreOptions::default()).unwrap();
        assert_eq!(lines(&mailbox(&whole, ME), true), expected);

        let target = Store::in_memory(StoreOptions::default()).unwrap();
        let opened = open(&repository, None, false).unwrap();
        let adopted = adopt(&repository, &opened, ME, &target, false, &mut |_| true).unwrap();
        assert_eq!(adopted.problems, [] as [String; 0]);
        assert_eq!(lines(&mailbox(&target, ME), true), expected);

        let other = NewAccount { address: "new@example.test".into(), ..NewAccount::default() };
        let other = target.create_account(&other).unwrap();
        let other = target.mailbox(other.mailbox).unwrap();
        let source = mailbox(&opened.store, ME);
        let options = CarryOptions { in_place: true, ..CarryOptions::default() };
        let carried = carry(&opened, &source, Part::Mailbox, &other, options, &mut |_| true);
        assert_eq!(carried.unwrap().refused, [] as [String; 0]);
        let messages = |mailbox: &Mailbox| -> Vec<String> {
            let all = lines(mailbox, false);
            all.into_iter().filter(|line| line.starts_with("message ")).collect()
        };
        assert!(messages(&other).len() >= 5);
        assert_eq!(messages(&other), messages(&mailbox(&migrated, ME)));
        let report = check::mailbox(&other, &check::Options::default()).unwrap();
        assert_eq!(report.left_in_words(), [] as [String; 0]);
    }
}

fn mailbox(store: &Store, address: &str) -> Arc<Mailbox> {
    let account = store.account_by_address(address).unwrap().expect("the account");
    store.mailbox(account.mailbox).unwrap()
}

fn lines(mailbox: &Mailbox, ids: bool) -> Vec<String> {
    let mut lines = Vec::new();
    manifest::mailbox(mailbox, Options { ids, deleted: ids }, &mut |line| {
        lines.push(line.to_string());
        ControlFlow::Continue(())
    })
    .unwrap();
    lines
}

/// Copies a fixture. Directories of the database that were empty are not in the repository.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    if from.parent().is_some_and(|above| above.ends_with("keyspaces")) {
        fs::create_dir_all(to.join("tables")).unwrap();
        fs::create_dir_all(to.join("blobs")).unwrap();
    }
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).unwrap()),
        }
    }
}
