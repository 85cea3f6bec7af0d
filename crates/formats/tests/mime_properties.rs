//! Header fields and parts as properties, case by case ([MS-OXCMAIL] 2.2.3).

use formats::flags::MailFlags;
use formats::mime;
use mapi::generated::named::{PS_INTERNET_HEADERS, PS_PUBLIC_STRINGS, lid};
use mapi::generated::tags;
use mapi::{
    AttachedContent, AttachmentContent, MessageContent, PropertyName, PropertyTag, PropertyValue,
};

fn read(message: &str) -> MessageContent {
    mime::read(message.as_bytes()).unwrap()
}

fn text(content: &MessageContent, tag: PropertyTag) -> String {
    content.properties.text(tag).unwrap_or_default()
}

fn number(content: &MessageContent, tag: PropertyTag) -> Option<i32> {
    content.properties.get(tag).and_then(PropertyValue::as_i32)
}

fn hidden(attachment: &AttachmentContent) -> Option<bool> {
    attachment.properties.get(tags::ATTACHMENT_HIDDEN).and_then(PropertyValue::as_bool)
}

/// [MS-OXCMAIL] 2.2.3.1.3 and 2.2.3.1.
#[test]
fn senders_and_recipients() {
    let content = read(
        "From: \"A\" <a@x.test>, b@x.test\nSender: S <s@x.test>\nReply-To: R <r@x.test>, q@x.test\n\
         To: G: T <t@x.test>, u@x.test;\nCc: c@x.test\nBcc: d@x.test\n\
         Disposition-Notification-To: n@x.test\n\nhi",
    );
    assert_eq!(text(&content, tags::SENT_REPRESENTING_NAME), "A");
    assert_eq!(text(&content, tags::SENT_REPRESENTING_EMAIL_ADDRESS), "a@x.test");
    assert_eq!(text(&content, tags::SENDER_SMTP_ADDRESS), "s@x.test");
    assert_eq!(text(&content, tags::REPLY_RECIPIENT_NAMES), "R; q@x.test");
    assert_eq!(text(&content, tags::DISPLAY_TO), "T; u@x.test");
    assert_eq!(content.properties.get(tags::READ_RECEIPT_REQUESTED), Some(&true.into()));
    let key = content.properties.get(tags::SENT_REPRESENTING_SEARCH_KEY);
    assert_eq!(key.and_then(PropertyValue::as_binary), Some(&b"SMTP:A@X.TEST\0"[..]));
    let kinds: Vec<_> = content
        .recipients
        .iter()
        .map(|r| {
            let kind = r.properties.get(tags::RECIPIENT_TYPE).and_then(PropertyValue::as_i32);
            (kind.unwrap(), r.properties.text(tags::SMTP_ADDRESS).unwrap())
        })
        .collect();
    let expected = [(1, "t@x.test"), (1, "u@x.test"), (2, "c@x.test"), (3, "d@x.test")];
    assert_eq!(kinds, expected.map(|(kind, address)| (kind, address.to_owned())));
    // What is written without the received bytes says the same.
    let again =
        mime::read(&mime::write(&MessageContent { mime: None, ..content.clone() })).unwrap();
    assert_eq!(again.recipients, content.recipients);
    assert_eq!(text(&again, tags::REPLY_RECIPIENT_NAMES), "R; q@x.test");
    assert_eq!(text(&again, tags::SENDER_SMTP_ADDRESS), "s@x.test");
}

/// [MS-OXCMAIL] 2.2.3.2.5: the Importance field before the others.
#[test]
fn importance_and_sensitivity() {
    for (fields, expected) in [
        ("X: y", 1),
        ("Importance: High", 2),
        ("Importance: Low\nX-Priority: 1", 0),
        ("X-Priority: 1 (Highest)", 2),
        ("X-Priority: 4", 0),
        ("X-MSMail-Priority: High", 2),
        ("Priority: Non-Urgent", 0),
    ] {
        let content = read(&format!("{fields}\nSensitivity: Private\n\n"));
        assert_eq!(number(&content, tags::IMPORTANCE), Some(expected), "{fields}");
        assert_eq!(number(&content, tags::PRIORITY), Some(expected - 1), "{fields}");
        assert_eq!(number(&content, tags::SENSITIVITY), Some(2));
    }
}

