//! A command's events on the terminal.

use std::io::{self, IsTerminal, Write};

use indicatif::{ProgressBar, ProgressStyle};

use crate::control::{Event, Output};

/// Lines go to standard output, warnings and a progress bar to standard error; the bar only where
/// somebody sees it.
#[derive(Default)]
pub struct Terminal {
    bar: Option<ProgressBar>,
}

impl Output for Terminal {
    fn event(&mut self, event: Event) -> io::Result<()> {
        match event {
            Event::Progress { done, total, what } => {
                if io::stderr().is_terminal() {
                    self.show(done, total, what);
                }
                Ok(())
            }
            Event::Line(line) => {
                self.finish();
                writeln!(io::stdout().lock(), "{line}")
            }
            Event::Warning(line) => self.above_bar(&line),
            Event::Failed(text) => {
                self.finish();
                writeln!(io::stderr().lock(), "coffer: {text}")
            }
            Event::Exit(_) => Ok(()),
        }
    }
}

impl Terminal {
    fn show(&mut self, done: u64, total: u64, what: String) {
        let bar = self.bar.get_or_insert_with(|| {
            let bar = ProgressBar::new(total);
            let style = "{bar:30} {pos}/{len} {elapsed_precise} {wide_msg}";
            bar.set_style(
                ProgressStyle::with_template(style).unwrap_or(ProgressStyle::default_bar()),
            );
            bar
        });
        bar.set_length(total.max(done));
        bar.set_position(done);
        bar.set_message(what);
    }

    fn above_bar(&self, line: &str) -> io::Result<()> {
        match &self.bar {
            Some(bar) => bar.suspend(|| writeln!(io::stderr().lock(), "{line}")),
            None => writeln!(io::stderr().lock(), "{line}"),
        }
    }

    fn finish(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.finish();
    }
}
