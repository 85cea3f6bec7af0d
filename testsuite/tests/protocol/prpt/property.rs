//! Getting, setting and deleting properties: [MS-OXCPRPT] 2.2.2 to 2.2.5, 2.2.7, 3.2.5.1 to 3.2.5.5.

use mapi::row::TaggedValue;
use mapi::text::String8;
use mapi::{ErrorCode, PropertyType, PropertyValue, tags};
use mapi_rop::parts::SizedValues;
use mapi_rop::property::{
    DeletePropertiesRequest, GetPropertiesAllRequest, GetPropertiesSpecificRequest,
    SetPropertiesRequest,
};
use testsuite::on_both;

use super::*;

/// The cells of a row: a value, or the error in its place.
fn get(
    client: &mut Client,
    object: Handle,
    size_limit: u16,
    want_unicode: u16,
    asked: &[PropertyTag],
) -> Answer<Vec<Answer<PropertyValue>>> {
    let request =
        GetPropertiesSpecificRequest { size_limit, want_unicode, tags: asked.to_vec().into() };
    match client.call(object, RopRequest::GetPropertiesSpecific(request))? {
        RopResponse::GetPropertiesSpecific(answer) => {
            let cell = |index| match answer.row.value(index) {
                Some(value) => Ok(value.clone()),
                None => Err(answer.row.error(index).unwrap_or(ErrorCode::NOT_FOUND)),
            };
            Ok((0..asked.len()).map(cell).collect())
        }
        other => panic!("{other:?}"),
    }
}

fn all(client: &mut Client, object: Handle, want_unicode: u16) -> Answer<Vec<TaggedValue>> {
    let request = GetPropertiesAllRequest { size_limit: 0, want_unicode };
    match client.call(object, RopRequest::GetPropertiesAll(request))? {
        RopResponse::GetPropertiesAll(answer) => Ok(answer.values.items),
        other => panic!("{other:?}"),
    }
}

fn list(client: &mut Client, object: Handle) -> Answer<Vec<PropertyTag>> {
    match client.call(object, RopRequest::GetPropertiesList(Empty))? {
        RopResponse::GetPropertiesList(answer) => Ok(answer.tags.items),
        other => panic!("{other:?}"),
    }
}

fn delete(
    client: &mut Client,
    object: Handle,
    tags: &[PropertyTag],
) -> Answer<Vec<PropertyProblem>> {
    let body = DeletePropertiesRequest { tags: tags.to_vec().into() };
    match client.call(object, RopRequest::DeleteProperties(body))? {
        RopResponse::DeleteProperties(answer) => Ok(answer.problems.items),
        other => panic!("{other:?}"),
    }
}

/// One of each kind of object that has properties.
fn objects(client: &mut Client) -> [Handle; 4] {
    let message = new_message(client);
    let (attachment, _) = new_attachment(client, message);
    let folder = client.open_folder(INBOX).expect("the inbox");
    [message, attachment, folder, client.logon]
}

const OPEN_TYPE: PropertyType = PropertyType::UNSPECIFIED;