#[test]
fn subject_thread_dates_and_names() {
    let content = read(
        "Received: from b by c;\n Tue, 9 Jun 2009 23:59:00 -0400\nReceived: from a by b; Tue, 9 Jun 2009 \
         23:58:50 -0400\nSubject: Re: =?iso-8859-1?q?caf=E9?=\nThread-Topic: topic\n\
         Thread-Index: AQHR1234567890abcdefghijklmnop==\nDate: Tue, 9 Jun 2009 23:58:45 -0400\n\
         Message-ID: <1@x.test>\nReferences: <0@x.test>\n <00@x.test>\nKeywords: Red, Blue\n\
         X-Custom: value\n\nhi",
    );
    assert_eq!(text(&content, tags::SUBJECT), "Re: café");
    assert_eq!(text(&content, tags::SUBJECT_PREFIX), "Re: ");
    assert_eq!(text(&content, tags::NORMALIZED_SUBJECT), "café");
    assert_eq!(text(&content, tags::CONVERSATION_TOPIC), "topic");
    let index = content.properties.get(tags::CONVERSATION_INDEX);
    assert_eq!(index.and_then(PropertyValue::as_binary).map(<[u8]>::len), Some(22));
    let time =
        |tag| content.properties.get(tag).and_then(PropertyValue::as_time).unwrap().to_string();
    assert_eq!(time(tags::CLIENT_SUBMIT_TIME), "2009-06-10T03:58:45Z");
    assert_eq!(time(tags::MESSAGE_DELIVERY_TIME), "2009-06-10T03:59:00Z");
    assert_eq!(text(&content, tags::INTERNET_MESSAGE_ID), "<1@x.test>");
    assert_eq!(text(&content, tags::INTERNET_REFERENCES), "<0@x.test> <00@x.test>");
    let keywords = PropertyName::string(PS_PUBLIC_STRINGS, "Keywords");
    assert_eq!(
        content.properties.get_named(&keywords),
        Some(&PropertyValue::MultipleString(vec!["Red".into(), "Blue".into()]))
    );
    let custom = PropertyName::string(PS_INTERNET_HEADERS, "x-custom");
    assert_eq!(content.properties.get_named(&custom), Some(&"value".into()));
}

#[test]
fn pictures_of_the_html_are_hidden_and_files_are_not() {
    let content = read(
        "Content-Type: multipart/related; boundary=r\n\n--r\nContent-Type: multipart/alternative; \
         boundary=a\n\n--a\n\nplain\n--a\nContent-Type: text/html; charset=iso-8859-1\n\
         Content-Transfer-Encoding: quoted-printable\n\n<p>=E9<img src=3D\"cid:p@x\">\n--a--\n--r\n\
         Content-Type: image/png\nContent-ID: <p@x>\nContent-Transfer-Encoding: base64\n\niVBORw==\n\
         --r\nContent-Type: application/pdf; name*=utf-8''%C3%A9.pdf\nContent-Disposition: attachment; \
         creation-date=\"Tue, 9 Jun 2009 23:58:45 -0400\"\n\n%PDF\n--r--\n",
    );
    assert_eq!(text(&content, tags::BODY), "plain");
    assert_eq!(number(&content, tags::INTERNET_CODEPAGE), Some(28591));
    assert_eq!(number(&content, tags::NATIVE_BODY), Some(3));
    let html = content.properties.get(tags::HTML).and_then(PropertyValue::as_binary);
    assert_eq!(html, Some(&b"<p>\xe9<img src=\"cid:p@x\">"[..]));
    let [picture, file] = content.attachments.as_slice() else { panic!("two attachments") };
    assert_eq!(hidden(picture), Some(true));
    assert_eq!(picture.properties.get(tags::ATTACH_FLAGS), Some(&4.into()));
    assert_eq!(picture.properties.text(tags::ATTACH_CONTENT_ID).as_deref(), Some("p@x"));
    assert_eq!(picture.content, AttachedContent::Bytes(b"\x89PNG".to_vec()));
    assert_eq!(hidden(file), Some(false));
    assert_eq!(file.properties.text(tags::ATTACH_LONG_FILENAME).as_deref(), Some("é.pdf"));
    assert_eq!(file.properties.text(tags::ATTACH_EXTENSION).as_deref(), Some(".pdf"));
    assert_eq!(file.properties.get(tags::RENDERING_POSITION), Some(&(-1).into()));
    assert!(file.properties.get(tags::CREATION_TIME).is_some());
    assert_eq!(content.properties.get(tags::HAS_ATTACHMENTS), Some(&true.into()));
}

