//! What was read is written and read again; and whatever the bytes are, reading ends.

mod common;

use formats::mbox::MboxReader;
use formats::mime;
use formats::text::{charsets, rtf};
use mapi::generated::tags;
use mapi::{AttachedContent, MessageContent, PropertyTag, PropertyValue};

fn corpus_messages() -> Vec<(String, Vec<u8>)> {
    let (corpus, _) = common::corpus();
    let mut messages = common::files(&corpus, "eml");
    for (name, bytes) in common::files(&corpus, "mbox") {
        for message in MboxReader::new(&bytes[..], 1 << 20) {
            messages.push((name.clone(), message.unwrap().bytes));
        }
    }
    messages
}

/// Two readings of a message agree in what a user sees.
fn assert_same(name: &str, first: &MessageContent, second: &MessageContent) {
    let text = |content: &MessageContent, tag: PropertyTag| {
        let text = content.properties.text(tag).unwrap_or_default();
        text.replace('\r', "").trim_end().to_owned()
    };
    for tag in [
        tags::SUBJECT,
        tags::SENDER_NAME,
        tags::SENDER_EMAIL_ADDRESS,
        tags::SENT_REPRESENTING_NAME,
        tags::SENT_REPRESENTING_EMAIL_ADDRESS,
        tags::DISPLAY_TO,
        tags::DISPLAY_CC,
        tags::DISPLAY_BCC,
        tags::INTERNET_MESSAGE_ID,
        tags::IN_REPLY_TO_ID,
        tags::INTERNET_REFERENCES,
        tags::REPLY_RECIPIENT_NAMES,
        tags::MESSAGE_CLASS,
        tags::BODY,
    ] {
        assert_eq!(text(second, tag), text(first, tag), "{name}: {tag:?}");
    }
    for tag in [tags::CLIENT_SUBMIT_TIME, tags::IMPORTANCE, tags::SENSITIVITY, tags::MESSAGE_FLAGS]
    {
        // Fields without a date get none; one that is written is the delivery's.
        if first.properties.get(tag).is_some() {
            assert_eq!(second.properties.get(tag), first.properties.get(tag), "{name}: {tag:?}");
        }
    }
    assert_eq!(html(second), html(first), "{name}: HTML");
    assert_eq!(second.recipients, first.recipients, "{name}");
    assert_eq!(second.attachments.len(), first.attachments.len(), "{name}: attachments");
    for (second, first) in second.attachments.iter().zip(&first.attachments) {
        for tag in [tags::ATTACH_LONG_FILENAME, tags::ATTACH_CONTENT_ID, tags::DISPLAY_NAME] {
            assert_eq!(second.properties.text(tag), first.properties.text(tag), "{name}: {tag:?}");
        }
        match (&second.content, &first.content) {
            (AttachedContent::Message(second), AttachedContent::Message(first)) => {
                assert_same(name, first, second);
            }
            (second, first) => assert_eq!(second, first, "{name}"),
        }
    }
}

fn html(content: &MessageContent) -> Option<String> {
    let bytes = content.properties.get(tags::HTML)?.as_binary()?;
    let page = content.properties.get(tags::INTERNET_CODEPAGE)?.as_i32()?;
    Some(charsets::decode(page as u32, bytes).replace('\r', "").trim_end().to_owned())
}

/// As a message is that never was MIME: nothing of the bytes, nothing of the header.
fn without_mime(mut content: MessageContent) -> MessageContent {
    content.mime = None;
    content.properties.remove(tags::TRANSPORT_MESSAGE_HEADERS);
    for attachment in &mut content.attachments {
        if let AttachedContent::Message(message) = &mut attachment.content {
            let inner = without_mime(std::mem::take(message.as_mut()));
            **message = inner;
        }
    }
    content
}

#[test]
fn the_received_bytes_come_back() {
    for (name, bytes) in corpus_messages() {
        assert_eq!(mime::write(&mime::read(&bytes).unwrap()), bytes, "{name}");
    }
}

#[test]
fn generated_messages_read_back() {
    for (name, bytes) in corpus_messages() {
        let first = without_mime(mime::read(&bytes).unwrap());
        let written = mime::write(&first);
        let second = mime::read(&written).unwrap();
        assert_same(&name, &first, &second);
        // The same content gives the same bytes.
        assert_eq!(mime::write(&first), written, "{name}");
    }
}

#[test]
fn generated_messages_keep_the_received_header() {
    for (name, bytes) in corpus_messages() {
        let mut first = mime::read(&bytes).unwrap();
        first.mime = None;
        let second = mime::read(&mime::write(&first)).unwrap();
        let kept = second.properties.text(tags::TRANSPORT_MESSAGE_HEADERS).unwrap_or_default();
        let received = first.properties.text(tags::TRANSPORT_MESSAGE_HEADERS).unwrap_or_default();
        let count = |text: &str| text.lines().filter(|l| l.starts_with("Received:")).count();
        assert_eq!(count(&kept), count(&received), "{name}");
    }
}

#[test]
fn damaged_messages_are_read() {
    let mut seed = 0x9e37_79b9_u32;
    let mut random = move |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 17;
        seed ^= seed << 5;
        seed as usize % below.max(1)
    };
    for (_, bytes) in corpus_messages().iter().filter(|(_, bytes)| bytes.len() < 12_000) {
        formats::oracle::all(bytes);
        for _ in 0..4 {
            let mut damaged = bytes.clone();
            damaged.truncate(random(bytes.len() + 1).max(1));
            for _ in 0..4 {
                let at = random(damaged.len());
                damaged[at] = b"\0\n\r\"=?:;<>()-\xff "[random(15)];
            }
            formats::oracle::all(&damaged);
        }
    }
}

