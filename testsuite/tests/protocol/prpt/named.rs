//! Named properties: [MS-OXCPRPT] 2.2.9, 2.2.12, 2.2.13, 3.1.4.1, 3.2.5.6, 3.2.5.9, 3.2.5.10.

use mapi::{ErrorCode, Guid, PropertyName, PropertyNameKind, names};
use mapi_rop::parts::Flagged;
use mapi_rop::property::{
    GetNamesFromPropertyIdsRequest, GetPropertyIdsFromNamesRequest, NameFlags, QueryNamedFlags,
    QueryNamedPropertiesRequest,
};
use testsuite::on_both;

use super::*;

fn ids(
    client: &mut Client,
    object: Handle,
    flags: NameFlags,
    names: &[PropertyName],
) -> Answer<(Vec<u16>, bool)> {
    let body = GetPropertyIdsFromNamesRequest { flags, names: names.to_vec().into() };
    match client.call(object, RopRequest::GetPropertyIdsFromNames(body))? {
        RopResponse::GetPropertyIdsFromNames(answer) => Ok((answer.ids, answer.errors_returned)),
        other => panic!("{other:?}"),
    }
}

fn names_of(client: &mut Client, object: Handle, ids: &[u16]) -> Answer<Vec<Option<PropertyName>>> {
    let body = GetNamesFromPropertyIdsRequest { ids: ids.to_vec().into() };
    match client.call(object, RopRequest::GetNamesFromPropertyIds(body))? {
        RopResponse::GetNamesFromPropertyIds(answer) => Ok(answer.names.items),
        other => panic!("{other:?}"),
    }
}

fn query(
    client: &mut Client,
    object: Handle,
    flags: QueryNamedFlags,
    set: Option<Guid>,
) -> Answer<Vec<(u16, PropertyName)>> {
    let body = QueryNamedPropertiesRequest { flags, set: Flagged(set) };
    match client.call(object, RopRequest::QueryNamedProperties(body))? {
        RopResponse::QueryNamedProperties(answer) => Ok(answer.properties),
        other => panic!("{other:?}"),
    }
}