#[test]
fn names_in_every_encoding() {
    for field in [
        "attachment; filename=\"=?utf-8?q?=C3=A9.txt?=\"",
        "attachment; filename==?utf-8?b?w6kudHh0?=",
        "attachment; filename*=iso-8859-1'en'%E9.txt",
        "attachment; filename*0*=utf-8''%C3; filename*1*=%A9.t; filename*2=xt",
        "attachment; filename=\"é.txt\"",
    ] {
        let content = read(&format!("Content-Disposition: {field}\n\nx"));
        let name = content.attachments[0].properties.text(tags::ATTACH_LONG_FILENAME);
        assert_eq!(name.as_deref(), Some("é.txt"), "{field}");
    }
}

#[test]
fn messages_in_messages() {
    let content = read(
        "Content-Type: multipart/mixed; boundary=m\n\n--m\n\nouter\n--m\nContent-Type: message/rfc822\n\n\
         From: i@x.test\nSubject: inner\nContent-Type: multipart/mixed; boundary=n\n\n--n\n\ninner text\n\
         --n\nContent-Disposition: attachment; filename=a.txt\n\ndata\n--n--\n--m--\n",
    );
    let AttachedContent::Message(inner) = &content.attachments[0].content else { panic!() };
    assert_eq!(
        content.attachments[0].properties.text(tags::DISPLAY_NAME).as_deref(),
        Some("inner")
    );
    assert_eq!(content.attachments[0].properties.get(tags::ATTACH_METHOD), Some(&5.into()));
    assert_eq!(text(inner, tags::BODY), "inner text");
    assert_eq!(inner.attachments[0].content, AttachedContent::Bytes(b"data".to_vec()));
}

/// [MS-OXCMAIL] 2.2.3.2, [MS-OXOSMIME] 2.1.
#[test]
fn classes() {
    let report = |kind: &str, part: &str| {
        format!(
            "Content-Type: multipart/report; report-type={kind}; boundary=r\n\n--r\n\ntext\n--r\n\
             Content-Type: message/{part}\n--r--\n"
        )
    };
    let dsn = "delivery-status\n\nReporting-MTA: dns; x\n\nAction: relayed\n\nFinal-Recipient: rfc822; a@b\nAction: failed\n";
    let mdn =
        "disposition-notification\n\nDisposition: manual-action/MDN-sent-manually; displayed\n";
    for (message, class) in [
        ("Subject: a\n\n".to_owned(), "IPM.Note"),
        (report("delivery-status", dsn), "REPORT.IPM.Note.NDR"),
        (report("disposition-notification", mdn), "REPORT.IPM.Note.IPNRN"),
        ("Content-Type: application/pkcs7-mime\n\nx".to_owned(), "IPM.Note.SMIME"),
        ("Content-Class: urn:content-class:custom.x\n\n".to_owned(), "IPM.Note.Custom.x"),
    ] {
        assert_eq!(text(&read(&message), tags::MESSAGE_CLASS), class);
    }
}

/// [MS-OXOSMIME] 2.1.3: what was signed stays byte for byte, and goes out so.
#[test]
fn clear_signed_messages_stay_whole() {
    let body = "--s\r\nContent-Type: text/plain\r\n\r\nsigned \r\n--s\r\n\
                Content-Type: application/pkcs7-signature; name=smime.p7s\r\n\r\nMII\r\n--s--\r\n";
    let message = format!("Subject: a\r\nContent-Type: multipart/signed; boundary=s\r\n\r\n{body}");
    let content = read(&message);
    assert_eq!(text(&content, tags::MESSAGE_CLASS), "IPM.Note.SMIME.MultipartSigned");
    assert_eq!(text(&content, tags::BODY), "signed ");
    assert_eq!(content.attachments.len(), 1);
    let written = mime::write(&MessageContent { mime: None, ..content });
    assert!(String::from_utf8(written).unwrap().ends_with(body));
}

