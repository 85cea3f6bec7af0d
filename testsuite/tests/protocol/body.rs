//! [MS-OXBBODY], and of [MS-OXCMSG] what it says of bodies: whatever a client has written, any format can be
//! read. [MS-OXBBODY] has no table of requirements; its sections are cited in comments.

use formats::text::rtf;
use mapi::wire::Counted;
use mapi::{ErrorCode, PropertyTag, PropertyType, PropertyValue, TaggedValue, tags};
use mapi_rop::irregular::ReadStreamRequest;
use mapi_rop::message::{
    LOGON_CODE_PAGE, OpenEmbeddedMessageRequest, OpenMessageFlags, SaveChangesRequest, SaveFlags,
};
use mapi_rop::property::{
    DeletePropertiesRequest, GetPropertiesAllRequest, GetPropertiesSpecificRequest,
};
use mapi_rop::stream::{OpenStreamRequest, StreamMode, WriteStreamRequest};
use mapi_rop::{Empty, Handle, RopRequest, RopResponse};
use store::SpecialFolder;
use testsuite::on_both;
use testsuite::raw::{Answer, Client};
use testsuite::rig::ME;

const HTML: &str = "<html><body><p>One &amp; <b>two</b></p><ul><li>caf\u{e9}</ul></body></html>";
const HTML_AS_TEXT: &str = "One & two\r\n\r\n* caf\u{e9}\r\n";

fn message(client: &mut Client, values: &[TaggedValue]) -> Handle {
    let folder = SpecialFolder::Inbox.id();
    let message = client.create_message(folder, false).expect("a message");
    client.set_all(message, values).expect("values");
    let id = client.save(message, SaveFlags::NONE).expect("a save");
    client.release(message);
    client.open_message(folder, id, OpenMessageFlags::READ_WRITE).expect("the message")
}

fn html_message(client: &mut Client) -> Handle {
    // As a client writes it: bytes in a code page.
    let html: Vec<u8> = HTML.chars().map(|c| c as u8).collect();
    let values =
        [TaggedValue::new(tags::HTML, html), TaggedValue::new(tags::INTERNET_CODEPAGE, 28591)];
    message(client, &values)
}

fn text(client: &mut Client, message: Handle) -> Answer<String> {
    match client.get(message, tags::BODY)? {
        PropertyValue::String(text) => Ok(text.to_string_lossy().into()),
        other => panic!("{other:?}"),
    }
}

fn bytes(client: &mut Client, message: Handle, tag: PropertyTag) -> Answer<Vec<u8>> {
    match client.get(message, tag)? {
        PropertyValue::Binary(bytes) => Ok(bytes),
        other => panic!("{other:?}"),
    }
}

/// The RTF of a message's PidTagRtfCompressed.
fn document(client: &mut Client, message: Handle) -> Vec<u8> {
    let compressed = bytes(client, message, tags::RTF_COMPRESSED).expect("rich text");
    rtf::decompress(&compressed).expect("compressed RTF")
}

/// PidTagNativeBody as it is told beside other properties.
fn native_among(client: &mut Client, message: Handle, others: &[PropertyTag]) -> i32 {
    let mut asked = vec![tags::NATIVE_BODY];
    asked.extend(others);
    let request =
        GetPropertiesSpecificRequest { size_limit: 0, want_unicode: 1, tags: Counted::from(asked) };
    match client.call(message, RopRequest::GetPropertiesSpecific(request)) {
        Ok(RopResponse::GetPropertiesSpecific(answer)) => {
            answer.row.value(0).and_then(PropertyValue::as_i32).expect("a number")
        }
        other => panic!("{other:?}"),
    }
}

fn open_stream(
    client: &mut Client,
    message: Handle,
    tag: PropertyTag,
    mode: StreamMode,
) -> Answer<Handle> {
    client.open(message, RopRequest::OpenStream(OpenStreamRequest { tag, mode }))
}

fn write(client: &mut Client, stream: Handle, written: &[u8]) {
    for piece in written.chunks(16 << 10) {
        let data = piece.to_vec().into();
        let body = RopRequest::WriteStream(WriteStreamRequest { data });
        client.call(stream, body).expect("a write");
    }
}

