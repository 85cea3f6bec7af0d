//! Property ROPs: [MS-OXCROPS] 2.2.8.

use mapi::tags;
use mapi_rop::Handle;
use store::SpecialFolder;
use testsuite::octets::{Octets, Rop};
use testsuite::on_both;
use testsuite::rig::{ME, Rig};

use super::*;

const NOBODY: Handle = Handle::NONE;
/// PidTagSubject, PidTagImportance, PidTagSensitivity, PidTagComment and PidTagMessageSize.
const SUBJECT: u32 = 0x0037_001f;
const IMPORTANCE: u32 = 0x0017_0003;
const SENSITIVITY: u32 = 0x0036_0003;
const SIZE: u32 = 0x0e08_0003;
/// PSETID_Common ([MS-OXPROPS] 1.3.2), as it stands on the wire.
const PSETID_COMMON: [u8; 16] = [8, 0x20, 6, 0, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0x46];

fn new_message(rig: &Rig) -> testsuite::Result<(Client, Handle)> {
    let mut client = rig.client(ME)?;
    let message = client.create_message(SpecialFolder::Inbox.id(), false).expect("a message");
    Ok((client, message))
}

fn another(client: &mut Client) -> Handle {
    client.create_message(SpecialFolder::Inbox.id(), false).expect("another message")
}

/// A PropertyName of a numeric property ([MS-OXCDATA] 2.6.1): Kind, GUID, LID.
fn numeric(lid: u32) -> Vec<u8> {
    [&[0][..], &PSETID_COMMON, &lid.to_le_bytes()].concat()
}

/// A PropertyName of a named one: Kind, GUID, NameSize, Name.
fn named(name: &str) -> Vec<u8> {
    let text: Vec<u8> = name.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
    [&[1][..], &PSETID_COMMON, &[text.len() as u8], &text].concat()
}

/// RopGetPropertyIdsFromNames with Create, for two names; their ids.
fn ids_of_two(client: &mut Client) -> [u16; 2] {
    let rop = Rop::new(0x56, 1).u8(0x02).u16(2).bytes(&numeric(0x8501)).bytes(&named("Würfel"));
    let logon = client.logon;
    let mut answer = client.ask(rop, &[NOBODY, logon]);
    answer.head(0x56, 1, code::SUCCESS);
    assert_eq!(answer.u16(), 2, "PropertyIdCount");
    let ids = [answer.u16(), answer.u16()];
    answer.end();
    ids
}

/// TaggedPropertyValues of two 32-bit properties.
fn two_values() -> Vec<u8> {
    let mut values = Vec::new();
    for (tag, value) in [(IMPORTANCE, 2_u32), (SENSITIVITY, 3)] {
        values.extend_from_slice(&tag.to_le_bytes());
        values.extend_from_slice(&value.to_le_bytes());
    }
    values
}

/// RopSetProperties or its sister: PropertyValueSize (of the count and the values), PropertyValueCount,
/// PropertyValues.
fn set(rop: u8, values: &[u8], count: u16) -> Rop {
    Rop::new(rop, 1).u16(values.len() as u16 + 2).u16(count).bytes(values)
}

/// An answer of no problems.
#[track_caller]
fn no_problems(mut answer: Octets, rop: u8, index: u8) {
    answer.head(rop, index, code::SUCCESS);
    assert_eq!(answer.u16(), 0, "PropertyProblemCount");
    answer.end();
}

/// An answer of one problem: Index, PropertyTag, ErrorCode.
#[track_caller]
fn one_problem(mut answer: Octets, rop: u8, problem: (u16, u32)) {
    answer.head(rop, 1, code::SUCCESS);
    assert_eq!(answer.u16(), 1, "PropertyProblemCount");
    assert_eq!((answer.u16(), answer.u32()), problem);
    // ecComputed, or ecAccessDenied.
    assert!([0x8004_011a, 0x8007_0005].contains(&answer.u32()), "ErrorCode");
    answer.end();
}

/// RopSetProperties, and RopSetPropertiesNoReplicate.
fn sets(rig: &Rig, rop: u8) -> testsuite::Result {
    let (mut client, message) = new_message(rig)?;
    no_problems(client.ask(set(rop, &two_values(), 2), &[NOBODY, message]), rop, 1);
    assert_eq!(client.get(message, tags::IMPORTANCE), Ok(2.into()));
    assert_eq!(client.get(message, tags::SENSITIVITY), Ok(3.into()));
    Ok(())
}

