//! Delivery reports, receipts, signed and encrypted messages as properties and back ([MS-OXCMAIL] 2.1.3.6,
//! 2.2.3.7; [MS-OXOSMIME] 2.1).

use formats::mime;
use mapi::generated::named::PS_INTERNET_HEADERS;
use mapi::generated::tags;
use mapi::{
    AttachedContent, MessageContent, PropertyBag, PropertyName, PropertyTag, PropertyValue,
};

fn read(message: &str) -> MessageContent {
    mime::read(message.as_bytes()).unwrap()
}

fn anew(content: &MessageContent) -> (String, MessageContent) {
    let written = mime::write(&MessageContent { mime: None, ..content.clone() });
    let again = mime::read(&written).unwrap();
    (String::from_utf8(written).unwrap(), again)
}

fn text(bag: &PropertyBag, tag: PropertyTag) -> String {
    bag.text(tag).unwrap_or_default()
}

fn number(bag: &PropertyBag, tag: PropertyTag) -> Option<i32> {
    bag.get(tag).and_then(PropertyValue::as_i32)
}

const BOUNCE: &str = "From: Mail Delivery System <mailer-daemon@mx.test>\nTo: \"A. Sender\" <a@x.test>\n\
Subject: Undelivered Mail Returned to Sender\nDate: Tue, 9 Jun 2009 23:58:45 -0400\n\
Content-Type: multipart/report; report-type=delivery-status; boundary=r\n\n\
--r\nContent-Type: text/plain\n\nSorry.\n\
--r\nContent-Type: message/delivery-status\n\n\
Reporting-MTA: dns; mx.test\nArrival-Date: Tue, 9 Jun 2009 23:58:40 -0400\n\n\
Final-Recipient: rfc822; gone@y.test\nOriginal-Recipient: rfc822;old@y.test\nAction: failed\nStatus: 5.1.1\n\
Remote-MTA: dns; in.y.test\nDiagnostic-Code: smtp; 550 5.1.1 no\n such user\n\n\
Final-Recipient: rfc822; slow@y.test\nAction: delayed\nStatus: 4.4.7\n\n\
Final-Recipient: rfc822; full@y.test\nAction: Failed\nStatus: 5.2.2 (full)\n\
X-Display-Name: =?utf-8?q?J=C3=BCrgen?=\nX-Supplementary-Info: <in.y.test #5.2.2 smtp;552 full>\n\
--r\nContent-Type: message/rfc822\n\n\
From: a@x.test\nTo: gone@y.test, full@y.test\nSubject: Hello\nMessage-ID: <1@x.test>\n\
Date: Tue, 9 Jun 2009 23:58:00 -0400\n\nthe text\n--r--\n";

