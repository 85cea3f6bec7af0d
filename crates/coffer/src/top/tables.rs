//! The report as lines of text.

use serde_json::Value;

use crate::cli::TopSort;

/// At most `most` lines; a list that does not fit says how many it left out.
pub fn draw(report: &Value, sort: TopSort, most: usize) -> Vec<String> {
    let totals = &report["totals"];
    let kinds = &totals["kinds"];
    let mut lines = vec![format!(
        "{} sessions, {} connections, {} objects of {}; {} refused, {} warnings{}",
        number(&totals["sessions"]),
        number(&kinds["connection"]),
        number(&totals["objects"]),
        bytes(&totals["bytes"]),
        number(&totals["refused"]),
        number(&totals["warnings"]),
        match number(&totals["panics"]) {
            0 => String::new(),
            panics => format!(", {panics} PANICS"),
        },
    )];
    lines.extend(bounds(&report["bounds"]));
    lines.push(String::new());
    // Users and clients get a third each where lines are few, sessions what is left.
    let third = most.saturating_sub(lines.len()) / 3;
    lines.extend(list(&report["users"], "user", sort, third));
    lines.push(String::new());
    lines.extend(list(&report["clients"], "client", sort, third));
    lines.push(String::new());
    let left = most.saturating_sub(lines.len());
    lines.extend(sessions(&report["sessions"], left));
    lines.truncate(most);
    lines
}

/// Memory in one line, the rest in another.
fn bounds(rows: &Value) -> Vec<String> {
    let rows = rows.as_array().map(Vec::as_slice).unwrap_or_default();
    let is_memory = |row: &&Value| row["unit"] == "bytes";
    let memory = rows.iter().filter(is_memory).map(|row| {
        let used = number(&row["used"]) as f64 / f64::from(1 << 20);
        let bound = number(&row["bound"]) as f64 / f64::from(1 << 20);
        format!("{} {used:.1}/{bound:.0}", text(&row["what"]))
    });
    let others = rows.iter().filter(|row| !is_memory(row) && row["unit"] != "bytes in files");
    let others = others.map(|row| {
        format!("{} {}/{}", text(&row["what"]), number(&row["used"]), number(&row["bound"]))
    });
    vec![
        format!("MiB: {}", memory.collect::<Vec<_>>().join(", ")),
        others.collect::<Vec<_>>().join(", "),
    ]
}

const HEAD: &str = "SESS CONN   OBJ     BYTES  REQUESTS    WRITES  ERRORS REFUSED    BUSY     AGE";

fn list(rows: &Value, what: &str, sort: TopSort, most: usize) -> Vec<String> {
    let rows = rows.as_array().map(Vec::as_slice).unwrap_or_default();
    let mut lines = vec![format!("{HEAD}  {} (by {sort:?})", what.to_uppercase())];
    lines.extend(shorten(rows, most, |row| {
        let name = text(&row[what]);
        format!(
            "{:>4} {:>4} {:>5} {:>9} {:>9} {:>9} {:>7} {:>7} {:>6.1}s {:>7}  {name}",
            number(&row["sessions"]),
            number(&row["kinds"]["connection"]),
            number(&row["objects"]),
            bytes(&row["bytes"]),
            number(&row["requests"]),
            number(&row["writes"]),
            number(&row["errors"]),
            number(&row["refused"]),
            row["busy_seconds"].as_f64().unwrap_or(0.0),
            age(&row["age_seconds"]),
        )
    }));
    lines
}

fn sessions(rows: &Value, most: usize) -> Vec<String> {
    let rows = rows.as_array().map(Vec::as_slice).unwrap_or_default();
    let mut lines = vec![
        "  SESSION   OBJ     BYTES  REQUESTS    WRITES  ERRORS REFUSED    BUSY     AGE    IDLE  USER, \
         CLIENT"
            .to_owned(),
    ];
    lines.extend(shorten(rows, most, |row| {
        format!(
            "{:>9} {:>5} {:>9} {:>9} {:>9} {:>7} {:>7} {:>6.1}s {:>7} {:>7}  {}, {}{}",
            number(&row["session"]),
            number(&row["objects"]),
            bytes(&row["bytes"]),
            number(&row["requests"]),
            number(&row["writes"]),
            number(&row["errors"]),
            number(&row["refused"]),
            row["busy_seconds"].as_f64().unwrap_or(0.0),
            age(&row["age_seconds"]),
            age(&row["idle_seconds"]),
            text(&row["user"]),
            text(&row["client"]),
            row["peer"].as_str().map(|peer| format!(" from {}", clean(peer))).unwrap_or_default(),
        )
    }));
    lines
}

/// One line of `most` is the head.
fn shorten(rows: &[Value], most: usize, line: impl Fn(&Value) -> String) -> Vec<String> {
    let room = most.saturating_sub(1);
    if rows.len() <= room {
        return rows.iter().map(line).collect();
    }
    let shown = room.saturating_sub(1);
    let mut lines: Vec<String> = rows[..shown].iter().map(line).collect();
    lines.push(format!("     ... and {} more", rows.len() - shown));
    lines
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

fn text(value: &Value) -> String {
    clean(value.as_str().unwrap_or("-"))
}

/// What a client calls itself does not move the cursor.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

fn bytes(value: &Value) -> String {
    let bytes = number(value);
    match bytes {
        0..10_240 => format!("{bytes} B"),
        10_240..10_485_760 => format!("{} KiB", bytes >> 10),
        _ => format!("{} MiB", bytes >> 20),
    }
}

fn age(value: &Value) -> String {
    match number(value) {
        seconds @ 0..120 => format!("{seconds}s"),
        seconds @ 120..7_200 => format!("{}m", seconds / 60),
        seconds @ 7_200..172_800 => format!("{}h", seconds / 3_600),
        seconds => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn long_lists_are_cut_and_say_so() {
        let session = |n: u64| json!({"session": n, "user": "u", "client": "c\u{1b}[2J"});
        let report = json!({
            "totals": {"sessions": 50, "objects": 9, "bytes": 4096, "kinds": {}},
            "users": [{"user": "a"}],
            "clients": [],
            "sessions": (0..50).map(session).collect::<Vec<_>>(),
        });
        let lines = draw(&report, TopSort::Bytes, 24);
        assert_eq!(lines.len(), 24);
        assert!(lines[0].starts_with("50 sessions, 0 connections, 9 objects of 4096 B"));
        assert!(lines[23].contains("more"), "{}", lines[23]);
        assert!(lines.iter().all(|line| !line.contains('\u{1b}')));
        assert_eq!(draw(&report, TopSort::Bytes, usize::MAX).len(), 4 + 2 + 1 + 1 + 1 + 51);
    }
}
