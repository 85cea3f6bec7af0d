//! Bodies converted between HTML, RTF and text, compared with what tests/bodies holds. Where a file is not
//! what comes out, what came out lies beside it in target/, to be looked at and taken over.

use std::path::{Path, PathBuf};

use formats::text::{html, rtf};

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bodies").join(name)
}

fn read(name: &str) -> String {
    std::fs::read_to_string(data(name)).unwrap_or_default()
}

fn compare(name: &str, found: &str) {
    // The files have the lines of their system.
    let found = found.replace("\r\n", "\n");
    if read(name) != found {
        let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::write(&place, &found).unwrap();
        panic!("tests/bodies/{name} is not what comes out: see {}", place.display());
    }
}

#[test]
fn html_becomes_text() {
    compare("word.html.txt", &html::to_text(&read("word.html")));
    compare("web.html.txt", &html::to_text(&read("web.html")));
}

#[test]
fn html_becomes_rich_text_and_comes_back() {
    for name in ["word.html", "web.html"] {
        let document = read(name).replace('\n', "\r\n");
        let rich = rtf::from_html(&document).unwrap();
        assert_eq!(rtf::de_encapsulate(&rich), Some(rtf::Encapsulated::Html(document)));
    }
    let rich = rtf::from_html(&read("word.html")).unwrap();
    compare("word.html.rtf", std::str::from_utf8(&rich).unwrap());
}

#[test]
fn rich_text_becomes_html_and_text() {
    let document = read("word.rtf");
    compare("word.rtf.html", &rtf::to_html(document.as_bytes()));
    compare("word.rtf.txt", &rtf::to_text(document.as_bytes()));
}

#[test]
fn text_becomes_html_and_rich_text() {
    let text = read("plain.txt");
    let document = html::from_text(&text, "utf-8");
    compare("plain.txt.html", &document);
    assert_eq!(html::to_text(&document), text);
    let rich = rtf::from_text(&text).unwrap();
    compare("plain.txt.rtf", std::str::from_utf8(&rich).unwrap());
    assert_eq!(rtf::to_text(&rich).replace("\r\n", "\n"), text);
}
