//! Threads (RFC 5256 3): ORDEREDSUBJECT and REFERENCES, over what the headers of messages say.
//!
//! Nothing here recurses: who writes References decides how deep a thread is.

use std::collections::HashMap;

use super::subject::Base;

/// What a message says of itself.
#[derive(Debug, Clone, Default)]
pub(crate) struct Entry {
    /// The number or UID by which the client names it.
    pub(crate) number: u32,
    /// The sent date (RFC 5256 2.2), in any unit.
    pub(crate) sent: u64,
    /// Folded for comparison.
    pub(crate) subject: Base,
    /// Without the angle brackets.
    pub(crate) id: Option<String>,
    /// The ids of References, or the first one of In-Reply-To.
    pub(crate) references: Vec<String>,
}

/// Steps up a chain of parents, for each message, that a look for loops may take; a link that costs more is not made.
const STEPS: usize = 512;
/// Ids of one message that are looked at: the first, which is the root, and the last ones.
pub(crate) const MAX_REFERENCES: usize = 256;

/// Messages of a reply tree.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Node {
    /// None for one that is only referred to, and for what gathers threads of one subject.
    message: Option<usize>,
    parent: Option<usize>,
    /// Something was linked below it: only such a one can be above anything.
    leads: bool,
    children: Vec<usize>,
}

/// The untagged response without its beginning: threads in parentheses. `entries` are in ascending order.
pub(crate) fn by_subject(entries: &[Entry]) -> String {
    let mut order: Vec<&Entry> = entries.iter().collect();
    order.sort_by(|a, b| (&a.subject.text, a.sent).cmp(&(&b.subject.text, b.sent)));
    let mut threads: Vec<&[&Entry]> =
        order.chunk_by(|a, b| a.subject.text == b.subject.text).collect();
    threads.sort_by_key(|thread| (thread[0].sent, thread[0].number));
    let mut text = String::new();
    for thread in threads {
        text.push('(');
        text.push_str(&thread[0].number.to_string());
        match &thread[1..] {
            [] => {}
            [one] => text.push_str(&format!(" {}", one.number)),
            // Children of the first, and siblings of each other.
            many => {
                text.push(' ');
                many.iter().for_each(|entry| text.push_str(&format!("({})", entry.number)));
            }
        }
        text.push(')');
    }
    text
}

/// As [`by_subject`], by who answered whom.
pub(crate) fn by_references(entries: &[Entry]) -> String {
    let mut tree = linked(entries);
    let roots = pruned(&mut tree);
    let mut forest = Forest { entries, tree };
    let roots = forest.gathered(roots);
    forest.written(&roots)
}

/// (1) Links messages, and ids that nobody has, to their parents.
fn linked(entries: &[Entry]) -> Vec<Node> {
    let node = |message| Node { message: Some(message), ..Node::default() };
    let mut tree: Vec<Node> = (0..entries.len()).map(node).collect();
    let mut by_id: HashMap<&str, usize> = HashMap::new();
    for (at, entry) in entries.iter().enumerate() {
        if let Some(id) = &entry.id {
            // A second one with the same id is nobody's parent.
            by_id.entry(id).or_insert(at);
        }
    }
    let mut steps = entries.len().saturating_mul(STEPS);
    for (at, entry) in entries.iter().enumerate() {
        let mut before: Option<usize> = None;
        for id in &entry.references {
            let named = *by_id.entry(id).or_insert_with(|| {
                tree.push(Node::default());
                tree.len() - 1
            });
            if let Some(parent) = before
                && tree[named].parent.is_none()
            {
                link(&mut tree, parent, named, &mut steps);
            }
            before = Some(named);
        }
        // What others said of its parent counts less than what it says itself.
        tree[at].parent = None;
        if let Some(parent) = before {
            link(&mut tree, parent, at, &mut steps);
        }
    }
    for at in 0..tree.len() {
        if let Some(parent) = tree[at].parent {
            tree[parent].children.push(at);
        }
    }
    tree
}