fn read_all(client: &mut Client, stream: Handle) -> Vec<u8> {
    let mut all = Vec::new();
    // More than any body here is long.
    for _ in 0..200 {
        let request = ReadStreamRequest::Count(16 << 10);
        match client.call(stream, RopRequest::ReadStream(request)) {
            Ok(RopResponse::ReadStream(answer)) => {
                let piece: &[u8] = &answer.data.bytes;
                if piece.is_empty() {
                    return all;
                }
                all.extend_from_slice(piece);
            }
            other => panic!("{other:?}"),
        }
    }
    panic!("a stream without an end");
}

on_both! {
    // [MS-OXBBODY] 2.1.3.1: all three formats of a message whose body is HTML.
    /// MS-OXCMSG 2.2.1.58: R2050, R2051
    /// MS-OXCMSG 3.2.4.1: R1463, R1464
    fn html_is_read_as_text_and_as_rtf(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let message = html_message(&mut client);
        assert_eq!(text(&mut client, message).as_deref(), Ok(HTML_AS_TEXT));
        let document = document(&mut client, message);
        let inside = rtf::de_encapsulate(&document);
        assert_eq!(inside, Some(rtf::Encapsulated::Html(HTML.into())));
        // HTML comes before rich text that only follows it.
        assert_eq!(client.get(message, tags::RTF_IN_SYNC), Ok(false.into()));
        Ok(())
    }

    // [MS-OXRTFEX] 2.1.3.3.2: text that rich text encapsulates.
    /// MS-OXCMSG 2.2.1.58.1: R2052, R2053
    /// MS-OXCMSG 2.2.1.58.4: R2065, R2066
    /// MS-OXCMSG 2.2.1.58.5: R2067
    fn text_is_read_as_html_and_as_rtf(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let written = "One <two>\r\n\r\n  caf\u{e9} http://a.example/\r\n";
        let message = message(&mut client, &[TaggedValue::new(tags::BODY, written)]);
        assert_eq!(text(&mut client, message).as_deref(), Ok(written));
        let html = String::from_utf8(bytes(&mut client, message, tags::HTML).expect("HTML"))?;
        for part in [
            "charset=utf-8",
            "One &lt;two&gt;<br>\r\n<br>\r\n&nbsp;&nbsp;caf\u{e9} ",
            "<a href=\"http://a.example/\">http://a.example/</a>",
        ] {
            assert!(html.contains(part), "{part} in {html}");
        }
        let inside = rtf::de_encapsulate(&document(&mut client, message));
        assert_eq!(inside, Some(rtf::Encapsulated::Text(written.into())));
        assert_eq!(client.get(message, tags::RTF_IN_SYNC), Ok(true.into()));
        Ok(())
    }

    // [MS-OXRTFCP] 2.1.3: both kinds of compression are read.
    /// MS-OXCMSG 2.2.1.58.4: R2066
    /// MS-OXCMSG 3.2.4.1: R1463
    fn rtf_is_read_as_text_and_as_html(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let written = br"{\rtf1\ansi\ansicpg1251{\fonttbl{\f0 Arial;}}\cf0 One {\b \'e4\'e2\'e0}\par three}";
        for value in [rtf::compress(written), rtf::store(written)] {
            let message =
                message(&mut client, &[TaggedValue::new(tags::RTF_COMPRESSED, value.clone())]);
            let two = "\u{434}\u{432}\u{430}";
            assert_eq!(text(&mut client, message), Ok(format!("One {two}\r\nthree\r\n")));
            let html = String::from_utf8(bytes(&mut client, message, tags::HTML).expect("HTML"))?;
            assert!(html.contains(&format!("One <b>{two}</b>")), "{html}");
            assert_eq!(bytes(&mut client, message, tags::RTF_COMPRESSED), Ok(value));
            assert_eq!(client.get(message, tags::RTF_IN_SYNC), Ok(true.into()));
        }
        Ok(())
    }

    // [MS-OXRTFEX] 2.1.3.2: HTML that rich text encapsulates comes out as it was.
    /// MS-OXCMSG 2.2.1.58.9: R2081, R2082
    fn encapsulated_html_is_read(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let document = rtf::from_html(HTML).expect("a small document");
        let value = TaggedValue::new(tags::RTF_COMPRESSED, rtf::compress(&document));
        let message = message(&mut client, &[value]);
        assert_eq!(bytes(&mut client, message, tags::HTML).as_deref(), Ok(HTML.as_bytes()));
        assert_eq!(text(&mut client, message).as_deref(), Ok(HTML_AS_TEXT));
        Ok(())
    }

    // [MS-OXBBODY] 2.1.3.1, step 1: the best of what is asked for.
    /// MS-OXCMSG 2.2.1.58.2: R2055, R2056, R2057, R2058
    /// MS-OXCMSG 6: R1714
    fn the_native_body_is_told(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let all = [tags::BODY, tags::RTF_COMPRESSED, tags::HTML, tags::RTF_IN_SYNC];
        let none = message(&mut client, &[]);
        assert_eq!(native_among(&mut client, none, &all), 0);
        let html = html_message(&mut client);
        for (asked, native) in [
            (&all[..], 3),
            (&[], 3),
            (&[tags::BODY], 1),
            (&[tags::BODY, tags::RTF_COMPRESSED], 2),
            (&[tags::BODY, tags::BODY_HTML], 3),
        ] {
            assert_eq!(native_among(&mut client, html, asked), native, "{asked:?}");
        }
        Ok(())
    }

    /// MS-OXCMSG 2.2.1.58.2: R2059, R2060, R2061, R2062
    fn the_native_body_is_what_was_written(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let rtf = rtf::compress(br"{\rtf1 x}");
        let body = TaggedValue::new(tags::BODY, "x");
        for (values, native) in [
            (vec![body.clone()], 1),
            (vec![TaggedValue::new(tags::RTF_COMPRESSED, rtf)], 2),
            (vec![TaggedValue::new(tags::HTML, b"<p>x".to_vec())], 3),
            (vec![TaggedValue::new(tags::HTML, b"<p>x".to_vec()), body.clone()], 3),
            // The signed body stands in an attachment.
            (vec![body, TaggedValue::new(tags::NATIVE_BODY, 4)], 4),
        ] {
            let message = message(&mut client, &values);
            let all = [tags::BODY, tags::RTF_COMPRESSED, tags::HTML];
            assert_eq!(native_among(&mut client, message, &all), native, "{values:?}");
        }
        Ok(())
    }

    /// MS-OXCMSG 2.2.1.58.3: R2063, R2064
    /// MS-OXCMSG 2.2.1.58.6: R2070
    fn html_has_the_code_page_of_its_message(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let html = html_message(&mut client);
        // The same body as text of PidTagBodyHtml, and as the bytes that were written.
        assert_eq!(client.get(html, tags::BODY_HTML), Ok(HTML.into()));
        let written = bytes(&mut client, html, tags::HTML).expect("HTML");
        assert!(written.windows(4).any(|part| part == b"caf\xe9"));
        // What the code page lacks is a character reference.
        let values = [
            TaggedValue::new(tags::BODY, "\u{431}\u{20ac}\u{e9}"),
            TaggedValue::new(tags::INTERNET_CODEPAGE, 1251),
        ];
        let message = message(&mut client, &values);
        let made = bytes(&mut client, message, tags::HTML).expect("HTML");
        let made: String = made.iter().map(|byte| char::from(*byte)).collect();
        assert!(made.contains("charset=windows-1251"), "{made}");
        assert!(made.contains("\u{e1}\u{88}&#233;"), "{made}");
        Ok(())
    }

    // [MS-OXBBODY] 2.1.3.1: there is one best body.
    /// MS-OXCMSG 2.2.1.58: R2051
    fn a_body_that_is_written_replaces_the_others(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let message = html_message(&mut client);
        client.set(message, tags::BODY, "new").expect("a new text");
        let html = bytes(&mut client, message, tags::HTML).expect("HTML");
        assert!(!html.windows(5).any(|part| part == b"<ul>"), "the HTML is the new text's");
        assert!(html.windows(5).any(|part| part == b"\r\nnew"));
        assert_eq!(native_among(&mut client, message, &[]), 1);
        // By a stream, too.
        let tag = tags::RTF_COMPRESSED;
        let stream = open_stream(&mut client, message, tag, StreamMode::Create).expect("a stream");
        write(&mut client, stream, &rtf::compress(br"{\rtf1\ansi newer}"));
        client.call(stream, RopRequest::CommitStream(Empty)).expect("a commit");
        client.release(stream);
        assert_eq!(text(&mut client, message).as_deref(), Ok("newer\r\n"));
        assert_eq!(native_among(&mut client, message, &[]), 2);
        // What is written together stands together.
        let values = [
            TaggedValue::new(tags::BODY, "other words"),
            TaggedValue::new(tags::HTML, b"<p>newest".to_vec()),
        ];
        client.set_all(message, &values).expect("bodies");
        assert_eq!(text(&mut client, message).as_deref(), Ok("other words"));
        assert_eq!(bytes(&mut client, message, tags::HTML).as_deref(), Ok(&b"<p>newest"[..]));
        let inside = rtf::de_encapsulate(&document(&mut client, message));
        assert_eq!(inside, Some(rtf::Encapsulated::Html("<p>newest".into())));
        // And what is deleted is read from what is left.
        let tags = Counted::from(vec![tags::HTML]);
        let body = RopRequest::DeleteProperties(DeletePropertiesRequest { tags });
        client.call(message, body).expect("a deletion");
        assert_eq!(native_among(&mut client, message, &[]), 1);
        let html = bytes(&mut client, message, mapi::tags::HTML).expect("HTML");
        assert!(html.windows(11).any(|part| part == b"other words"));
        Ok(())
    }

    /// MS-OXCMSG 3.2.4.1: R1463
    fn all_properties_tell_of_every_format(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let told = [
            tags::RTF_IN_SYNC,
            tags::BODY,
            tags::RTF_COMPRESSED,
            tags::HTML,
            tags::NATIVE_BODY,
            tags::INTERNET_CODEPAGE,
        ];
        let list = |client: &mut Client, message| {
            match client.call(message, RopRequest::GetPropertiesList(Empty)) {
                Ok(RopResponse::GetPropertiesList(list)) => list.tags.items,
                other => panic!("{other:?}"),
            }
        };
        let none = message(&mut client, &[]);
        let listed = list(&mut client, none);
        assert!(told.iter().all(|tag| !listed.contains(tag)), "{listed:?}");
        let text = message(&mut client, &[TaggedValue::new(tags::BODY, "one")]);
        let listed = list(&mut client, text);
        assert!(told.iter().all(|tag| listed.contains(tag)), "{listed:?}");
        let request = GetPropertiesAllRequest { size_limit: 0, want_unicode: 1 };
        let values = match client.call(text, RopRequest::GetPropertiesAll(request)) {
            Ok(RopResponse::GetPropertiesAll(answer)) => answer.values.items,
            other => panic!("{other:?}"),
        };
        let value = |tag: PropertyTag| values.iter().find(|v| v.tag == tag).map(|v| &v.value);
        assert_eq!(value(tags::BODY), Some(&"one".into()));
        assert_eq!(value(tags::NATIVE_BODY), Some(&1.into()));
        assert_eq!(value(tags::INTERNET_CODEPAGE), Some(&65001.into()));
        assert!(matches!(value(tags::HTML), Some(PropertyValue::Binary(html)) if html.len() > 50));
        assert!(matches!(value(tags::RTF_COMPRESSED), Some(PropertyValue::Binary(_))));
        Ok(())
    }

    // A large body: NotEnoughMemory in the row, and the whole by a stream ([MS-OXBBODY] 2.1.3.1).
    /// MS-OXCMSG 3.2.4.1: R1463
    fn a_large_body_comes_by_a_stream(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let message = message(&mut client, &[]);
        let stream =
            open_stream(&mut client, message, tags::HTML, StreamMode::Create).expect("a stream");
        let line = "<p>A line of a long message.</p>";
        write(&mut client, stream, line.repeat(20_000).as_bytes());
        client.call(stream, RopRequest::CommitStream(Empty)).expect("a commit");
        client.release(stream);
        for tag in [tags::BODY, tags::HTML, tags::RTF_COMPRESSED] {
            assert_eq!(client.get(message, tag), Err(ErrorCode::OUT_OF_MEMORY), "{tag:?}");
        }
        let stream =
            open_stream(&mut client, message, tags::BODY, StreamMode::ReadOnly).expect("a stream");
        let text = read_all(&mut client, stream);
        let first: Vec<u8> =
            "A line of a long message.\r\n\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert!(text.starts_with(&first));
        assert_eq!(text.len(), first.len() * 20_000 - 4);
        let stream = open_stream(&mut client, message, tags::RTF_COMPRESSED, StreamMode::BestAccess)
            .expect("a stream");
        let document = rtf::decompress(&read_all(&mut client, stream))?;
        let inside = rtf::de_encapsulate(&document);
        assert_eq!(inside, Some(rtf::Encapsulated::Html(line.repeat(20_000))));
        Ok(())
    }

    /// MS-OXCMSG 2.2.1.58.1: R2052
    /// MS-OXCMSG 2.2.1.58.3: R2063
    fn streams_have_the_type_that_is_asked_for(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let message = html_message(&mut client);
        let utf16 = |text: &str| -> Vec<u8> {
            text.encode_utf16().flat_map(u16::to_le_bytes).collect()
        };
        for (tag, expected) in [
            (tags::BODY, utf16(HTML_AS_TEXT)),
            (tags::BODY_HTML, utf16(HTML)),
            (
                tags::BODY.with_type(PropertyType::STRING8),
                HTML_AS_TEXT.chars().map(|c| c as u8).collect(),
            ),
        ] {
            let stream =
                open_stream(&mut client, message, tag, StreamMode::ReadOnly).expect("a stream");
            assert_eq!(read_all(&mut client, stream), expected, "{tag:?}");
        }
        let wrong = tags::BODY.with_type(PropertyType::BINARY);
        let refused = open_stream(&mut client, message, wrong, StreamMode::ReadOnly);
        assert_eq!(refused, Err(ErrorCode::NOT_FOUND));
        Ok(())
    }

    /// MS-OXCMSG 3.2.4.1: R1463
    fn damaged_rich_text_fails_alone(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let mut damaged = rtf::compress(br"{\rtf1 words}");
        let last = damaged.len() - 1;
        damaged[last] ^= 1;
        let values = [
            TaggedValue::new(tags::RTF_COMPRESSED, damaged.clone()),
            TaggedValue::new(tags::SUBJECT, "s"),
        ];
        let message = message(&mut client, &values);
        assert_eq!(text(&mut client, message), Err(ErrorCode::CORRUPT_DATA));
        assert_eq!(bytes(&mut client, message, tags::RTF_COMPRESSED), Ok(damaged));
        let stream = open_stream(&mut client, message, tags::BODY, StreamMode::ReadOnly);
        assert_eq!(stream, Err(ErrorCode::CORRUPT_DATA));
        assert_eq!(client.get(message, tags::SUBJECT), Ok("s".into()));
        Ok(())
    }

    /// MS-OXCMSG 3.2.4.1: R1463
    fn an_embedded_message_has_bodies_too(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let outer = message(&mut client, &[]);
        let attachment =
            client.open(outer, RopRequest::CreateAttachment(Empty)).expect("an attachment");
        client.set(attachment, tags::ATTACH_METHOD, 5).expect("a method");
        let request = OpenEmbeddedMessageRequest {
            code_page: LOGON_CODE_PAGE,
            flags: OpenMessageFlags::CREATE,
        };
        let embedded = client
            .open(attachment, RopRequest::OpenEmbeddedMessage(request))
            .expect("an embedded message");
        client.set(embedded, tags::HTML, HTML.as_bytes().to_vec()).expect("HTML");
        assert_eq!(text(&mut client, embedded).as_deref(), Ok(HTML_AS_TEXT));
        let flags = SaveFlags::KEEP_OPEN_READ_WRITE;
        let body = RopRequest::SaveChangesMessage(SaveChangesRequest { flags });
        client.call_two(embedded, attachment, body).expect("a save");
        assert_eq!(native_among(&mut client, embedded, &[]), 3);
        let inside = rtf::de_encapsulate(&document(&mut client, embedded));
        assert_eq!(inside, Some(rtf::Encapsulated::Html(HTML.into())));
        Ok(())
    }
}
