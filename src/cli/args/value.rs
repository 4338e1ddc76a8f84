//! Values on the command line.

use lua_store::format::record::VersionNumber;

/// A version as it is typed: `v5` or `5`.
pub fn parse_version(text: &str) -> Result<VersionNumber, String> {
    let digits = text.strip_prefix(['v', 'V']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("a version is written as 5 or v5".to_owned());
    }
    match digits.parse() {
        Ok(0) => Err("the first version is 1".to_owned()),
        Ok(number) => Ok(VersionNumber(number)),
        Err(_) => Err("no version has a number that large".to_owned()),
    }
}

/// Whether a word is a version where both versions and paths may stand.
pub fn looks_like_version(word: &std::ffi::OsStr) -> Option<VersionNumber> {
    word.to_str().and_then(|text| parse_version(text).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_of_a_version() {
        for text in ["5", "v5", "V5", "005"] {
            assert_eq!(parse_version(text), Ok(VersionNumber(5)), "{text}");
        }
        assert_eq!(parse_version("18446744073709551615"), Ok(VersionNumber(u64::MAX)));
    }

    #[test]
    fn everything_else_is_no_version() {
        for text in ["", "v", "0", "v0", "-1", "+1", "5a", "vv5", "1.0", "٣", "18446744073709551616"] {
            assert!(parse_version(text).is_err(), "{text}");
            assert_eq!(looks_like_version(text.as_ref()), None, "{text}");
        }
    }
}
