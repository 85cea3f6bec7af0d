//! Samples as a plot on the terminal, as CSV and as SVG.

use std::fmt::Write as _;
use std::io::{self, Write};

use super::judge::Sample;

/// A named row of samples.
pub struct Series<'a> {
    pub scenario: &'a str,
    pub mode: &'a str,
    pub process: &'a str,
    pub samples: &'a [Sample],
}

const WIDTH: usize = 64;
const HEIGHT: usize = 8;

/// Allocated bytes over cycles, without the engine's share; resident bytes where the former are not known.
pub fn terminal(series: &Series<'_>) -> String {
    let Some((what, points)) = points(series.samples) else { return String::new() };
    let Some(range) = Range::of(&points) else { return String::new() };
    let mut columns = vec![Vec::new(); WIDTH];
    for (x, y) in &points {
        columns[range.place(range.x, *x, WIDTH)].push(*y);
    }
    let mut grid = vec![vec![' '; WIDTH]; HEIGHT];
    for (at, column) in columns.iter().enumerate() {
        for y in column {
            grid[HEIGHT - 1 - range.place(range.y, *y, HEIGHT)][at] = '•';
        }
    }
    let mut text = format!("    {what}, {}:\n", series.process);
    for (at, line) in grid.iter().enumerate() {
        let label = match at {
            0 => bytes(range.y.1),
            at if at == HEIGHT - 1 => bytes(range.y.0),
            _ => String::new(),
        };
        let line: String = line.iter().collect();
        let _ = writeln!(text, "    {label:>12} |{}", line.trim_end());
    }
    let _ = writeln!(text, "    {:>12} +{}", "", "-".repeat(WIDTH));
    let (from, to) = (format!("{:.0}", range.x.0), format!("{:.0} cycles", range.x.1));
    let gap = WIDTH.saturating_sub(from.len() + to.len());
    let _ = writeln!(text, "    {:>12}  {from}{}{to}", "", " ".repeat(gap));
    text
}

