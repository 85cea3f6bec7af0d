//! The tables in docs/ say what the code says. With COFFER_WRITE_DOCS=1 they are written instead.

use std::path::PathBuf;

use mapi_server::Limit;

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
