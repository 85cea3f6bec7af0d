use mapi::generated::tags;
use mapi::names::lid;
use mapi::{AttachedContent, FileTime, PropertyValue};

use super::*;

fn one(events: &str) -> (MessageContent, Report) {
    let text = format!("BEGIN:VCALENDAR\n{events}\nEND:VCALENDAR\n");
    let mut calendar = super::read(text.as_bytes()).expect("a calendar");
    assert_eq!(calendar.items.len(), 1, "{:?}", calendar.refused);
    calendar.items.remove(0)
}

fn start(content: &MessageContent) -> String {
    match content.properties.get_named(&lid::APPOINTMENT_START_WHOLE.name()) {
        Some(PropertyValue::Time(time)) => FileTime(time.0).to_string(),
        other => panic!("no start: {other:?}"),
    }
}

#[test]
fn a_zone_that_nobody_defined_is_known_by_its_name_or_told() {
    for (zone, wanted, known) in [
        ("TZID=Europe/Berlin", "2024-07-01T08:00:00Z", true),
        ("TZID=\"W. Europe Standard Time\"", "2024-07-01T08:00:00Z", true),
        ("TZID=/Europe/Berlin", "2024-07-01T08:00:00Z", true),
        ("TZID=Nowhere", "2024-07-01T10:00:00Z", false),
    ] {
        let (content, report) =
            one(&format!("BEGIN:VEVENT\nUID:1\nDTSTART;{zone}:20240701T100000\nEND:VEVENT"));
        assert_eq!(start(&content), wanted, "{zone}");
        assert_eq!(report.refused.is_empty(), known, "{zone}: {:?}", report.refused);
    }
    let (content, _) = one(
        "X-WR-TIMEZONE:Europe/Berlin\nBEGIN:VEVENT\nUID:1\nDTSTART:20240701T100000\nEND:VEVENT",
    );
    assert_eq!(start(&content), "2024-07-01T08:00:00Z");
}

const SERIES: &str =
    "BEGIN:VEVENT\nUID:1\nDTSTART:20240101T100000Z\nRRULE:FREQ=DAILY;COUNT=9\nEND:VEVENT\n";

#[test]
fn an_instance_both_changed_and_cancelled_is_carried_as_changed() {
    let changed = "BEGIN:VEVENT\nUID:1\nRECURRENCE-ID:20240103T100000Z\nDTSTART:20240103T120000Z\n\
                   SUMMARY:later\nEND:VEVENT\n";
    let cancelled = "BEGIN:VEVENT\nUID:1\nRECURRENCE-ID:20240103T100000Z\n\
                     DTSTART:20240103T100000Z\nSTATUS:CANCELLED\nEND:VEVENT\n";
    for (first, second) in [(changed, cancelled), (cancelled, changed)] {
        let (content, report) = one(&format!("{SERIES}{first}{second}"));
        assert_eq!(content.attachments.len(), 1);
        assert_eq!(report.refused.len(), 1, "{:?}", report.refused);
    }
}

#[test]
fn files_of_an_exception_are_carried() {
    let (content, _) = one(&format!(
        "{SERIES}BEGIN:VEVENT\nUID:1\nRECURRENCE-ID:20240103T100000Z\nDTSTART:20240103T120000Z\n\
         ATTACH;ENCODING=BASE64;VALUE=BINARY;FILENAME=a.txt:aGVsbG8=\nEND:VEVENT"
    ));
    let AttachedContent::Message(exception) = &content.attachments[0].content else {
        panic!("an exception is a message")
    };
    let file = &exception.attachments[0];
    assert_eq!(file.properties.text(tags::ATTACH_LONG_FILENAME).as_deref(), Some("a.txt"));
    assert!(matches!(&file.content, AttachedContent::Bytes(bytes) if bytes == b"hello"));
}

/// Each moves the nearest date that was taken out.
#[test]
fn many_dates_more_and_less_are_paired() {
    let dates = |hour: u32| {
        let all = (0..900).map(|n| {
            format!("20{:02}{:02}{:02}T{hour}0000Z", 24 + n / 336, n / 28 % 12 + 1, n % 28 + 1)
        });
        all.collect::<Vec<_>>().join(",")
    };
    let (content, report) = one(&format!(
        "BEGIN:VEVENT\nUID:1\nDTSTART:20240101T100000Z\nRRULE:FREQ=DAILY;COUNT=9000\n\
         EXDATE:{}\nRDATE:{}\nEND:VEVENT",
        dates(10),
        dates(12)
    ));
    assert!(report.refused.is_empty(), "{:?}", report.refused);
    let blob = content.properties.get_named(&lid::APPOINTMENT_RECUR.name());
    assert!(blob.and_then(PropertyValue::as_binary).is_some_and(|blob| blob.len() > 900 * 8));
}