/// A line for each sample.
pub fn csv(out: &mut impl Write, series: &[Series<'_>]) -> io::Result<()> {
    writeln!(
        out,
        "scenario,mode,process,cycles,objects,allocated_bytes,engine_bytes,resident_bytes,\
         descriptors,threads"
    )?;
    let cell = |value: Option<i64>| value.map(|value| value.to_string()).unwrap_or_default();
    for one in series {
        for sample in one.samples {
            writeln!(
                out,
                "{},{},{},{},{},{},{},{},{},{}",
                one.scenario,
                one.mode,
                one.process,
                sample.cycles,
                cell(sample.objects),
                cell(sample.allocated),
                cell(sample.engine),
                cell(sample.resident),
                cell(sample.descriptors),
                cell(sample.threads)
            )?;
        }
    }
    Ok(())
}

/// The same plot as on the terminal, for documents: a panel for each process.
pub fn svg(series: &[Series<'_>]) -> String {
    const PANEL: (f64, f64) = (720.0, 240.0);
    const LEFT: f64 = 110.0;
    const TOP: f64 = 34.0;
    const INNER: (f64, f64) = (580.0, 150.0);
    let panels: Vec<_> =
        series.iter().filter_map(|one| Some((one, points(one.samples)?))).collect();
    let height = PANEL.1 * panels.len().max(1) as f64;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {height}\" width=\"{0}\" \
         height=\"{height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n",
        PANEL.0
    );
    for (number, (one, (what, points))) in panels.iter().enumerate() {
        let Some(range) = Range::of(points) else { continue };
        let top = PANEL.1 * number as f64 + TOP;
        let (right, bottom) = (LEFT + INNER.0, top + INNER.1);
        let _ = writeln!(
            text,
            "<text x=\"{LEFT}\" y=\"{:.0}\">{} ({}): {what}, {}</text>",
            top - 12.0,
            one.scenario,
            one.mode,
            one.process
        );
        let _ = writeln!(
            text,
            "<path d=\"M{LEFT} {top} V{bottom} H{right}\" fill=\"none\" stroke=\"#444\"/>"
        );
        for part in 0..=4 {
            let share = f64::from(part) / 4.0;
            let y = bottom - INNER.1 * share;
            let value = range.y.0 + (range.y.1 - range.y.0) * share;
            let _ = writeln!(
                text,
                "<path d=\"M{LEFT} {y:.1} H{right}\" stroke=\"#ddd\"/><text x=\"{:.0}\" \
                 y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                LEFT - 8.0,
                y + 4.0,
                bytes(value)
            );
            let x = LEFT + INNER.0 * share;
            let cycles = range.x.0 + (range.x.1 - range.x.0) * share;
            let _ = writeln!(
                text,
                "<text x=\"{x:.1}\" y=\"{:.0}\" text-anchor=\"middle\">{cycles:.0}</text>",
                bottom + 18.0
            );
        }
        let _ = writeln!(
            text,
            "<text x=\"{:.0}\" y=\"{:.0}\" text-anchor=\"middle\">cycles</text>",
            LEFT + INNER.0 / 2.0,
            bottom + 36.0
        );
        let share = |bounds: (f64, f64), value: f64| (value - bounds.0) / (bounds.1 - bounds.0);
        let mut path = String::new();
        for (x, y) in points {
            let x = LEFT + INNER.0 * share(range.x, *x);
            let y = bottom - INNER.1 * share(range.y, *y);
            let _ = write!(path, " {x:.1},{y:.1}");
        }
        let _ = writeln!(
            text,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"#1a5fb4\" stroke-width=\"1.5\"/>",
            path.trim_start()
        );
    }
    text.push_str("</svg>\n");
    text
}

/// What is drawn of a process, and the points.
fn points(samples: &[Sample]) -> Option<(&'static str, Vec<(f64, f64)>)> {
    let of = |value: fn(&Sample) -> Option<i64>| -> Vec<(f64, f64)> {
        samples.iter().filter_map(|s| Some((s.cycles as f64, value(s)? as f64))).collect()
    };
    let allocated = of(Sample::own_allocated);
    if allocated.len() > 1 {
        let engine = samples.iter().any(|sample| sample.engine.is_some());
        let what = match engine {
            true => "allocated bytes without the engine's",
            false => "allocated bytes",
        };
        return Some((what, allocated));
    }
    let resident = of(|sample| sample.resident);
    (resident.len() > 1).then_some(("resident bytes", resident))
}

/// What the axes show.
struct Range {
    x: (f64, f64),
    y: (f64, f64),
}

impl Range {
    fn of(points: &[(f64, f64)]) -> Option<Range> {
        let bounds = |of: fn(&(f64, f64)) -> f64| {
            let values = points.iter().map(of);
            let low = values.clone().fold(f64::INFINITY, f64::min);
            (low, values.fold(f64::NEG_INFINITY, f64::max))
        };
        let (x, y) = (bounds(|point| point.0), bounds(|point| point.1));
        if !x.0.is_finite() || x.1 <= x.0 {
            return None;
        }
        // A level line is not blown up into a mountain: the axis shows at least 64 KiB.
        let room = (65536.0 - (y.1 - y.0)).max(0.0) / 2.0;
        Some(Range { x, y: (y.0 - room, y.1 + room) })
    }

    /// Which of `count` places a value has between the bounds.
    fn place(&self, bounds: (f64, f64), value: f64, count: usize) -> usize {
        let share = (value - bounds.0) / (bounds.1 - bounds.0);
        ((share * count as f64) as usize).min(count - 1)
    }
}

fn bytes(value: f64) -> String {
    match value.abs() {
        size if size >= 1_048_576.0 => format!("{:.2} MiB", value / 1_048_576.0),
        _ => format!("{:.1} KiB", value / 1024.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rising() -> Vec<Sample> {
        let sample = |cycles: u64| Sample {
            cycles,
            allocated: Some(1_000_000 + 50 * cycles as i64),
            engine: Some(1000),
            ..Sample::default()
        };
        (0..=100).map(|round| sample(round * 100)).collect()
    }

    #[test]
    fn a_rising_line_goes_from_the_lower_left_to_the_upper_right() {
        let samples = rising();
        let series =
            Series { scenario: "open-store", mode: "plain", process: "local", samples: &samples };
        let text = terminal(&series);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].contains("allocated bytes without the engine's"), "{text}");
        assert!(lines[1].ends_with('•') && lines[1].trim_start().starts_with("1.43 MiB"), "{text}");
        assert!(lines[HEIGHT].contains("|•"), "{text}");
        let picture = svg(std::slice::from_ref(&series));
        assert!(picture.contains("<polyline points=\"110.0,184.0 "), "{picture}");
        assert!(picture.contains("690.0,34.0\""), "{picture}");
        assert_eq!(picture.matches("<text").count(), picture.matches("</text>").count());
    }

    #[test]
    fn csv_leaves_out_what_is_not_known() {
        let samples = [Sample { cycles: 5, resident: Some(7), ..Sample::default() }];
        let mut out = Vec::new();
        let series = Series { scenario: "a", mode: "cut", process: "server", samples: &samples };
        csv(&mut out, &[series]).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.lines().nth(1), Some("a,cut,server,5,,,,7,,"));
    }
}
