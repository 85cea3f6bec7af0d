//! What Exchange 2016 does where servers may differ: [MS-OXCPRPT] 6. And what holds for properties of all objects.

use mapi::{ErrorCode, PropertyValue, tags};
use mapi_rop::logon::LogonRequest;
use mapi_rop::property::{QueryNamedFlags, QueryNamedPropertiesRequest};
use mapi_rop::stream::CopyToStreamRequest;
use store::PublicFolder;
use store::folder::{self, NewFolder};
use testsuite::on_both;

use super::*;

const NOT_SUPPORTED: ErrorCode = ErrorCode(0x8004_0102);
const NOT_FOUND: ErrorCode = ErrorCode(0x8004_010f);
const INVALID_PARAMETER: ErrorCode = ErrorCode(0x8007_0057);
const COMPUTED: ErrorCode = ErrorCode(0x8004_011a);
const TAG: PropertyTag = tags::ATTACH_ENCODING;

/// A folder below the Inbox, or below another one.
fn make(rig: &Rig, parent: FolderId, name: &str) -> Result<FolderId> {
    let account = rig.store.account_by_address(ME)?.ok_or("no such account")?;
    let mailbox = rig.store.mailbox(account.mailbox)?;
    let new = NewFolder { display_name: name.into(), ..NewFolder::default() };
    Ok(folder::create(&mailbox, parent, &new)?.id)
}

/// ME as an administrator of the public folders, and two folders in them.
fn public(rig: &Rig) -> Result<(Client, [Handle; 2])> {
    let account = rig.store.account_by_address(ME)?.ok_or("no such account")?;
    rig.store.set_administrator(account.id, true)?;
    let mut client = rig.bare_client(ME)?;
    client.logon = client.log_on_with(LogonRequest::public())?.1;
    let store = rig.store.mailbox(rig.store.make_public_folders()?.mailbox)?;
    let mut handles = Vec::new();
    for name in ["one", "two"] {
        let new = NewFolder { display_name: name.into(), ..NewFolder::default() };
        let made = folder::create(&store, PublicFolder::IpmSubtree.id(), &new)?;
        handles.push(client.open_folder(made.id)?);
    }
    Ok((client, [handles[0], handles[1]]))
}

