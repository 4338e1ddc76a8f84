//! The master key as people write it down: 14 groups of four letters and digits, none of which look alike, with a checksum.

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const GROUP: usize = 4;
const CHECKSUM_BYTES: usize = 3;
const CONTEXT: &str = "lua_store 2026-11 remote: checksum of a recovery code";

/// The code of a key.
pub fn encode(key: &[u8; 32]) -> String {
    let bytes: Vec<u8> = key.iter().copied().chain(checksum(key)).collect();
    let mut code = String::new();
    // Five bytes are eight letters.
    for (number, five) in bytes.chunks(5).enumerate() {
        let bits = five.iter().fold(0u64, |bits, byte| bits << 8 | u64::from(*byte));
        for place in 0..8 {
            if place % GROUP == 0 && (number, place) != (0, 0) {
                code.push('-');
            }
            code.push(ALPHABET[(bits >> (35 - 5 * place) & 31) as usize] as char);
        }
    }
    code
}

/// The key of a code; `None` for anything else. Small letters, spaces and what looks alike are taken.
pub fn decode(code: &str) -> Option<[u8; 32]> {
    let letters = code.chars().filter(|letter| !letter.is_whitespace() && *letter != '-').map(value).collect::<Option<Vec<u64>>>()?;
    if letters.len() != (32 + CHECKSUM_BYTES) / 5 * 8 {
        return None;
    }
    let fives = letters.chunks(8).map(|eight| eight.iter().fold(0, |bits, letter| bits << 5 | letter));
    let bytes: Vec<u8> = fives.flat_map(|bits: u64| bits.to_be_bytes().into_iter().skip(3)).collect();
    let (key, sum) = bytes.split_first_chunk::<32>()?;
    (sum == checksum(key)).then_some(*key)
}

fn value(letter: char) -> Option<u64> {
    let letter = match letter.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    };
    ALPHABET.iter().position(|known| *known as char == letter).map(|value| value as u64)
}

fn checksum(key: &[u8; 32]) -> [u8; CHECKSUM_BYTES] {
    let hash = blake3::derive_key(CONTEXT, key);
    [hash[0], hash[1], hash[2]]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_read_back_as_people_type_them() {
        let key = std::array::from_fn(|at| (at * 7) as u8);
        let code = encode(&key);
        assert_eq!((code.len(), code.split('-').count()), (69, 14));
        assert_eq!(decode(&code), Some(key));
        assert_eq!(decode(&format!(" {}\n", code.to_lowercase().replace('-', " ").replace('0', "o").replace('1', "l"))), Some(key));
        assert_eq!(code, "003G-W58W-4CN3-2E1Z-8S6N-8PV2-D5R7-EZM5-HJ9S-N8D8-NYVB-VH6B-TBCR-5595");
    }

    #[test]
    fn a_wrong_letter_is_found_out() {
        let code = encode(&[9; 32]);
        for at in (0..code.len()).filter(|at| code.as_bytes()[*at] != b'-') {
            let mut wrong = code.clone().into_bytes();
            wrong[at] = if wrong[at] == b'7' { b'8' } else { b'7' };
            assert_eq!(decode(std::str::from_utf8(&wrong).unwrap()), None, "at {at}");
        }
        assert!(["", "ABCD", &code[1..], &format!("{code}A"), "ü"].iter().all(|wrong| decode(wrong).is_none()));
    }
}
