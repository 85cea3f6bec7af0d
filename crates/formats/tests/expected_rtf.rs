//! Encapsulated HTML and text, compared with what RTFDE finds in the same files
//! (testsuite/data/expected-rtf.tsv, made by scripts/expected-rtf.py).

mod common;

use formats::msg;
use formats::text::rtf::{self, Encapsulated};
use mapi::PropertyValue;
use mapi::generated::tags;
use sha2::{Digest, Sha256};

#[test]
fn encapsulated_content_is_what_rtfde_finds() {
    let (corpus, whole) = common::corpus();
    if !whole {
        println!("SKIPPED: the MSG files are in ../shared/corpus only");
        return;
    }
    let expected = std::fs::read_to_string(common::data().join("expected-rtf.tsv")).unwrap();
    let mut compared = 0;
    for line in expected.lines().filter(|line| !line.starts_with('#')) {
        let columns: Vec<_> = line.split('\t').collect();
        let bytes = std::fs::read(corpus.join("msg").join(columns[0])).unwrap();
        let (content, _) = msg::read(&bytes).unwrap();
        let compressed =
            content.properties.get(tags::RTF_COMPRESSED).and_then(PropertyValue::as_binary);
        let document = rtf::decompress(compressed.unwrap()).unwrap();
        let (kind, found) = match rtf::de_encapsulate(&document).unwrap() {
            Encapsulated::Html(html) => ("html", html),
            Encapsulated::Text(text) => ("text", text),
        };
        let found = found.replace("&nbsp;", "\u{a0}");
        let squeezed = found.split_whitespace().collect::<Vec<_>>().join(" ");
        let digest = Sha256::digest(squeezed.as_bytes());
        let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!([columns[0], kind, &digest], columns.as_slice());
        compared += 1;
    }
    assert_eq!(compared, 20);
}
