//! Passwords: asked for, read or made, and never printed but once when made.

use std::fmt;
use std::io::{self, BufRead, IsTerminal};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};

use crate::cli::PasswordArgs;

/// A password that does not show in logs or errors.
#[derive(Clone, Serialize, Deserialize)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// A new password as the arguments say; `true` if it was made here and is to be shown.
pub fn new_password(args: &PasswordArgs) -> anyhow::Result<(Secret, bool)> {
    if args.generate {
        return Ok((generate()?, true));
    }
    if args.password_stdin {
        return Ok((first_line()?, false));
    }
    if !io::stdin().is_terminal() {
        bail!("no terminal to ask for a password: use --password-stdin or --generate");
    }
    let first = checked(prompt("New password: ")?)?;
    if first.0 != prompt("Again: ")? {
        bail!("the two passwords differ; nothing was changed");
    }
    Ok((first, false))
}

/// The password of an account on a server: from standard input, the environment or the prompt.
pub fn existing_password(stdin: bool, user: &str) -> anyhow::Result<Secret> {
    if stdin {
        return first_line();
    }
    if let Ok(password) = std::env::var("COFFER_PASSWORD") {
        return Ok(Secret(password));
    }
    if !io::stdin().is_terminal() {
        bail!("no terminal to ask for the password of {user}: use --password-stdin");
    }
    Ok(Secret(prompt(&format!("Password of {user}: "))?))
}

fn prompt(text: &str) -> anyhow::Result<String> {
    rpassword::prompt_password(text).context("no password was given")
}

fn first_line() -> anyhow::Result<Secret> {
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line).context("read the password from standard input")?;
    checked(line.trim_end_matches(['\r', '\n']).to_owned())
}

fn checked(password: String) -> anyhow::Result<Secret> {
    match password.chars().count() {
        0 => bail!("an empty password is not accepted"),
        n if n > 256 => bail!("a password has at most 256 characters"),
        _ => Ok(Secret(password)),
    }
}

/// 20 characters out of 32, so 100 bits, without those that look alike.
pub fn generate() -> anyhow::Result<Secret> {
    const LETTERS: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz23456789-";
    let mut random = [0; 20];
    getrandom::fill(&mut random).map_err(|e| anyhow::anyhow!("no random numbers: {e}"))?;
    let password = random.iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)]));
    Ok(Secret(password.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_passwords_differ_and_do_not_print() {
        let (one, two) = (generate().unwrap(), generate().unwrap());
        assert_ne!(one.0, two.0);
        assert_eq!(one.0.len(), 20);
        assert_eq!(format!("{one:?}"), "(secret)");
    }
}