/// Links, unless that would make a loop.
fn link(tree: &mut [Node], parent: usize, child: usize, steps: &mut usize) {
    let mut above = Some(parent).filter(|_| tree[child].leads || parent == child);
    while let Some(at) = above {
        if at == child || *steps == 0 {
            return;
        }
        *steps -= 1;
        above = tree[at].parent;
    }
    tree[child].parent = Some(parent);
    tree[parent].leads = true;
}

/// (2), (3) The children of the root, without dummies but those that hold several of them.
fn pruned(tree: &mut [Node]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..tree.len()).filter(|at| tree[*at].parent.is_none()).collect();
    let tops = order.len();
    let mut next = 0;
    while let Some(at) = order.get(next) {
        order.extend_from_slice(&tree[*at].children);
        next += 1;
    }
    // From the youngest on: what is below a dummy is settled before the dummy goes.
    for at in order.iter().rev() {
        let mut kept = Vec::new();
        for child in std::mem::take(&mut tree[*at].children) {
            match tree[child].message {
                Some(_) => kept.push(child),
                None => kept.append(&mut tree[child].children),
            }
        }
        tree[*at].children = kept;
    }
    let mut roots = Vec::new();
    for at in &order[..tops] {
        match (tree[*at].message, tree[*at].children.as_slice()) {
            (None, []) => {}
            (None, [one]) => roots.push(*one),
            _ => roots.push(*at),
        }
    }
    roots
}

struct Forest<'a> {
    entries: &'a [Entry],
    tree: Vec<Node>,
}

impl<'a> Forest<'a> {
    /// The message that stands for a node: its own, or its first child's.
    fn entry(&self, at: usize) -> Option<&'a Entry> {
        let message = self.tree[at].message;
        let message = message.or_else(|| self.tree[*self.tree[at].children.first()?].message);
        message.map(|message| &self.entries[message])
    }

    fn is_dummy(&self, at: usize) -> bool {
        self.tree[at].message.is_none()
    }

    fn is_reply(&self, at: usize) -> bool {
        self.entry(at).is_some_and(|entry| entry.subject.is_reply)
    }

    fn sorted(&self, mut nodes: Vec<usize>) -> Vec<usize> {
        nodes.sort_by_key(|at| self.entry(*at).map(|entry| (entry.sent, entry.number)));
        nodes
    }

    fn sort_children(&mut self, at: usize) {
        let children = std::mem::take(&mut self.tree[at].children);
        self.tree[at].children = self.sorted(children);
    }

    /// (4), (5), (6) Threads of one subject become one, and siblings stand by date.
    fn gathered(&mut self, roots: Vec<usize>) -> Vec<usize> {
        for at in &roots {
            if self.is_dummy(*at) {
                self.sort_children(*at);
            }
        }
        let roots = self.sorted(roots);
        let mut table: HashMap<&'a str, usize> = HashMap::new();
        for at in &roots {
            let Some(subject) = self.subject(*at) else { continue };
            let known = *table.entry(subject).or_insert(*at);
            let better = self.is_dummy(*at) || self.is_reply(known) && !self.is_reply(*at);
            if !self.is_dummy(known) && better {
                table.insert(subject, *at);
            }
        }
        // Who is gathered under another one is no root any more.
        let mut replaced: HashMap<usize, Option<usize>> = HashMap::new();
        for at in &roots {
            let Some(subject) = self.subject(*at) else { continue };
            let Some(known) = table.get(subject).copied().filter(|known| known != at) else {
                continue;
            };
            match (self.is_dummy(known), self.is_dummy(*at)) {
                (true, true) => {
                    let mut children = std::mem::take(&mut self.tree[*at].children);
                    self.tree[known].children.append(&mut children);
                    replaced.insert(*at, None);
                }
                (true, false) => {
                    self.tree[known].children.push(*at);
                    replaced.insert(*at, None);
                }
                (false, _) if self.is_reply(*at) && !self.is_reply(known) => {
                    self.tree[known].children.push(*at);
                    replaced.insert(*at, None);
                }
                (false, _) => {
                    self.tree.push(Node { children: vec![known, *at], ..Node::default() });
                    let dummy = self.tree.len() - 1;
                    table.insert(subject, dummy);
                    replaced.insert(*at, None);
                    replaced.insert(known, Some(dummy));
                }
            }
        }
        let kept = roots.iter().filter_map(|at| replaced.get(at).copied().unwrap_or(Some(*at)));
        let roots: Vec<usize> = kept.collect();
        for at in 0..self.tree.len() {
            self.sort_children(at);
        }
        self.sorted(roots)
    }

    /// The subject of a thread, where there is one.
    fn subject(&self, at: usize) -> Option<&'a str> {
        let subject = self.entry(at)?.subject.text.as_str();
        (!subject.is_empty()).then_some(subject)
    }

    fn written(&self, roots: &[usize]) -> String {
        enum Step {
            Begin,
            Node(usize),
            End,
        }
        let mut text = String::new();
        let mut steps: Vec<Step> = Vec::new();
        for root in roots {
            text.push('(');
            steps.push(Step::Node(*root));
            while let Some(step) = steps.pop() {
                let at = match step {
                    Step::Begin => {
                        text.push('(');
                        continue;
                    }
                    Step::End => {
                        text.push(')');
                        continue;
                    }
                    Step::Node(at) => at,
                };
                if text.ends_with(|c: char| c.is_ascii_digit()) {
                    text.push(' ');
                }
                let Node { message, children, .. } = &self.tree[at];
                if let Some(message) = message {
                    text.push_str(&self.entries[*message].number.to_string());
                }
                match children.as_slice() {
                    [] => {}
                    [one] => steps.push(Step::Node(*one)),
                    many => {
                        if message.is_some() {
                            text.push(' ');
                        }
                        for child in many.iter().rev() {
                            steps.extend([Step::End, Step::Node(*child), Step::Begin]);
                        }
                    }
                }
            }
            text.push(')');
        }
        text
    }
}

