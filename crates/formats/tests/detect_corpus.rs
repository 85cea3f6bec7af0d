//! Every sample file is told by its content.

mod common;

use formats::detect::{Format, HEAD, detect};

#[test]
fn sample_files_are_what_their_directory_says() {
    let (corpus, whole) = common::corpus();
    let kinds: &[(&str, Format)] = match whole {
        true => &[
            ("eml", Format::Eml),
            ("mbox", Format::Mbox),
            ("msg", Format::Msg),
            ("pst", Format::Pst),
            ("ics", Format::ICalendar),
        ],
        false => &[("eml", Format::Eml), ("mbox", Format::Mbox)],
    };
    let mut wrong = Vec::new();
    for (kind, format) in kinds {
        for (name, bytes) in common::files(&corpus, kind) {
            let found = detect(&bytes[..bytes.len().min(HEAD)]);
            // One .eml begins with an envelope line, which makes it an mbox of one message.
            let format = match name.as_str() {
                "eml/testEmailWithPNGAtt.eml" => Format::Mbox,
                _ => *format,
            };
            if found != Ok(format) {
                wrong.push(format!("{name}: {found:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
