//! Attachments, embedded messages, streams.

use std::io::{Read, Seek, SeekFrom, Write};

use mapi::{ErrorCode, tags};
use mapi_session::{MapiProp, RecipientKind};

use testsuite::on_both;
use testsuite::rig::ME;

const BY_VALUE: i32 = 1;
const EMBEDDED: i32 = 5;

on_both! {
    fn attachments_are_part_of_the_message_after_both_saves(rig: &Rig) -> Result {
        let inbox = rig.inbox()?;
        let message = inbox.create_message()?;
        for (name, content) in [("one.txt", b"1".as_slice()), ("two.bin", &[7; 100_000])] {
            let attachment = message.create_attachment()?;
            attachment.set(tags::ATTACH_METHOD, BY_VALUE)?;
            attachment.set(tags::ATTACH_LONG_FILENAME, name)?;
            attachment.create_stream(tags::ATTACH_DATA_BINARY)?.write_all(content)?;
            let mut stream = attachment.create_stream(tags::ATTACH_DATA_BINARY)?;
            stream.write_all(content)?;
            stream.commit()?;
            attachment.save()?;
        }
        // Never saved, so never there.
        drop(message.create_attachment()?);
        let id = message.save()?;

        let again = inbox.open_message(id)?;
        let table = again.attachment_table()?.with_columns(&[
            tags::ATTACH_NUMBER,
            tags::ATTACH_LONG_FILENAME,
            tags::ATTACH_SIZE,
        ])?;
        let rows = table.query_rows(10)?;
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[1].text(tags::ATTACH_LONG_FILENAME).as_deref(), Some("two.bin"));
        assert!(rows[1].integer(tags::ATTACH_SIZE) >= Some(100_000));
        assert_eq!(again.property(tags::HAS_ATTACHMENTS)?, Some(true.into()));
        let number = rows[1].integer(tags::ATTACH_NUMBER).ok_or("no number")? as u32;
        let attachment = again.open_attachment(number)?;
        let data = attachment.property(tags::ATTACH_DATA_BINARY)?.ok_or("no data")?;
        assert_eq!(data.as_binary(), Some([7; 100_000].as_slice()));

        again.delete_attachment(number)?;
        again.save()?;
        let left = inbox.open_message(id)?;
        assert_eq!(left.attachment_table()?.row_count()?, 1);
        assert_eq!(left.open_attachment(number).expect_err("deleted").code(), Some(ErrorCode::NOT_FOUND));
        Ok(())
    }

    fn messages_nest(rig: &Rig) -> Result {
        let inbox = rig.inbox()?;
        let outer = inbox.create_message()?;
        outer.set(tags::SUBJECT, "outer")?;
        let attachment = outer.create_attachment()?;
        attachment.set(tags::ATTACH_METHOD, EMBEDDED)?;
        let inner = attachment.create_message()?;
        inner.set(tags::SUBJECT, "inner")?;
        inner.add_recipient(RecipientKind::To, "in@example.test", "In")?;
        let nested = inner.create_attachment()?;
        nested.set(tags::ATTACH_METHOD, BY_VALUE)?;
        nested.set(tags::ATTACH_DATA_BINARY, b"deep".as_slice())?;
        nested.save()?;
        inner.save()?;
        attachment.save()?;
        let id = outer.save()?;
        drop((outer, attachment, inner, nested));

        let outer = inbox.open_message(id)?;
        let attachment = outer.open_attachment(0)?;
        let inner = attachment.open_message()?;
        drop((outer, attachment));
        assert_eq!(inner.text(tags::SUBJECT)?.as_deref(), Some("inner"));
        assert_eq!(inner.recipients()?[0].address, "in@example.test");
        assert_eq!((inner.id(), inner.entry_id()?), (None, None));
        let deep = inner.open_attachment(0)?.property(tags::ATTACH_DATA_BINARY)?;
        assert_eq!(deep.ok_or("no data")?.as_binary(), Some(b"deep".as_slice()));
        Ok(())
    }

    fn a_stream_reads_writes_and_seeks(rig: &Rig) -> Result {
        let inbox = rig.inbox()?;
        let message = inbox.create_message()?;
        let mut stream = message.create_stream(tags::HTML)?;
        let bytes: Vec<u8> = (0..200_000_u32).map(|n| (n / 7) as u8).collect();
        stream.write_all(&bytes)?;
        assert_eq!(stream.size()?, 200_000);
        stream.seek(SeekFrom::Start(100_000))?;
        let mut middle = [0; 10];
        stream.read_exact(&mut middle)?;
        assert_eq!(middle, bytes[100_000..100_010]);
        // What was read ahead does not move the place where is written.
        stream.write_all(b"here")?;
        assert_eq!(stream.stream_position()?, 100_014);
        stream.seek(SeekFrom::End(-3))?;
        let mut end = Vec::new();
        stream.read_to_end(&mut end)?;
        assert_eq!(end, bytes[199_997..]);
        stream.set_size(150_000)?;
        assert_eq!(stream.size()?, 150_000);
        stream.commit()?;
        drop(stream);
        let id = message.save()?;

        let mut expected = bytes[..150_000].to_vec();
        expected[100_010..100_014].copy_from_slice(b"here");
        let mut read = Vec::new();
        inbox.open_message(id)?.open_stream(tags::HTML)?.read_to_end(&mut read)?;
        assert!(read == expected);
        Ok(())
    }

    fn a_stream_is_copied_within_the_store(rig: &Rig) -> Result {
        let store = rig.store_of(ME)?;
        let inbox = store.inbox()?;
        let (from, to) = (inbox.create_message()?, inbox.create_message()?);
        let bytes: Vec<u8> = (0..150_000_u32).map(|n| (n % 251) as u8).collect();
        from.set(tags::HTML, bytes.as_slice())?;
        let mut source = from.open_stream(tags::HTML)?;
        let mut target = to.create_stream(tags::HTML)?;
        target.write_all(b"in front: ")?;
        source.seek(SeekFrom::Start(1000))?;
        assert_eq!(source.copy_to(&mut target, 100_000)?, 100_000);
        assert_eq!(source.copy_to(&mut target, u64::from(u32::MAX))?, 49_000);
        assert_eq!(target.size()?, 149_010);
        target.commit()?;
        let copied = to.property(tags::HTML)?.ok_or("nothing was copied")?;
        let expected = [b"in front: ".as_slice(), &bytes[1000..]].concat();
        assert!(copied.as_binary() == Some(expected.as_slice()));
        Ok(())
    }

    fn a_body_is_a_stream_of_utf_16(rig: &Rig) -> Result {
        let store = rig.store_of(ME)?;
        let message = store.inbox()?.create_message()?;
        let text = "Grüße, \u{1f600}! ".repeat(5000);
        message.set(tags::BODY, text.as_str())?;
        let mut bytes = Vec::new();
        message.open_stream(tags::BODY)?.read_to_end(&mut bytes)?;
        let units: Vec<u16> = text.encode_utf16().collect();
        assert_eq!(bytes.len() / 2, units.len());
        assert_eq!(message.text(tags::BODY)?, Some(text));
        let missing = message.open_stream(tags::COMMENT).expect_err("there is none");
        assert_eq!(missing.code(), Some(ErrorCode::NOT_FOUND));
        Ok(())
    }
}