/// The valid message ids of a field (RFC 5322 3.6.4), without brackets; quotes that are not needed make no difference.
pub(crate) fn ids(value: &str) -> Vec<String> {
    let mut all = Vec::new();
    let mut rest = value;
    while let Some(begin) = rest.find('<') {
        rest = &rest[begin + 1..];
        let Some(end) = rest.find(['<', '>']) else { break };
        let inside = &rest[..end];
        if rest[end..].starts_with('>') {
            all.extend(normal(inside));
            rest = &rest[end + 1..];
        }
    }
    if all.len() > MAX_REFERENCES {
        let behind = all.len() - (MAX_REFERENCES - 1);
        all.drain(1..behind);
    }
    all
}

fn normal(id: &str) -> Option<String> {
    let (left, right) = id.rsplit_once('@')?;
    let left: String = match left.strip_prefix('"').and_then(|left| left.strip_suffix('"')) {
        Some(quoted) => {
            let mut escaped = false;
            let keep = |c: &char| {
                escaped = *c == '\\' && !escaped;
                !escaped
            };
            quoted.chars().filter(keep).collect()
        }
        // Folds may stand in an id that is too long for its line.
        None => left.split_whitespace().collect(),
    };
    let right: String = right.split_whitespace().collect();
    (!left.is_empty() && !right.is_empty()).then(|| format!("{left}@{right}"))
}

#[cfg(test)]
mod tests {
    use super::super::subject::base;
    use super::*;

    fn entry(number: u32, subject: &str, id: &str, references: &[&str]) -> Entry {
        Entry {
            number,
            sent: number.into(),
            subject: base(subject),
            id: Some(id.into()),
            references: references.iter().map(|id| (*id).to_owned()).collect(),
        }
    }

    #[test]
    fn subjects_make_threads() {
        let mut all = vec![
            entry(1, "b", "1", &[]),
            entry(2, "a", "2", &[]),
            entry(3, "Re: b", "3", &[]),
            entry(4, "Re: b", "4", &[]),
            entry(5, "re: a", "5", &[]),
        ];
        assert_eq!(by_subject(&all), "(1 (3)(4))(2 5)");
        all[0].sent = 9;
        assert_eq!(by_subject(&all), "(2 5)(3 (4)(1))");
        assert_eq!(by_subject(&[]), "");
    }

