//! The tables in docs/ say what the code says. With COFFER_WRITE_DOCS=1 they are written instead.
#![cfg(feature = "http")]

mod support;

use std::path::PathBuf;

use mapi_server::Limit;
use mapi_server::budget::{Budget, SHARES};
use mapi_server::http::Config;
use support::wire::{scrape, start};

fn docs(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name)
}

/// Compares the table below `head` in a file with what it should be, or writes it.
fn check(file: &str, head: &str, rows: &[String]) {
    let path = docs(file);
    let text = std::fs::read_to_string(&path).expect("the documentation");
    let start = text.find(head).expect("the table's head");
    let body = start + head.len() + text[start + head.len()..].find("|\n").expect("a line") + 2;
    // Behind the line of dashes, up to the first line that is no row.
    let end = text[body..].find("\n\n").map_or(text.len(), |end| body + end + 1);
    let wanted: String = rows.iter().map(|row| format!("{row}\n")).collect();
    let found = text.get(body..end).unwrap_or_default();
    if found == wanted {
        return;
    }
    if std::env::var_os("COFFER_WRITE_DOCS").is_some() {
        let end = if text[body..].starts_with('\n') { body } else { end };
        let new = format!("{}{wanted}{}", &text[..body], &text[end..]);
        std::fs::write(&path, new).expect("a file that can be written");
        return;
    }
    panic!("the table {head:?} of docs/{file} should read:\n{wanted}");
}

#[test]
fn limits_are_documented_as_they_are() {
    let row = |limit: &Limit| {
        let about = limit.about();
        format!("| `{}` | {} | {} | {} |", about.name, about.default, about.counts, about.refusal)
    };
    let rows: Vec<String> = Limit::ALL.iter().map(row).collect();
    check("limits.md", "| name | default | what is counted | beyond it |\n", &rows);
}

#[test]
fn metrics_are_documented_as_they_are() {
    let allocated: mapi_server::http::metrics::AllocatedBytes = std::sync::Arc::new(|| 1);
    let config = Config { allocated_bytes: Some(allocated), ..Config::default() };
    let (running, _, _) = start(config);
    let page = scrape(&running);
    let mut rows = Vec::new();
    for family in page.split("# HELP ").skip(1) {
        let (help, rest) = family.split_once('\n').expect("a line");
        let (name, help) = help.split_once(' ').expect("a text");
        let kind = rest.lines().next().and_then(|line| line.rsplit(' ').next()).expect("a type");
        let labels = rest.lines().nth(1).and_then(|line| Some(line.split_once('{')?.1));
        let labels = labels.map_or(String::new(), |labels| {
            let names = labels.split(',').filter_map(|pair| Some(pair.split_once("=\"")?.0));
            names.filter(|name| *name != "le").collect::<Vec<_>>().join(", ")
        });
        rows.push(format!("| `{name}` | {kind} | {labels} | {help} |"));
    }
    // Those whose labels are not there yet have them documented all the same.
    for row in &mut rows {
        for (name, label) in
            [("coffer_client_", "client"), ("coffer_rop_d", "rop"), ("coffer_rop_f", "rop")]
        {
            if row.starts_with(&format!("| `{name}")) {
                *row = row.replacen(" |  | ", &format!(" | {label} | "), 1);
            }
        }
    }
    check("metrics.md", "| metric | type | labels | what it tells |\n", &rows);
}

#[test]
fn the_budget_is_documented_as_it_is() {
    let budget = Budget::default();
    let mib = |name: &str| {
        let share = budget.shares().into_iter().find(|(known, _)| *known == name);
        format!("{:.1} MiB", share.expect("a share").1 as f64 / f64::from(1 << 20))
    };
    let row = |(name, _, bounds, beyond): &(&str, u64, &str, &str)| {
        format!("| `{name}` | {} | {bounds} | {beyond} |", mib(name))
    };
    let passwords = format!(
        "| `passwords` | {} | hashes of passwords that are made at a time, 19 MiB each | others wait; HTTP \
         status 503 when 256 wait |",
        mib("passwords")
    );
    let rows: Vec<String> = [passwords].into_iter().chain(SHARES.iter().map(row)).collect();
    check("limits.md", "| share | of 128 MiB | what it bounds | beyond it |\n", &rows);
}
