//! What is set for one mailbox in the place of the server's defaults.

use mapi::{Reader, Wire, WireError};

use crate::quota::Quota;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Settings {
    /// Days for which what was soft-deleted is kept.
    pub(crate) retention_days: Option<u32>,
    pub(crate) quota: Option<Quota>,
}

const VERSION: u8 = 1;

impl Settings {
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, WireError> {
        let mut r = Reader::new(bytes);
        let r = &mut r;
        super::version(r, VERSION)?;
        let retention_days = bool::read(r)?.then(|| u32::read(r)).transpose()?;
        let quota = match bool::read(r)? {
            true => Some(Quota {
                warn: read_limit(r)?,
                prohibit_send: read_limit(r)?,
                prohibit_receive: read_limit(r)?,
            }),
            false => None,
        };
        Ok(Settings { retention_days, quota })
    }

    pub(crate) fn to_bytes(self) -> Vec<u8> {
        let mut w = vec![VERSION];
        self.retention_days.is_some().write(&mut w);
        if let Some(days) = self.retention_days {
            days.write(&mut w);
        }
        self.quota.is_some().write(&mut w);
        if let Some(quota) = self.quota {
            for limit in [quota.warn, quota.prohibit_send, quota.prohibit_receive] {
                limit.is_some().write(&mut w);
                if let Some(limit) = limit {
                    limit.write(&mut w);
                }
            }
        }
        w
    }
}

fn read_limit(r: &mut Reader<'_>) -> Result<Option<u64>, WireError> {
    bool::read(r)?.then(|| u64::read(r)).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_survive_and_no_part_of_them_is_taken_for_them() {
        let quota = Quota { warn: Some(1), prohibit_send: None, prohibit_receive: Some(u64::MAX) };
        for settings in [
            Settings::default(),
            Settings { retention_days: Some(0), quota: None },
            Settings { retention_days: Some(30), quota: Some(quota) },
        ] {
            let bytes = settings.to_bytes();
            assert_eq!(Settings::read(&bytes), Ok(settings));
            for cut in 0..bytes.len() {
                assert!(Settings::read(&bytes[..cut]).is_err());
            }
        }
    }
}