    #[test]
    fn references_make_threads() {
        // The tree of RFC 5256 4, THREAD: (2)(3 6 (4 23)(44 7 96))
        let all = [
            entry(2, "x", "2", &[]),
            entry(3, "y", "3", &[]),
            entry(4, "Re: y", "4", &["3", "6"]),
            entry(6, "Re: y", "6", &["3"]),
            entry(7, "Re: y", "7", &["3", "6", "44"]),
            entry(23, "Re: y", "23", &["3", "6", "4"]),
            entry(44, "Re: y", "44", &["3", "6"]),
            entry(96, "Re: y", "96", &["7"]),
        ];
        assert_eq!(by_references(&all), "(2)(3 6 (4 23)(44 7 96))");
    }

    #[test]
    fn dummies_hold_siblings_together_and_vanish_elsewhere() {
        let all = [entry(1, "a", "1", &["gone"]), entry(2, "b", "2", &["gone"])];
        assert_eq!(by_references(&all), "((1)(2))");
        let all = [entry(1, "a", "1", &["gone"])];
        assert_eq!(by_references(&all), "(1)");
        let all = [
            entry(1, "a", "1", &[]),
            entry(2, "b", "2", &["1", "gone"]),
            entry(3, "c", "3", &["1", "gone", "too"]),
        ];
        assert_eq!(by_references(&all), "(1 (2)(3))");
    }

    #[test]
    fn threads_of_one_subject_become_one() {
        let all =
            [entry(1, "Re: a", "1", &[]), entry(2, "a", "2", &[]), entry(3, "Re: a", "3", &[])];
        assert_eq!(by_references(&all), "(2 (1)(3))");
        let all = [entry(1, "a", "1", &[]), entry(2, "a", "2", &[]), entry(3, "a", "3", &[])];
        assert_eq!(by_references(&all), "((1)(2)(3))");
        // Both dummies.
        let all = [
            entry(1, "a", "1", &["x"]),
            entry(2, "b", "2", &["x"]),
            entry(3, "a", "3", &["y"]),
            entry(4, "c", "4", &["y"]),
        ];
        assert_eq!(by_references(&all), "((1)(2)(3)(4))");
        // Without a subject nothing is gathered.
        let all = [entry(1, "", "1", &[]), entry(2, "Re:", "2", &[])];
        assert_eq!(by_references(&all), "(1)(2)");
    }

    #[test]
    fn loops_and_doubles_are_no_links() {
        let all = [
            entry(1, "a", "1", &["2"]),
            entry(2, "b", "2", &["1"]),
            entry(3, "c", "3", &["3"]),
            entry(4, "d", "1", &[]),
            entry(5, "e", "5", &["1"]),
        ];
        assert_eq!(by_references(&all), "(2 1 5)(3)(4)");
    }

    #[test]
    fn a_chain_may_be_long() {
        let name = |n: u32| format!("{n}@x");
        let all: Vec<Entry> = (1..=20_000)
            .map(|n| entry(n, "Re: a", &name(n), &[&name(n.saturating_sub(1))]))
            .collect();
        let text = by_references(&all);
        assert_eq!(text.matches(char::is_numeric).count(), 88_894);
    }

    #[test]
    fn ids_are_found_and_compared() {
        assert_eq!(
            ids("<a@b> x <c@d><no> <\"e\\f\"@g> <h\r\n @i> <@j> <k@l"),
            ["a@b", "c@d", "ef@g", "h@i"]
        );
        let many: String = (0..1_000).map(|n| format!("<{n}@x>")).collect();
        let kept = ids(&many);
        assert_eq!((kept.len(), kept[0].as_str()), (MAX_REFERENCES, "0@x"));
        assert_eq!(kept[MAX_REFERENCES - 1], "999@x");
    }
}