#[test]
fn hostile_messages_are_read() {
    let nest = |count: usize, inner: &str| {
        let mut message = String::new();
        for _ in 0..count {
            message.push_str(inner);
        }
        message.into_bytes()
    };
    let mut levels = String::new();
    for level in 0..1_500 {
        levels
            .push_str(&format!("Content-Type: multipart/mixed; boundary=b{level}\n\n--b{level}\n"));
    }
    for bytes in [
        nest(5_000, "Content-Type: message/rfc822\n\n"),
        nest(5_000, "Content-Type: multipart/digest; boundary=a\n\n--a\n\n"),
        nest(20_000, "X: y\n"),
        nest(20_000, "To: <a@b>,\n"),
        nest(1, &format!("Subject: {}\n\n", "=?utf-8?q?".repeat(15_000))),
        nest(1, &format!("To: {}\n\n", "(\"".repeat(15_000))),
        nest(1, &format!("Content-Type: text/plain; {}\n\n", "a*0*=b;".repeat(15_000))),
        nest(1, &format!("Received: {}\n\n", "from (by ".repeat(15_000))),
        nest(1, &format!("Content-Type: text/html\n\n{}", "<div><table>".repeat(15_000))),
        levels.into_bytes(),
        vec![0; 100_000],
        vec![b':'; 100_000],
        vec![0xff; 100_000],
    ] {
        formats::oracle::all(&bytes);
    }
}

/// What programs do not write and somebody may send. Each ends soon and is written again with lines that fit.
#[test]
fn hostile_mail_is_read_and_written() {
    let status = |groups: &str| {
        format!(
            "Content-Type: multipart/report; boundary=r\n\n--r\n\nx\n--r\n\
             Content-Type: message/delivery-status\n\n{groups}\n--r--\n"
        )
    };
    let alone = "Final-Recipient: rfc822; a@b\nAction: failed\nStatus: 9.9.9\n\n";
    for message in [
        format!("Subject: {}\n\n", "=?utf-8?b?w6k=?= ".repeat(50_000)),
        format!("Subject: {}\n\n", "=?utf-8?b?w6k=?=".repeat(50_000)),
        format!("Subject: {}\n\n", "x".repeat(1 << 20)),
        format!("From: {} <a@b>\nTo: <{}@b>\n\n", "x".repeat(1 << 20), "y".repeat(1 << 20)),
        format!("To: {}\n\n", "=?utf-8?q?=22=2C?= <a@b>,".repeat(10_000)),
        format!("To: {}\n\n", "\"=?utf-8?q?=22".repeat(10_000)),
        format!("Message-ID: <{}>\nReferences: {}\n\n", "i".repeat(90_000), "<r>".repeat(90_000)),
        format!("X-Long: {}\nX-Null: a\0b\nX-Eight: \u{e9}\n\n", "v".repeat(90_000)),
        format!("Content-Type: text/plain; charset=\"{}\"\n\nx", "c".repeat(90_000)),
        format!(
            "Content-Type: a/b; name=\"{}\"\nContent-ID: <{}>\n\nx",
            "n".repeat(9_000),
            "i".repeat(9_000)
        ),
        format!("Content-Type: text/plain; format=flowed\n\n{}", "> \n".repeat(100_000)),
        format!("Content-Type: text/html\n\n{}\0", "\u{e9} ".repeat(100_000)),
        format!("Content-Type: multipart/mixed; boundary=m\n\n{}", "--m\n\ntext\n".repeat(20_000)),
        format!("Content-Type: multipart/signed; boundary=m\n\n{}", "--m\n\ntext\n".repeat(20_000)),
        format!("Content-Transfer-Encoding: base64\n\n{}", "QUJD\n=".repeat(50_000)),
        "Content-Type: image/png\nContent-Transfer-Encoding: base64\n\niVBORw0KG".to_owned(),
        "Content-Type: image/png\nContent-Transfer-Encoding: quoted-printable\n\n=".to_owned(),
        status(&alone.repeat(30_000)),
        status(&"no field\n\n".repeat(30_000)),
        status(&format!("{alone}X-Display-Name: {}\n", "d".repeat(90_000))),
        status(&format!("Reporting-MTA: {}\n\n{alone}", "m".repeat(1_900))),
    ] {
        formats::oracle::check("mime", message.as_bytes());
    }
    // Reports, signed messages and pointers in each other, as deep as it goes.
    let mut nested = String::new();
    for level in 0..200 {
        let kind = ["report", "signed", "encrypted", "mixed", "appledouble"][level % 5];
        nested.push_str(&format!(
            "Content-Type: multipart/{kind}; boundary=b{level}\n\n--b{level}\n\n\n--b{level}\n\
             Content-Type: message/rfc822\n\n"
        ));
    }
    formats::oracle::check("mime", nested.as_bytes());
}

#[test]
fn rich_text_goes_out_as_html() {
    let mut content = MessageContent::default();
    let document = br"{\rtf1\ansi\fromhtml1 {\*\htmltag64 <p>}Hi \'e9{\*\htmltag72 </p>}}";
    content.properties.set(tags::RTF_COMPRESSED, rtf::compress(document));
    content.properties.set(tags::SUBJECT, "Ü\r\nBcc: x@example.test");
    let written = mime::write(&content);
    let read = mime::read(&written).unwrap();
    assert_eq!(html(&read).as_deref(), Some("<p>Hi é</p>"));
    assert_eq!(read.properties.text(tags::SUBJECT).as_deref(), Some("Ü  Bcc: x@example.test"));
    assert_eq!(read.properties.get(tags::DISPLAY_BCC), Some(&PropertyValue::from("")));
    assert!(mime::read(b" \r\n\0").is_err());
}