fn fails_to_set(rig: &Rig, rop: u8) -> testsuite::Result {
    let mut client = rig.client(ME)?;
    client.ask(set(rop, &two_values(), 2), &[NOBODY, NOBODY]).only(rop, 1, code::NULL_OBJECT);
    Ok(())
}

/// RopDeleteProperties, and RopDeletePropertiesNoReplicate: PropertyTagCount, PropertyTags.
fn deletes(rig: &Rig, rop: u8) -> testsuite::Result {
    let (mut client, message) = new_message(rig)?;
    no_problems(client.ask(set(0x0a, &two_values(), 2), &[NOBODY, message]), 0x0a, 1);
    let request = Rop::new(rop, 1).u16(1).u32(IMPORTANCE);
    no_problems(client.ask(request, &[NOBODY, message]), rop, 1);
    assert_eq!(client.get(message, tags::SENSITIVITY), Ok(3.into()));
    assert_ne!(client.get(message, tags::IMPORTANCE), Ok(2.into()));
    Ok(())
}

fn fails_to_delete(rig: &Rig, rop: u8) -> testsuite::Result {
    let mut client = rig.client(ME)?;
    let request = Rop::new(rop, 1).u16(1).u32(IMPORTANCE);
    client.ask(request, &[NOBODY, NOBODY]).only(rop, 1, code::NULL_OBJECT);
    Ok(())
}

