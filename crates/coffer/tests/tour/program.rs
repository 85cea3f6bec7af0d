//! Runs the program.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

/// A data directory in a temporary place.
pub struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    pub fn new() -> Self {
        Place { dir: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn data(&self) -> PathBuf {
        self.path("data")
    }

    /// Runs a command that has to succeed, and returns what it printed.
    pub fn ok(&self, arguments: &[&str]) -> String {
        self.ok_with_input(arguments, "")
    }

    pub fn ok_with_input(&self, arguments: &[&str], input: &str) -> String {
        let (status, out, err) = self.output(arguments, input);
        assert_eq!(status, 0, "{arguments:?}:\n{out}{err}");
        out
    }

    /// Runs a command that has to fail, and returns what it said.
    pub fn fails(&self, arguments: &[&str]) -> String {
        let (status, text) = self.run(arguments);
        assert_ne!(status, 0, "{arguments:?}:\n{text}");
        text
    }

    /// The exit status and everything printed.
    pub fn run(&self, arguments: &[&str]) -> (i32, String) {
        let (status, out, err) = self.output(arguments, "");
        (status, out + &err)
    }

    /// A command on the data directory of a server; the exit status and what it printed on its output.
    pub fn run_at(&self, data: &Path, arguments: &[&str]) -> (i32, String) {
        let (status, out, _) = finish(command(data, arguments), arguments, "");
        (status, out)
    }

    fn output(&self, arguments: &[&str], input: &str) -> (i32, String, String) {
        finish(self.command(arguments), arguments, input)
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        command(&self.data(), arguments)
    }
}

fn command(data: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_coffer"));
    command
        .arg("--data")
        .arg(data)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Runs a command to its end. A panic that reaches the user is never right.
fn finish(mut command: Command, arguments: &[&str], input: &str) -> (i32, String, String) {
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!(out.clone() + &err).contains("panicked"), "{arguments:?}:\n{out}{err}");
    (output.status.code().expect("it ends by itself"), out, err)
}
/// A server, and what it prints. It ends with the test, also where an assertion fails.
pub struct Running {
    pub child: Child,
    out: BufReader<ChildStdout>,
}

impl Drop for Running {
    fn drop(&mut self) {
        // One that was waited for is no process any more, and is left alone.
        if let Ok(None) = self.child.try_wait() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

pub fn start(place: &Place, arguments: &[&str]) -> Running {
    let mut child = place.command(arguments).spawn().unwrap();
    let out = BufReader::new(child.stdout.take().unwrap());
    Running { child, out }
}

impl Running {
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.out.read_line(&mut line).unwrap();
        line
    }

    /// Lines until one that starts with `word`; what is behind it.
    pub fn value(&mut self, word: &str) -> String {
        for _ in 0..20 {
            let line = self.line();
            if let Some(value) = line.strip_prefix(word) {
                return value.trim().to_owned();
            }
        }
        panic!("no line starts with {word}");
    }
}

/// Ends a process that the test started, by its id, as Ctrl-C would.
pub fn end(mut running: Running) -> i32 {
    let pid = i32::try_from(running.child.id()).unwrap();
    // SAFETY: the child was started here and has not been waited for, so the id is its own.
    assert_eq!(unsafe { libc::kill(pid, libc::SIGTERM) }, 0);
    running.child.wait().unwrap().code().expect("it ends by itself")
}

/// A server that a failed assertion leaves behind would go on for ever.
#[test]
fn a_server_ends_with_a_test_that_fails() {
    let pid = std::sync::atomic::AtomicI32::new(0);
    let failed = std::panic::catch_unwind(|| {
        let place = Place::new();
        let mut running = start(&place, &["serve", "--ephemeral"]);
        assert!(running.line().starts_with('{'), "one line of JSON");
        pid.store(running.child.id() as i32, std::sync::atomic::Ordering::SeqCst);
        panic!("as an assertion does");
    });
    assert!(failed.is_err());
    let pid = pid.into_inner();
    assert_ne!(pid, 0, "the server did not start");
    // SAFETY: signal 0 only asks whether there is such a process.
    assert_eq!(unsafe { libc::kill(pid, 0) }, -1, "process {pid} is still there");
}

pub fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}:\n{text}"))
}

/// The shared corpus, which stands beside the project; None, with a word, where it is absent.
pub fn corpus() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus");
    if path.is_dir() {
        return Some(path);
    }
    println!("skipped: the shared corpus is not beside the project");
    None
}
