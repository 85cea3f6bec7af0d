//! Plain text as an HTML document.

use super::push_escaped;
use crate::text::links::{Piece, pieces};

/// A text as an HTML document that shows it as it is: lines, spaces and tabs stay, addresses become links.
/// `charset` is the label of the character set that the document will be written in.
pub fn from_text(text: &str, charset: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8 + 256);
    out.push_str(
        "<html>\r\n<head>\r\n<meta http-equiv=\"Content-Type\" content=\"text/html; charset=",
    );
    push_escaped(&mut out, charset);
    out.push_str("\">\r\n</head>\r\n<body>\r\n");
    let text = text.strip_suffix('\n').map_or(text, |text| text.strip_suffix('\r').unwrap_or(text));
    for (index, line) in text.split('\n').enumerate() {
        if index > 0 {
            out.push_str("<br>\r\n");
        }
        push_line(&mut out, line.strip_suffix('\r').unwrap_or(line));
    }
    out.push_str("\r\n</body>\r\n</html>\r\n");
    out
}

fn push_line(out: &mut String, line: &str) {
    for piece in pieces(line) {
        match piece {
            Piece::Text(text) => push_spaced(out, line, text),
            Piece::Link(text, target) => {
                out.push_str("<a href=\"");
                push_escaped(out, &target);
                out.push_str("\">");
                push_escaped(out, text);
                out.push_str("</a>");
            }
        }
    }
}

/// A part of a line in which every space counts.
fn push_spaced(out: &mut String, line: &str, text: &str) {
    let start = text.as_ptr() as usize - line.as_ptr() as usize;
    for (at, c) in text.char_indices() {
        let at = start + at;
        match c {
            ' ' => {
                // One space between two words is a space that lines may break at.
                let alone = at > 0 && !line[..at].ends_with([' ', '\t']) && at + 1 < line.len();
                let next_is_space = line[at + 1..].starts_with([' ', '\t']);
                out.push_str(if alone && !next_is_space { " " } else { "&nbsp;" });
            }
            '\t' => out.push_str("<span style=\"white-space:pre\">\t</span>"),
            c if c.is_control() => {}
            c => {
                let mut bytes = [0; 4];
                push_escaped(out, c.encode_utf8(&mut bytes));
            }
        }
    }
}
