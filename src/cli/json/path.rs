//! Paths in JSON: `"path"`, and where that is not the whole truth because the path is no UTF-8, its bytes as `"path_bytes"` in
//! hexadecimal digits.

use std::ffi::OsStr;
use std::fmt::Write;

use lua_store::path::RelPath;
use serde::Serialize;

/// A path.
#[derive(Debug, Serialize)]
pub struct JsonPath {
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_bytes: Option<String>,
}

impl From<&RelPath> for JsonPath {
    fn from(path: &RelPath) -> Self {
        Self::from(path.as_bytes())
    }
}

impl From<&[u8]> for JsonPath {
    fn from(path: &[u8]) -> Self {
        Self { path: lossy(path), path_bytes: hexadecimal_unless_text(path) }
    }
}

/// All paths of a list.
pub fn all(paths: &[RelPath]) -> Vec<JsonPath> {
    paths.iter().map(JsonPath::from).collect()
}

/// A path of the operating system as text.
pub fn os_text(path: impl AsRef<OsStr>) -> String {
    path.as_ref().to_string_lossy().into_owned()
}

/// Bytes as text; what is no UTF-8 is replaced.
pub fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The hexadecimal digits of bytes that are no text.
pub fn hexadecimal_unless_text(bytes: &[u8]) -> Option<String> {
    if std::str::from_utf8(bytes).is_ok() {
        return None;
    }
    let mut digits = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(digits, "{byte:02x}");
    }
    Some(digits)
}

#[cfg(test)]
mod tests {
    use super::super::text;
    use super::*;

    #[test]
    fn bytes_are_given_where_text_is_not_enough() {
        let shown = |path: &[u8]| text(&JsonPath::from(&RelPath::new(path).unwrap()));
        assert_eq!(shown("é/\u{1b}".as_bytes()), r#"{"path":"é/\u001b"}"#);
        assert_eq!(shown(b"a\xff"), "{\"path\":\"a\u{fffd}\",\"path_bytes\":\"61ff\"}");
    }
}
