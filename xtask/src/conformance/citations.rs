//! Citations: lines of a test's doc comment, one for each section: `/// MS-OXCTABL 2.2.2.8.1: R123, R124`,
//! or without requirements.

use std::path::{Path, PathBuf};

use super::tables::{Section, Specification};

/// How many requirements a test may cite. One that cites more pins none of them.
const AT_MOST: usize = 5;

/// One line of a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Citation {
    pub specification: String,
    pub section: Section,
    /// `R123`; none if the section is cited as a whole.
    pub requirements: Vec<String>,
    /// The module and name of the function, as the test binary calls it, less the way it runs over.
    pub test: String,
    /// The file and line, for messages.
    pub place: String,
}

/// All citations of the tests. What is no citation but begins like one is a problem.
pub fn scan(problems: &mut Vec<String>) -> Result<Vec<Citation>, String> {
    let mut found = Vec::new();
    for directory in directories()? {
        for file in rust_files(&directory)? {
            let text = std::fs::read_to_string(&file)
                .map_err(|error| format!("{}: {error}", file.display()))?;
            scan_file(&file, &directory, &text, &mut found, problems);
        }
    }
    Ok(found)
}

/// Specifications whose requirements nobody numbered. A test may name their sections; nothing counts them.
const WITHOUT_TABLE: &[&str] = &[
    "MS-OXBBODY",
    "MS-OXCDATA",
    "MS-OXOMSG",
    "MS-OXOSRCH",
    "MS-OXPROPS",
    "MS-OXRTFCP",
    "MS-OXRTFEX",
];

/// Says which citations name what the tables do not have.
pub fn check(citations: &[Citation], specifications: &[Specification], problems: &mut Vec<String>) {
    for citation in citations {
        let Citation { specification, section, place, .. } = citation;
        let Some(known) = specifications.iter().find(|known| known.name == *specification) else {
            if !WITHOUT_TABLE.contains(&specification.as_str()) {
                problems.push(format!("{place}: {specification} is none of the specifications"));
            }
            continue;
        };
        if !known.requirements.iter().any(|requirement| requirement.section == *section) {
            problems.push(format!("{place}: {specification} has no requirement in {section}"));
            continue;
        }
        for id in &citation.requirements {
            match known.requirements.iter().find(|requirement| requirement.id == *id) {
                None => problems.push(format!("{place}: {specification} has no {id}")),
                Some(found) if found.section != *section => problems.push(format!(
                    "{place}: {specification} {id} stands in {}, not in {section}",
                    found.section
                )),
                Some(_) => {}
            }
        }
    }
}

/// Where tests stand that pin requirements.
fn directories() -> Result<Vec<PathBuf>, String> {
    let mut found = vec![crate::root().join("testsuite/tests/protocol")];
    for crate_dir in entries(&crate::root().join("crates"))? {
        let tests = crate_dir.join("tests");
        if tests.is_dir() {
            found.push(tests);
        }
    }
    Ok(found)
}

fn entries(directory: &Path) -> Result<Vec<PathBuf>, String> {
    let failed = |error| format!("{}: {error}", directory.display());
    let entries = std::fs::read_dir(directory).map_err(failed)?;
    let mut paths = Vec::new();
    for entry in entries {
        paths.push(entry.map_err(failed)?.path());
    }
    paths.sort();
    Ok(paths)
}

