//! The catalogue of resource bugs: which row is watched by which scenario, and what the others wait for.
//! docs/soak.md holds the same table; a test holds the two together.

use super::scenario::SCENARIOS;

/// A row of the catalogue.
pub struct Row {
    pub number: u8,
    pub bug: &'static str,
    pub standing: Standing,
}

/// Where a row stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// By the scenarios that name it.
    Watched,
    /// Not by a scenario, but by this.
    Elsewhere(&'static str),
    /// Not yet: what it needs.
    Later(&'static str),
    /// Never: why.
    NotOurs(&'static str),
}

use Standing::{Elsewhere, Later, NotOurs, Watched};

const fn row(number: u8, bug: &'static str, standing: Standing) -> Row {
    Row { number, bug, standing }
}

#[rustfmt::skip]
pub static ROWS: &[Row] = &[
    row(1, "OpenMsgStore leaks 40 to 60 bytes", Watched),
    row(2, "a logon leaks a critical section", Watched),
    row(3, "threads that open stores deadlock", Watched),
    row(4, "a logon's heap is not destroyed", Watched),
    row(5, "first use from many threads leaks a socket", Watched),
    row(6, "a store released before its folder", Watched),
    row(7, "one logon, many mailboxes", Watched),
    row(8, "logon on behalf of another", Watched),
    row(9, "loading and unloading the library", Watched),
    row(10, "ICS export leaks a call", Later("ICS, stage 3")),
    row(11, "a folder's reference count", Watched),
    row(12, "attachments", Watched),
    row(13, "folders with a filter", Watched),
    row(14, "long uptime", Later("a run of 72 hours, before the first release")),
    row(15, "memory not freed when the store stops", Watched),
    row(16, "failed log-ons leak a handle", Watched),
    row(17, "disconnect without unbind", Watched),
    row(18, "invalid bytes are buffered", Watched),
    row(19, "backup leaks handles", Watched),
    row(20, "a peer that says nothing", Watched),
    row(21, "a conversion leaks", Watched),
    row(22, "many embedded messages", Watched),
    row(23, "uuencode with a long name loops", Watched),
    row(24, "deleting a deep folder tree", Watched),
    row(25, "out of memory in a logon", Elsewhere("`--fault`: refused allocations in every scenario with objects")),
    row(26, "public-folder replication", NotOurs("no server replicates to another; notifications are L40 and L49")),
    row(27, "authentication fails at a back end", Watched),
    row(28, "an administration program", Watched),
    row(29, "more than 32 sessions a user", Watched),
    row(30, "more than 500 objects a session", Watched),
    row(31, "more than 255 mailboxes in a process", Watched),
    row(32, "a calendar sync that loops", Elsewhere("the limit `writes-per-hour`: a test of the client's budget")),
    row(33, "reading makes versions", Watched),
    row(34, "a global lock under load", Watched),
    row(35, "memory is not given back after a burst", Elsewhere("`coffer soak --burst`")),
    row(36, "a mailbox of 50 GB", Later("a mailbox of that size; `imap` has a small one")),
    row(37, "a client dies without an acknowledgement", Watched),
    row(38, "out of memory in a notification", Watched),
    row(39, "a logon to a public store", Watched),
    row(40, "a subscription keeps a string", Watched),
    row(41, "dead connections pile up", Watched),
    row(42, "a transaction is left open", Watched),
    row(43, "a nested search leaks", Watched),
    row(44, "ICS upload contexts", Later("ICS, stage 3")),
    row(45, "QueryRows while rows are freed", Watched),
    row(46, "sessions pile up", Watched),
    row(47, "a pool of fixed size is exhausted", Watched),
    row(48, "IMAP stops answering", Watched),
    row(49, "advise leaks", Watched),
    row(50, "a reference count that starts too high", Watched),
    row(51, "error paths leak", Watched),
    row(52, "language bindings", Later("bindings for Python, a later stage")),
    row(53, "GetContentsTable leaks a handle", Watched),
    row(54, "a reference held until the session ends", Watched),
    row(55, "embedded messages; Logoff leaves an object", Watched),
    row(56, "ActiveSync grows", Later("ActiveSync, a later stage")),
    row(57, "whole MIME in memory", Watched),
    row(58, "import of a large mailbox", Watched),
    row(59, "unbounded allocation in a parser", Watched),
    row(60, "out of descriptors", Watched),
    row(61, "caches without a common bound", Watched),
    row(62, "workers leak on error paths", Watched),
    row(63, "memory before authentication", Watched),
    row(64, "a whole index in memory", Later("a folder of a million messages: `cargo xtask bench`, stage 2")),
    row(65, "clients that leak connections", Watched),
];

/// The scenarios that watch a row, in words.
pub fn watched_by(number: u8) -> Vec<&'static str> {
    let watching = SCENARIOS.iter().filter(|scenario| scenario.rows.contains(&number));
    watching.map(|scenario| scenario.name).collect()
}

/// The first two cells of a row in the table of docs/soak.md.
pub fn cells(row: &Row) -> String {
    let by = match row.standing {
        Watched => {
            let names: Vec<_> =
                watched_by(row.number).iter().map(|name| format!("`{name}`")).collect();
            names.join(", ")
        }
        Elsewhere(what) => what.to_owned(),
        Later(what) => format!("not yet: {what}"),
        NotOurs(why) => format!("does not concern us: {why}"),
    };
    format!("| L{:02} | {} | {by} |", row.number, row.bug)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = include_str!("../../../../docs/soak.md");

    #[test]
    fn every_row_stands_once_and_says_the_truth() {
        assert_eq!(ROWS.len(), 65);
        for (at, row) in ROWS.iter().enumerate() {
            assert_eq!(usize::from(row.number), at + 1);
            let watched = !watched_by(row.number).is_empty();
            assert_eq!(watched, row.standing == Watched, "L{:02}", row.number);
        }
    }

    #[test]
    fn the_page_has_every_row_as_the_code_has_it() {
        for row in ROWS {
            let line =
                PAGE.lines().find(|line| line.starts_with(&format!("| L{:02} |", row.number)));
            let line = line.unwrap_or_else(|| panic!("docs/soak.md has no row L{:02}", row.number));
            assert!(
                line.starts_with(&cells(row)),
                "docs/soak.md: {line}\nthe code: {}",
                cells(row)
            );
        }
    }

    #[test]
    fn the_page_has_every_scenario_as_the_code_has_it() {
        for scenario in SCENARIOS {
            let line = format!("| `{}` | {} |", scenario.name, scenario.about);
            assert!(PAGE.contains(&line), "docs/soak.md lacks: {line}");
        }
    }
}
