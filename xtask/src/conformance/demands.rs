//! What a test has to see: the faults that must fail it, by what it cites, sends and reads.

use std::collections::BTreeSet;

use super::citations::Citation;
use super::http;
use super::tables::{Section, Specification};

/// ROPs that Exchange 2016 answers with NotImplemented (MS-OXCSTOR R3125, MS-OXCMSG R1715), and answers that
/// nobody asks for: a refusal breaks nothing.
const REFUSED_ANYWAY: &[&str] =
    &["RopBackoff", "RopGetStoreState", "RopGetValidAttachments", "RopNotify", "RopPending"];

/// ROPs that only tell. What a ROP did whose own answer bears nothing but success (RopModifyRules), shows in
/// theirs.
const TELLING: &[&str] = &[
    "RopFindRow",
    "RopGetAttachmentTable",
    "RopGetContentsTable",
    "RopGetHierarchyTable",
    "RopGetMessageStatus",
    "RopGetNamesFromPropertyIds",
    "RopGetPerUserLongTermIds",
    "RopGetPropertiesAll",
    "RopGetPropertiesList",
    "RopGetPropertiesSpecific",
    "RopGetReceiveFolder",
    "RopGetReceiveFolderTable",
    "RopGetSearchCriteria",
    "RopGetStatus",
    "RopGetStreamSize",
    "RopNotify",
    "RopOpenFolder",
    "RopOpenMessage",
    "RopPending",
    "RopQueryNamedProperties",
    "RopQueryPosition",
    "RopQueryRows",
    "RopReadPerUserInformation",
    "RopReadRecipients",
    "RopReadStream",
];

/// ROPs by which tests get what they go on with: altered, their ids and handles may break a test without a look
/// at any value. Only a test whose sections name them, or that reads nothing else, is proved by their answers.
const PREPARING: &[&str] = &[
    "RopCreateAttachment",
    "RopCreateFolder",
    "RopCreateMessage",
    "RopGetPropertyIdsFromNames",
    "RopIdFromLongTermId",
    "RopLogon",
    "RopLongTermIdFromId",
    "RopSaveChangesMessage",
    "RopSetColumns",
    "RopSetProperties",
];

/// What a test does, as its binary noted.
#[derive(Default)]
pub struct Deeds {
    /// ROPs and request types.
    pub sends: BTreeSet<String>,
    /// ROPs whose answers bore more than success.
    pub reads: BTreeSet<String>,
}

/// Faults that a test has to see: all of them, or one.
pub struct Demand {
    /// As `COFFER_PROVE` names them.
    pub faults: Vec<String>,
    pub all: bool,
}

impl Demand {
    pub fn new(way: &str, names: impl IntoIterator<Item = impl AsRef<str>>, all: bool) -> Demand {
        let faults = names.into_iter().map(|name| format!("{way}:{}", name.as_ref())).collect();
        Demand { faults, all }
    }

    /// The faults that a test should have seen; none if it saw what it has to.
    pub fn unseen(&self, sees: impl Fn(&str) -> bool) -> Vec<&str> {
        let unseen: Vec<&str> =
            self.faults.iter().map(String::as_str).filter(|fault| !sees(fault)).collect();
        let enough = !self.all && unseen.len() < self.faults.len();
        if enough { Vec::new() } else { unseen }
    }
}

/// What proves a test, or why nothing can.
pub fn of(
    citations: &[&Citation],
    deeds: &Deeds,
    specifications: &[Specification],
) -> Result<Vec<Demand>, String> {
    if citations.iter().any(|citation| citation.specification == http::SPECIFICATION) {
        return http::demands(citations, deeds);
    }
    let named: BTreeSet<&str> = citations
        .iter()
        .flat_map(|citation| rops_of(specifications, &citation.specification, &citation.section))
        .collect();
    let sent: Vec<&str> = deeds.sends.union(&deeds.reads).map(String::as_str).collect();
    let mut rops: Vec<&str> = sent.iter().copied().filter(|rop| named.contains(rop)).collect();
    let is_named = !rops.is_empty();
    if !is_named {
        // Without its logon no test passes.
        rops = sent.iter().copied().filter(|rop| *rop != "RopLogon" || sent.len() == 1).collect();
    }
    if rops.is_empty() {
        return Err("sends no ROP".to_owned());
    }
    let refusable = rops.iter().filter(|rop| !REFUSED_ANYWAY.contains(rop));
    let mut demands = vec![Demand::new("refuse", refusable, is_named)];
    let read = || deeds.reads.iter().map(String::as_str);
    let own: Vec<&str> = read().filter(|rop| rops.contains(rop)).collect();
    let mut telling = own.clone();
    telling.retain(|rop| is_named || !PREPARING.contains(rop));
    if telling.is_empty() {
        telling = read().filter(|rop| TELLING.contains(rop)).collect();
    }
    if telling.is_empty() {
        // All that such a test reads is how it prepares something, or that this fails.
        telling = own;
    }
    if telling.is_empty() {
        return Err(format!("reads no answer that tells what {} did", rops.join(", ")));
    }
    demands.push(Demand::new("alter", telling, false));
    demands.retain(|demand| !demand.faults.is_empty());
    Ok(demands)
}

/// The ROPs in the brackets of a section's requirements.
fn rops_of<'a>(
    specifications: &'a [Specification],
    specification: &str,
    section: &Section,
) -> BTreeSet<&'a str> {
    let known = specifications.iter().find(|known| known.name == specification);
    let requirements = known.into_iter().flat_map(|known| &known.requirements);
    requirements
        .filter(|requirement| requirement.section == *section)
        .filter_map(|requirement| requirement.text.strip_prefix('[')?.split(']').next())
        .flat_map(|place| place.split(|c: char| !c.is_ascii_alphanumeric()))
        .filter(|word| word.len() > 3 && word.starts_with("Rop"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deeds(sends: &[&str], reads: &[&str]) -> Deeds {
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Deeds { sends: set(sends), reads: set(reads) }
    }

    #[test]
    fn what_answers_with_success_alone_is_told_by_others() {
        let deeds = deeds(
            &["RopLogon", "RopModifyRules", "RopGetRulesTable", "RopQueryRows"],
            &["RopLogon", "RopQueryRows"],
        );
        let demands = of(&[], &deeds, &[]).unwrap();
        assert_eq!(demands[0].faults.len(), 3);
        assert_eq!(demands[1].faults, ["alter:RopQueryRows"]);
        assert!(demands[1].unseen(|_| true).is_empty());
        assert_eq!(demands[1].unseen(|_| false), ["alter:RopQueryRows"]);
    }

    #[test]
    fn one_or_all_must_be_seen() {
        let sees_a = |fault: &str| fault == "refuse:a";
        assert_eq!(Demand::new("refuse", ["a", "b"], true).unseen(sees_a), ["refuse:b"]);
        assert!(Demand::new("refuse", ["a", "b"], false).unseen(sees_a).is_empty());
    }
}