/// [MS-OXCMAIL] 2.2.3.7.1: class, reporting MTA, one recipient for each group of the gravest action.
#[test]
fn a_bounce_names_those_who_did_not_get_the_message() {
    let content = read(BOUNCE);
    let bag = &content.properties;
    assert_eq!(text(bag, tags::MESSAGE_CLASS), "REPORT.IPM.Note.NDR");
    assert_eq!(text(bag, tags::REPORTING_MESSAGE_TRANSFER_AGENT), "dns; mx.test");
    assert_eq!(text(bag, tags::BODY), "Sorry.");
    assert_eq!(text(bag, tags::DISPLAY_TO), "gone@y.test; Jürgen");
    assert_eq!(text(bag, tags::ORIGINAL_SENDER_EMAIL_ADDRESS), "a@x.test");
    assert_eq!(text(bag, tags::ORIGINAL_SUBJECT), "Hello");
    assert_eq!(text(bag, tags::INTERNET_RETURN_PATH), "<1@x.test>");
    assert_eq!(text(bag, tags::ORIGINAL_DISPLAY_TO), "gone@y.test; full@y.test");
    let time = |tag| bag.get(tag).and_then(PropertyValue::as_time).unwrap().to_string();
    assert_eq!(time(tags::ORIGINAL_SUBMIT_TIME), "2009-06-10T03:58:00Z");
    assert_eq!(time(tags::REPORT_TIME), "2009-06-10T03:58:45Z");
    let [gone, full] = content.recipients.as_slice() else { panic!("two who failed") };
    let (gone, full) = (&gone.properties, &full.properties);
    assert_eq!(text(gone, tags::SMTP_ADDRESS), "gone@y.test");
    assert_eq!(text(gone, tags::REMOTE_MESSAGE_TRANSFER_AGENT), "in.y.test");
    assert_eq!(
        text(gone, tags::SUPPLEMENTARY_INFO),
        "<in.y.test #5.1.1 smtp; 550 5.1.1 no such user>"
    );
    assert_eq!(number(gone, tags::NON_DELIVERY_REPORT_STATUS_CODE), Some(511));
    assert_eq!(number(gone, tags::NON_DELIVERY_REPORT_DIAG_CODE), Some(35));
    assert_eq!(text(full, tags::DISPLAY_NAME), "Jürgen");
    assert_eq!(text(full, tags::SUPPLEMENTARY_INFO), "<in.y.test #5.2.2 smtp;552 full>");
    assert_eq!(number(full, tags::NON_DELIVERY_REPORT_STATUS_CODE), Some(522));
    // The returned message is attached; the part for programs became properties.
    let [returned] = content.attachments.as_slice() else { panic!("one attachment") };
    assert!(matches!(returned.content, AttachedContent::Message(_)));
}

/// [MS-OXCMAIL] 2.1.3.6.1: what goes out says the same again.
#[test]
fn a_bounce_is_written() {
    let content = read(BOUNCE);
    let (written, again) = anew(&content);
    assert!(written.contains("multipart/report; report-type=\"delivery-status\""), "{written}");
    assert!(written.contains("To: \"A. Sender\" <a@x.test>\r\n"), "{written}");
    assert!(written.contains("Action: failed\r\nStatus: 5.1.1\r\n"), "{written}");
    assert_eq!(again.recipients, content.recipients);
    for tag in [
        tags::MESSAGE_CLASS,
        tags::BODY,
        tags::REPORTING_MESSAGE_TRANSFER_AGENT,
        tags::ORIGINAL_SENDER_EMAIL_ADDRESS,
        tags::ORIGINAL_SUBJECT,
        tags::DISPLAY_TO,
        tags::REPORT_TIME,
    ] {
        assert_eq!(again.properties.get(tag), content.properties.get(tag), "{tag:?}");
    }
    assert_eq!(again.attachments.len(), 1);
}

/// [MS-OXCMAIL] 2.2.3.7.1.1
#[test]
fn the_gravest_action_gives_the_class() {
    for (actions, class, count) in [
        (&["delivered", "delivered"][..], "REPORT.IPM.Note.DR", 2),
        (&["delivered", "expanded"], "REPORT.IPM.Note.Expanded.DR", 1),
        (&["relayed", "expanded"], "REPORT.IPM.Note.Relayed.DR", 1),
        (&["delayed", "relayed"], "REPORT.IPM.Note.Delayed.DR", 1),
        (&["delayed", "failed"], "REPORT.IPM.Note.NDR", 1),
    ] {
        let groups: String = actions
            .iter()
            .map(|action| format!("\nFinal-Recipient: rfc822; {action}@y.test\nAction: {action}\n"))
            .collect();
        let content = read(&format!(
            "To: a@x.test\nContent-Type: multipart/report; boundary=r\n\n--r\n\nx\n--r\n\
             Content-Type: message/delivery-status\n\nReporting-MTA: dns; mx.test\n{groups}\n--r--\n"
        ));
        assert_eq!(text(&content.properties, tags::MESSAGE_CLASS), class);
        assert_eq!(content.recipients.len(), count, "{class}");
        let (_, again) = anew(&content);
        assert_eq!(text(&again.properties, tags::MESSAGE_CLASS), class);
        assert_eq!(again.recipients, content.recipients, "{class}");
    }
}

