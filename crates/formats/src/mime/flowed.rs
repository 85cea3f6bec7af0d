//! Text of the form format=flowed, whose lines are broken where they are long ([RFC 3676] 4).

/// The text with its paragraphs in one line each. Quotes keep their marks, and a signature's line stays.
pub(crate) fn unflow(text: &str, delete_space: bool) -> String {
    let mut out = String::with_capacity(text.len());
    // The depth of the paragraph that the next line may go on with.
    let mut open: Option<usize> = None;
    for line in text.split('\n') {
        let line = line.strip_suffix('\r').unwrap_or(line);
        let depth = line.bytes().take_while(|byte| *byte == b'>').count();
        let rest = &line[depth..];
        let rest = rest.strip_prefix(' ').unwrap_or(rest);
        let signature = rest == "-- ";
        let goes_on = open == Some(depth) && !signature;
        if !goes_on {
            if open.is_some() {
                out.push_str("\r\n");
            }
            out.extend(std::iter::repeat_n('>', depth));
            if depth > 0 {
                out.push(' ');
            }
        }
        let flowed = rest.ends_with(' ') && !signature;
        out.push_str(if flowed && delete_space { &rest[..rest.len() - 1] } else { rest });
        open = flowed.then_some(depth);
        if !flowed {
            out.push_str("\r\n");
        }
    }
    // The end of the text is no line's end.
    if open.is_none() {
        out.truncate(out.len() - 2);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraphs_are_put_together() {
        for (text, plain) in [
            ("one \r\ntwo\r\nthree", "one two\r\nthree"),
            (
                "> a \n> b\n>> c \n> d\n  stuffed\n >no quote\n",
                "> a b\r\n>> c \r\n> d\r\n stuffed\r\n>no quote\r\n",
            ),
            ("text \n-- \nname \n", "text \r\n-- \r\nname "),
            ("", ""),
            ("a ", "a "),
        ] {
            assert_eq!(unflow(text, false), plain, "{text:?}");
        }
        assert_eq!(unflow("日 \n本", true), "日本");
    }
}
