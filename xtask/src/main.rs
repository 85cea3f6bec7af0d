//! The project's chores: `cargo xtask COMMAND`. One file per command.

mod bench;
mod ci;
mod codegen;
mod conformance;
mod crash;
mod fuzz;

use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask COMMAND

  bench [NAME...] [--quick] [--json FILE] [--markdown]
                      measure what the server costs and print one table (--help says more)
  ci                  everything that a change has to pass
  codegen [--check]   write the generated tables of tags, named properties and error codes
                      (--check: only say whether they are up to date)
  conformance [...]   which requirements of the specifications tests pin, and which are excused or open
                      (--help says more)
  crash [RUNS] [--kill | --power]
                      kill a working store at random, 50 times if not said otherwise, half of them or
                      all with the loss of what was not synced, and look whether everything that was
                      acknowledged is there, whole
  crash --steps       each operation with each fault (a kill, the loss of power, failing and torn
                      writes, a full disk) at each step of its files
  fuzz SECONDS [TARGET]
                      fuzz every target, or one, for so long each (needs a nightly toolchain)";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match words.as_slice() {
        ["bench", arguments @ ..] => bench::run(arguments),
        ["ci"] => ci::run(),
        ["codegen"] => codegen::write(),
        ["codegen", "--check"] => codegen::check(),
        ["conformance", arguments @ ..] => conformance::run(arguments),
        ["crash", arguments @ ..] => crash::run(arguments),
        ["fuzz", seconds] => fuzz::run(seconds, None),
        ["fuzz", seconds, target] => fuzz::run(seconds, Some(target)),
        _ => Err(USAGE.to_owned()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

/// The workspace's root: the parent of this crate's directory.
fn root() -> &'static std::path::Path {
    std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}
