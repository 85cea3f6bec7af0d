//! Random ROPs from several sessions on one mailbox, against a simple model of a store. What differs is shrunk
//! to a short list of operations.
//!
//! A run is bounded and the same each time; `COFFER_MODEL_CASES` runs more, `COFFER_MODEL_SEED` others.

mod compare;
mod contents;
mod events;
mod folders;
mod messages;
mod operation;
mod permissions;
mod public;
mod rules;
mod run;
mod searches;
mod store;
mod tables;
mod want;
mod watches;

use proptest::collection::vec;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use testsuite::rig::Rig;

/// How many operations a case has at most.
const LENGTH: usize = 120;

fn number(name: &str) -> Option<u64> {
    std::env::var(name)
        .ok()
        .map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

/// Runs cases until one fails; shows the shortest that still does.
fn cases(default: u32, seed: u8, rig: fn() -> testsuite::Result<Rig>) {
    let factor = number("COFFER_MODEL_CASES").map_or(1, |cases| cases.max(1));
    let cases = u32::try_from(u64::from(default) * factor).unwrap_or(u32::MAX);
    let mut bytes = [seed; 32];
    bytes[..8].copy_from_slice(&number("COFFER_MODEL_SEED").unwrap_or(1).to_le_bytes());
    let config =
        Config { cases, failure_persistence: None, max_shrink_iters: 2_000, ..Config::default() };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let outcome = runner.run(&vec(operation::one(), 1..LENGTH), |operations| {
        let rig = rig().map_err(|error| TestCaseError::fail(error.to_string()))?;
        run::run(&rig, &operations).map_err(TestCaseError::fail)
    });
    match outcome {
        Ok(()) => {}
        Err(TestError::Fail(reason, operations)) => {
            panic!("{reason}\nafter these operations:\n{operations:#?}");
        }
        Err(TestError::Abort(reason)) => panic!("{reason}"),
    }
}

#[test]
fn many_sequences_over_loopback() {
    cases(60, 1, Rig::loopback);
}

#[test]
fn fewer_over_http() {
    cases(6, 2, Rig::http);
}
