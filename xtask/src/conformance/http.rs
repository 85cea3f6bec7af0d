//! What a test of [MS-OXCMAPIHTTP] has to see: which element of an answer each requirement is about, so that
//! the test must fail when that element alone is another one; and the request type that it needs.

use std::collections::BTreeSet;

use super::citations::Citation;
use super::demands::{Deeds, Demand};

pub const SPECIFICATION: &str = "MS-OXCMAPIHTTP";

/// Section, its requirements (all others if none are named), and the elements, as `testsuite::prove::http`
/// names them. `body N` is an octet of the response body of the request type: 0 StatusCode, 4 ErrorCode.
const ELEMENTS: &[(&str, &[&str], &[&str])] = &[
    ("2.1", &[], &["header X-ResponseCode"]),
    ("2.2.2", &[], &["status"]),
    ("2.2.2.2", &["R41", "R1300"], &["header Transfer-Encoding"]),
    ("2.2.2.2", &["R42"], &["version"]),
    (
        "2.2.2.2",
        &["R44", "R1345"],
        &[
            "header Content-Type",
            "header X-RequestType",
            "header X-ResponseCode",
            "header X-RequestId",
        ],
    ),
    ("2.2.2.2", &["R48", "R49", "R50", "R1331"], &["status"]),
    ("2.2.2.2", &["R54", "R55"], &["header X-ResponseCode"]),
    ("2.2.2.2", &["R56"], &["text"]),
    ("2.2.2.2", &["R460"], &["header Content-Length"]),
    ("2.2.3.2.1", &[], &["header Content-Length"]),
    ("2.2.3.2.2", &[], &["header Content-Type"]),
    ("2.2.3.2.3", &[], &["header Set-Cookie"]),
    ("2.2.3.2.5", &[], &["header Transfer-Encoding"]),
    ("2.2.3.3.1", &["R79", "R92"], &["header X-ResponseCode"]),
    ("2.2.3.3.1", &[], &["header X-RequestType"]),
    ("2.2.3.3.2", &[], &["header X-RequestId"]),
    ("2.2.3.3.3", &[], &["header X-ResponseCode"]),
    ("2.2.3.3.4", &[], &["header X-ClientInfo"]),
    ("2.2.3.3.5", &[], &["header X-PendingPeriod"]),
    ("2.2.3.3.7", &[], &["header X-ServerApplication"]),
    ("2.2.3.3.8", &[], &["header X-ExpirationInfo"]),
    ("2.2.3.3.9", &[], &["done X-ElapsedTime"]),
    ("2.2.3.3.10", &[], &["done X-StartTime"]),
    ("2.2.3.3.11", &["R2239"], &["header X-ResponseCode"]),
    ("2.2.3.3.11", &[], &["header X-DeviceInfo"]),
    ("2.2.4", &["R176"], &["header X-RequestType"]),
    ("2.2.4", &["R1431"], &["body 0"]),
    ("2.2.4", &["R1461"], &["blank line"]),
    ("2.2.4.1", &[], &["header X-RequestType"]),
    // Connect: StatusCode, ErrorCode, PollsMax, RetryCount, RetryDelay, DnPrefix (empty), DisplayName.
    ("2.2.4.1.2", &["R1349"], &["body 0"]),
    ("2.2.4.1.2", &["R210", "R1350"], &["body 4"]),
    ("2.2.4.1.2", &["R211"], &["body 8"]),
    ("2.2.4.1.2", &["R216"], &["body 21"]),
    // DisplayName is `User 1`: AuxiliaryBufferSize stands behind it and its end.
    ("2.2.4.1.2", &["R1352"], &["body 35"]),
    // Failures: StatusCode, AuxiliaryBufferSize.
    ("2.2.4.1.3", &["R221"], &["body 4"]),
    ("2.2.4.1.3", &[], &["body 0"]),
    // Execute: StatusCode, ErrorCode, Flags, RopBufferSize.
    ("2.2.4.2", &[], &["body 4"]),
    ("2.2.4.2.2", &["R1356"], &["body 0"]),
    ("2.2.4.2.2", &["R251", "R1357"], &["body 4"]),
    ("2.2.4.2.2", &["R1358"], &["body 8"]),
    ("2.2.4.2.2", &["R1360"], &["body 12"]),
    ("2.2.4.2.3", &["R261"], &["body 4"]),
    ("2.2.4.2.3", &[], &["body 0"]),
    // Disconnect: StatusCode, ErrorCode, AuxiliaryBufferSize.
    ("2.2.4.3", &[], &["body 4"]),
    ("2.2.4.3.2", &["R1363"], &["body 0"]),
    ("2.2.4.3.2", &["R288"], &["body 4"]),
    ("2.2.4.3.2", &["R289"], &["body 8"]),
    ("2.2.4.3.3", &["R263"], &["body 4"]),
    ("2.2.4.3.3", &[], &["body 0"]),
    // NotificationWait: StatusCode, ErrorCode, EventPending, AuxiliaryBufferSize.
    ("2.2.4.4", &[], &["body 8"]),
    ("2.2.4.4.1", &[], &["body 0"]),
    ("2.2.4.4.2", &["R1369"], &["body 0"]),
    ("2.2.4.4.2", &["R297"], &["body 4"]),
    ("2.2.4.4.2", &["R1371", "R1372"], &["body 8"]),
    // An Execute's RopBuffer: RPC_HEADER_EXT, RopSize, and the first RopId.
    ("2.2.4.4.2", &["R318"], &["body 26"]),
    ("2.2.4.4.3", &["R270"], &["body 4"]),
    ("2.2.4.4.3", &[], &["body 0"]),
    ("2.2.6", &["R1460"], &["blank line"]),
    ("2.2.6", &[], &["header X-ResponseCode"]),
    ("2.2.7", &["R1134"], &["tag PROCESSING"]),
    ("2.2.7", &["R1135"], &["tag PENDING"]),
    ("2.2.7", &["R1136"], &["tag DONE"]),
    ("2.2.7", &[], &["tag PROCESSING", "tag PENDING", "tag DONE"]),
    ("3.1.2", &[], &["header X-ResponseCode"]),
    ("3.1.5.1", &["R1146"], &["header X-ClientInfo"]),
    ("3.1.5.1", &[], &["header Set-Cookie"]),
    ("3.1.5.5", &[], &["body 8"]),
    ("3.1.5.6", &["R1173", "R1174"], &["header Transfer-Encoding"]),
    ("3.1.5.6", &["R1178"], &["tag PENDING"]),
    ("3.1.5.6", &["R1182"], &["header X-PendingPeriod"]),
    ("3.1.5.7", &[], &["header X-ResponseCode"]),
    ("3.2.2", &["R1214"], &["header X-PendingPeriod"]),
    ("3.2.2", &["R1217"], &["header X-ResponseCode"]),
    ("3.2.5.1", &["R1219", "R1221"], &["header Set-Cookie"]),
    ("3.2.5.1", &["R1218"], &["header X-RequestType"]),
    ("3.2.5.1", &["R2224"], &["body 4"]),
    ("3.2.5.1", &["R1220"], &["body 0"]),
    ("3.2.5.1", &[], &["header X-ResponseCode"]),
    ("3.2.5.2", &["R1230", "R1232"], &["header Transfer-Encoding"]),
    ("3.2.5.2", &["R1235"], &["header Content-Length"]),
    ("3.2.5.2", &["R1236"], &["header Set-Cookie"]),
    ("3.2.5.2", &["R1237", "R1238"], &["tag PROCESSING"]),
    ("3.2.5.2", &["R1241"], &["tag PENDING"]),
    ("3.2.5.2", &["R1242"], &["header X-PendingPeriod"]),
    ("3.2.5.2", &["R1244"], &["tag DONE"]),
    ("3.2.5.2", &["R2226"], &["header X-ResponseCode"]),
    ("3.2.5.2", &["R2228"], &["done X-ElapsedTime", "done X-StartTime"]),
    ("3.2.5.2", &["R2229", "R2230"], &["done X-ResponseCode"]),
    ("3.2.5.2", &["R2231", "R2232"], &["blank line"]),
    ("3.2.5.3", &["R1249"], &["blank line"]),
    ("3.2.5.3", &[], &["header X-ResponseCode"]),
    ("3.2.5.4", &["R1250", "R2234"], &["body 4"]),
    ("3.2.5.4", &["R1251"], &["body 0"]),
    ("3.2.5.4", &["R1254"], &["header Content-Length"]),
    ("3.2.5.4", &["R1255"], &["header Set-Cookie"]),
    ("3.2.5.4", &[], &["header X-ResponseCode"]),
    ("3.2.5.5", &["R1257"], &["body 0"]),
    ("3.2.5.5", &["R1261"], &["header Set-Cookie"]),
    ("3.2.5.5", &["R1262"], &["header Content-Length"]),
    ("3.2.5.5", &["R1260"], &["header X-ResponseCode"]),
    ("3.2.5.5", &[], &["body 8"]),
    ("3.2.5.6", &["R1278", "R1280"], &["header Set-Cookie"]),
    ("3.2.5.6", &["R1281"], &["header Content-Length"]),
    ("3.2.5.6", &[], &["header X-ResponseCode"]),
    ("3.2.6", &[], &["header X-ResponseCode"]),
    ("6", &["R158001"], &["header X-PendingPeriod"]),
];

