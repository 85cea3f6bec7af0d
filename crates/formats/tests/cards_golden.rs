//! vCard files as contacts and back, compared with what tests/cards holds, which was reviewed by eye. Where a
//! file is not what comes out, what came out lies in target/, to be looked at and taken over.

mod dump;
mod golden;
mod support;

use formats::{oracle, vcard};
use golden::is_golden;
use support::{Random, harm};

const SAMPLES: [&str; 3] = ["outlook-2.1", "apple-3.0", "rfc-4.0"];

fn sample(name: &str) -> Vec<u8> {
    golden::sample("cards", &format!("{name}.vcf"))
}

#[test]
fn cards_become_contacts_and_come_back() {
    let mut golden = true;
    for name in SAMPLES {
        let cards = vcard::read(&sample(name)).expect(name);
        let mut dumped = String::new();
        let mut written = String::new();
        for (content, report) in &cards.items {
            dumped.push_str("item\n");
            for refusal in &report.refused {
                dumped.push_str(&format!("refused: {refusal}\n"));
            }
            dumped.push_str(&dump::dump(content));
            let bytes = vcard::write(content).expect(name);
            written.push_str(std::str::from_utf8(&bytes).expect("UTF-8"));
            let again = vcard::read(&bytes).expect(name);
            let [(again, report)] = &again.items[..] else { panic!("{name}: one card") };
            assert!(report.is_whole(), "{name}: {report:?}");
            // A contact comes back as it was.
            assert_eq!(dump::dump(again), dump::dump(content), "{name}");
        }
        golden &= is_golden("cards", &format!("{name}.txt"), &dumped);
        golden &= is_golden("cards", &format!("{name}.out.vcf"), &written);
    }
    assert!(golden, "see above");
}

#[test]
fn harmed_cards_never_panic() {
    let mut random = Random::new(6350);
    for name in SAMPLES {
        let bytes = sample(name);
        oracle::check("vcard", &bytes);
        for _ in 0..200 {
            oracle::check("vcard", &harm(&bytes, &mut random));
        }
    }
}

#[test]
fn hostile_cards_are_bounded() {
    assert_eq!(vcard::read(b"BEGIN:VCALENDAR").unwrap_err(), vcard::VcardError::Nothing);
    let many = format!(
        "BEGIN:VCARD\nFN:x\n{}{}END:VCARD\n",
        "EMAIL:a@b\n".repeat(50_000),
        format!("CATEGORIES:{}\n", "a,".repeat(5_000)).repeat(300)
    );
    let cards = vcard::read(many.as_bytes()).expect("a card");
    assert!(cards.items[0].0.properties.len() < 100);
    assert!(cards.items[0].1.refused.len() <= 10_000);
}
