//! iCalendar files as messages and back, compared with what tests/calendar holds, which was reviewed by eye.
//! Where a file is not what comes out, what came out lies in target/, to be looked at and taken over.

mod common;
mod dump;
mod golden;
mod support;

use formats::ical::blob::recurrence::AppointmentRecurrence;
use formats::{ical, mime, oracle};
use golden::is_golden;
use mapi::names::lid;
use mapi::{Wire, tags};
use support::{Random, harm};

const SAMPLES: [&str; 6] = ["request", "series", "reply", "counter", "cancel", "kept"];

fn sample(name: &str) -> Vec<u8> {
    golden::sample("calendar", &format!("{name}.ics"))
}

fn dump_all(calendar: &ical::Calendar) -> String {
    let mut out = String::new();
    for (content, report) in &calendar.items {
        out.push_str("item\n");
        for refusal in &report.refused {
            out.push_str(&format!("refused: {refusal}\n"));
        }
        out.push_str(&dump::dump(content));
        if let Some(blob) = content.properties.get_named(&lid::APPOINTMENT_RECUR.name()) {
            let blob = AppointmentRecurrence::from_wire(blob.as_binary().unwrap()).unwrap();
            out.push_str(&format!("{:?}\n", blob.pattern));
            for (exception, extended) in &blob.exceptions {
                out.push_str(&format!("{exception:?}\n    {extended:?}\n"));
            }
        }
    }
    for why in &calendar.refused {
        out.push_str(&format!("refused: {why}\n"));
    }
    out
}

#[test]
fn calendars_become_messages_and_come_back() {
    let mut golden = true;
    for name in SAMPLES {
        let calendar = ical::read(&sample(name)).expect(name);
        golden &= is_golden("calendar", &format!("{name}.txt"), &dump_all(&calendar));
        let mut written = String::new();
        for (content, _) in &calendar.items {
            let bytes = ical::write(content).expect(name);
            written.push_str(std::str::from_utf8(&bytes).expect("UTF-8"));
            // What comes back is written as the same bytes.
            let again = ical::read(&bytes).expect(name);
            assert_eq!(again.items.len(), 1, "{name}");
            assert!(again.items[0].1.is_whole(), "{name}: {:?}", again.items[0].1);
            let twice = ical::write(&again.items[0].0).expect(name);
            assert_eq!(String::from_utf8(twice).unwrap(), String::from_utf8(bytes).unwrap());
        }
        golden &= is_golden("calendar", &format!("{name}.out.ics"), &written);
    }
    assert!(golden, "see above");
}

#[test]
fn the_corpus_becomes_appointments() {
    let (corpus, whole) = common::corpus();
    if !whole {
        return;
    }
    for (name, bytes) in common::files(&corpus, "ics") {
        let calendar = ical::read(&bytes).expect(&name);
        let [(content, report)] = &calendar.items[..] else { panic!("{name}: one event") };
        assert!(report.is_whole() && calendar.refused.is_empty(), "{name}");
        let class = content.properties.text(tags::MESSAGE_CLASS);
        assert_eq!(class.as_deref(), Some("IPM.Appointment"), "{name}");
        let start = content.properties.get_named(&lid::APPOINTMENT_START_WHOLE.name());
        let start = start.and_then(|value| value.as_time()).expect("a start").to_string();
        let subject = content.properties.text(tags::SUBJECT).expect("a subject");
        match name.as_str() {
            "ics/testICalendar.ics" => {
                assert_eq!(start, "2001-07-01T21:30:00Z");
                assert!(subject.starts_with("Susi Hyldgaard - Festival"));
            }
            _ => {
                assert_eq!(start, "2024-01-01T10:00:00Z");
                assert!(content.properties.get(tags::HTML).is_some());
            }
        }
        oracle::check("ical", &bytes);
    }
}

