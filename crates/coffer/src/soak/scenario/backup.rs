//! Backups of the store and what is read of them.

use std::ops::ControlFlow;

use anyhow::{Context, Result, ensure};
use store::backup::{self, Keep, Repository, WholeOptions};
use store::manifest;

use super::Stage;
use crate::soak::ground::Ground;
use crate::soak::target::USER;

/// Threads have a repository each.
pub fn backup(ground: &Ground) -> Result<Stage> {
    let store = ground.target.local()?.store.clone();
    let dir = ground.target.local()?.dir().to_owned();
    let options = manifest::Options { ids: true, deleted: true };
    Stage::new(move |visit| {
        let repository = Repository::create(&dir.join(format!("backup-{}", visit.thread)))?;
        let done = backup::run(&store, &repository, &mut |_| true)?;
        ensure!(done.missing.is_empty(), "records that cannot be read: {:?}", done.missing);
        let verified = backup::verify(&repository, false, &mut |_| true)?;
        ensure!(verified.is_clean(), "a damaged backup: {:?}", verified.faults);
        let opened = backup::open(&repository, Some(done.name.as_str()), false)?;
        let account =
            opened.store.account_by_address(USER)?.context("a backup without its user")?;
        let mailbox = opened.store.mailbox(account.mailbox)?;
        let mut lines = 0;
        manifest::mailbox(&mailbox, options, &mut |_| {
            lines += 1;
            // By turns the whole mailbox is read, or let go in the middle.
            match lines < 20 || visit.number.is_multiple_of(2) {
                true => ControlFlow::Continue(()),
                false => ControlFlow::Break(()),
            }
        })?;
        ensure!(lines >= 20, "a manifest of {lines} lines");
        drop((mailbox, opened));
        backup::prune(&repository, Keep { newest: 1, days: None }, store.now(), &mut |_| true)?;
        if visit.number.is_multiple_of(4) {
            let to = dir.join(format!("restored-{}", visit.thread));
            // What a broken cycle left.
            if to.exists() {
                std::fs::remove_dir_all(&to)?;
            }
            let restored =
                backup::whole(&repository, &to, &WholeOptions::default(), &mut |_| true)?;
            ensure!(restored.is_whole(), "a restored store that is not whole: {restored:?}");
            std::fs::remove_dir_all(&to)?;
        }
        Ok(())
    })
}
