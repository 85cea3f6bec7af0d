//! Coffer: an open, Exchange-compatible message store in one binary.

mod account;
mod alloc;
mod backup;
mod check;
mod cli;
mod command;
mod control;
mod demo;
mod dkim;
mod export;
mod import;
mod mail;
mod maintain;
mod manifest;
mod open;
mod owners;
mod password;
mod public;
mod queue;
mod recover;
mod restore;
mod serve;
mod show;
mod signal;
mod size;
mod soak;
mod terminal;
mod tls;
mod top;
mod waiting;
mod why;

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Parser;

use cli::{Cli, Command, UserCommand};
use command::Request;
use terminal::Terminal;

#[global_allocator]
static ALLOCATOR: alloc::Counting = alloc::Counting;

fn main() -> ExitCode {
    alloc::bound_arenas();
    let cli = Cli::parse();
    // A soak makes things fail on purpose, thousands of times.
    log_to_stderr(if matches!(cli.command, Command::Soak(_)) { "off" } else { "warn" });
    match run(cli) {
        Ok(status) => status,
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("coffer: {error:#}");
            ExitCode::from(1)
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let data = cli.data;
    open::set_defaults(cli.defaults);
    let status = match cli.command {
        Command::Soak(args) => return soak::run(&args),
        Command::Serve(args) => serve::run(&data, &args)?,
        Command::User(command) => user(&data, command)?,
        Command::Dkim(command) => dkim::run(&data, &command)?,
        Command::Mailbox(command) => ask(&data, Request::Mailbox(command))?,
        Command::Public(command) => ask(&data, Request::Public(command))?,
        Command::Import(mut args) => {
            args.paths = args.paths.into_iter().map(absolute).collect::<anyhow::Result<_>>()?;
            ask(&data, Request::Import(args))?
        }
        Command::Export(mut args) => {
            args.dir = std::path::absolute(&args.dir)?;
            ask(&data, Request::Export(args))?
        }
        Command::Backup(args) => backup::command(&data, args)?,
        Command::Restore(args) => restore::command(&data, args)?,
        Command::Manifest(args) => manifest::command(&data, args)?,
        Command::Ls(args) if args.source.url.is_some() => {
            show::remote(&args.source, |store| show::ls(store, &args, &mut Terminal::default()))?;
            0
        }
        Command::Cat(args) if args.source.url.is_some() => {
            show::remote(&args.source, |store| show::cat(store, &args, &mut Terminal::default()))?;
            0
        }
        Command::Top(args) => top::run(&data, &args)?,
        Command::Ls(args) => ask(&data, Request::Ls(args))?,
        Command::Cat(args) => ask(&data, Request::Cat(args))?,
        Command::Recover(args) => ask(&data, Request::Recover(args))?,
        Command::Why(args) => ask(&data, Request::Why(args))?,
        Command::Queue(command) => ask(&data, Request::Queue(command))?,
        Command::Track(args) => ask(&data, Request::Track(args))?,
        Command::Maintain(args) => ask(&data, Request::Maintain(args))?,
        Command::Check(args) => ask(&data, Request::Check(args))?,
    };
    Ok(ExitCode::from(status))
}

/// Asks for what a command about accounts needs, then runs it.
fn user(data: &Path, command: UserCommand) -> anyhow::Result<u8> {
    let (request, made) = match command {
        UserCommand::Add { address, display_name, password } => {
            let (password, made) = password::new_password(&password)?;
            let shown = made.then(|| password.clone());
            (Request::UserAdd { address, display_name, password }, shown)
        }
        UserCommand::Passwd { address, password } => {
            let (password, made) = password::new_password(&password)?;
            let shown = made.then(|| password.clone());
            (Request::UserPassword { address, password }, shown)
        }
        UserCommand::List { json } => (Request::UserList { json }, None),
        UserCommand::Show { address, json } => (Request::UserShow { address, json }, None),
        UserCommand::Disable { address } => {
            (Request::UserDisable { address, disabled: true }, None)
        }
        UserCommand::Enable { address } => {
            (Request::UserDisable { address, disabled: false }, None)
        }
        UserCommand::Promote { address } => {
            (Request::UserAdministrator { address, administrator: true }, None)
        }
        UserCommand::Demote { address } => {
            (Request::UserAdministrator { address, administrator: false }, None)
        }
        UserCommand::Alias(command) => (Request::UserAlias(command), None),
        UserCommand::Remove { address, yes } => {
            if !yes && !confirmed(&address)? {
                bail!("nothing was removed");
            }
            (Request::UserRemove { address }, None)
        }
    };
    let status = ask(data, request)?;
    if let (0, Some(password)) = (status, made) {
        writeln!(io::stdout(), "password: {}", password.0)?;
    }
    Ok(status)
}

fn ask(data: &Path, request: Request) -> anyhow::Result<u8> {
    control::run(data, request, &mut Terminal::default())
}

fn confirmed(address: &str) -> anyhow::Result<bool> {
    if !io::stdin().is_terminal() {
        bail!("removing {address} and its mailbox cannot be undone; say --yes");
    }
    eprint!("Remove {address} and all that is in its mailbox? This cannot be undone. [y/N] ");
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(answer.trim().eq_ignore_ascii_case("y"))
}

/// The process that reads the file may have another working directory.
fn absolute(path: PathBuf) -> anyhow::Result<PathBuf> {
    path.canonicalize().with_context(|| format!("cannot import {}", path.display()))
}

/// `coffer ls | head` is no error.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// As much as usual (warnings and worse), unless COFFER_LOG says otherwise (`COFFER_LOG=debug`).
fn log_to_stderr(usual: &str) {
    let filter = tracing_subscriber::EnvFilter::try_from_env("COFFER_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(usual));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).init();
}
