//! Conditions of rules with the names of their properties ([MS-OXORULE] 2.2.4).

use crate::named::PropertyName;
use crate::restriction::{Restriction, RestrictionForm};
use crate::wire::{Reader, Wire, WireError};

/// The condition of a rule that is kept in a message: it brings along the names of the named properties
/// that its restriction speaks of, since their ids are the mailbox's own.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleCondition {
    /// Each id above 0x8000 of the restriction, and its name ([MS-OXORULE] 2.2.4.2).
    pub names: Vec<(u16, PropertyName)>,
    pub restriction: Restriction,
}

impl RuleCondition {
    /// `form` is `ExtendedRule` in PidTagExtendedRuleMessageCondition, `Rule` in the messages that keep
    /// standard rules.
    pub fn read_as(r: &mut Reader<'_>, form: RestrictionForm) -> Result<Self, WireError> {
        let names = read_names(r)?;
        Ok(RuleCondition { names, restriction: Restriction::read_as(r, form)? })
    }

    pub fn write_as(&self, w: &mut Vec<u8>, form: RestrictionForm) {
        write_names(w, &self.names);
        self.restriction.write_as(w, form);
    }
}

/// NamedPropertyInformation ([MS-OXORULE] 2.2.4.2): ids of named properties, and their names.
pub(crate) fn read_names(r: &mut Reader<'_>) -> Result<Vec<(u16, PropertyName)>, WireError> {
    let count = usize::from(u16::read(r)?);
    let ids: Vec<u16> = crate::wire::read_items(r, count)?;
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let size = u32::read(r)? as usize;
    let mut r = r.sub(size, "as many bytes of names as their size says")?;
    let mut names = Vec::with_capacity(ids.len());
    for id in ids {
        names.push((id, PropertyName::read(&mut r)?));
    }
    r.finish("no bytes behind the counted names")?;
    Ok(names)
}

pub(crate) fn write_names(w: &mut Vec<u8>, names: &[(u16, PropertyName)]) {
    let count = u16::try_from(names.len()).unwrap_or(u16::MAX);
    let names = &names[..usize::from(count)];
    count.write(w);
    names.iter().for_each(|(id, _)| id.write(w));
    if !names.is_empty() {
        let mut bytes = Vec::new();
        names.iter().for_each(|(_, name)| name.write(&mut bytes));
        (bytes.len() as u32).write(w);
        w.extend_from_slice(&bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guid::Guid;
    use crate::tag::PropertyTag;

    #[test]
    fn names_stand_before_the_restriction() {
        let condition = RuleCondition {
            names: vec![(0x80FB, PropertyName::id(Guid([1; 16]), 5))],
            restriction: Restriction::Exist { tag: PropertyTag::new(0x80FB_0003) },
        };
        let mut w = Vec::new();
        condition.write_as(&mut w, RestrictionForm::ExtendedRule);
        assert_eq!(w[..8], [1, 0, 0xFB, 0x80, 21, 0, 0, 0]);
        let mut r = Reader::new(&w);
        let read = RuleCondition::read_as(&mut r, RestrictionForm::ExtendedRule);
        assert_eq!(read, Ok(condition));
        assert!(r.is_empty());
    }
}