on_both! {
    /// MS-OXCROPS 2.2.8.1: R2590
    /// MS-OXCROPS 2.2.8.1.1: R2598
    /// MS-OXCROPS 2.2.8.1.2: R2611, R2613, R2617
    fn get_property_ids_from_names(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let ids = ids_of_two(&mut client);
        assert!(ids[0] >= 0x8000 && ids[1] >= 0x8000 && ids[0] != ids[1], "{ids:x?}");
        assert_eq!(ids_of_two(&mut client), ids);
        Ok(())
    }

    /// MS-OXCROPS 2.2.8.1.3: R2626, R2628, R2632
    fn get_property_ids_from_names_fails(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let rop = Rop::new(0x56, 1).u8(0x02).u16(1).bytes(&numeric(0x8501));
        client.ask(rop, &[NOBODY, NOBODY]).only(0x56, 1, code::NULL_OBJECT);
        Ok(())
    }

    /// MS-OXCROPS 2.2.8.2: R2633
    /// MS-OXCROPS 2.2.8.2.1: R2641, R4625
    /// MS-OXCROPS 2.2.8.2.2: R2651, R2657
    fn get_names_from_property_ids(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let ids = ids_of_two(&mut client);
        let logon = client.logon;
        // PropertyIdCount, PropertyIds; the last is not given yet.
        let rop = Rop::new(0x55, 1).u16(3).u16(ids[1]).u16(ids[0]).u16(0xfff0);
        let mut answer = client.ask(rop, &[NOBODY, logon]);
        let head = (answer.u8(), answer.u8());
        assert_eq!(head, (0x55, 1));
        // ErrorsReturned: one has no name.
        assert!([0, 0x0004_0380].contains(&answer.u32()), "ReturnValue");
        assert_eq!(answer.u16(), 3, "PropertyNameCount");
        assert_eq!(answer.bytes(named("Würfel").len()), named("Würfel"));
        assert_eq!(answer.bytes(21), numeric(0x8501));
        assert_eq!(answer.u8(), 0xff, "Kind");
        Ok(())
    }

    /// MS-OXCROPS 2.2.8.2.3: R2666, R2668, R2672
    fn get_names_from_property_ids_fails(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let rop = Rop::new(0x55, 1).u16(1).u16(0x8000);
        client.ask(rop, &[NOBODY, NOBODY]).only(0x55, 1, code::NULL_OBJECT);
        Ok(())
    }

    /// MS-OXCROPS 2.2.8.3: R2673
    /// MS-OXCROPS 2.2.8.3.1: R2692
    /// MS-OXCROPS 2.2.8.3.2: R2695, R2697, R2701
    fn get_properties_specific(rig: &Rig) -> Result {
        let (mut client, message) = new_message(rig)?;
        client.set(message, tags::SUBJECT, "Größe").expect("a subject");
        client.set(message, tags::IMPORTANCE, 2).expect("an importance");
        // PropertySizeLimit, WantUnicode, PropertyTagCount, PropertyTags
        let rop = Rop::new(0x07, 1).u16(0).u16(1).u16(2).u32(IMPORTANCE).u32(SUBJECT);
        let mut answer = client.ask(rop, &[NOBODY, message]);
        answer.head(0x07, 1, code::SUCCESS);
        assert_eq!((answer.u8(), answer.u32()), (0, 2), "a standard row");
        assert_eq!(answer.text16(), "Größe");
        answer.end();
        // One that is not there makes it a flagged row: flag, and the value or ecNotFound.
        let rop = Rop::new(0x07, 1).u16(0).u16(1).u16(2).u32(IMPORTANCE).u32(0x6655_0003);
        let mut answer = client.ask(rop, &[NOBODY, message]);
        answer.head(0x07, 1, code::SUCCESS);
        assert_eq!((answer.u8(), answer.u8(), answer.u32()), (1, 0, 2));
        assert_eq!((answer.u8(), answer.u32()), (0x0a, code::NOT_FOUND));
        answer.end();
        Ok(())
    }

    /// MS-OXCROPS 2.2.8.3.1: R2686
    /// MS-OXCROPS 2.2.8.3.3: R2707, R2709, R2713
    fn get_properties_specific_limits_and_fails(rig: &Rig) -> Result {
        let (mut client, message) = new_message(rig)?;
        client.set(message, tags::SUBJECT, "a longer subject than that").expect("a subject");
        // PtypUnspecified and WantUnicode FALSE: PtypString8 comes.
        let rop = Rop::new(0x07, 0).u16(0).u16(0).u16(1).u32(0x0037_0000);
        let mut answer = client.ask(rop, &[message]);
        answer.head(0x07, 0, code::SUCCESS);
        assert_eq!((answer.u8(), answer.u16()), (0, 0x001e), "row, PropertyType");
        assert_eq!(answer.text8(), "a longer subject than that");
        answer.end();
        // PropertySizeLimit is ignored (MS-OXCPRPT R9070101).
        let rop = Rop::new(0x07, 0).u16(8).u16(1).u16(1).u32(SUBJECT);
        let mut answer = client.ask(rop, &[message]);
        answer.head(0x07, 0, code::SUCCESS);
        assert_eq!((answer.u8(), answer.text16()), (0, "a longer subject than that".into()));
        answer.end();
        // A value beyond the answer: NotEnoughMemory.
        client.set(message, tags::SUBJECT, "x".repeat(16_000).as_str()).expect("a subject");
        let rop = Rop::new(0x07, 0).u16(0).u16(1).u16(1).u32(SUBJECT);
        let mut answer = client.ask(rop, &[message]);
        answer.head(0x07, 0, code::SUCCESS);
        assert_eq!((answer.u8(), answer.u8(), answer.u32()), (1, 0x0a, 0x8007_000e));
        answer.end();
        let rop = Rop::new(0x07, 0).u16(0).u16(1).u16(1).u32(SUBJECT);
        client.ask(rop, &[NOBODY]).only(0x07, 0, code::NULL_OBJECT);
        Ok(())
    }

    /// MS-OXCROPS 2.2.8.4: R2714
    /// MS-OXCROPS 2.2.8.4.1: R2727
    /// MS-OXCROPS 2.2.8.4.2: R2730, R2732, R2736
    fn get_properties_all(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let inbox = inbox(&mut client);
        let (_, folder) = child(&mut client, inbox, "all of it");
        // PropertySizeLimit, WantUnicode
        let mut answer = client.ask(Rop::new(0x08, 1).u16(0).u16(1), &[NOBODY, folder]);
        answer.head(0x08, 1, code::SUCCESS);
        let count = answer.u16();
        assert!(count > 3, "{count} PropertyValues");
        // PidTagDisplayName among TaggedPropertyValues.
        let rest = answer.rest();
        let name: Vec<u8> = [0x1f, 0x00, 0x01, 0x30].into_iter().chain(
            "all of it\0".encode_utf16().flat_map(u16::to_le_bytes)).collect();
        assert!(rest.windows(name.len()).any(|part| part == name), "{rest:x?}");
        Ok(())
    }

    /// MS-OXCROPS 2.2.8.4.3: R2745, R2747, R2751
    fn get_properties_all_fails(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let rop = Rop::new(0x08, 1).u16(0).u16(1);
        client.ask(rop, &[NOBODY, NOBODY]).only(0x08, 1, code::NULL_OBJECT);
        Ok(())
    }

    /// MS-OXCROPS 2.2.8.5: R2752
    /// MS-OXCROPS 2.2.8.5.1: R2760
    /// MS-OXCROPS 2.2.8.5.2: R2764, R2766, R2770
    fn get_properties_list(rig: &Rig) -> Result {
        let (mut client, message) = new_message(rig)?;
        no_problems(client.ask(set(0x0a, &two_values(), 2), &[NOBODY, message]), 0x0a, 1);
        let mut answer = client.ask(Rop::new(0x09, 1), &[NOBODY, message]);
        answer.head(0x09, 1, code::SUCCESS);
        let count = answer.u16();
        let tags: Vec<u32> = (0..count).map(|_| answer.u32()).collect();
        answer.end();
        assert!(tags.contains(&IMPORTANCE) && tags.contains(&SENSITIVITY), "{tags:x?}");
        Ok(())
    }

    /// MS-OXCROPS 2.2.8.5.3: R2779, R2781, R2785
    fn get_properties_list_fails(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        client.ask(Rop::new(0x09, 1), &[NOBODY, NOBODY]).only(0x09, 1, code::NULL_OBJECT);
        Ok(())
    }

    /// MS-OXCROPS 2.2.8.6: R2786
    /// MS-OXCROPS 2.2.8.6.1: R2804
    /// MS-OXCROPS 2.2.8.6.2: R2807, R2809, R2813
    fn set_properties(rig: &Rig) -> Result {
        sets(rig, 0x0a)?;
        // One that only the server computes: the others are set.
        let (mut client, message) = new_message(rig)?;
        let mut values = two_values();
        values.extend([SIZE, 5].into_iter().flat_map(u32::to_le_bytes));
        let answer = client.ask(set(0x0a, &values, 3), &[NOBODY, message]);
        one_problem(answer, 0x0a, (2, SIZE));
        assert_eq!(client.get(message, tags::IMPORTANCE), Ok(2.into()));
        Ok(())
    }

    /// MS-OXCROPS 2.2.8.6.3: R2821, R2823, R2827
    fn set_properties_fails(rig: &Rig) -> Result {
        fails_to_set(rig, 0x0a)
    }

    /// MS-OXCROPS 2.2.8.7: R2828
    /// MS-OXCROPS 2.2.8.7.1: R2846
    /// MS-OXCROPS 2.2.8.7.2: R2849, R2851, R2855
    fn set_properties_no_replicate(rig: &Rig) -> Result {
        sets(rig, 0x79)
    }

    /// MS-OXCROPS 2.2.8.7.3: R2863, R2865, R2869
    fn set_properties_no_replicate_fails(rig: &Rig) -> Result {
        fails_to_set(rig, 0x79)
    }

    /// MS-OXCROPS 2.2.8.8: R2870
    /// MS-OXCROPS 2.2.8.8.1: R2885
    /// MS-OXCROPS 2.2.8.8.2: R2888, R2890, R2894
    fn delete_properties(rig: &Rig) -> Result {
        deletes(rig, 0x0b)
    }

    /// MS-OXCROPS 2.2.8.8.3: R2902, R2904, R2908
    fn delete_properties_fails(rig: &Rig) -> Result {
        fails_to_delete(rig, 0x0b)
    }

    /// MS-OXCROPS 2.2.8.9: R2909
    /// MS-OXCROPS 2.2.8.9.1: R2924
    /// MS-OXCROPS 2.2.8.9.2: R2932, R2934, R2938
    fn delete_properties_no_replicate(rig: &Rig) -> Result {
        deletes(rig, 0x7a)
    }

    /// MS-OXCROPS 2.2.8.9.3: R2946, R2948, R2952
    fn delete_properties_no_replicate_fails(rig: &Rig) -> Result {
        fails_to_delete(rig, 0x7a)
    }

    /// MS-OXCROPS 2.2.8.10: R2953
    /// MS-OXCROPS 2.2.8.10.1: R2971
    /// MS-OXCROPS 2.2.8.10.2: R2974, R2976, R2980
    fn query_named_properties(rig: &Rig) -> Result {
        let (mut client, message) = new_message(rig)?;
        let ids = ids_of_two(&mut client);
        // QueryFlags, HasGuid, PropertyGuid: NoStrings, NoIds.
        let name = named("Würfel");
        for (flags, id, name) in [(0x01, ids[0], numeric(0x8501)), (0x02, ids[1], name)] {
            let rop = Rop::new(0x5f, 1).u8(flags).u8(1).bytes(&PSETID_COMMON);
            let mut answer = client.ask(rop, &[NOBODY, message]);
            answer.head(0x5f, 1, code::SUCCESS);
            assert_eq!((answer.u16(), answer.u16()), (1, id), "IdCount, PropertyIds");
            assert_eq!(answer.bytes(name.len()), name, "PropertyNames");
            answer.end();
        }
        // Another property set, which has none.
        let rop = Rop::new(0x5f, 1).u8(0).u8(1).bytes(&[9; 16]);
        let mut answer = client.ask(rop, &[NOBODY, message]);
        answer.head(0x5f, 1, code::SUCCESS);
        assert_eq!(answer.u16(), 0, "IdCount");
        answer.end();
        Ok(())
    }

    /// MS-OXCROPS 2.2.8.10.3: R2993, R2995, R2999
    fn query_named_properties_fails(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let rop = Rop::new(0x5f, 1).u8(0).u8(0);
        client.ask(rop, &[NOBODY, NOBODY]).only(0x5f, 1, code::NULL_OBJECT);
        Ok(())
    }

    /// MS-OXCROPS 2.2.8.11: R3000
    /// MS-OXCROPS 2.2.8.11.1: R3014, R3019
    /// MS-OXCROPS 2.2.8.11.2: R3026, R3028
    fn copy_properties(rig: &Rig) -> Result {
        let (mut client, source) = new_message(rig)?;
        no_problems(client.ask(set(0x0a, &two_values(), 2), &[NOBODY, source]), 0x0a, 1);
        let target = another(&mut client);
        // WantAsynchronous, CopyFlags, PropertyTagCount, PropertyTags
        let rop = Rop::new(0x67, 0).u8(2).u8(0).u8(0).u16(1).u32(SENSITIVITY);
        no_problems(client.ask(rop, &[source, NOBODY, target]), 0x67, 0);
        assert_eq!(client.get(target, tags::SENSITIVITY), Ok(3.into()));
        assert_ne!(client.get(target, tags::IMPORTANCE), Ok(2.into()));
        Ok(())
    }

    /// MS-OXCROPS 2.2.8.11.3: R3040, R3042, R3046, R3048
    fn copy_properties_to_nowhere(rig: &Rig) -> Result {
        let (mut client, source) = new_message(rig)?;
        let rop = Rop::new(0x67, 0).u8(1).u8(0).u8(0).u16(1).u32(SENSITIVITY);
        let mut answer = client.ask(rop, &[source, NOBODY]);
        answer.head(0x67, 0, code::NULL_DESTINATION);
        assert_eq!(answer.u32(), 1, "DestHandleIndex");
        answer.end();
        Ok(())
    }

    /// MS-OXCROPS 2.2.8.11.4: R3052, R3054, R3058
    fn copy_properties_fails(rig: &Rig) -> Result {
        let (mut client, target) = new_message(rig)?;
        let rop = Rop::new(0x67, 0).u8(1).u8(0).u8(0).u16(1).u32(SENSITIVITY);
        client.ask(rop, &[NOBODY, target]).only(0x67, 0, code::NULL_OBJECT);
        Ok(())
    }

    /// MS-OXCROPS 2.2.8.12: R3059
    /// MS-OXCROPS 2.2.8.12.1: R3073, R3078
    /// MS-OXCROPS 2.2.8.12.2: R3087, R3089
    fn copy_to(rig: &Rig) -> Result {
        let (mut client, source) = new_message(rig)?;
        no_problems(client.ask(set(0x0a, &two_values(), 2), &[NOBODY, source]), 0x0a, 1);
        let target = another(&mut client);
        // WantAsynchronous, WantSubObjects, CopyFlags, ExcludedTagCount, ExcludedTags
        let rop = Rop::new(0x39, 0).u8(2).u8(0).u8(1).u8(0).u16(1).u32(IMPORTANCE);
        no_problems(client.ask(rop, &[source, NOBODY, target]), 0x39, 0);
        assert_eq!(client.get(target, tags::SENSITIVITY), Ok(3.into()));
        assert_ne!(client.get(target, tags::IMPORTANCE), Ok(2.into()));
        Ok(())
    }

    /// MS-OXCROPS 2.2.8.12.3: R3101, R3103, R3107
    fn copy_to_nowhere(rig: &Rig) -> Result {
        let (mut client, source) = new_message(rig)?;
        let rop = Rop::new(0x39, 0).u8(1).u8(0).u8(1).u8(0).u16(0);
        let mut answer = client.ask(rop, &[source, NOBODY]);
        answer.head(0x39, 0, code::NULL_DESTINATION);
        assert_eq!(answer.u32(), 1, "DestHandleIndex");
        answer.end();
        Ok(())
    }

    /// MS-OXCROPS 2.2.8.12.4: R3113, R3115, R3119
    fn copy_to_fails(rig: &Rig) -> Result {
        let (mut client, target) = new_message(rig)?;
        let rop = Rop::new(0x39, 0).u8(1).u8(0).u8(1).u8(0).u16(0);
        client.ask(rop, &[NOBODY, target]).only(0x39, 0, code::NULL_OBJECT);
        Ok(())
    }
}