#[test]
fn broken_messages_keep_what_parses() {
    let content = read("Subject: a\nno field at all\nmore");
    assert_eq!(text(&content, tags::SUBJECT), "a");
    assert_eq!(text(&content, tags::BODY), "no field at all\r\nmore");
    let content = read("\u{feff}\r\n\nSubject: b\n\nx\0y");
    assert_eq!(text(&content, tags::SUBJECT), "b");
    assert_eq!(text(&content, tags::BODY), "xy");
    let content = read("Content-Type: multipart/mixed; boundary=never\n\ntext");
    assert_eq!(text(&content, tags::BODY), "text");
    let content = read("Content-Type: text/html\n\n<p>One<p>Two");
    assert_eq!(text(&content, tags::BODY).split_whitespace().collect::<Vec<_>>(), ["One", "Two"]);
    let content = read("Content-Type: text/calendar\n\nBEGIN:VCALENDAR");
    let name = content.attachments[0].properties.text(tags::ATTACH_LONG_FILENAME);
    assert_eq!(name.as_deref(), Some("ATT00001.ics"));
}

#[test]
fn states_of_a_mailbox_file() {
    let mut content = read("X-Unsent: 1\n\n");
    assert_eq!(number(&content, tags::MESSAGE_FLAGS), Some(8));
    MailFlags { read: true, ..Default::default() }.apply(&mut content);
    assert_eq!(number(&content, tags::MESSAGE_FLAGS), Some(9));
}

/// An address of an Exchange organisation goes out as the received header knew it, else encapsulated.
#[test]
fn addresses_of_other_systems() {
    let mut content = MessageContent::default();
    content.properties.set(tags::SENT_REPRESENTING_NAME, "A");
    content.properties.set(tags::SENT_REPRESENTING_ADDRESS_TYPE, "EX");
    content.properties.set(tags::SENT_REPRESENTING_EMAIL_ADDRESS, "/o=x y/cn=a");
    let from = |content: &MessageContent| {
        let again = mime::read(&mime::write(content)).unwrap();
        text(&again, tags::SENT_REPRESENTING_EMAIL_ADDRESS)
    };
    assert_eq!(from(&content), "IMCEAEX-_o=x+20y_cn=a@invalid");
    content.properties.set(tags::TRANSPORT_MESSAGE_HEADERS, "From: A <a@x.test>\r\nX-Y: z\r\n");
    assert_eq!(from(&content), "a@x.test");
}

fn anew(content: &MessageContent) -> (String, MessageContent) {
    let mut bare = MessageContent { mime: None, ..content.clone() };
    bare.properties.remove(tags::TRANSPORT_MESSAGE_HEADERS);
    let written = mime::write(&bare);
    let again = mime::read(&written).unwrap();
    (String::from_utf8(written).unwrap(), again)
}