on_both! {
    /// MS-OXCPRPT 2.2.2: R56, R5801, R5802
    /// MS-OXCPRPT 2.2.2.2: R76
    /// MS-OXCPRPT 3.2.5.1: R45701
    fn values_come_in_the_order_that_was_asked_for(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        for object in objects(&mut client) {
            client.set(object, tags::COMPANY_NAME, "comment").expect("set");
            let asked = [tags::COMPANY_NAME, tags::SENSITIVITY, tags::OBJECT_TYPE, tags::COMPANY_NAME];
            let cells = get(&mut client, object, 0, 1, &asked).expect("a row");
            assert_eq!(cells[0], Ok("comment".into()));
            assert_eq!(cells[3], Ok("comment".into()));
            if object == client.logon {
                assert_eq!(cells[1], Err(ErrorCode::NOT_FOUND));
            }
        }
        let message = new_message(&mut client);
        let (stream, _) = open_stream(&mut client, message, tags::CONVERSATION_INDEX, StreamMode::Create)
            .expect("a stream");
        let refused = get(&mut client, stream, 0, 1, &[tags::COMPANY_NAME]);
        assert_eq!(refused, Err(ErrorCode::NOT_SUPPORTED));
        Ok(())
    }

    /// MS-OXCPRPT 2.2.2.1: R6401, R65
    /// MS-OXCPRPT 3.2.5.1: R458, R459, R460
    fn text_of_an_open_type_is_as_the_client_wants_it(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let message = new_message(&mut client);
        client.set(message, tags::COMPANY_NAME, "\u{e4}").expect("set");
        let open = tags::COMPANY_NAME.with_type(OPEN_TYPE);
        let eight = tags::COMPANY_NAME.with_type(PropertyType::STRING8);
        let number = tags::COMPANY_NAME.with_type(PropertyType::INTEGER32);
        let bytes = PropertyValue::String8(String8(vec![0xe4]));
        let asked = [open, eight, tags::COMPANY_NAME, number];
        let cells = get(&mut client, message, 0, 1, &asked).expect("a row");
        let text = || Ok("\u{e4}".into());
        let missing = Err(ErrorCode::NOT_FOUND);
        assert_eq!(cells, [text(), Ok(bytes.clone()), text(), missing.clone()]);
        let cells = get(&mut client, message, 0, 0, &asked).expect("a row");
        assert_eq!(cells, [Ok(bytes.clone()), Ok(bytes), text(), missing]);
        Ok(())
    }

    // Text has twice the bytes on the wire that it has in most encodings: the largest goes first.
    /// MS-OXCPRPT 2.2.3.2: R643
    /// MS-OXCPRPT 3.2.5.2: R471
    fn all_values_are_told_as_far_as_there_is_room(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let message = new_message(&mut client);
        client.set(message, tags::COMMENT, "x".repeat(8_000).as_str()).expect("set");
        client.set(message, tags::SUBJECT, "y".repeat(7_000).as_str()).expect("set");
        client.set(message, tags::BODY, "z".repeat(7_500).as_str()).expect("set");
        let values = all(&mut client, message, 1).expect("all values");
        let value = |tag: PropertyTag| {
            values.iter().find(|v| v.tag.id() == tag.id()).map(|v| v.value.clone())
        };
        let too_large = Some(PropertyValue::ErrorCode(ErrorCode::OUT_OF_MEMORY));
        assert_eq!(value(tags::COMMENT), too_large);
        assert_eq!(value(tags::BODY), too_large);
        assert_eq!(value(tags::SUBJECT), Some("y".repeat(7_000).as_str().into()));
        Ok(())
    }

    /// MS-OXCPRPT 2.2.2.1: R62
    /// MS-OXCPRPT 3.2.5.1: R90701
    /// MS-OXCPRPT 6: R9070101, R9070102, R90707
    fn values_are_limited_by_the_answer_and_not_by_the_field_for_it(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let message = new_message(&mut client);
        let (long, tag) = ("x".repeat(100), tags::COMPANY_NAME);
        client.set(message, tag, long.as_str()).expect("set");
        client.set(message, tags::SUBJECT, "short").expect("set");
        let asked = [tag, tags::SUBJECT];
        for size_limit in [0, 1, 50, u16::MAX] {
            let cells = get(&mut client, message, size_limit, 1, &asked).expect("a row");
            assert_eq!(cells, [Ok(long.as_str().into()), Ok("short".into())], "{size_limit}");
            let request = GetPropertiesAllRequest { size_limit, want_unicode: 1 };
            let all = match client.call(message, RopRequest::GetPropertiesAll(request))? {
                RopResponse::GetPropertiesAll(answer) => answer.values.items,
                other => panic!("{other:?}"),
            };
            assert!(all.contains(&TaggedValue::new(tag, long.as_str())), "{size_limit}");
        }
        // What the answer has no room for is an error in its place, and the rest is there.
        client.set(message, tag, "x".repeat(16_000).as_str()).expect("set");
        let cells = get(&mut client, message, 0, 1, &asked).expect("a row");
        assert_eq!(cells, [Err(ErrorCode::OUT_OF_MEMORY), Ok("short".into())]);
        Ok(())
    }

    /// MS-OXCPRPT 2.2.3: R78
    /// MS-OXCPRPT 2.2.4: R95
    /// MS-OXCPRPT 3.2.5.2: R471
    /// MS-OXCPRPT 3.2.5.3: R472
    /// MS-OXCPRPT 2.2.3.1
    fn all_properties_and_their_list(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        for object in objects(&mut client) {
            client.set(object, tags::COMPANY_NAME, "comment").expect("set");
            let tags = list(&mut client, object).expect("a list");
            assert!(tags.contains(&tags::COMPANY_NAME));
            let values = all(&mut client, object, 1).expect("values");
            let comment = values.iter().find(|v| v.tag == tags::COMPANY_NAME).expect("the comment");
            assert_eq!(comment.value, "comment".into());
            let eight = all(&mut client, object, 0).expect("values");
            let comment = eight.iter().find(|v| v.tag.id() == tags::COMPANY_NAME.id()).expect("one");
            let bytes = PropertyValue::String8(String8(b"comment".to_vec()));
            assert_eq!(comment.value, bytes);
            delete(&mut client, object, &[tags::COMPANY_NAME]).expect("deleted");
            let tags = list(&mut client, object).expect("a list");
            assert!(!tags.contains(&tags::COMPANY_NAME));
        }
        Ok(())
    }

    /// MS-OXCPRPT 2.2.5: R101, R10201
    /// MS-OXCPRPT 3.2.5.4: R475, R47505
    /// MS-OXCPRPT 2.2.5.2
    fn what_cannot_be_set_is_told_and_the_rest_is_set(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let message = new_message(&mut client);
        let values = vec![
            TaggedValue::new(tags::SUBJECT, "subject"),
            TaggedValue::new(tags::ENTRY_ID, vec![1u8]),
            TaggedValue::new(tags::COMPANY_NAME, "comment"),
        ];
        let body = SetPropertiesRequest { values: SizedValues(values) };
        let RopResponse::SetProperties(answer) =
            client.call(message, RopRequest::SetProperties(body)).expect("an answer")
        else {
            panic!("the answer of another ROP");
        };
        let refused = PropertyProblem { index: 1, tag: tags::ENTRY_ID, error: ErrorCode::COMPUTED };
        assert_eq!(answer.problems.items, [refused]);
        assert_eq!(client.get(message, tags::SUBJECT), Ok("subject".into()));
        assert_eq!(client.get(message, tags::COMPANY_NAME), Ok("comment".into()));
        Ok(())
    }

    /// MS-OXCPRPT 3.2.5.4: R476, R478, R480, R846, R847
    fn set_properties_are_stored_when_their_object_is(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let mut second = rig.client(ME)?;
        let [_, _, folder, logon] = objects(&mut client);
        let seen = second.open_folder(INBOX).expect("the inbox");
        client.set(folder, tags::COMPANY_NAME, "now").expect("set");
        client.set(logon, tags::COMPANY_NAME, "now").expect("set");
        assert_eq!(second.get(seen, tags::COMPANY_NAME), Ok("now".into()));
        assert_eq!(second.get(second.logon, tags::COMPANY_NAME), Ok("now".into()));
        let message = new_message(&mut client);
        let message = reopen(&mut client, message);
        let (attachment, number) = new_attachment(&mut client, message);
        client.set(message, tags::COMPANY_NAME, "later").expect("set");
        client.set(attachment, tags::COMPANY_NAME, "later").expect("set");
        assert_eq!(client.get(message, tags::COMPANY_NAME), Ok("later".into()));
        assert_eq!(client.get(attachment, tags::COMPANY_NAME), Ok("later".into()));
        save_attachment(&mut client, attachment, message);
        let PropertyValue::Integer64(id) = client.get(message, tags::MID).expect("an id") else {
            panic!("an id is a number");
        };
        let id = mapi::MessageId::from_i64(id);
        let mut look = || {
            let message =
                second.open_message(INBOX, id, OpenMessageFlags::NONE).expect("the message");
            let comment = second.get(message, tags::COMPANY_NAME);
            (comment, open_attachment(&mut second, message, number).is_ok())
        };
        assert_eq!(look(), (Err(ErrorCode::NOT_FOUND), false));
        client.save(message, SaveFlags::NONE).expect("a save");
        assert_eq!(look(), (Ok("later".into()), true));
        Ok(())
    }

    /// MS-OXCPRPT 2.2.7: R113, R11401
    /// MS-OXCPRPT 3.2.5.5: R486, R48405
    /// MS-OXCPRPT 2.2.7.2
    fn deleted_properties_have_no_value(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        for object in objects(&mut client) {
            client.set(object, tags::COMPANY_NAME, "comment").expect("set");
            assert_eq!(delete(&mut client, object, &[tags::COMPANY_NAME]), Ok(vec![]));
            assert_eq!(client.get(object, tags::COMPANY_NAME), Err(ErrorCode::NOT_FOUND));
        }
        let message = new_message(&mut client);
        let problems = delete(&mut client, message, &[tags::COMPANY_NAME, tags::ACCESS]);
        let refused = PropertyProblem { index: 1, tag: tags::ACCESS, error: ErrorCode::COMPUTED };
        assert_eq!(problems, Ok(vec![refused]));
        Ok(())
    }
}
