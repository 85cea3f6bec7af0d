//! The binary properties of a calendar in the shared corpus, against what another program's parser says.

mod common;
mod support;

use std::path::PathBuf;

use formats::ical::blob::object_id::GlobalObjectId;
use formats::ical::blob::recurrence::{AppointmentRecurrence, RecurrencePattern};
use formats::ical::blob::zone::{TimeZoneDefinition, TimeZoneStruct};
use formats::oracle;
use mapi::{Reader, Wire};
use support::{Random, harm};

/// The bytes of each sample of a kind, and what the other program printed.
fn samples(kind: &str) -> Vec<(String, Vec<u8>, String)> {
    let (corpus, whole) = common::corpus();
    if !whole {
        return Vec::new();
    }
    let blobs: PathBuf = corpus.join("property-blobs");
    (1..)
        .map_while(|number| {
            let digits =
                std::fs::read_to_string(blobs.join(format!("in/{kind}-{number}.dat"))).ok()?;
            let digits = digits.trim().as_bytes().as_chunks::<2>().0;
            let byte = |pair: &[u8; 2]| {
                u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()
            };
            let told = blobs.join(format!("out/{kind}-out-{number}.dat"));
            let told = String::from_utf8_lossy(&std::fs::read(told).unwrap()).into_owned();
            Some((format!("{kind}-{number}"), digits.iter().map(byte).collect(), told))
        })
        .collect()
}

/// The numbers that stand behind a name in the other program's lines, in their order.
fn told(lines: &str, name: &str) -> Vec<u32> {
    let numbers = lines.lines().filter_map(|line| {
        let rest = line.trim().strip_prefix(name)?;
        let digits = rest.strip_prefix(": 0x").or_else(|| rest.strip_prefix(" = 0x"))?;
        u32::from_str_radix(digits.split(' ').next()?, 16).ok()
    });
    numbers.collect()
}

/// The texts that stand behind a name.
fn told_texts(lines: &str, name: &str) -> Vec<String> {
    let prefix = format!("{name}: \"");
    let texts = lines
        .lines()
        .filter_map(|line| Some(line.trim().strip_prefix(&prefix)?.strip_suffix('"')?.to_owned()));
    texts.collect()
}

fn agrees(pattern: &RecurrencePattern, lines: &str, name: &str) {
    for (field, found) in [
        ("RecurFrequency", u32::from(pattern.frequency.to_int())),
        ("FirstDateTime", pattern.first_date_time),
        ("Period", pattern.period),
        ("EndType", pattern.end_type.to_int()),
        ("OccurrenceCount", pattern.occurrence_count),
        ("FirstDOW", pattern.first_day_of_week),
        ("DeletedInstanceCount", pattern.deleted.len() as u32),
        ("ModifiedInstanceCount", pattern.modified.len() as u32),
        ("StartDate", pattern.start_date),
        ("EndDate", pattern.end_date),
    ] {
        assert_eq!(told(lines, field), [found], "{name}: {field}");
    }
}

#[test]
fn recurrences_read_as_another_program_reads_them() {
    for (name, bytes, lines) in samples("RECURRENCEPATTERN") {
        let pattern = RecurrencePattern::from_wire(&bytes).expect(&name);
        agrees(&pattern, &lines, &name);
        assert_eq!(pattern.to_wire(), bytes, "{name}");
    }
    for (name, bytes, lines) in samples("APPOINTMENTRECURRENCEPATTERN") {
        let mut r = Reader::new(&bytes);
        let recurrence = AppointmentRecurrence::read(&mut r).expect(&name);
        // One sample has bytes behind it.
        assert_eq!(r.is_empty(), !lines.contains("Unparsed data size"), "{name}");
        assert_eq!(recurrence.to_wire(), bytes[..r.offset()], "{name}");
        agrees(&recurrence.pattern, &lines, &name);
        assert_eq!(told(&lines, "StartTimeOffset"), [recurrence.start_offset], "{name}");
        assert_eq!(told(&lines, "EndTimeOffset"), [recurrence.end_offset], "{name}");
        let exceptions = &recurrence.exceptions;
        // The times of those with texts are told twice.
        let starts: Vec<u32> = (exceptions.iter().map(|(e, _)| e.start))
            .chain(exceptions.iter().filter_map(|(_, x)| Some(x.texts.as_ref()?.start)))
            .collect();
        assert_eq!(told(&lines, "StartDateTime"), starts, "{name}");
        let texts = |kind: &str, wide: bool| {
            let found = exceptions.iter().filter_map(|(exception, extended)| {
                let extended = extended.texts.as_ref();
                let (narrow, unicode) = match kind {
                    "Subject" => (&exception.subject, extended?.subject.as_ref()),
                    _ => (&exception.location, extended?.location.as_ref()),
                };
                match wide {
                    true => Some(unicode?.to_string_lossy().into_owned()),
                    false => Some(String::from_utf8_lossy(narrow.as_ref()?).into_owned()),
                }
            });
            found.filter(|text| !text.is_empty()).collect::<Vec<_>>()
        };
        for kind in ["Subject", "Location"] {
            assert_eq!(told_texts(&lines, kind), texts(kind, false), "{name}");
            let wide = told_texts(&lines, &format!("WideChar{kind}"));
            assert_eq!(wide, texts(kind, true), "{name}");
        }
        let busy: Vec<u32> = exceptions.iter().filter_map(|(e, _)| e.busy_status).collect();
        assert_eq!(told(&lines, "BusyStatus"), busy, "{name}");
    }
}

#[test]
fn time_zones_and_ids_come_back() {
    for (name, bytes, _) in samples("TIMEZONE") {
        let zone = TimeZoneStruct::from_wire(&bytes).expect(&name);
        assert_eq!((zone.bias, zone.daylight_bias), (300, -60), "{name}");
        assert_eq!(zone.to_wire(), bytes, "{name}");
    }
    for (name, bytes, lines) in samples("TIMEZONEDEFINITION") {
        let mut r = Reader::new(&bytes);
        let zone = TimeZoneDefinition::read(&mut r).expect(&name);
        assert_eq!(told(&lines, "cRules"), [zone.rules.len() as u32], "{name}");
        let line = format!("szKeyName = {}", zone.key_name.to_string_lossy());
        assert!(lines.contains(&line), "{name}: {line}");
        assert_eq!(zone.to_wire(), bytes[..r.offset()], "{name}");
    }
    for (name, bytes, lines) in samples("GLOBALOBJECTID") {
        let id = GlobalObjectId::from_wire(&bytes).expect(&name);
        assert_eq!(told(&lines, "Year"), [u32::from(id.year)], "{name}");
        assert_eq!(told(&lines, "Month"), [u32::from(id.month)], "{name}");
        assert_eq!(told(&lines, "Day"), [u32::from(id.day)], "{name}");
        assert_eq!(id.to_wire(), bytes, "{name}");
        assert_eq!(GlobalObjectId::from_uid(&id.to_uid()), id.clean(), "{name}");
    }
}

#[test]
fn harmed_values_never_panic() {
    let mut random = Random::new(44);
    for kind in ["APPOINTMENTRECURRENCEPATTERN", "TIMEZONE", "TIMEZONEDEFINITION", "GLOBALOBJECTID"]
    {
        for (_, bytes, _) in samples(kind) {
            oracle::check("recurrence", &bytes);
            for _ in 0..200 {
                oracle::check("recurrence", &harm(&bytes, &mut random));
            }
        }
    }
}