/// [MS-OXCMAIL] 2.1.3.2 and 2.2.3.2: fields that stand for one property each, both ways.
#[test]
fn single_fields_become_properties_and_come_back() {
    let content = read(
        "Expiry-Date: Tue, 9 Jun 2009 23:58:45 -0400\nReply-By: Wed, 10 Jun 2009 12:00:00 +0000\n\
         List-Help: <mailto:help@l.test>\nX-List-Unsubscribe: <mailto:off@l.test>\nOrganization: =?utf-8?q?=C3=9C?=\n\
         X-Auto-Response-Suppress: DR, OOF, AutoReply\nX-Message-Flag: Call me\n\
         X-Accept-Language: de, en\nContent-Language: de-AT\nList-Id: =?utf-8?q?L=C3=A4?= <l.test>\n\
         Auto-Submitted: auto-replied\nPrecedence: bulk\nReturn-Path: <b@l.test>\nContent-Class: urn:x\n\
         Return-Receipt-To: r@x.test\nDisposition-Notification-To: \"N\" <n@x.test>\n\
         X-Microsoft-Classified: true\nX-Microsoft-ClassKeep: true\nX-Microsoft-Classification: secret\n\
         X-Microsoft-ClassID: {1}\nKeywords: Red, \"a, b\"\nX-Unsent: 1\nX-Own: =?utf-8?q?=C3=A9?=\n\
         From: a@x.test\n\nhi",
    );
    let (written, again) = anew(&content);
    for content in [&content, &again] {
        let bag = &content.properties;
        let time = |tag| bag.get(tag).and_then(PropertyValue::as_time).unwrap().to_string();
        assert_eq!(time(tags::EXPIRY_TIME), "2009-06-10T03:58:45Z", "{written}");
        assert_eq!(time(tags::REPLY_TIME), "2009-06-10T12:00:00Z");
        assert_eq!(text(content, tags::LIST_HELP), "<mailto:help@l.test>");
        assert_eq!(text(content, tags::LIST_UNSUBSCRIBE), "<mailto:off@l.test>");
        assert_eq!(text(content, tags::INTERNET_ORGANIZATION), "Ü");
        assert_eq!(number(content, tags::AUTO_RESPONSE_SUPPRESS), Some(0x31));
        assert_eq!(number(content, tags::FLAG_STATUS), Some(2));
        assert_eq!(number(content, tags::MESSAGE_LOCALE_ID), Some(0x0c07));
        assert_eq!(number(content, tags::MESSAGE_FLAGS), Some(8));
        assert_eq!(bag.get(tags::READ_RECEIPT_REQUESTED), Some(&true.into()));
        assert_eq!(bag.get(tags::NON_RECEIPT_NOTIFICATION_REQUESTED), Some(&true.into()));
        assert_eq!(bag.get(tags::ORIGINATOR_DELIVERY_REPORT_REQUESTED), Some(&true.into()));
        assert_eq!(text(content, tags::READ_RECEIPT_SMTP_ADDRESS), "n@x.test");
        let known = |id: mapi::known::KnownName| bag.get_named(&id.name()).cloned();
        assert_eq!(known(lid::FLAG_REQUEST), Some("Call me".into()));
        assert_eq!(known(lid::CLASSIFIED), Some(true.into()));
        assert_eq!(known(lid::CLASSIFICATION_KEEP), Some(true.into()));
        assert_eq!(known(lid::CLASSIFICATION), Some("secret".into()));
        assert_eq!(known(lid::CLASSIFICATION_GUID), Some("{1}".into()));
        let keywords = PropertyName::string(PS_PUBLIC_STRINGS, "Keywords");
        let words = PropertyValue::MultipleString(vec!["Red".into(), "a, b".into()]);
        assert_eq!(bag.get_named(&keywords), Some(&words));
        for (name, value) in [
            ("accept-language", "de, en"),
            ("list-id", "Lä <l.test>"),
            ("auto-submitted", "auto-replied"),
            ("precedence", "bulk"),
            ("return-path", "<b@l.test>"),
            ("content-class", "urn:x"),
            ("x-own", "é"),
        ] {
            let name = PropertyName::string(PS_INTERNET_HEADERS, name);
            assert_eq!(bag.get_named(&name), Some(&value.into()), "{name:?}");
        }
    }
}

/// What a program changed goes out, and not what the header had said.
#[test]
fn changed_properties_win_over_the_received_header() {
    let mut content = read(
        "From: a@x.test\nX-One: 1\nX-Two: 2\nX-Two: 3\nExpires: Tue, 9 Jun 2009 23:58:45 -0400\n\n",
    );
    content.mime = None;
    let name = PropertyName::string(PS_INTERNET_HEADERS, "x-one");
    content.properties.set_named(name, "changed");
    content.properties.remove(tags::EXPIRY_TIME);
    let written = String::from_utf8(mime::write(&content)).unwrap();
    assert!(written.contains("X-One: changed\r\n") && !written.contains("X-One: 1"), "{written}");
    assert!(written.contains("X-Two: 2\r\nX-Two: 3\r\n"), "{written}");
    assert!(!written.contains("Expires"), "{written}");
}

/// A mailbox has a bounded number of names; the header holds the rest.
#[test]
fn foreign_fields_are_bounded() {
    let fields: String = (0..2_000).map(|n| format!("X-Field-{n}: {n}\n")).collect();
    let content = read(&format!("{fields}X-Long: {}\n\n", "x".repeat(1 << 20)));
    let named =
        content.properties.iter().filter(|(key, _)| matches!(key, mapi::PropertyKey::Named(_)));
    assert_eq!(named.count(), 32);
    let header = text(&content, tags::TRANSPORT_MESSAGE_HEADERS);
    assert!(header.contains("X-Field-1999: 1999") && header.len() <= 256 * 1024);
}