fn rust_files(directory: &Path) -> Result<Vec<PathBuf>, String> {
    let mut files = Vec::new();
    for path in entries(directory)? {
        if path.is_dir() {
            files.extend(rust_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(files)
}

fn scan_file(
    file: &Path,
    directory: &Path,
    text: &str,
    found: &mut Vec<Citation>,
    problems: &mut Vec<String>,
) {
    let root = crate::root();
    let shown = file.strip_prefix(root).unwrap_or(file).display();
    let modules = modules(file, directory);
    // The binary that `--prove` runs.
    let provable = directory.ends_with("protocol");
    // The lines of a doc comment, until the item that they belong to.
    let mut lines: Vec<(usize, &str)> = Vec::new();
    let mut is_test = false;
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if let Some(doc) = line.strip_prefix("///") {
            lines.push((number + 1, doc.trim()));
            continue;
        }
        if line.starts_with("#[") {
            is_test |= line == "#[test]";
            continue;
        }
        let function = function_name(line);
        // Functions of `on_both!` are tests by their argument.
        is_test |= line.contains(": &Rig)");
        let cited: Vec<_> = lines.drain(..).filter(|(_, doc)| doc.starts_with("MS-")).collect();
        let mut count = 0;
        for (number, doc) in cited {
            let place = format!("{shown}:{number}");
            let Some(function) = function.filter(|_| is_test) else {
                problems.push(format!("{place}: only tests cite: {doc}"));
                continue;
            };
            let Some((specification, section, requirements)) = parse(doc) else {
                problems
                    .push(format!("{place}: not of the form `MS-OXCTABL 2.2.2: R1, R2`: {doc}"));
                continue;
            };
            if !provable {
                problems
                    .push(format!("{place}: tests that cite stand in testsuite/tests/protocol"));
            }
            count += requirements.len();
            let test = [&modules[..], &[function.to_owned()]].concat().join("::");
            found.push(Citation { specification, section, requirements, test, place });
        }
        if count > AT_MOST {
            problems.push(format!(
                "{shown}:{}: a test cites at most {AT_MOST} requirements, not {count}",
                number + 1
            ));
        }
        is_test = false;
    }
}

/// The modules of a file in a test binary.
fn modules(file: &Path, directory: &Path) -> Vec<String> {
    let inside = file.strip_prefix(directory).unwrap_or(file).with_extension("");
    let mut names: Vec<String> =
        inside.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if names.last().is_some_and(|last| last == "mod" || last == "main") {
        names.pop();
    }
    names
}

fn function_name(line: &str) -> Option<&str> {
    let (before, rest) = line.split_once("fn ")?;
    if !before.chars().all(|c| c.is_ascii_lowercase() || c == ' ') {
        return None;
    }
    rest.split(['(', '<']).next()
}

/// A citation without its test.
pub fn parse(line: &str) -> Option<(String, Section, Vec<String>)> {
    let (specification, rest) = line.split_once(' ')?;
    let named = specification.strip_prefix("MS-")?;
    if named.is_empty() || !named.chars().all(|c| c.is_ascii_uppercase()) {
        return None;
    }
    let (section, requirements) = match rest.split_once(':') {
        Some((section, requirements)) => (section, parse_requirements(requirements)?),
        None => (rest, Vec::new()),
    };
    Some((specification.to_owned(), Section::parse(section.trim())?, requirements))
}

/// `R1, R2`
pub fn parse_requirements(text: &str) -> Option<Vec<String>> {
    let id = |id: &str| {
        let digits = id.strip_prefix('R')?;
        let valid = !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit());
        valid.then(|| id.to_owned())
    };
    text.split(',').map(|part| id(part.trim())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan_text(text: &str) -> (Vec<Citation>, Vec<String>) {
        let directory = Path::new("/x/tests/protocol");
        let (mut found, mut problems) = (Vec::new(), Vec::new());
        let file = directory.join("tabl/rows.rs");
        scan_file(&file, directory, text, &mut found, &mut problems);
        (found, problems)
    }

    #[test]
    fn a_line_cites_a_section() {
        let cited = parse("MS-OXCTABL 2.2.2.8.1: R123, R124").unwrap();
        assert_eq!(cited.0, "MS-OXCTABL");
        assert_eq!(cited.1, Section::parse("2.2.2.8.1").unwrap());
        assert_eq!(cited.2, ["R123", "R124"]);
        assert_eq!(parse("MS-OXCTABL 2.2.2").unwrap().2, [] as [&str; 0]);
        for wrong in
            ["MS-OXCTABL", "MS-OXCTABL R12", "MS-OXCTABL 2.2: 12", "MS-OXCTABL 2.2:", "MS- 2"]
        {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn citations_belong_to_the_test_below_them() {
        let text = "
            on_both! {
                /// What it says.
                /// MS-OXCTABL 2.2.1: R1
                /// MS-OXCTABL 2.2.2
                fn rows_are_read(rig: &Rig) -> Result {
                }
            }
            /// MS-OXCTABL 2.2.3
            #[test]
            fn alone() {
            }
        ";
        let (found, problems) = scan_text(text);
        assert_eq!(problems, [] as [&str; 0]);
        let tests: Vec<_> = found.iter().map(|citation| citation.test.as_str()).collect();
        assert_eq!(
            tests,
            ["tabl::rows::rows_are_read", "tabl::rows::rows_are_read", "tabl::rows::alone"]
        );
    }

    #[test]
    fn what_cites_and_is_no_test_is_told() {
        let (found, problems) = scan_text("/// MS-OXCTABL 2.2.3\nfn helper() {}\n");
        assert_eq!((found.len(), problems.len()), (0, 1));
        let (_, problems) = scan_text("/// MS-OXCTABL R3\n#[test]\nfn wrong() {}\n");
        assert_eq!(problems.len(), 1);
        let many =
            "/// MS-OXCTABL 2.2: R1, R2, R3\n/// MS-OXCTABL 2.3: R4, R5, R6\n#[test]\nfn many() {}";
        assert_eq!(scan_text(many).1.len(), 1);
    }
}
