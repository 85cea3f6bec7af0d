//! Languages of messages: the tags of Content-Language ([RFC 5646]) and the numbers of PidTagMessageLocaleId
//! ([MS-LCID] 2.2). Those of the languages that Exchange speaks.

#[rustfmt::skip]
const LOCALES: &[(&str, i32)] = &[
    ("ar-SA", 0x0401), ("bg-BG", 0x0402), ("ca-ES", 0x0403), ("zh-TW", 0x0404), ("cs-CZ", 0x0405),
    ("da-DK", 0x0406), ("de-DE", 0x0407), ("el-GR", 0x0408), ("en-US", 0x0409), ("fi-FI", 0x040b),
    ("fr-FR", 0x040c), ("he-IL", 0x040d), ("hu-HU", 0x040e), ("is-IS", 0x040f), ("it-IT", 0x0410),
    ("ja-JP", 0x0411), ("ko-KR", 0x0412), ("nl-NL", 0x0413), ("nb-NO", 0x0414), ("pl-PL", 0x0415),
    ("pt-BR", 0x0416), ("ro-RO", 0x0418), ("ru-RU", 0x0419), ("hr-HR", 0x041a), ("sk-SK", 0x041b),
    ("sv-SE", 0x041d), ("th-TH", 0x041e), ("tr-TR", 0x041f), ("ur-PK", 0x0420), ("id-ID", 0x0421),
    ("uk-UA", 0x0422), ("sl-SI", 0x0424), ("et-EE", 0x0425), ("lv-LV", 0x0426), ("lt-LT", 0x0427),
    ("fa-IR", 0x0429), ("vi-VN", 0x042a), ("eu-ES", 0x042d), ("hi-IN", 0x0439), ("ms-MY", 0x043e),
    ("kk-KZ", 0x043f), ("bn-IN", 0x0445), ("gl-ES", 0x0456), ("zh-CN", 0x0804), ("de-CH", 0x0807),
    ("en-GB", 0x0809), ("es-MX", 0x080a), ("fr-BE", 0x080c), ("it-CH", 0x0810), ("nl-BE", 0x0813),
    ("nn-NO", 0x0814), ("pt-PT", 0x0816), ("zh-HK", 0x0c04), ("de-AT", 0x0c07), ("en-AU", 0x0c09),
    ("es-ES", 0x0c0a), ("fr-CA", 0x0c0c), ("zh-SG", 0x1004), ("en-CA", 0x1009), ("fr-CH", 0x100c),
    ("en-NZ", 0x1409), ("en-IE", 0x1809), ("en-ZA", 0x1c09),
];

/// The locale of the first language of a list. A language without a country is that of its first row.
pub(crate) fn of_tag(list: &str) -> Option<i32> {
    let tag = list.split([',', ';']).next()?.trim();
    let whole = LOCALES.iter().find(|(known, _)| known.eq_ignore_ascii_case(tag));
    let language = || {
        LOCALES.iter().find(|(known, _)| {
            known.split('-').next().is_some_and(|language| language.eq_ignore_ascii_case(tag))
        })
    };
    whole.or_else(language).map(|(_, locale)| *locale)
}

pub(crate) fn tag_of(locale: i32) -> Option<&'static str> {
    LOCALES.iter().find(|(_, known)| *known == locale).map(|(tag, _)| *tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_lead_to_locales_and_back() {
        for (tag, locale) in LOCALES {
            assert_eq!(of_tag(tag), Some(*locale));
            assert_eq!(tag_of(*locale), Some(*tag));
        }
        assert_eq!(of_tag("DE"), Some(0x0407));
        assert_eq!(of_tag("en-gb, en-us"), Some(0x0809));
        assert_eq!(of_tag("xx"), None);
        assert_eq!(tag_of(0), None);
    }
}