#[test]
fn encoded_words_of_all_kinds_in_mailboxes() {
    let content = read(
        "From: =?iso-2022-jp?b?GyRCJCIbKEI=?= <a@x.test>\n\
         To: =?utf-8?q?M=C3=BCller=2C?= =?utf-8?q?_J=C3?= =?utf-8?q?=BCrgen?= <j@x.test>,\n\
         \t\"=?windows-1251?q?=C6?=\" <k@x.test>, Team =?utf-8?b?w6k=?=: t@x.test, (c) u@x.test;,\n\
         \tundisclosed-recipients:;\nCc: broken@x.test, , <>, \"unclosed <v@x.test>\n\nhi",
    );
    assert_eq!(text(&content, tags::SENDER_NAME), "あ");
    for (from, name) in [
        ("Heinz =?utf-8?q?M=C3=BCller?= <a@b>", "Heinz Müller"),
        ("=?utf-8?q?J=C3=BCrgen?= Meyer <a@b>", "Jürgen Meyer"),
        ("=?utf-8?q?J=C3=BCrgen?= M. =?utf-8?q?=C3=9C?= <a@b>", "Jürgen M. Ü"),
        ("a@b (=?utf-8?q?=C3=9C?= x)", "Ü x"),
    ] {
        assert_eq!(text(&read(&format!("From: {from}\n\n")), tags::SENDER_NAME), name);
    }
    assert_eq!(text(&content, tags::DISPLAY_TO), "Müller, Jürgen; Ж; t@x.test; c");
    let addresses: Vec<_> =
        content.recipients.iter().map(|r| r.properties.text(tags::SMTP_ADDRESS).unwrap()).collect();
    assert_eq!(addresses[..4], ["j@x.test", "k@x.test", "t@x.test", "u@x.test"]);
    let (_, again) = anew(&content);
    assert_eq!(again.recipients, content.recipients);
}

/// [MS-OXCMAIL] 2.2.3.3.2.2: texts that follow each other are one body, if nothing is lost by that.
#[test]
fn texts_in_a_row_are_one_body() {
    let message = |parts: &[(&str, &str)]| {
        let parts: String =
            parts.iter().map(|(fields, text)| format!("--m\n{fields}\n\n{text}\n")).collect();
        read(&format!("Content-Type: multipart/mixed; boundary=m\n\n{parts}--m--\n"))
    };
    let plain = "Content-Type: text/plain; charset=utf-8";
    let html = "Content-Type: text/html";
    let content = message(&[
        (plain, "é"),
        ("Content-Type: image/png", "x"),
        (
            "Content-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable",
            "=E8",
        ),
    ]);
    assert_eq!(text(&content, tags::BODY), "é\r\nè");
    assert_eq!(content.attachments.len(), 1);
    let content =
        message(&[(html, "<p>one"), ("Content-Type: application/pdf", "x"), (html, "<p>two")]);
    let found = content.properties.get(tags::HTML).and_then(PropertyValue::as_binary);
    assert_eq!(found, Some(&b"<p>one\r\n<p>two"[..]));
    for (parts, attached) in [
        (&[(html, "<p>one"), (plain, "footer")][..], 1),
        (&[(plain, "one"), ("Content-Type: text/plain; name=a.txt", "two")], 1),
        (&[(plain, "one"), ("Content-Disposition: attachment", "two")], 1),
        (&[(plain, "one"), ("Content-Type: text/csv", "two")], 1),
    ] {
        assert_eq!(message(parts).attachments.len(), attached, "{parts:?}");
    }
}

#[test]
fn flowed_text_is_put_together() {
    let content =
        read("Content-Type: text/plain; format=flowed; delsp=yes\n\nAll in \none\n> and \n> two\n");
    assert_eq!(text(&content, tags::BODY), "All inone\r\n> andtwo\r\n");
}

/// [RFC 2046] 5.2.2, 5.2.3: kept with what their type says, and written so again.
#[test]
fn pieces_of_messages_and_messages_elsewhere_are_kept_whole() {
    for (kind, body) in [
        (
            "message/external-body; access-type=URL; URL=\"http://x.test/a\"",
            "Content-Type: image/png\r\n\r\n",
        ),
        ("message/partial; id=\"1@x.test\"; number=2; total=3", "a piece\r\nof it\r\n"),
    ] {
        let content = read(&format!(
            "Content-Type: multipart/mixed; boundary=m\n\n--m\n\ntext\n--m\nContent-Type: {kind}\n\n{body}\r\n--m--\n"
        ));
        let [attachment] = content.attachments.as_slice() else { panic!("one attachment") };
        let whole = format!("Content-Type: {kind}\r\n\r\n{body}").into_bytes();
        assert_eq!(attachment.content, AttachedContent::Bytes(whole));
        let (written, again) = anew(&content);
        assert!(written.replace("\r\n ", " ").contains(kind), "{written}");
        assert_eq!(again.attachments[0].content, attachment.content, "{written}");
    }
}
