//! Status codes of [RFC 3463] and the codes of MAPI's reports ([MS-OXCMAIL] 2.1.3.6.1.2, 2.2.3.7.1.3).

use mapi::generated::tags;
use mapi::{PropertyBag, PropertyValue};

/// A status in three numbers, `5.1.1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Status {
    class: u16,
    subject: u16,
    detail: u16,
}

/// PidTagNonDeliveryReportDiagCode ([MS-OXOMSG] 2.2.2.30) and PidTagNonDeliveryReportReasonCode where no
/// cause is known.
const NO_DIAGNOSTIC: i32 = -1;
const TRANSFER_FAILED: i32 = 0;

/// Subject and detail of a status.
type Key = (u16, u16);
/// A diagnostic and a reason.
type Codes = (i32, i32);

/// Subject and detail, and the diagnostic and reason that they stand for. A row with the detail 0 is of all
/// details of its subject that have no row. Of a pair, the first row is the status that goes out for it.
#[rustfmt::skip]
const CODES: &[(Key, Codes)] = &[
    ((1, 1), (35, 1)),
    ((1, 2), (48, 0)),
    ((1, 3), (32, 0)),
    ((1, 4), (1, 0)),
    ((1, 6), (40, 0)),
    ((1, 0), (0, 0)),
    ((2, 3), (13, 0)),
    ((2, 2), (13, 0)),
    ((2, 4), (30, 0)),
    ((2, 0), (38, 0)),
    ((3, 2), (NO_DIAGNOSTIC, 0)),
    ((3, 3), (18, 0)),
    ((3, 5), (18, 0)),
    ((3, 4), (13, 0)),
    ((3, 0), (38, 0)),
    ((4, 4), (NO_DIAGNOSTIC, 0)),
    ((4, 3), (NO_DIAGNOSTIC, 6)),
    ((4, 6), (3, 0)),
    ((4, 8), (3, 0)),
    ((4, 7), (5, 0)),
    ((4, 1), (2, 0)),
    ((4, 2), (2, 0)),
    ((4, 5), (2, 0)),
    ((4, 9), (2, 0)),
    ((5, 3), (16, 0)),
    ((5, 4), (11, 0)),
    ((5, 0), (17, 0)),
    ((6, 2), (9, 0)),
    ((6, 3), (8, 0)),
    ((6, 4), (25, 0)),
    ((6, 5), (NO_DIAGNOSTIC, 2)),
    ((6, 0), (15, 0)),
    ((7, 1), (29, 0)),
    ((7, 2), (28, 0)),
    ((7, 3), (26, 0)),
    ((7, 0), (46, 0)),
];

impl Status {
    /// `5.1.1`, with a comment behind it or not ([RFC 3464] 2.3.4).
    pub(super) fn parse(value: &str) -> Option<Status> {
        let value = value.split(|c: char| c.is_whitespace() || c == '(').next()?;
        let mut numbers = value.split('.').map(|number| {
            let short = (1..=3).contains(&number.len());
            number.parse::<u16>().ok().filter(|_| short && !number.starts_with('+'))
        });
        let (class, subject, detail) = (numbers.next()??, numbers.next()??, numbers.next()??);
        let known = matches!(class, 2 | 4 | 5) && numbers.next().is_none();
        known.then_some(Status { class, subject, detail })
    }

    /// What a recipient's action says alone.
    pub(super) fn of_action(action: &str) -> Status {
        let class = match action {
            "failed" => 5,
            "delayed" => 4,
            _ => 2,
        };
        Status { class, subject: 0, detail: 0 }
    }

    /// PidTagNonDeliveryReportStatusCode ([MS-OXOMSG] 2.2.2.32).
    pub(super) fn number(self) -> i32 {
        let (subject, detail) = self.short();
        i32::from(self.class * 100 + subject * 10 + detail)
    }

    fn of_number(number: i32) -> Option<Status> {
        let number = u16::try_from(number).ok()?;
        let class = number / 100;
        let known = matches!(class, 2 | 4 | 5);
        known.then_some(Status { class, subject: number / 10 % 10, detail: number % 10 })
    }

    pub(super) fn text(self) -> String {
        format!("{}.{}.{}", self.class, self.subject, self.detail)
    }

    pub(super) fn diagnostic_and_reason(self) -> Codes {
        let (subject, detail) = self.short();
        let row = |detail| CODES.iter().find(|(key, _)| *key == (subject, detail));
        row(detail).or_else(|| row(0)).map_or((NO_DIAGNOSTIC, TRANSFER_FAILED), |(_, codes)| *codes)
    }

    /// Numbers that do not fit one digit count as 0 ([MS-OXCMAIL] 2.2.3.7.1.3).
    fn short(self) -> Key {
        let short = |number| if number > 9 { 0 } else { number };
        (short(self.subject), short(self.detail))
    }
}

/// The status of a recipient: the one that is kept, else the one that its diagnostic and reason stand for, else
/// what its action says.
pub(super) fn status_of(bag: &PropertyBag, action: &str) -> Status {
    let number = |tag| bag.get(tag).and_then(PropertyValue::as_i32);
    if let Some(status) = number(tags::NON_DELIVERY_REPORT_STATUS_CODE).and_then(Status::of_number)
    {
        return status;
    }
    let by_action = Status::of_action(action);
    let diagnostic = number(tags::NON_DELIVERY_REPORT_DIAG_CODE).unwrap_or(NO_DIAGNOSTIC);
    let reason = number(tags::NON_DELIVERY_REPORT_REASON_CODE).unwrap_or(TRANSFER_FAILED);
    if (diagnostic, reason) == (NO_DIAGNOSTIC, TRANSFER_FAILED) {
        return by_action;
    }
    let row = CODES.iter().find(|(_, (known, why))| (*known, *why) == (diagnostic, reason));
    let row = row.or_else(|| CODES.iter().find(|(_, (known, _))| *known == diagnostic));
    row.map_or(by_action, |((subject, detail), _)| Status {
        subject: *subject,
        detail: *detail,
        ..by_action
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_read_and_written() {
        let read = |text| Status::parse(text).map(|status| (status.number(), status.text()));
        assert_eq!(read("5.1.1"), Some((511, "5.1.1".to_owned())));
        assert_eq!(read("4.4.7 (gave up)"), Some((447, "4.4.7".to_owned())));
        assert_eq!(read("5.7.26"), Some((570, "5.7.26".to_owned())));
        for broken in ["", "5", "5.1", "3.1.1", "5.1.1.1", "5.+1.1", "5.1000.1", "x"] {
            assert_eq!(read(broken), None, "{broken}");
        }
        assert_eq!(Status::parse("5.4.6").unwrap().diagnostic_and_reason(), (3, 0));
        assert_eq!(Status::parse("5.1.8").unwrap().diagnostic_and_reason(), (0, 0));
        assert_eq!(Status::parse("2.0.0").unwrap().diagnostic_and_reason(), (-1, 0));
    }

    #[test]
    fn each_pair_of_codes_has_a_status_that_leads_back_to_it() {
        for (_, (diagnostic, reason)) in CODES {
            let mut bag = PropertyBag::new();
            bag.set(tags::NON_DELIVERY_REPORT_DIAG_CODE, *diagnostic);
            bag.set(tags::NON_DELIVERY_REPORT_REASON_CODE, *reason);
            let status = status_of(&bag, "failed");
            assert_eq!(status.diagnostic_and_reason(), (*diagnostic, *reason));
        }
    }
}
