//! Properties of messages that clients write and read, and the server keeps as they are: [MS-OXCMSG] 2.2.1.

use mapi::names::{self, lid as pidlid};
use mapi::{ErrorCode, FileTime, PropertyName, PropertyType, TaggedValue, WString};
use mapi_rop::folder::TableFlags;
use mapi_rop::property::NameFlags;
use testsuite::rig::{ME, Rig};
use testsuite::{Result, on_both};

use super::*;

/// Whether messages keep these values, one each: over the save, for another session, in the list of their
/// properties, and as a column of the contents table; and have none when it is taken away.
fn keeps(rig: &Rig, cases: &[(Key, PropertyValue)]) -> Result {
    let mut writer = rig.client(ME)?;
    let mut ids = Vec::new();
    for (key, value) in cases {
        let tag = key.tag(&mut writer, NameFlags::CREATE)?;
        ids.push(writer.post(INBOX, &[TaggedValue::new(tag, value.clone())])?);
    }
    let mut client = rig.client(ME)?;
    let inbox = client.open_folder(INBOX)?;
    for ((key, value), id) in cases.iter().zip(ids) {
        let tag = key.tag(&mut client, NameFlags::NONE)?;
        let message = open(&mut client, id);
        assert_eq!(client.get(message, tag), Ok(value.clone()), "{tag:?}");
        assert!(list(&mut client, message).contains(&tag), "{tag:?}");
        let table = client.contents(inbox, TableFlags::NONE)?;
        client.set_columns(table, &[tags::MID, tag])?;
        let rows = client.query_rows(table, 100)?.rows;
        client.release(table);
        let row = rows.iter().find(|row| row.value(0) == Some(&id.to_i64().into()));
        assert_eq!(row.and_then(|row| row.value(1)), Some(value), "{tag:?}");
        delete_property(&mut client, message, tag)?;
        client.save(message, SaveFlags::NONE)?;
        let message = open(&mut client, id);
        assert_eq!(client.get(message, tag), Err(ErrorCode::NOT_FOUND), "{tag:?}");
        assert!(!list(&mut client, message).contains(&tag), "{tag:?}");
    }
    Ok(())
}

fn numbers(key: &Key, values: &[u32]) -> Vec<(Key, PropertyValue)> {
    values.iter().map(|value| (key.clone(), (*value as i32).into())).collect()
}

/// Each of the bits alone, all of them, and none.
fn bits(key: &Key, bits: &[u32]) -> Vec<(Key, PropertyValue)> {
    let all = bits.iter().fold(0, |all, bit| all | bit);
    numbers(key, &[bits, &[all, 0]].concat())
}

fn texts(values: &[&str]) -> PropertyValue {
    PropertyValue::MultipleString(values.iter().map(|text| WString::from(*text)).collect())
}

const SEEN: [bool; 2] = [true, false];

fn flags_of(key: &Key) -> Vec<(Key, PropertyValue)> {
    SEEN.iter().map(|value| (key.clone(), (*value).into())).collect()
}