/// Without a word of what happened it is no report, and nothing is taken from it.
#[test]
fn a_report_that_says_nothing_is_a_message() {
    let content = read(
        "To: a@x.test\nContent-Type: multipart/report; boundary=r\n\n--r\n\nx\n--r\n\
         Content-Type: message/delivery-status\n\nAction: eaten\n\n--r--\n",
    );
    assert_eq!(text(&content.properties, tags::MESSAGE_CLASS), "IPM.Note");
    assert_eq!(content.attachments.len(), 1);
    assert_eq!(text(&content.recipients[0].properties, tags::SMTP_ADDRESS), "a@x.test");
}

/// [MS-OXCMAIL] 2.1.3.6.2, 2.2.3.7.2
#[test]
fn receipts() {
    let receipt = |disposition: &str| {
        format!(
            "From: R <r@y.test>\nTo: a@x.test\nSubject: Read: Hello\n\
             Date: Tue, 9 Jun 2009 23:58:45 -0400\n\
             Content-Type: multipart/report; report-type=disposition-notification; boundary=r\n\n--r\n\n\
             It was read.\n--r\nContent-Type: message/disposition-notification\n\n\
             Reporting-UA: y.test; Program\nFinal-Recipient: rfc822; r@y.test\nX-Display-Name: R\n\
             Original-Message-ID: <1@x.test>\nDisposition: {disposition}\n\
             X-MSExch-Correlation-Key: AAECAw==\n\n--r--\n"
        )
    };
    for (disposition, class, kept) in [
        ("manual-action/MDN-sent-manually; displayed", "REPORT.IPM.Note.IPNRN", "displayed"),
        (
            "automatic-action/MDN-sent-automatically; processed/warning",
            "REPORT.IPM.Note.IPNRN",
            "processed",
        ),
        ("manual-action/MDN-sent-automatically; deleted", "REPORT.IPM.Note.IPNNRN", "deleted"),
    ] {
        let content = read(&receipt(disposition));
        let bag = &content.properties;
        assert_eq!(text(bag, tags::MESSAGE_CLASS), class);
        assert_eq!(text(bag, tags::REPORT_TEXT), disposition);
        assert_eq!(text(bag, tags::REPORT_DISPOSITION), kept);
        assert_eq!(text(bag, tags::INTERNET_RETURN_PATH), "<1@x.test>");
        assert_eq!(text(bag, tags::ORIGINAL_DISPLAY_TO), "R");
        assert_eq!(bag.get(tags::PARENT_KEY), Some(&PropertyValue::Binary(vec![0, 1, 2, 3])));
        assert!(content.attachments.is_empty());
        assert_eq!(text(&content.recipients[0].properties, tags::SMTP_ADDRESS), "a@x.test");
        let (written, again) = anew(&content);
        assert!(written.contains("report-type=\"disposition-notification\""), "{written}");
        for tag in [
            tags::MESSAGE_CLASS,
            tags::PARENT_KEY,
            tags::REPORT_DISPOSITION,
            tags::REPORT_DISPOSITION_MODE,
        ] {
            assert_eq!(again.properties.get(tag), bag.get(tag), "{tag:?}");
        }
        assert_eq!(again.recipients, content.recipients);
    }
}

/// What the store makes of its own ([MS-OXOMSG] 2.2.2) goes out with the words of the specification.
#[test]
fn own_receipts_are_written() {
    let mut content = MessageContent::default();
    let bag = &mut content.properties;
    bag.set(tags::MESSAGE_CLASS, "REPORT.IPM.Note.IPNNRN");
    bag.set(tags::SENDER_NAME, "R");
    bag.set(tags::SENDER_SMTP_ADDRESS, "r@y.test");
    bag.set(tags::IN_REPLY_TO_ID, "<1@x.test>");
    let (written, again) = anew(&content);
    assert!(
        written.contains("Disposition: manual-action/MDN-sent-automatically; deleted\r\n"),
        "{written}"
    );
    assert!(written.contains("Final-Recipient: rfc822; r@y.test\r\nX-Display-Name: R\r\n"));
    assert!(written.contains("Original-Message-ID: <1@x.test>\r\n"), "{written}");
    assert_eq!(text(&again.properties, tags::MESSAGE_CLASS), "REPORT.IPM.Note.IPNNRN");
}

