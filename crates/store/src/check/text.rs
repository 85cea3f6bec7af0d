//! The full-text index: it can be read, and says of some messages what they say.

use super::fix::Fix;
use super::pass::Pass;
use super::problem::What;
use crate::engine::Space;
use crate::keys::Kind;
use crate::{Result, text};

impl Pass<'_> {
    pub(super) fn texts(&mut self) -> Result<()> {
        let mut wrong = None;
        for kind in Kind::TEXT {
            self.each(kind, |_, (key, value)| {
                let row = super::kinds::find(kind as u8);
                if let Some(Err(error)) = row.map(|row| row.check(&key, &value)) {
                    wrong.get_or_insert((error.to_string(), Some(key)));
                }
                Ok(())
            })?;
        }
        if wrong.is_none()
            && let Some(mailbox) = self.mailbox.clone()
        {
            let found = text::verify(&mailbox, self.reader, self.head.sequence)?;
            wrong = found.map(|wrong| (wrong, None));
        }
        let Some((detail, key)) = wrong else { return Ok(()) };
        let mut problem = self.problem(What::TextIndex, detail);
        if let Some(key) = key {
            problem = problem.record(Space::Mailbox, &key);
        }
        self.found(problem, Fix::Text)
    }
}
