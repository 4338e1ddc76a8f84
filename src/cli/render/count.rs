//! Numbers of things.

use lua_store::format::record::ChangeCounts;

/// A number with a comma before every three digits.
pub fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// So many things: `1 file`, `2 files`, `1,234 files`, `2 entries`.
pub fn counted(count: u64, thing: &str) -> String {
    match (count, thing.strip_suffix("ry")) {
        (1, _) => format!("1 {thing}"),
        (_, Some(stem)) => format!("{} {stem}ries", number(count)),
        (_, None) => format!("{} {thing}s", number(count)),
    }
}

/// Changes in little room: `+3 ~2 -1`; `none` when there are none.
pub fn changes(changes: &ChangeCounts) -> String {
    let ChangeCounts { added, changed, removed } = *changes;
    let signed = [('+', added), ('~', changed), ('-', removed)].into_iter().filter(|(_, count)| *count > 0);
    let shown: Vec<String> = signed.map(|(sign, count)| format!("{sign}{count}")).collect();
    if shown.is_empty() { "none".to_owned() } else { shown.join(" ") }
}

/// Changes in words: `3 files added, 2 changed, 1 removed`, without what did not happen.
pub fn changes_in_words(changes: &ChangeCounts) -> String {
    let ChangeCounts { added, changed, removed } = *changes;
    let happened: Vec<_> =
        [(added, "added"), (changed, "changed"), (removed, "removed")].into_iter().filter(|(count, _)| *count > 0).collect();
    let Some(((first, did), rest)) = happened.split_first() else { return "no file changed".to_owned() };
    let mut words = format!("{} {did}", counted(*first, "file"));
    for (count, did) in rest {
        words.push_str(&format!(", {} {did}", number(*count)));
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        let shown = [0, 999, 1000, 79_012, 1_234_567].map(number);
        assert_eq!(shown, ["0", "999", "1,000", "79,012", "1,234,567"]);
        assert_eq!([counted(1, "file"), counted(0, "file"), counted(1200, "day")], ["1 file", "0 files", "1,200 days"]);
    }

    #[test]
    fn changes_name_what_happened() {
        let some = ChangeCounts { added: 3, changed: 0, removed: 1000 };
        assert_eq!((changes(&some).as_str(), changes_in_words(&some).as_str()), ("+3 -1000", "3 files added, 1,000 removed"));
        let none = ChangeCounts::default();
        assert_eq!((changes(&none).as_str(), changes_in_words(&none).as_str()), ("none", "no file changed"));
    }
}
