//! What must hold for any bytes: reading a command does not panic, and what was read is written and read again as
//! the same. Property tests and the fuzz target call this.

use formats::mime::Field;

use super::command::parse;
use super::thread::{self, Entry};
use super::{response, structure, subject, url};

/// Panics where something does not hold, and that is its only purpose.
pub fn command(bytes: &[u8]) {
    let Ok(read) = parse(bytes) else { return };
    let written = read.to_bytes();
    let again = parse(&written);
    assert_eq!(again, Ok(read), "{}", written.escape_ascii());
}

/// A URL that is read is written and read again as the same, and its token stands for less than all of it.
pub fn url(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Some(read) = url::parse(text) else { return };
    let written = read.to_string();
    // What was written as it is may take three bytes now.
    if written.len() <= 4_096 {
        assert_eq!(url::parse(&written).as_ref(), Some(&read), "{written}");
    }
    if read.access.is_some() {
        let rump = url::rump(text).expect("who has access has a rump");
        assert!(text.starts_with(rump) && (rump.len() < text.len()) == read.token.is_some());
    }
}

/// The structure of any message is told with balanced parentheses, and each part that it names can be fetched.
pub fn message(bytes: &[u8]) {
    let message = formats::mime::with_crlf(bytes.to_vec());
    let root = structure::parse(&message);
    for extended in [false, true] {
        let mut told = Vec::new();
        response::body_structure(&mut told, &root, extended);
        balanced(&told);
    }
    let mut told = Vec::new();
    response::envelope(&mut told, &root.part.header);
    balanced(&told);
    threads(&root.part.header.fields);
    let count = root.children.len().max(1) as u32;
    for number in 1..=count {
        assert!(root.find(&[number]).is_some(), "a part that is told of is not there");
    }
    assert!(root.find(&[count + 1]).is_none() && root.find(&[0]).is_none());
}

/// A base subject is its own, and each message stands in one thread.
fn threads(fields: &[Field<'_>]) {
    let mut entries = Vec::new();
    for (at, field) in fields.iter().enumerate() {
        let base = subject::base(&field.text());
        assert_eq!(subject::base(&base.text).text, base.text);
        let mut references = thread::ids(&field.plain());
        let id = references.pop();
        let (number, sent) = (at as u32 + 1, (at % 3) as u64);
        entries.push(Entry { number, sent, subject: base, id, references });
    }
    for told in [thread::by_subject(&entries), thread::by_references(&entries)] {
        balanced(told.as_bytes());
        let digits = told.split(|c: char| !c.is_ascii_digit());
        let mut numbers: Vec<usize> = digits.filter_map(|number| number.parse().ok()).collect();
        numbers.sort_unstable();
        assert!(numbers.into_iter().eq(1..=entries.len()), "{told}");
    }
}

/// Parentheses match outside of strings and literals.
fn balanced(told: &[u8]) {
    let (mut at, mut depth) = (0, 0_i64);
    while at < told.len() {
        match told[at] {
            b'(' => depth += 1,
            b')' => depth -= 1,
            b'"' => {
                at += 1;
                while told[at] != b'"' {
                    at += if told[at] == b'\\' { 2 } else { 1 };
                }
            }
            b'{' => {
                let end = at + told[at..].iter().position(|byte| *byte == b'}').expect("its end");
                let length = std::str::from_utf8(&told[at + 1..end]).expect("a number");
                at = end + 2 + length.parse::<usize>().expect("a number");
            }
            _ => {}
        }
        assert!(depth >= 0, "{}", told.escape_ascii());
        at += 1;
    }
    assert_eq!(depth, 0, "{}", told.escape_ascii());
}
