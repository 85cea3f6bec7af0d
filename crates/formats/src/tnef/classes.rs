//! The names that message classes had in Microsoft Mail ([MS-OXTNEF] 2.1.3.3.5).

/// The name of old, and the class of MAPI. A class that is not here keeps its name.
const CLASSES: &[(&str, &str)] = &[
    ("IPM.Microsoft Mail.Note", "IPM.Note"),
    ("IPM.Microsoft Mail.Note", "IPM"),
    ("IPM.Microsoft Mail.Read Receipt", "REPORT.IPM.Note.IPNRN"),
    ("IPM.Microsoft Mail.Non-Delivery", "REPORT.IPM.Note.NDR"),
    ("IPM.Microsoft Schedule.MtgRespP", "IPM.Schedule.Meeting.Resp.Pos"),
    ("IPM.Microsoft Schedule.MtgRespN", "IPM.Schedule.Meeting.Resp.Neg"),
    ("IPM.Microsoft Schedule.MtgRespA", "IPM.Schedule.Meeting.Resp.Tent"),
    ("IPM.Microsoft Schedule.MtgReq", "IPM.Schedule.Meeting.Request"),
    ("IPM.Microsoft Schedule.MtgCncl", "IPM.Schedule.Meeting.Canceled"),
];

/// Some gateways put this before the name of old.
const PREFIX: &str = "Microsoft Mail v3.0 ";

/// PidTagMessageClass of an attMessageClass.
pub fn from_legacy(name: &str) -> &str {
    let name = name.strip_prefix(PREFIX).unwrap_or(name);
    let found = CLASSES.iter().find(|(legacy, _)| legacy.eq_ignore_ascii_case(name));
    found.map_or(name, |(_, class)| class)
}

/// attMessageClass of a PidTagMessageClass.
pub fn to_legacy(class: &str) -> &str {
    let found = CLASSES.iter().find(|(_, known)| known.eq_ignore_ascii_case(class));
    found.map_or(class, |(legacy, _)| legacy)
}

/// What a class says of the attributes of meetings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meeting {
    /// A request or its cancellation: the organiser sent it.
    FromOrganizer,
    /// An answer: the organiser gets it.
    Response,
}

pub fn meeting(class: &str) -> Option<Meeting> {
    let class = class.to_ascii_lowercase();
    let kind = class.strip_prefix("ipm.schedule.meeting.")?;
    match kind.split('.').next()? {
        "resp" => Some(Meeting::Response),
        "request" | "canceled" => Some(Meeting::FromOrganizer),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_have_names_of_old() {
        for (legacy, class) in CLASSES.iter().filter(|(_, class)| *class != "IPM") {
            assert_eq!(from_legacy(legacy), *class);
            assert_eq!(to_legacy(class), *legacy);
        }
        assert_eq!(to_legacy("IPM"), "IPM.Microsoft Mail.Note");
        assert_eq!(from_legacy("Microsoft Mail v3.0 IPM.Microsoft Mail.Note"), "IPM.Note");
        assert_eq!(from_legacy("IPM.Contact"), "IPM.Contact");
        assert_eq!(to_legacy("IPM.Contact"), "IPM.Contact");
    }

    #[test]
    fn meetings_are_told_by_class() {
        assert_eq!(meeting("IPM.Schedule.Meeting.Request"), Some(Meeting::FromOrganizer));
        assert_eq!(meeting("ipm.schedule.meeting.canceled.own"), Some(Meeting::FromOrganizer));
        assert_eq!(meeting("IPM.Schedule.Meeting.Resp.Tent"), Some(Meeting::Response));
        assert_eq!(meeting("IPM.Note"), None);
    }
}
