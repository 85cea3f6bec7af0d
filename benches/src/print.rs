//! The figures as a table: on the terminal, or as Markdown for docs/performance.md.

use std::collections::BTreeSet;
use std::fmt::Write;

use crate::figure::{Figure, Report, Target, Verdict};
use crate::growth::Series;
use crate::table::shown;

const HEADINGS: [&str; 5] = ["what", "figure", "by the clock", "must be", ""];

pub fn text(report: &Report) -> String {
    let mut out = machine(report) + "\n";
    let rows: Vec<[String; 5]> = report.figures.iter().map(row).collect();
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([HEADINGS[column].len()]).max().unwrap_or(0)
    };
    let widths = [width(0), width(1), width(2), width(3)];
    let line = |cells: [&str; 5], note: &str| {
        let [what, figure, clock, target, verdict] = cells;
        let [a, b, c, d] = widths;
        let line =
            format!("  {what:<a$}  {figure:>b$}  {clock:>c$}  {target:>d$}  {verdict:<7}  {note}");
        line.trim_end().to_owned() + "\n"
    };
    let mut bench = "";
    for (figure, row) in report.figures.iter().zip(&rows) {
        if figure.bench != bench {
            bench = &figure.bench;
            let _ = writeln!(out, "\n{bench}");
            out += &line(HEADINGS, "");
        }
        out += &line(row.each_ref().map(String::as_str), &figure.note);
    }
    for (index, row) in growth(report).iter().enumerate() {
        if index == 0 {
            let _ = writeln!(out, "\ngrowth");
        }
        let (name, values) = row.split_first().map_or(("", &[][..]), |(n, v)| (n.as_str(), v));
        let values: String = values.iter().map(|value| format!("  {value:>10}")).collect();
        let _ = writeln!(out, "  {name:<46}{values}");
    }
    let _ = writeln!(out, "\n{}", summary(report));
    out
}

pub fn markdown(report: &Report) -> String {
    let mut out = machine(report) + "\n";
    let mut bench = "";
    for figure in &report.figures {
        if figure.bench != bench {
            bench = &figure.bench;
            let _ = writeln!(out, "\n### {bench}\n\n| {} | |", HEADINGS.join(" | "));
            out += "|---|--:|--:|--:|---|---|\n";
        }
        let _ = writeln!(out, "| {} | {} |", row(figure).join(" | "), figure.note);
    }
    for (index, row) in growth(report).iter().enumerate() {
        if index == 0 {
            out += "\n### growth\n\n";
        }
        let _ = writeln!(out, "| {} |", row.join(" | "));
        if index == 0 {
            let _ = writeln!(out, "|---{}|", "|--:".repeat(row.len() - 1));
        }
    }
    let _ = writeln!(out, "\n{}", summary(report));
    out
}

/// A line of sizes, then a line for each cost with its value at each size.
fn growth(report: &Report) -> Vec<Vec<String>> {
    let sizes: BTreeSet<usize> =
        report.growth.iter().flat_map(|series| series.points.iter().map(|point| point.0)).collect();
    if sizes.is_empty() {
        return Vec::new();
    }
    let head = std::iter::once("messages in the mailbox".to_owned())
        .chain(sizes.iter().map(|size| shown(*size)));
    let line = |series: &Series| {
        let at = |size: &usize| {
            let point = series.points.iter().find(|point| point.0 == *size);
            point.map(|point| number(point.1)).unwrap_or_default()
        };
        let name = format!("{}, {}", series.name, series.unit);
        std::iter::once(name).chain(sizes.iter().map(at)).collect()
    };
    std::iter::once(head.collect()).chain(report.growth.iter().map(line)).collect()
}

fn machine(report: &Report) -> String {
    let machine = &report.machine;
    format!(
        "Coffer {}{}: {} cores of {}, {} GiB of memory, load {:.1} at the begin. \
         A sync of the disk (12 kB appended, fdatasync) takes {:.3} ms.",
        report.version,
        if report.quick { ", quick run" } else { "" },
        machine.cores,
        machine.processor,
        machine.memory_mib.div_ceil(1024),
        machine.load,
        machine.sync_ms,
    )
}

fn summary(report: &Report) -> String {
    let verdicts: Vec<Verdict> = report.figures.iter().filter_map(Figure::verdict).collect();
    let count = |wanted| verdicts.iter().filter(|verdict| **verdict == wanted).count();
    format!(
        "{} of {} limits and goals are met, {} in CPU time but not by the clock. The run took {:.0} s.",
        count(Verdict::Met) + count(Verdict::MetInCpu),
        verdicts.len(),
        count(Verdict::MetInCpu),
        report.seconds,
    )
}

fn row(figure: &Figure) -> [String; 5] {
    let target = figure.target.map(|target| match target {
        Target::AtMost(limit) => format!("≤ {}", number(limit)),
        Target::AtLeast(limit) => format!("≥ {}", number(limit)),
    });
    let goal = if figure.goal { " (goal)" } else { "" };
    let verdict = figure.verdict().map(|verdict| match verdict {
        Verdict::Met => "met",
        Verdict::MetInCpu => "met (CPU)",
        Verdict::NotMet => "NOT MET",
    });
    [
        figure.name.clone(),
        format!("{} {}", number(figure.value), figure.unit),
        figure.clock.map(number).unwrap_or_default(),
        target.map(|target| target + goal).unwrap_or_default(),
        verdict.unwrap_or_default().to_owned(),
    ]
}

/// Three digits that count, or all before the point.
fn number(value: f64) -> String {
    let digits = match value.abs() {
        v if v >= 100.0 || v == 0.0 => 0,
        v if v >= 10.0 => 1,
        v if v >= 1.0 => 2,
        v if v >= 0.1 => 3,
        _ => 4,
    };
    let text = format!("{value:.digits$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let texts = [1234.5, 100.0, 12.34, 1.5, 0.1512, 0.01234, 0.0].map(number);
        assert_eq!(texts, ["1234", "100", "12.3", "1.5", "0.151", "0.0123", "0"]);
    }
}