/// [MS-OXOSMIME] 2.1.1: whatever signs it, the entity stays whole, and the text is that of the signed part.
#[test]
fn what_is_signed_or_encrypted_stays_byte_for_byte() {
    let signed = "--s\r\nContent-Type: multipart/alternative; boundary=i\r\n\r\n--i\r\n\r\nsigned \r\n\
                  --i\r\nContent-Type: text/html\r\n\r\n<p>signed \r\n--i--\r\n\r\n--s\r\n\
                  Content-Type: application/pgp-signature\r\n\r\n-----BEGIN PGP\r\n--s--\r\nafter";
    let encrypted = "--s\r\nContent-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n\r\n--s\r\n\
                     Content-Type: application/octet-stream\r\n\r\n\t-----BEGIN\x00\r\n--s--\r\n";
    for (kind, body, class, plain) in [
        (
            "multipart/signed; micalg=pgp-sha1",
            signed,
            "IPM.Note.SMIME.MultipartSigned",
            Some("signed "),
        ),
        ("multipart/encrypted", encrypted, "IPM.Note.SMIME", None),
    ] {
        let head = format!("Content-Type: {kind};\r\n boundary=s\r\n\r\n");
        let content = read(&format!("Subject: a\r\nMIME-Version: 1.0\r\n{head}{body}"));
        assert_eq!(text(&content.properties, tags::MESSAGE_CLASS), class);
        assert_eq!(content.properties.text(tags::BODY).as_deref(), plain);
        let [attachment] = content.attachments.as_slice() else { panic!("one attachment") };
        let whole = AttachedContent::Bytes(format!("{head}{body}").into_bytes());
        assert_eq!(attachment.content, whole);
        let (written, again) = anew(&content);
        assert!(written.ends_with(&format!("{head}{body}")), "{written}");
        assert_eq!(again.attachments, content.attachments);
    }
}

/// [MS-OXOSMIME] 2.1.2: one object of CMS, and what its type says of it.
#[test]
fn opaque_messages() {
    for (fields, class) in [
        ("application/pkcs7-mime; smime-type=enveloped-data; name=\"smime.p7m\"", "IPM.Note.SMIME"),
        ("application/octet-stream; name=\"smime.p7m\"", "IPM.Note.SMIME"),
        ("application/pkcs7-mime; smime-type=certs-only; name=smime.p7c", "IPM.Note"),
        ("application/octet-stream; name=\"smime.bin\"", "IPM.Note"),
    ] {
        let content = read(&format!(
            "Content-Type: {fields}\nContent-Transfer-Encoding: base64\n\nMIIBAAEC\n"
        ));
        assert_eq!(text(&content.properties, tags::MESSAGE_CLASS), class, "{fields}");
        let [attachment] = content.attachments.as_slice() else { panic!("one attachment") };
        assert_eq!(attachment.content, AttachedContent::Bytes(vec![0x30, 0x82, 1, 0, 1, 2]));
        if class != "IPM.Note.SMIME" {
            continue;
        }
        assert_eq!(content.properties.get(tags::BODY), None);
        let name = PropertyName::string(PS_INTERNET_HEADERS, "content-type");
        assert_eq!(content.properties.get_named(&name), Some(&fields.into()));
        let (written, again) = anew(&content);
        assert!(written.replace("\r\n ", " ").contains(fields), "{written}");
        assert_eq!(again.attachments[0].content, attachment.content);
        assert_eq!(text(&again.properties, tags::MESSAGE_CLASS), class);
    }
}