/// [MS-OXCMAIL] 2.2.3.3.2: the calendar beside the text makes a meeting of the message.
#[test]
fn a_mail_with_a_calendar_is_a_meeting() {
    let calendar = String::from_utf8(sample("request")).unwrap();
    let mail = format!(
        "From: Ada <ada@example.com>\nTo: charles@example.com\nSubject: The engine\n\
         Message-ID: <1@example.com>\nMIME-Version: 1.0\n\
         Content-Type: multipart/alternative; boundary=b\n\n--b\nContent-Type: text/plain\n\nHello\n--b\n\
         Content-Type: text/calendar; method=REQUEST; charset=utf-8\n\
         Content-Transfer-Encoding: 8bit\n\n{calendar}\n--b--\n"
    );
    let mut content = mime::read(mail.as_bytes()).expect("a message");
    assert_eq!(mime::write(&content), mail.as_bytes());
    let check = |content: &mapi::MessageContent| {
        let bag = &content.properties;
        let class = bag.text(tags::MESSAGE_CLASS);
        assert_eq!(class.as_deref(), Some("IPM.Schedule.Meeting.Request"));
        assert_eq!(bag.text(tags::SUBJECT).as_deref(), Some("The engine"));
        assert_eq!(
            bag.text(tags::BODY).map(|text| text.trim().to_owned()).as_deref(),
            Some("Hello")
        );
        let start = bag.get_named(&lid::APPOINTMENT_START_WHOLE.name()).and_then(|v| v.as_time());
        assert_eq!(start.expect("a start").to_string(), "2024-07-02T12:30:00Z");
        assert!(content.attachments.is_empty());
        assert_eq!(content.recipients.len(), 1);
        let id = bag.get_named(&lid::GLOBAL_OBJECT_ID.name()).and_then(|v| v.as_binary());
        assert_eq!(id.map(<[u8]>::len), Some(56));
    };
    check(&content);
    // And generated anew, it says so, too.
    content.mime = None;
    let written = mime::write(&content);
    let text = String::from_utf8_lossy(&written);
    assert!(text.contains("text/calendar") && text.contains("method="), "{text}");
    check(&mime::read(&written).expect("a message"));
    // An attached file and a calendar that nobody sent stay what they are.
    for (from, to) in [
        ("charset=utf-8\n", "charset=utf-8\nContent-Disposition: attachment; filename=a.ics\n"),
        ("METHOD:REQUEST\n", "METHOD:PUBLISH\n"),
    ] {
        let other = mime::read(mail.replace(from, to).as_bytes()).expect("a message");
        assert_eq!(other.properties.text(tags::MESSAGE_CLASS).as_deref(), Some("IPM.Note"));
        assert_eq!(other.attachments.len(), 1);
    }
}

#[test]
fn harmed_calendars_never_panic() {
    let mut random = Random::new(5545);
    for name in SAMPLES {
        let bytes = sample(name);
        oracle::check("ical", &bytes);
        for _ in 0..150 {
            oracle::check("ical", &harm(&bytes, &mut random));
        }
    }
}

#[test]
fn hostile_calendars_are_bounded() {
    assert_eq!(ical::read(b"BEGIN:VCARD").unwrap_err(), ical::CalendarError::Nothing);
    let large = vec![b'A'; ical::MAX_FILE + 1];
    assert_eq!(ical::read(&large).unwrap_err(), ical::CalendarError::TooLarge);
    let event = "BEGIN:VEVENT\nUID:1\nDTSTART:20240101T000000Z\nRRULE:FREQ=DAILY;UNTIL=44990101\n";
    let many = "EXDATE:20240102T000000Z\n".repeat(20_000);
    let instances = (0..3_000).map(|day| {
        let (month, day) = (1 + day / 28 % 12, 1 + day % 28);
        format!(
            "BEGIN:VEVENT\nUID:1\nRECURRENCE-ID:2024{month:02}{day:02}T000000Z\n\
             DTSTART:2024{month:02}{day:02}T010000Z\nEND:VEVENT\n"
        )
    });
    let instances: String = instances.collect();
    let text = format!("BEGIN:VCALENDAR\n{event}{many}END:VEVENT\n{instances}END:VCALENDAR");
    let calendar = ical::read(text.as_bytes()).expect("a calendar");
    // 336 dates as exceptions, the others of the same dates on their own.
    assert_eq!(calendar.items.len(), 1 + 3_000 - 336);
    assert_eq!(calendar.items[0].0.attachments.len(), 336);
    let deep = format!("BEGIN:VCALENDAR\n{}", "BEGIN:VEVENT\n".repeat(100_000));
    assert!(!ical::read(deep.as_bytes()).expect("a calendar").refused.is_empty());
}