/// Which request type a section, and what is below it, is about. The others take any.
const REQUEST_TYPES: &[(&str, &str)] = &[
    ("2.2.4.1", "Connect"),
    ("2.2.4.2", "Execute"),
    ("2.2.4.3", "Disconnect"),
    ("2.2.4.4", "NotificationWait"),
    ("2.2.6", "PING"),
    ("3.2.5.1", "Connect"),
    ("3.2.5.3", "PING"),
    ("3.2.5.4", "Disconnect"),
    ("3.2.5.5", "NotificationWait"),
    ("3.2.5.6", "Connect"),
];

pub fn demands(citations: &[&Citation], deeds: &Deeds) -> Result<Vec<Demand>, String> {
    let cited = citations.iter().filter(|citation| citation.specification == SPECIFICATION);
    let mut elements: BTreeSet<&str> = BTreeSet::new();
    let mut types: BTreeSet<&str> = BTreeSet::new();
    for citation in cited {
        let section = citation.section.to_string();
        let bare = [String::new()];
        let requirements = match citation.requirements.is_empty() {
            true => &bare[..],
            false => &citation.requirements[..],
        };
        for requirement in requirements {
            let found = elements_of(&section, requirement)
                .ok_or_else(|| format!("no element is known for {section} {requirement}"))?;
            elements.extend(found);
        }
        types.extend(REQUEST_TYPES.iter().filter_map(|(above, kind)| {
            let within = section.strip_prefix(above)?;
            (within.is_empty() || within.starts_with('.')).then_some(*kind)
        }));
    }
    types.retain(|kind| deeds.sends.contains(*kind));
    let refused = match types.is_empty() {
        false => Demand::new("refuse", types, true),
        true => Demand::new("refuse", &deeds.sends, false),
    };
    Ok(vec![refused, Demand::new("alter", elements, true)])
}

fn elements_of(section: &str, requirement: &str) -> Option<&'static [&'static str]> {
    let of_section = || ELEMENTS.iter().filter(|(known, ..)| *known == section);
    let named = of_section().find(|(_, requirements, _)| requirements.contains(&requirement));
    let found = named.or_else(|| of_section().find(|(_, requirements, _)| requirements.is_empty()));
    found.map(|(.., elements)| *elements)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_requirement_has_its_element_or_that_of_its_section() {
        assert_eq!(elements_of("3.2.5.2", "R1241"), Some(&["tag PENDING"][..]));
        assert_eq!(elements_of("2.2.3.3.3", "R138"), Some(&["header X-ResponseCode"][..]));
        assert_eq!(elements_of("2.2.4.1.2", "R1"), None);
    }
}
