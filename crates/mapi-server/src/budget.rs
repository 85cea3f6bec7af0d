//! One memory budget, divided among everything that may grow.
//!
//! Each share bounds something that the server keeps or may be made to take. None of it is taken in advance:
//! an idle server needs a small part. What is not here is small and does not grow: code, stacks, the
//! accounts that were asked for last.

use store::StoreOptions;

use crate::http::Config;

/// What a password's hash takes while it is made, in bytes.
pub const PASSWORD_BYTES: u64 = 19 << 20;
/// What a connection takes at most beside its requests: the buffers for their heads, the state of the
/// protocol, its session.
pub const CONNECTION_BYTES: u64 = 24 << 10;
/// What remembered credentials of a user take.
pub const CREDENTIAL_BYTES: u64 = 512;

/// The least budget with which a server works, in bytes.
pub const LEAST: u64 = 48 << 20;
/// The budget if nothing else is set, in bytes.
pub const DEFAULT: u64 = 128 << 20;

macro_rules! shares {
    ($($field:ident, $part:literal, $bounds:literal, $beyond:literal;)*) => {
        /// Bytes of each share.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub struct Budget {
            pub total: u64,
            /// Hashes of passwords that are made at a time.
            pub passwords: u64,
            $(#[doc = $bounds] pub $field: u64,)*
        }

        /// The shares of what passwords leave: name, parts, what it bounds, and what happens beyond it.
        pub const SHARES: &[(&str, u64, &str, &str)] =
            &[$((stringify!($field), $part, $bounds, $beyond)),*];

        const PARTS: u64 = 0 $(+ $part)*;

        impl Budget {
            /// Divides `total` bytes, at least [`LEAST`].
            pub fn of(total: u64) -> Budget {
                let total = total.max(LEAST);
                let verifiers = (total * 3 / 10 / PASSWORD_BYTES).clamp(1, 16);
                let passwords = verifiers * PASSWORD_BYTES;
                let rest = total - passwords;
                Budget { total, passwords, $($field: rest / PARTS * $part,)* }
            }

            /// The shares with their names.
            pub fn shares(&self) -> Vec<(&'static str, u64)> {
                vec![("passwords", self.passwords), $((stringify!($field), self.$field)),*]
            }
        }
    };
}

shares! {
    engine, 24, "the engine's write buffers and its cache of blocks",
        "write buffers go to disk, the cache lets blocks go";
    commits, 8, "changes that wait for the disk", "whoever writes waits";
    views, 8, "rows of tables, over all mailboxes", "the rows used longest ago go, and are read again when asked for";
    texts, 4, "words that are gathered for the full-text index",
        "they are written, and others gathered";
    objects, 20, "open messages and attachments, with what was set in them and not saved",
        "the ROP answers NotEnoughMemory (limit `object-bytes`)";
    staging, 4, "streams that are written and not saved; each up to 64 KiB, longer ones are in files",
        "files are used from the first byte on";
    requests, 16, "requests that are read or worked on, and responses until they are sent",
        "requests wait their turn; HTTP status 503 after 30 seconds";
    connections, 32, "connections with their buffers and sessions",
        "new connections wait in the system's queue";
    credentials, 2, "remembered credentials", "one that is remembered is forgotten";
}

impl Budget {
    /// How the store is opened.
    pub fn store_options(&self) -> StoreOptions {
        StoreOptions {
            memory_budget: self.engine,
            queue_budget: self.commits,
            view_budget: self.views,
            text_budget: self.texts,
            staging_memory: self.staging,
            ..StoreOptions::default()
        }
    }

    /// Sets what the shares bound in a server.
    pub fn apply(&self, config: &mut Config) {
        let whole = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        config.verifiers = whole(self.passwords / PASSWORD_BYTES);
        config.remembered_credentials = whole(self.credentials / CREDENTIAL_BYTES);
        config.connections = whole(self.connections / CONNECTION_BYTES);
        config.request_memory = self.requests;
        config.options.limits.object_bytes = self.objects;
    }
}

impl Default for Budget {
    fn default() -> Self {
        Budget::of(DEFAULT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shares_are_the_whole() {
        for total in [0, LEAST, 100 << 20, DEFAULT, 1 << 30, 1 << 40] {
            let budget = Budget::of(total);
            let sum: u64 = budget.shares().iter().map(|(_, bytes)| bytes).sum();
            assert!(sum <= budget.total && sum > budget.total - PARTS, "{budget:?}");
            assert!(budget.shares().iter().all(|(_, bytes)| *bytes > 0));
        }
        // Two passwords at a time, and a thousand clients.
        let budget = Budget::default();
        assert_eq!(budget.passwords, 2 * PASSWORD_BYTES);
        assert!(budget.connections / CONNECTION_BYTES >= 1_000, "{budget:?}");
    }
}
