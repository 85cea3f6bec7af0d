//! The last net below other people's parsers.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// In the reason of what was lost to a panic; tests fail where it appears.
pub const PANICKED: &str = "a bug: the parser panicked";

/// Runs a parser over bytes that it owns. A panic is a bug of the parser, and costs what it was to read.
pub fn guarded<T>(parse: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    // What a panic may leave half done is dropped with the closure.
    catch_unwind(AssertUnwindSafe(parse)).unwrap_or_else(|_| Err(PANICKED.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_a_reason() {
        assert_eq!(guarded(|| Ok(1)), Ok(1));
        assert_eq!(guarded::<()>(|| panic!("in a test")), Err(PANICKED.into()));
    }
}
