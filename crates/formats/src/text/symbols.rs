//! Fonts whose characters are pictures: what their letters show.

/// The character that a letter of a symbol font shows, as far as mail uses them; others stay. RTF has the
/// letters in a private area, too.
pub(super) fn shown(font: Font, c: char) -> char {
    let code = match u32::from(c) {
        code @ 0xf020..=0xf0ff => code - 0xf000,
        code => code,
    };
    match (font, code) {
        (Font::Symbol, 0xb7) => '•',
        (Font::Wingdings, 0x4a) => '☺',
        (Font::Wingdings, 0x4c) => '☹',
        (Font::Wingdings, 0x6c | 0x9f) => '•',
        (Font::Wingdings, 0x6e) => '■',
        (Font::Wingdings, 0x6f | 0x71 | 0xa8) => '□',
        (Font::Wingdings, 0x76) => '❖',
        (Font::Wingdings, 0xa7) => '▪',
        (Font::Wingdings, 0xd8) => '➢',
        (Font::Wingdings, 0xdf) => '←',
        (Font::Wingdings, 0xe0 | 0xe8) => '→',
        (Font::Wingdings, 0xfb) => '✗',
        (Font::Wingdings, 0xfc) => '✓',
        _ => c,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Font {
    Symbol,
    Wingdings,
}

impl Font {
    /// By the first of the names of a font.
    pub fn of_name(name: &str) -> Option<Font> {
        let name = name.split([',', ';']).next().unwrap_or_default();
        match name.trim_matches(['\'', '"', ' ']).to_ascii_lowercase().as_str() {
            "symbol" => Some(Font::Symbol),
            "wingdings" => Some(Font::Wingdings),
            _ => None,
        }
    }
}
