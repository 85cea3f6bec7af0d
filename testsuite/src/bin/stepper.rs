//! The program that does one operation with a fault at one step of its files (`testsuite::crash::steps`).
//!
//! `stepper prepare DATA`, or under the file layer `stepper OPERATION DATA FAULT STEP`, or `stepper full DATA
//! FLOOR`: an engine on a disk that fills up, with a floor of so many bytes or `default`.

use std::path::Path;

use testsuite::Result;
use testsuite::crash::{full, steps};
use testsuite::forget::{Fault, own_control};

fn main() -> Result {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.as_slice() {
        [command, data] if command == "prepare" => steps::prepare(Path::new(data)),
        [command, data, floor] if command == "full" => {
            let control = own_control().ok_or("not under the file layer")?;
            let floor = if floor == "default" { None } else { Some(floor.parse()?) };
            full::run(Path::new(data), control, floor)
        }
        [operation, data, fault, step] => {
            let control = own_control().ok_or("not under the file layer")?;
            let named = |known: &Fault| format!("{known:?}") == *fault;
            let fault = Fault::ALL.into_iter().find(named).ok_or("no such fault")?;
            steps::run(operation, Path::new(data), control, fault, step.parse()?)
        }
        _ => {
            Err("usage: stepper prepare DATA | full DATA FLOOR | OPERATION DATA FAULT STEP".into())
        }
    }
}
