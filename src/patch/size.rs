//! Sizes for people.

/// A size in the largest decimal unit that leaves a number of at least 1, with one decimal below 10: `999 B`, `1.2 kB`, `34 MB`.
pub fn readable_size(bytes: u64) -> String {
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let bytes = u128::from(bytes);
    let mut unit = 1u128;
    for name in ["kB", "MB", "GB", "TB", "PB"] {
        unit *= 1000;
        let tenths = (bytes * 10 + unit / 2) / unit;
        if tenths < 100 {
            return format!("{}.{} {name}", tenths / 10, tenths % 10);
        }
        let whole = (bytes + unit / 2) / unit;
        if whole < 1000 {
            return format!("{whole} {name}");
        }
    }
    format!("{} EB", bytes / (unit * 1000))
}

/// Two sizes such that one sees whether they differ: exact where the readable forms are the same.
pub(super) fn readable_size_change(old_bytes: u64, new_bytes: u64) -> String {
    let (old, new) = (readable_size(old_bytes), readable_size(new_bytes));
    match old == new {
        true if old_bytes == new_bytes => format!("{old}, same size"),
        true => format!("{old_bytes} B → {new_bytes} B"),
        false => format!("{old} → {new}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_change_where_the_number_would_be_too_long() {
        let shown = [0, 999, 1000, 1249, 9_949, 9_950, 12_345, 999_499, 999_500, 40 << 20, u64::MAX].map(readable_size);
        assert_eq!(shown, ["0 B", "999 B", "1.0 kB", "1.2 kB", "9.9 kB", "10 kB", "12 kB", "999 kB", "1.0 MB", "42 MB", "18 EB"]);
    }

    #[test]
    fn a_small_difference_can_be_seen() {
        assert_eq!(readable_size_change(12_345, 13_345), "12 kB → 13 kB");
        assert_eq!(readable_size_change(12_345, 12_346), "12345 B → 12346 B");
        assert_eq!(readable_size_change(12_345, 12_345), "12 kB, same size");
    }
}
