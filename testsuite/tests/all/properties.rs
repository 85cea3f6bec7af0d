//! Properties by tag and by name, of any size.

use mapi::row::TaggedValue;
use mapi::{
    ErrorCode, FileTime, Guid, PropertyName, PropertyTag, PropertyType, PropertyValue, names, tags,
};
use mapi_session::MapiProp;

use testsuite::on_both;
use testsuite::rig::{DELEGATE, ME};

on_both! {
    fn values_of_all_types_come_back(rig: &Rig) -> Result {
        let inbox = rig.inbox()?;
        let message = inbox.create_message()?;
        let values = [
            PropertyValue::Integer16(-3),
            PropertyValue::Integer32(70_000),
            PropertyValue::Integer64(1 << 40),
            PropertyValue::Floating64(0.5),
            PropertyValue::Currency(12_345),
            PropertyValue::Boolean(true),
            PropertyValue::String("Ünïcode \u{1f600}".into()),
            PropertyValue::Time(FileTime(133_000_000_000_000_000)),
            PropertyValue::Guid(Guid::random()),
            PropertyValue::Binary(vec![0, 255, 1]),
            PropertyValue::MultipleInteger32(vec![1, 2, 3]),
            PropertyValue::MultipleString(vec!["a".into(), "".into()]),
            PropertyValue::MultipleBinary(vec![vec![], vec![1]]),
        ];
        let tagged: Vec<TaggedValue> = values
            .iter()
            .enumerate()
            .map(|(n, value)| {
                let tag = PropertyTag::from_parts(0x6b00 + n as u16, value.property_type());
                TaggedValue { tag, value: value.clone() }
            })
            .collect();
        assert_eq!(message.set_properties(tagged.clone())?, []);
        let id = message.save()?;
        let again = inbox.open_message(id)?;
        for TaggedValue { tag, value } in &tagged {
            assert_eq!(again.property(*tag)?.as_ref(), Some(value), "{tag:?}");
        }
        let list = again.property_list()?;
        assert!(tagged.iter().all(|tagged| list.contains(&tagged.tag)));
        let all = again.all_properties()?;
        assert!(tagged.iter().all(|tagged| all.get(tagged.tag) == Some(&tagged.value)));

        assert_eq!(again.delete_properties(&[tagged[0].tag])?, []);
        assert_eq!(again.property(tagged[0].tag)?, None);
        let row = again.properties(&[tagged[0].tag, tagged[1].tag])?;
        assert_eq!(row.error(tagged[0].tag), Some(ErrorCode::NOT_FOUND));
        assert_eq!(row.integer(tagged[1].tag), Some(70_000));
        Ok(())
    }

    fn large_values_need_no_thought(rig: &Rig) -> Result {
        let inbox = rig.inbox()?;
        let message = inbox.create_message()?;
        let body = "x".repeat(300_000);
        let bytes = vec![b'y'; 500_000];
        let tag = PropertyTag::from_parts(0x6b10, PropertyType::BINARY);
        let values = vec![
            TaggedValue::new(tags::SUBJECT, "large"),
            TaggedValue::new(tags::BODY, body.as_str()),
            TaggedValue::new(tag, bytes.clone()),
        ];
        assert_eq!(message.set_properties(values)?, []);
        let id = message.save()?;
        let again = inbox.open_message(id)?;
        assert_eq!(again.text(tags::BODY)?, Some(body));
        assert_eq!(again.property(tag)?, Some(PropertyValue::Binary(bytes)));
        // In one answer with others it says that it does not fit.
        let row = again.properties(&[tags::SUBJECT, tags::BODY])?;
        assert_eq!(row.text(tags::SUBJECT).as_deref(), Some("large"));
        assert_eq!(row.error(tags::BODY), Some(ErrorCode::OUT_OF_MEMORY));
        Ok(())
    }

    fn a_hundred_small_values_travel_in_pieces(rig: &Rig) -> Result {
        let message = rig.inbox()?.create_message()?;
        let tag = |n: u16| PropertyTag::from_parts(0x7000 + n, PropertyType::BINARY);
        let values = (0..100).map(|n| TaggedValue::new(tag(n), vec![n as u8; 2000])).collect();
        assert_eq!(message.set_properties(values)?, []);
        for n in [0, 50, 99] {
            assert_eq!(message.property(tag(n))?, Some(vec![n as u8; 2000].into()));
        }
        Ok(())
    }

    fn named_properties_have_ids_of_the_mailbox(rig: &Rig) -> Result {
        let store = rig.store_of(ME)?;
        let inbox = store.inbox()?;
        let message = inbox.create_message()?;
        let by_id = PropertyName::id(names::PSETID_COMMON, 0x8506);
        let by_name = PropertyName::string(names::PSETID_APPOINTMENT, "X-Test");
        message.set_named(&by_id, true)?;
        message.set_named(&by_name, "named")?;
        assert_eq!(message.named(&PropertyName::string(Guid::random(), "nobody"))?, None);
        let id = message.save()?;
        let again = inbox.open_message(id)?;
        assert_eq!(again.named(&by_id)?, Some(true.into()));
        assert_eq!(again.named(&by_name)?, Some("named".into()));
        let both = [by_id, by_name];
        let ids = again.property_ids(&both, false)?;
        let ids: Vec<u16> = ids.into_iter().collect::<Option<_>>().ok_or("unknown names")?;
        assert!(ids.iter().all(|id| *id >= 0x8000));
        let told = again.property_names(&ids)?;
        let mut of_message = again.named_properties()?;
        of_message.sort();
        assert_eq!(of_message.len(), 2);
        assert!(of_message.iter().all(|(id, name)| ids.contains(id) && both.contains(name)));
        assert_eq!(told, both.clone().map(Some));
        // Another mailbox knows nothing of them.
        let other = rig.store_of(DELEGATE)?.inbox()?;
        assert_eq!(other.property_ids(&both, false)?, [None, None]);
        Ok(())
    }

    fn a_property_that_cannot_be_set_is_told(rig: &Rig) -> Result {
        let message = rig.inbox()?.create_message()?;
        let refused = message.set(tags::ENTRY_ID, vec![1, 2, 3]).expect_err("computed");
        assert!(refused.code().is_some());
        let values = vec![
            TaggedValue::new(tags::SUBJECT, "kept"),
            TaggedValue::new(tags::ENTRY_ID, vec![1]),
        ];
        let problems = message.set_properties(values)?;
        assert_eq!(problems.len(), 1);
        assert_eq!((problems[0].index, problems[0].tag.id()), (1, tags::ENTRY_ID.id()));
        assert_eq!(message.text(tags::SUBJECT)?.as_deref(), Some("kept"));
        Ok(())
    }
}
