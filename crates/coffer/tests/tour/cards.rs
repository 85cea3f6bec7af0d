//! Files that hold items, not messages: each item comes into the folder of its kind.

use crate::program::{Place, json};

const CALENDAR: &str = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:1\nDTSTART:20240101T100000Z\nSUMMARY:One\n\
    END:VEVENT\nBEGIN:VEVENT\nUID:2\nDTSTART;VALUE=DATE:20240102\nSUMMARY:Two\nEND:VEVENT\n\
    BEGIN:VEVENT\nUID:3\nSUMMARY:Never\nEND:VEVENT\nEND:VCALENDAR\n";

#[test]
fn events_come_into_the_calendar() {
    let place = Place::new();
    place.ok(&["user", "add", "me@example.test", "--generate"]);
    let files = tempfile::tempdir().unwrap();
    let file = files.path().join("events.ics");
    std::fs::write(&file, CALENDAR).unwrap();
    let import = ["import", "--mailbox", "me@example.test", "--json", file.to_str().unwrap()];
    let (_, text) = place.run(&import);
    let counts = json(&text);
    assert_eq!(counts["messages"]["carried"], 2, "{counts:#}");
    assert_eq!(counts["messages"]["refused"], 1, "{counts:#}");
    assert!(text.contains("no DTSTART"), "{text}");
    let (_, text) = place.run(&import);
    assert_eq!(json(&text)["messages"]["present"], 2, "a second run brings nothing twice: {text}");
    // A file that has grown brings what is new.
    let grown = CALENDAR.replacen(
        "BEGIN:VEVENT",
        "BEGIN:VEVENT\nUID:0\nDTSTART:20231231T100000Z\nSUMMARY:Zero\nEND:VEVENT\nBEGIN:VEVENT",
        1,
    );
    std::fs::write(&file, grown).unwrap();
    let (_, text) = place.run(&import);
    let counts = json(&text);
    assert_eq!(counts["messages"]["present"], 2, "{counts:#}");
    assert_eq!(counts["messages"]["carried"], 1, "{counts:#}");
    let listed = place.ok(&["ls", "--mailbox", "me@example.test", "Calendar"]);
    assert!(listed.contains("One") && listed.contains("Two"), "{listed}");
}