on_both! {
    /// MS-OXCMSG 2.2.1.14: R89
    /// MS-OXCMSG 2.2.1.15: R92
    /// MS-OXCMSG 2.2.1.25: R1159
    /// MS-OXCMSG 2.2.1.33: R1654, R1655
    fn yes_and_no_are_kept(rig: &Rig) -> Result {
        let known = [
            pidlid::SMART_NO_ATTACH,
            pidlid::PRIVATE,
            pidlid::CLASSIFIED,
            pidlid::AGING_DONT_AGE_ME,
        ];
        let cases: Vec<_> = known.into_iter().flat_map(|name| flags_of(&lid(name))).collect();
        keeps(rig, &cases)
    }

    /// MS-OXCMSG 2.2.1.16: R94, R1076, R2008, R2014, R2018
    fn every_side_effect_is_kept(rig: &Rig) -> Result {
        let known = [
            0x0001, 0x0008, 0x0010, 0x0020, 0x0040, 0x0100, 0x0400, 0x0800, 0x1000, 0x2000, 0x4000,
        ];
        keeps(rig, &bits(&lid(pidlid::SIDE_EFFECTS), &known))
    }

    /// MS-OXCMSG 2.2.1.17: R108, R109, R110
    /// MS-OXCMSG 2.2.1.22: R1153, R1154
    fn keywords_and_categories_are_kept(rig: &Rig) -> Result {
        let longest = "k".repeat(255);
        let keywords = name(names::PS_PUBLIC_STRINGS, "Keywords", PropertyType::MULTIPLE_STRING);
        // [MS-OXPROPS] 2.50
        let categories = PropertyName::id(names::PS_PUBLIC_STRINGS, 0x2328);
        let categories = Key::Named(categories, PropertyType::MULTIPLE_STRING);
        keeps(rig, &[
            (keywords.clone(), texts(&["one"])),
            (keywords.clone(), texts(&["\u{e4}", "two", "Two"])),
            // As long as a row of a table can tell.
            (keywords, texts(&[&longest])),
            (categories, texts(&["red", "green"])),
        ])
    }

    /// MS-OXCMSG 2.2.1.18: R111, R114
    /// MS-OXCMSG 2.2.1.19: R115, R121
    fn start_and_end_are_kept_to_the_tick(rig: &Rig) -> Result {
        let (start, end) = (lid(pidlid::COMMON_START), lid(pidlid::COMMON_END));
        let time = 0x01d9_e83b_1234_5678;
        keeps(rig, &[
            (start.clone(), FileTime(time).into()),
            (end.clone(), FileTime(time).into()),
            (start, FileTime(time - 1).into()),
            (end, FileTime(time + 1).into()),
        ])
    }

    /// MS-OXCMSG 2.2.1.23: R1155
    /// MS-OXCMSG 2.2.1.24: R1157
    /// MS-OXCMSG 2.2.1.27: R1165
    /// MS-OXCMSG 2.2.1.34: R1190
    /// MS-OXCMSG 2.2.1.35: R1192
    fn what_clients_say_of_themselves_is_kept(rig: &Rig) -> Result {
        keeps(rig, &[
            (lid(pidlid::CLASSIFICATION), "secret; \u{3b1}".into()),
            (lid(pidlid::CLASSIFICATION_DESCRIPTION), "what \"secret\" means".into()),
            (lid(pidlid::INFO_PATH_FORM_NAME), "InfoPathForm.1".into()),
            (lid(pidlid::CURRENT_VERSION), 0x1f_4b1bi32.into()),
            (lid(pidlid::CURRENT_VERSION_NAME), "16.0".into()),
        ])
    }

    /// MS-OXCMSG 2.2.1.28: R1168
    /// MS-OXCMSG 2.2.1.41: R1207
    /// MS-OXCMSG 2.2.1.42: R1209
    /// MS-OXCMSG 2.2.1.48: R1248
    /// MS-OXCMSG 2.2.1.50: R2037
    fn header_fields_are_kept(rig: &Rig) -> Result {
        let header = |field| name(names::PS_INTERNET_HEADERS, field, PropertyType::STRING);
        let skeleton = b"MIME-Version: 1.0\r\n\r\n".to_vec();
        keeps(rig, &[
            (Key::Tag(tags::MIME_SKELETON), skeleton.into()),
            (header("content-base"), "http://example.test/base/".into()),
            (header("Accept-Language"), "de, en;q=0.5".into()),
            (header("content-class"), "urn:content-class:custom.x".into()),
            (header("content-type"), "multipart/mixed; boundary=\"=_\"".into()),
        ])
    }

    /// MS-OXCMSG 2.2.1.56: R218101
    /// MS-OXCMSG 2.2.1.58.7: R2071
    /// MS-OXCMSG 2.2.1.58.8: R2075, R2077
    fn labels_and_ids_of_the_body_are_kept(rig: &Rig) -> Result {
        let location = Key::Tag(tags::BODY_CONTENT_LOCATION);
        // [MS-OXPROPS] 2.460
        let labels = name(names::PS_INTERNET_HEADERS, "msip_labels", PropertyType::STRING);
        keeps(rig, &[
            (labels, "MSIP_Label_1_Enabled=True;MSIP_Label_1_Name=x".into()),
            (Key::Tag(tags::BODY_CONTENT_ID), "7e0b5d9a-0001@example.test".into()),
            (location.clone(), "http://example.test/body".into()),
            (location, "body/part.html".into()),
        ])
    }

    /// MS-OXCMSG 2.2.1.60.1: R2109, R2194
    /// MS-OXCMSG 2.2.1.60.2: R2111, R2113
    /// MS-OXCMSG 2.2.1.60.4: R2127
    fn tags_of_retention_and_archive_are_kept(rig: &Rig) -> Result {
        let guid: Vec<u8> = (0x10..0x20).collect();
        // Days, and the time from which they count.
        let start = [&365u32.to_le_bytes()[..], &0x01d9_e83b_1234_5678u64.to_le_bytes()].concat();
        assert_eq!(start.len(), 4 + 8);
        keeps(rig, &[
            (Key::Tag(tags::ARCHIVE_TAG), guid.clone().into()),
            (Key::Tag(tags::POLICY_TAG), guid.into()),
            (Key::Tag(tags::START_DATE_ETC), start.into()),
        ])
    }

    /// MS-OXCMSG 2.2.1.60.3: R2116, R2119
    /// MS-OXCMSG 2.2.1.60.7: R2163, R2165
    fn periods_of_retention_and_archive_are_kept(rig: &Rig) -> Result {
        let days = [0, 1, 365, 0x7fff_ffff];
        let both = [tags::RETENTION_PERIOD, tags::ARCHIVE_PERIOD].map(Key::Tag);
        let cases: Vec<_> = both.iter().flat_map(|key| numbers(key, &days)).collect();
        keeps(rig, &cases)
    }

    // No policy is in force here (R2107), so the dates are what the client says, and without them nothing
    // expires.
    /// MS-OXCMSG 2.2.1.60.5: R2134, R2138
    /// MS-OXCMSG 2.2.1.60.8: R2172, R2178
    /// MS-OXCMSG 2.2.1.60: R2107
    fn dates_of_retention_and_archive_are_the_clients(rig: &Rig) -> Result {
        let past = FileTime(0x01c0_0000_0000_0001);
        keeps(rig, &[
            (Key::Tag(tags::RETENTION_DATE), past.into()),
            (Key::Tag(tags::ARCHIVE_DATE), past.into()),
        ])?;
        // A period alone makes no date.
        let mut client = rig.client(ME)?;
        let periods = [tags::RETENTION_PERIOD, tags::ARCHIVE_PERIOD];
        let values = periods.map(|tag| TaggedValue::new(tag, 1i32));
        let id = client.post(INBOX, &values)?;
        let message = open(&mut client, id);
        for tag in [tags::RETENTION_DATE, tags::ARCHIVE_DATE] {
            assert_eq!(client.get(message, tag), Err(ErrorCode::NOT_FOUND));
        }
        assert_eq!(client.get(message, tags::RETENTION_PERIOD), Ok(1i32.into()));
        Ok(())
    }

    /// MS-OXCMSG 2.2.1.60.6: R2147, R2149, R2153
    /// MS-OXCMSG 6: R1909, R1911
    fn every_flag_of_retention_is_kept(rig: &Rig) -> Result {
        let known = [0x001, 0x002, 0x004, 0x008, 0x010, 0x020, 0x040, 0x080, 0x100];
        keeps(rig, &bits(&Key::Tag(tags::RETENTION_FLAGS), &known))
    }

    /// MS-OXCMSG 2.2.1.60.1: R2195
    /// MS-OXCMSG 2.2.1.60.2: R2114
    /// MS-OXCMSG 2.2.1.60.3: R2120
    /// MS-OXCMSG 2.2.1.60.6: R2150
    /// MS-OXCMSG 2.2.1.60.7: R2166
    fn folders_have_tags_and_periods(rig: &Rig) -> Result {
        let guid: Vec<u8> = (0x10..0x20).collect();
        let values = [
            TaggedValue::new(tags::ARCHIVE_TAG, guid.clone()),
            TaggedValue::new(tags::POLICY_TAG, guid),
            TaggedValue::new(tags::RETENTION_PERIOD, 30i32),
            TaggedValue::new(tags::RETENTION_FLAGS, 0x81i32),
            TaggedValue::new(tags::ARCHIVE_PERIOD, 0i32),
        ];
        let mut client = rig.client(ME)?;
        let folder = client.open_folder(INBOX)?;
        client.set_all(folder, &values)?;
        let mut client = rig.client(ME)?;
        let folder = client.open_folder(INBOX)?;
        for value in &values {
            assert_eq!(client.get(folder, value.tag), Ok(value.value.clone()), "{:?}", value.tag);
        }
        let top = client.open_folder(SpecialFolder::IpmSubtree.id())?;
        let table = client.hierarchy(top, TableFlags::NONE)?;
        let columns: Vec<_> = values.iter().map(|value| value.tag).collect();
        client.set_columns(table, &[&[tags::FOLDER_ID][..], &columns].concat())?;
        let rows = client.query_rows(table, 100)?.rows;
        let inbox = rows.iter().find(|row| row.value(0) == Some(&INBOX.to_i64().into()));
        let inbox = inbox.ok_or("a row of the inbox")?;
        for (at, value) in values.iter().enumerate() {
            assert_eq!(inbox.value(at + 1), Some(&value.value), "{:?}", value.tag);
        }
        Ok(())
    }

    /// MS-OXCMSG 2.2.1.60.4: R2133
    /// MS-OXCMSG 2.2.1.60.5: R2136, R2137
    /// MS-OXCMSG 2.2.1.60.8: R2174, R2175
    fn folders_have_no_dates_of_retention(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let folder = client.open_folder(INBOX)?;
        let refused = [
            TaggedValue::new(tags::START_DATE_ETC, vec![0u8; 12]),
            TaggedValue::new(tags::RETENTION_DATE, FileTime(5)),
            TaggedValue::new(tags::ARCHIVE_DATE, FileTime(5)),
        ];
        for value in refused {
            let set = client.set_all(folder, std::slice::from_ref(&value));
            assert_eq!(set, Err(ErrorCode::COMPUTED), "{:?}", value.tag);
            assert_eq!(client.get(folder, value.tag), Err(ErrorCode::NOT_FOUND));
            assert!(!list(&mut client, folder).contains(&value.tag));
        }
        // What stands beside one of them is set.
        let beside = TaggedValue::new(tags::RETENTION_PERIOD, 30i32);
        let both = [TaggedValue::new(tags::RETENTION_DATE, FileTime(5)), beside];
        assert_eq!(client.set_all(folder, &both), Err(ErrorCode::COMPUTED));
        assert_eq!(client.get(folder, tags::RETENTION_PERIOD), Ok(30i32.into()));
        Ok(())
    }
}