on_both! {
    /// MS-OXCPRPT 2.2.1: R11
    fn what_is_read_only_is_set_by_the_server_alone(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let message = new_message(&mut client);
        let message = reopen(&mut client, message);
        let folder = client.open_folder(make(rig, INBOX, "a folder")?)?;
        let values = [
            (tags::ACCESS, PropertyValue::Integer32(0)),
            (tags::ACCESS_LEVEL, PropertyValue::Integer32(0)),
            (tags::OBJECT_TYPE, PropertyValue::Integer32(77)),
            (tags::RECORD_KEY, PropertyValue::Binary(vec![7; 16])),
        ];
        for object in [message, folder] {
            for (tag, value) in &values {
                let before = client.get(object, *tag)?;
                assert_ne!(before, *value);
                let set = client.set(object, *tag, value.clone());
                assert_eq!(set, Err(COMPUTED), "{tag:?}");
                assert_eq!(client.get(object, *tag)?, before);
            }
        }
        Ok(())
    }

    /// MS-OXCPRPT 2.2.4.2: R99, R9903, R100, R10001
    fn the_list_has_each_property_that_is_set(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let message = new_message(&mut client);
        client.set(message, tags::IMPORTANCE, 2)?;
        client.set(message, tags::INTERNET_REFERENCES, "paid")?;
        let list = |client: &mut Client| -> Answer<Vec<PropertyTag>> {
            match client.call(message, RopRequest::GetPropertiesList(Empty))? {
                RopResponse::GetPropertiesList(answer) => Ok(answer.tags.items),
                other => panic!("{other:?}"),
            }
        };
        let before = list(&mut client)?;
        for tag in [tags::IMPORTANCE, tags::INTERNET_REFERENCES, tags::MESSAGE_CLASS] {
            assert_eq!(before.iter().filter(|listed| **listed == tag).count(), 1, "{tag:?}");
        }
        assert!(!before.contains(&TAG));
        client.set(message, TAG, vec![1])?;
        let after = list(&mut client)?;
        assert_eq!(after.len(), before.len() + 1);
        assert!(after.contains(&TAG));
        assert_eq!(list(&mut client), Ok(after));
        Ok(())
    }

    /// MS-OXCPRPT 6: R882, R88001, R5070506, R86502, R18402
    fn copies_with_flags_that_mean_nothing_are_refused(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let (from, to) = (new_message(&mut client), new_message(&mut client));
        client.set(from, TAG, vec![1])?;
        for flags in [CopyFlags(0x04), CopyFlags(0x80), CopyFlags(0x03)] {
            let copied = copy_to(&mut client, from, to, flags, false, &[]);
            assert_eq!(copied, Err(INVALID_PARAMETER));
            let copied = copy_properties(&mut client, from, to, flags, &[TAG]);
            assert_eq!(copied, Err(INVALID_PARAMETER));
        }
        assert_eq!(client.get(to, TAG), Err(NOT_FOUND));
        let [one, two] = [make(rig, INBOX, "one")?, make(rig, INBOX, "two")?];
        let (one, two) = (client.open_folder(one)?, client.open_folder(two)?);
        let moved = copy_properties(&mut client, one, two, CopyFlags::MOVE, &[tags::COMMENT]);
        assert_eq!(moved, Err(NOT_SUPPORTED));
        Ok(())
    }

    /// MS-OXCPRPT 6: R89603, R899, R5070511, R890
    fn copies_of_folders_that_cannot_be(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let [top, other] = [make(rig, INBOX, "top")?, make(rig, INBOX, "other")?];
        let below = make(rig, top, "below")?;
        let [top, other, below] = [client.open_folder(top)?, client.open_folder(other)?, client.open_folder(below)?];
        let all = |client: &mut Client, from, to, flags| {
            copy_to(client, from, to, flags, true, &[tags::DISPLAY_NAME])
        };
        let cycle = Err(ErrorCode(0x8004_060b));
        assert_eq!(all(&mut client, top, below, CopyFlags::NONE), cycle);
        let message = new_message(&mut client);
        assert_eq!(all(&mut client, top, message, CopyFlags::NONE), Err(NOT_SUPPORTED));
        assert_eq!(all(&mut client, top, other, CopyFlags::NONE), Ok(vec![]));
        // There is a folder of that name now.
        let taken = Err(ErrorCode(0x8004_0604));
        assert_eq!(all(&mut client, top, other, CopyFlags::NONE), taken);
        // A folder may be moved.
        let third = client.open_folder(make(rig, INBOX, "third")?)?;
        assert_eq!(all(&mut client, top, third, CopyFlags::MOVE), Ok(vec![]));
        assert_eq!(client.get(top, tags::SUBFOLDERS), Ok(PropertyValue::Boolean(false)));
        assert_eq!(client.get(third, tags::SUBFOLDERS), Ok(PropertyValue::Boolean(true)));
        Ok(())
    }

    /// MS-OXCPRPT 3.2.5.8: R5070512
    /// MS-OXCPRPT 6: R5070514
    fn public_folders_are_not_copied(rig: &Rig) -> Result {
        let (mut client, [one, two]) = public(rig)?;
        let copied = copy_to(&mut client, one, two, CopyFlags::NONE, true, &[]);
        assert_eq!(copied, Err(NOT_SUPPORTED));
        // Named properties of them are.
        client.set(one, tags::COMMENT, "said")?;
        let copied = copy_properties(&mut client, one, two, CopyFlags::NONE, &[tags::COMMENT, TAG]);
        let problem = PropertyProblem { index: 1, tag: TAG, error: NOT_FOUND };
        assert_eq!(copied, Ok(vec![problem]));
        assert_eq!(client.get(two, tags::COMMENT), Ok("said".into()));
        // The same if only the destination is public.
        client.logon_id = mapi_rop::LogonId(1);
        client.logon = client.log_on(&rig.legacy_dn(ME)?)?;
        let inbox = client.open_folder(INBOX)?;
        let copied = copy_to(&mut client, inbox, two, CopyFlags::NONE, true, &[]);
        assert_eq!(copied, Err(NOT_SUPPORTED));
        Ok(())
    }

    /// MS-OXCPRPT 3.2.5.11: R88501
    /// MS-OXCPRPT 6: R8850103
    fn streams_of_public_folders_are_only_read(rig: &Rig) -> Result {
        let (mut client, [folder, _]) = public(rig)?;
        client.set(folder, TAG, b"0123".to_vec())?;
        for mode in [StreamMode::ReadWrite, StreamMode::Create, StreamMode::BestAccess] {
            assert_eq!(open_stream(&mut client, folder, TAG, mode), Err(NOT_SUPPORTED));
        }
        let (stream, size) = open_stream(&mut client, folder, TAG, StreamMode::ReadOnly)?;
        assert_eq!((size, read(&mut client, stream, 9)), (4, Ok(b"0123".to_vec())));
        Ok(())
    }

    /// MS-OXCPRPT 6: R891, R901, R894, R903, R88601
    fn streams_fail_with_their_codes(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let message = new_message(&mut client);
        assert_eq!(open_stream(&mut client, message, TAG, StreamMode::ReadWrite), Err(NOT_FOUND));
        client.set(message, TAG, b"0123".to_vec())?;
        let (stream, _) = open_stream(&mut client, message, TAG, StreamMode::ReadOnly)?;
        assert_eq!(write(&mut client, stream, b"x"), Err(ErrorCode(0x8003_0005)));
        let back = seek(&mut client, stream, StreamOrigin::Beginning, -1);
        assert_eq!(back, Err(ErrorCode(0x8003_0019)));
        let far = seek(&mut client, stream, StreamOrigin::Beginning, 1 << 32);
        assert_eq!(far, Err(ErrorCode(0x8003_0019)));
        let nowhere = seek(&mut client, stream, StreamOrigin::Unknown(7), 0);
        assert_eq!(nowhere, Err(ErrorCode(0x8003_0057)));
        // A failure has a DataSize of zero.
        let body = RopRequest::ReadStream(ReadStreamRequest::Count(4));
        let answer = client.respond(message, Handle::NONE, body);
        let RopResponse::Failed(failure) = answer.body else { panic!("no stream") };
        assert_eq!(failure.code, NOT_SUPPORTED);
        match failure.detail.body.as_deref() {
            Some(RopResponse::ReadStream(answer)) => assert!(answer.data.bytes.is_empty()),
            other => panic!("{other:?}"),
        }
        Ok(())
    }

    /// MS-OXCPRPT 6: R895, R867091, R90102, R55707
    fn streams_are_copied_somewhere_and_have_an_end(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let message = new_message(&mut client);
        client.set(message, TAG, b"0123".to_vec())?;
        let (stream, _) = open_stream(&mut client, message, TAG, StreamMode::ReadWrite)?;
        let body = RopRequest::CopyToStream(CopyToStreamRequest { byte_count: 2 });
        let nowhere = client.call(stream, body.clone());
        assert_eq!(nowhere, Err(ErrorCode(0x0000_0503)));
        let (copy, _) = open_stream(&mut client, message, tags::BODY, StreamMode::Create)
            .or_else(|_| open_stream(&mut client, message, tags::ATTACH_TAG, StreamMode::Create))?;
        match client.call_two(stream, copy, body)?.0 {
            RopResponse::CopyToStream(answer) => assert_eq!((answer.read, answer.written), (2, 2)),
            other => panic!("{other:?}"),
        }
        // More than a stream may have, and more than may wait for a save.
        let far = seek(&mut client, stream, StreamOrigin::Beginning, (1 << 31) - 1);
        assert_eq!(far, Err(ErrorCode(0x8004_0305)));
        assert_eq!(size(&mut client, stream), Ok(4));
        Ok(())
    }

    /// MS-OXCPRPT 6: R12904, R875
    fn named_properties_of_a_store_are_listed(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let logon = client.logon;
        let flags = QueryNamedFlags::NONE;
        let body = QueryNamedPropertiesRequest { flags, set: mapi_rop::parts::Flagged(None) };
        let RopResponse::QueryNamedProperties(_) =
            client.call(logon, RopRequest::QueryNamedProperties(body))?
        else {
            panic!("a list")
        };
        let message = new_message(&mut client);
        client.set(message, TAG, vec![1])?;
        let tags = Counted::from(vec![TAG]);
        let body = mapi_rop::property::DeletePropertiesRequest { tags };
        match client.call(message, RopRequest::DeleteProperties(body))? {
            RopResponse::DeleteProperties(answer) => assert!(answer.problems.is_empty()),
            other => panic!("{other:?}"),
        }
        assert_eq!(client.get(message, TAG), Err(NOT_FOUND));
        Ok(())
    }
}
