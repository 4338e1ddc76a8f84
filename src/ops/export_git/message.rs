//! The message of a commit that stands for a version: what its maker said, and below it what git has no place for.

use crate::version_log::VersionRow;

/// The message, with trailers as `git interpret-trailers` reads them.
pub fn of(row: &VersionRow) -> String {
    let record = &row.record;
    let trigger = one_line(&record.triggered_by);
    let said = record.message.trim();
    let said = if said.is_empty() { format!("{}: {trigger}", record.number) } else { said.to_owned() };
    format!("{said}\n\nLua-Version: {}\nLua-Triggered-By: {trigger}\nLua-Hash: {}\n", record.number.0, record.root)
}

fn one_line(text: &str) -> String {
    text.split(['\n', '\r']).map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::record::{ChangeCounts, VersionNumber, VersionRecord};
    use crate::id::ObjectId;

    #[test]
    fn what_git_has_no_place_for_stands_below() {
        let record = VersionRecord {
            number: VersionNumber(5),
            root: ObjectId::ZERO,
            by: "ada".into(),
            triggered_by: "agent\nstep 4".into(),
            message: "parser works\n".into(),
            changes: ChangeCounts::default(),
            files: 1,
            bytes: 1,
            left_out: 0,
        };
        let mut row = VersionRow { record, sequence: 5, created_ms: 0, id: ObjectId::ZERO, deleted: false };
        let trailers = format!("\n\nLua-Version: 5\nLua-Triggered-By: agent step 4\nLua-Hash: {}\n", "0".repeat(64));
        assert_eq!(of(&row), format!("parser works{trailers}"));
        row.record.message.clear();
        assert_eq!(of(&row), format!("v5: agent step 4{trailers}"));
    }
}
