//! The growth of cost as a picture: two log-log panels side by side, as SVG.

use std::fmt::Write;

use crate::growth::Series;
use crate::table::shown;

/// Colours that people with another sense of colour can tell apart as well (Okabe and Ito).
const COLOURS: [&str; 9] = [
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000", "#7f5fa8",
    "#8c6d31",
];
const HEIGHT: f64 = 460.0;
const TOP: f64 = 50.0;
const BOTTOM: f64 = 400.0;
/// Pixels between two labels.
const LINE: f64 = 16.0;

/// Where a panel stands, and what it shows.
struct Panel<'a> {
    title: &'a str,
    unit: &'a str,
    left: f64,
    right: f64,
    series: Vec<&'a Series>,
}

pub fn svg(series: &[Series]) -> String {
    let of_unit = |unit: &str| series.iter().filter(|s| s.unit == unit).collect();
    let time =
        Panel { title: "Server CPU", unit: "ms", left: 70.0, right: 420.0, series: of_unit("ms") };
    let space =
        Panel { title: "Space", unit: "MiB", left: 770.0, right: 1010.0, series: of_unit("MiB") };
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 1160 {HEIGHT}\" \
         font-family=\"Helvetica, Arial, sans-serif\" font-size=\"12\">\n\
         <rect width=\"1160\" height=\"{HEIGHT}\" fill=\"#ffffff\"/>\n"
    );
    for panel in [time, space] {
        if !panel.series.is_empty() {
            draw(&mut out, &panel);
        }
    }
    out + "</svg>\n"
}

fn draw(out: &mut String, panel: &Panel<'_>) {
    let points = || panel.series.iter().flat_map(|series| &series.points);
    let (x_low, x_high) = decades(points().map(|point| point.0 as f64));
    let (y_low, y_high) = decades(points().map(|point| point.1));
    let x = |size: usize| {
        let share = ((size as f64).log10() - f64::from(x_low)) / f64::from(x_high - x_low);
        panel.left + share * (panel.right - panel.left)
    };
    let y = |value: f64| {
        let share = (value.max(1e-9).log10() - f64::from(y_low)) / f64::from(y_high - y_low);
        BOTTOM - share * (BOTTOM - TOP)
    };
    // Writing to a string cannot fail.
    let _ = writeln!(
        out,
        "<text x=\"{:.0}\" y=\"28\" font-size=\"15\" font-weight=\"bold\" fill=\"#222\">{}, {}</text>",
        panel.left, panel.title, panel.unit
    );
    for decade in y_low..=y_high {
        let (at, value) = (y(10f64.powi(decade)), 10f64.powi(decade));
        let _ = writeln!(
            out,
            "<line x1=\"{:.1}\" y1=\"{at:.1}\" x2=\"{:.1}\" y2=\"{at:.1}\" stroke=\"#ddd\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\" fill=\"#444\">{}</text>",
            panel.left,
            panel.right,
            panel.left - 8.0,
            at + 4.0,
            if value < 1.0 { format!("{value}") } else { shown(value as usize) },
        );
    }
    for decade in x_low..=x_high {
        let size = 10usize.pow(decade as u32);
        let at = x(size);
        let _ = writeln!(
            out,
            "<line x1=\"{at:.1}\" y1=\"{TOP}\" x2=\"{at:.1}\" y2=\"{BOTTOM}\" stroke=\"#ddd\"/>\
             <text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\" fill=\"#444\">{}</text>",
            BOTTOM + 20.0,
            shown(size),
        );
    }
    let _ = writeln!(
        out,
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\" fill=\"#444\">messages in the mailbox</text>",
        f64::midpoint(panel.left, panel.right),
        BOTTOM + 42.0,
    );
    let ends: Vec<f64> = panel
        .series
        .iter()
        .map(|series| series.points.last().map_or(BOTTOM, |point| y(point.1)))
        .collect();
    let labels = spread(&ends);
    for (index, series) in panel.series.iter().enumerate() {
        let colour = COLOURS[index % COLOURS.len()];
        let line: Vec<String> = series
            .points
            .iter()
            .map(|(size, value)| format!("{:.1},{:.1}", x(*size), y(*value)))
            .collect();
        let _ = writeln!(
            out,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
            line.join(" ")
        );
        for (size, value) in &series.points {
            let (cx, cy) = (x(*size), y(*value));
            let _ = writeln!(
                out,
                "<circle cx=\"{cx:.1}\" cy=\"{cy:.1}\" r=\"3.5\" fill=\"{colour}\"/>"
            );
        }
        let (end, label) = (ends[index], labels[index]);
        let _ = writeln!(
            out,
            "<line x1=\"{:.1}\" y1=\"{end:.1}\" x2=\"{:.1}\" y2=\"{label:.1}\" stroke=\"{colour}\" \
             stroke-width=\"0.7\"/><text x=\"{:.1}\" y=\"{:.1}\" fill=\"{colour}\">{}</text>",
            panel.right + 5.0,
            panel.right + 18.0,
            panel.right + 22.0,
            label + 4.0,
            series.name,
        );
    }
}

/// The powers of ten around all values.
fn decades(values: impl Iterator<Item = f64>) -> (i32, i32) {
    let (mut low, mut high) = (f64::MAX, f64::MIN);
    for value in values.filter(|value| *value > 0.0) {
        low = low.min(value.log10());
        high = high.max(value.log10());
    }
    if low > high {
        return (0, 1);
    }
    // A value that is a power of ten stands on the edge.
    let (low, high) = ((low + 1e-9).floor() as i32, (high - 1e-9).ceil() as i32);
    (low, high.max(low + 1))
}

/// Places for labels near their lines that do not cover each other, in the order of the lines.
fn spread(wanted: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by(|a, b| wanted[*a].total_cmp(&wanted[*b]));
    let mut placed = wanted.to_vec();
    let mut least = TOP;
    for index in &order {
        placed[*index] = placed[*index].max(least);
        least = placed[*index] + LINE;
    }
    let mut most = BOTTOM;
    for index in order.iter().rev() {
        placed[*index] = placed[*index].min(most);
        most = placed[*index] - LINE;
    }
    placed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_do_not_cover_each_other() {
        let mut placed = spread(&[399.0, 100.0, 101.0, 398.0, 397.0]);
        assert!(placed[1] < placed[2] && placed[4] < placed[3] && placed[3] < placed[0]);
        placed.sort_by(f64::total_cmp);
        assert!(placed.windows(2).all(|pair| pair[1] - pair[0] >= LINE));
        assert!(placed.iter().all(|place| (TOP..=BOTTOM).contains(place)));
    }

    #[test]
    fn decades_go_around_the_values() {
        assert_eq!(decades([1_000.0, 1_000_000.0].into_iter()), (3, 6));
        assert_eq!(decades([0.05, 130.0].into_iter()), (-2, 3));
        assert_eq!(decades([5.0].into_iter()), (0, 1));
    }
}
