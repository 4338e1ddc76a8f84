//! The only place that reads the environment. Nothing is read before it is needed.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use super::render::escape;

/// Name of the variable that fixes the clock, for tests: milliseconds since 1970-01-01 UTC.
const TEST_NOW_MS: &str = "LUA_TEST_NOW_MS";
/// Name of the variable by which a shell asks for completions. Read by the library that answers, before anything else.
pub const COMPLETION: &str = "LUA_COMPLETE";
/// Name of the variable that keeps pushes from having garbage collected behind them: `0`.
const AUTO_GC: &str = "LUA_AUTO_GC";
/// What a push says that it was triggered by, when nothing else is said.
const TRIGGERED_BY_DEFAULT: &str = "manual lua push";

/// The name that the program was called by. It is installed under other names where `lua` is the language's interpreter.
pub fn program_name(first_argument: Option<&OsString>) -> String {
    let name = first_argument.and_then(|path| Path::new(path).file_name()).filter(|name| !name.is_empty());
    name.map_or_else(|| "lua".to_owned(), |name| escape::path(name.as_encoded_bytes()).into_owned())
}

/// How the program was called, so that it can be called again from another folder: a name that is found by `PATH`, or a path.
pub fn called_by(folder: &Path) -> String {
    let first = PathBuf::from(std::env::args_os().next().unwrap_or_else(|| "lua".into()));
    let path = if first.components().count() > 1 { folder.join(first) } else { first };
    path.to_string_lossy().into_owned()
}

/// Puts the program's name into a text that has `{lua}` in its place.
pub fn named(text: &str, program: &str) -> String {
    text.replace("{lua}", program)
}

/// Whether the user has named a time zone.
pub fn has_time_zone() -> bool {
    std::env::var_os("TZ").is_some()
}

/// Whether pushes may begin a collection.
pub fn begins_collections() -> bool {
    std::env::var_os(AUTO_GC).is_none_or(|value| value != "0")
}

/// Who makes a version: as given, else `LUA_AUTHOR`, else the user's name as the system knows it.
pub fn author(given: Option<String>) -> String {
    let from_environment = || ["LUA_AUTHOR", "USER", "LOGNAME"].into_iter().find_map(text_of);
    let user = rustix::process::getuid().as_raw();
    let from_system = || name_of_user(&std::fs::read_to_string("/etc/passwd").ok()?, user);
    given.or_else(from_environment).or_else(from_system).unwrap_or_else(|| format!("user {user}"))
}

/// The name of a user in the system's list of users: passwd(5).
fn name_of_user(users: &str, number: u32) -> Option<String> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        (fields.nth(1)?.parse() == Ok(number)).then(|| name.to_owned())
    })
}

/// What triggered a push: as given, else `LUA_TRIGGERED_BY`, else that somebody typed it.
pub fn triggered_by(given: Option<String>) -> String {
    given.or_else(|| text_of("LUA_TRIGGERED_BY")).unwrap_or_else(|| TRIGGERED_BY_DEFAULT.to_owned())
}

/// The folder for temporary files: `TMPDIR`, else that of the system.
pub fn temporary_folder() -> PathBuf {
    std::env::temp_dir()
}

/// The user's home folder.
pub fn home() -> Option<PathBuf> {
    value_of("HOME").map(PathBuf::from)
}

/// The folder in which programs of this user keep what belongs to this machine.
pub fn state_folder() -> Option<PathBuf> {
    let base = value_of("XDG_STATE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    base.or_else(|| home().map(|home| home.join(".local/state"))).map(|base| base.join("lua-store"))
}

/// The variables of the providers of object storage, and where their tools keep their files.
pub fn of_providers() -> Vec<(String, String)> {
    let is_of_provider = |name: &str| name == "HOME" || ["AWS_", "GOOGLE_", "AZURE_"].iter().any(|prefix| name.starts_with(prefix));
    let texts = std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    texts.filter(|(name, _)| is_of_provider(name)).collect()
}

/// The passphrase of encrypted remotes.
pub fn remote_passphrase() -> Option<Vec<u8>> {
    value_of("LUA_REMOTE_PASSPHRASE").map(OsString::into_encoded_bytes)
}

/// The passphrase that an encrypted remote is to have.
pub fn remote_new_passphrase() -> Option<Vec<u8>> {
    value_of("LUA_REMOTE_NEW_PASSPHRASE").map(OsString::into_encoded_bytes)
}

/// The time that tests want it to be, if they want one. The error says what is wrong with it.
pub fn test_now_ms() -> Result<Option<i64>, String> {
    let Some(text) = text_of(TEST_NOW_MS) else { return Ok(None) };
    text.parse().map(Some).map_err(|_| format!("{TEST_NOW_MS} is not a number of milliseconds: {text:?}"))
}

/// Columns that `COLUMNS` asks for.
pub fn columns() -> Option<usize> {
    text_of("COLUMNS")?.parse().ok().filter(|&columns| columns > 0)
}

/// The pager to use, as a command of the shell; `None` when the user wants none.
pub fn pager() -> Option<OsString> {
    match std::env::var_os("PAGER") {
        None => Some("less".into()),
        Some(pager) if pager.is_empty() || pager == "cat" => None,
        Some(pager) => Some(pager),
    }
}

/// Whether the user has settings of their own for `less`.
pub fn has_less_settings() -> bool {
    std::env::var_os("LESS").is_some()
}

/// Whether the terminal understands how to clear a line.
pub fn terminal_can_clear() -> bool {
    value_of("TERM").is_none_or(|term| term != OsStr::new("dumb"))
}

fn value_of(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

fn text_of(name: &str) -> Option<String> {
    value_of(name).map(|value| value.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_called_what_it_was_called_by() {
        let name = |path: &str| program_name(Some(&path.into()));
        assert_eq!(name("/usr/local/bin/lua-store"), "lua-store");
        assert_eq!(name("./lua"), "lua");
        assert_eq!(name("evil\u{1b}[31m"), r#""evil\x1b[31m""#);
        assert_eq!((name(""), program_name(None)), ("lua".to_owned(), "lua".to_owned()));
        assert_eq!(named("`{lua} push`", "moon"), "`moon push`");
    }

    #[test]
    fn a_user_without_an_environment_has_a_name() {
        let users = "root:x:0:0:root:/root:/bin/sh\n# x:1\n:x:7\nada:x:1000:1000::/home/ada:\nother:x:1000:1";
        let names = [0, 1000, 7, 1].map(|number| name_of_user(users, number));
        assert_eq!(names, [Some("root".to_owned()), Some("ada".to_owned()), None, None]);
    }

    #[test]
    fn what_is_given_comes_first() {
        assert_eq!(author(Some("grace".into())), "grace");
        assert_eq!(triggered_by(Some("agent step 4".into())), "agent step 4");
    }
}