on_both! {
    /// MS-OXCPRPT 2.2.12: R198, R20701
    /// MS-OXCPRPT 2.2.12.1: R628
    /// MS-OXCPRPT 2.2.12.2: R220
    /// MS-OXCPRPT 3.2.5.10: R532
    fn names_get_ids_when_they_are_to_be_made(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let set = Guid::random();
        let names = [PropertyName::string(set, "text"), PropertyName::id(set, 5)];
        let message = new_message(&mut client);
        let (attachment, _) = new_attachment(&mut client, message);
        let folder = client.open_folder(INBOX).expect("the inbox");
        let logon = client.logon;
        // Not made: 0 for each, and the warning.
        let found = ids(&mut client, message, NameFlags::NONE, &names);
        assert_eq!(found, Ok((vec![0, 0], true)));
        let (made, errors) = ids(&mut client, message, NameFlags::CREATE, &names).expect("ids");
        assert!(!errors && made[0] != made[1]);
        assert!(made.iter().all(|id| *id >= 0x8000), "{made:?}");
        for object in [message, attachment, folder, logon] {
            let reversed = [names[1].clone(), names[0].clone()];
            let found = ids(&mut client, object, NameFlags::NONE, &reversed);
            assert_eq!(found, Ok((vec![made[1], made[0]], false)));
        }
        Ok(())
    }

    /// MS-OXCPRPT 2.2.12.2: R225, R217
    /// MS-OXCPRPT 2.2.12.1: R213
    /// MS-OXCPRPT 3.2.5.10: R526, R642
    fn ps_mapi_and_the_whole_list(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let logon = client.logon;
        let own = [
            PropertyName::id(names::PS_MAPI, 0x0037),
            PropertyName::string(names::PS_MAPI, "0x0037"),
        ];
        let found = ids(&mut client, logon, NameFlags::CREATE, &own);
        assert_eq!(found, Ok((vec![0x0037, 0], true)));
        let (before, _) = ids(&mut client, logon, NameFlags::NONE, &[]).expect("all");
        let new = PropertyName::string(Guid::random(), "new");
        let (made, _) = ids(&mut client, logon, NameFlags::CREATE, &[new]).expect("ids");
        let (after, _) = ids(&mut client, logon, NameFlags::NONE, &[]).expect("all");
        assert_eq!(after.len(), before.len() + 1);
        assert!(after.contains(&made[0]) && !before.contains(&made[0]));
        Ok(())
    }

    /// MS-OXCPRPT 3.2.5.10: R529, R530
    fn internet_headers_are_named_without_regard_to_case(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let logon = client.logon;
        let headers = names::PS_INTERNET_HEADERS;
        let all =
            [PropertyName::string(headers, "X-Header"), PropertyName::string(headers, "x-header")];
        let (made, _) = ids(&mut client, logon, NameFlags::CREATE, &all).expect("ids");
        assert_eq!(made[0], made[1]);
        // It is kept in small letters, whatever the first one wrote.
        let kept = names_of(&mut client, logon, &made[..1]).expect("names");
        assert_eq!(kept, [Some(all[1].clone())]);
        Ok(())
    }

    /// MS-OXCPRPT 2.2.13: R230, R238
    /// MS-OXCPRPT 2.2.13.2: R249
    /// MS-OXCPRPT 3.2.5.9: R518, R523
    fn ids_have_names(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let name = PropertyName::string(Guid::random(), "name");
        let message = new_message(&mut client);
        let (made, _) =
            ids(&mut client, message, NameFlags::CREATE, std::slice::from_ref(&name)).expect("ids");
        let asked = [made[0], 0x0037, 0xfff0];
        let found = names_of(&mut client, message, &asked).expect("names");
        let own = PropertyName::id(names::PS_MAPI, 0x0037);
        assert_eq!(found, [Some(name), Some(own), None]);
        Ok(())
    }

    /// MS-OXCPRPT 2.2.9: R125
    /// MS-OXCPRPT 3.2.5.6: R876, R877
    /// MS-OXCPRPT 2.2.9.1
    /// MS-OXCPRPT 2.2.9.2
    fn named_properties_are_listed_by_kind_and_set(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let logon = client.logon;
        let set = Guid::random();
        let text = PropertyName::string(set, "text");
        let number = PropertyName::id(set, 7);
        let both = [text.clone(), number.clone()];
        ids(&mut client, logon, NameFlags::CREATE, &both).expect("ids");
        let cases = [
            (QueryNamedFlags::NONE, vec![&text, &number]),
            (QueryNamedFlags::NO_STRINGS, vec![&number]),
            (QueryNamedFlags::NO_IDS, vec![&text]),
            (QueryNamedFlags(0x03), vec![]),
            // Other bits are ignored.
            (QueryNamedFlags(0xf0), vec![&text, &number]),
        ];
        for (flags, expected) in cases {
            let found = query(&mut client, logon, flags, Some(set)).expect("names");
            let found: Vec<&PropertyName> = found.iter().map(|(_, name)| name).collect();
            assert_eq!(found, expected, "{flags:?}");
        }
        let all = query(&mut client, logon, QueryNamedFlags::NO_STRINGS, None).expect("names");
        let is_id = |name: &PropertyName| matches!(name.kind, PropertyNameKind::Id(_));
        assert!(all.iter().all(|(_, name)| is_id(name)));
        assert!(all.iter().any(|(_, name)| *name == number));
        Ok(())
    }

    /// MS-OXCPRPT 3.1.4.1: R41405
    /// MS-OXCPRPT 2.2.12.1: R62801
    fn only_objects_with_properties_map_names(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let message = new_message(&mut client);
        let tag = mapi::tags::CONVERSATION_INDEX;
        let (stream, _) =
            open_stream(&mut client, message, tag, StreamMode::Create).expect("a stream");
        let name = PropertyName::string(Guid::random(), "name");
        let refused = ErrorCode::NOT_SUPPORTED;
        let asked = ids(&mut client, stream, NameFlags::CREATE, std::slice::from_ref(&name));
        assert_eq!(asked, Err(refused));
        assert_eq!(names_of(&mut client, stream, &[0x8000]), Err(refused));
        assert_eq!(query(&mut client, stream, QueryNamedFlags::NONE, None), Err(refused));
        let (made, _) = ids(&mut client, message, NameFlags::CREATE, &[name]).expect("ids");
        assert_eq!(made[0] & 0x8000, 0x8000);
        Ok(())
    }
}
