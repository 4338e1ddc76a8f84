//! Every bound and default of the crate, with its unit in its name.
//!
//! A number that decides how much is read, kept, waited for or tried stands here and nowhere else, so that
//! the relations between the numbers can be checked when the crate is compiled (see the end of the file).

/// Longest name of one directory entry, in bytes (the limit of Linux file systems).
pub const NAME_BYTES_MAX: usize = 255;
/// Longest relative path that is recorded, in bytes. Paths are walked by directory handle, so this exceeds `PATH_MAX`.
pub const PATH_BYTES_MAX: usize = 1 << 20;
/// Longest target of a symbolic link, in bytes (`PATH_MAX` less the closing zero).
pub const LINK_TARGET_BYTES_MAX: usize = 4095;
/// Longest message, author or trigger of a version, in bytes.
pub const TEXT_BYTES_MAX: usize = 64 << 10;
/// Longest label of a version, and longest reason of a prune, in bytes.
pub const LABEL_BYTES_MAX: usize = 255;
/// Most that is kept of what a check writes: its last bytes, and of these the last lines.
pub const CHECK_OUTPUT_BYTES_MAX: usize = 8 << 10;
/// See [`CHECK_OUTPUT_BYTES_MAX`].
pub const CHECK_OUTPUT_LINES_MAX: usize = 40;
/// Most versions that one record prunes: each takes up to ten bytes of it.
pub const PRUNED_VERSIONS_MAX: usize = 20_000;
/// Most contents that one record purges; of more there are several records.
pub const PURGED_CONTENTS_MAX: usize = 4_000;
/// Most bytes of paths that a record of a purge names; the rest follow from the contents and the trees.
pub const PURGED_PATHS_BYTES_MAX: usize = 64 << 10;
/// Length of the pieces of purged contents that files are searched for, in bytes; a shorter content is one piece.
pub const PURGE_NEEDLE_BYTES: usize = 32;
/// A content shorter than this may stand anywhere by chance and is not searched for, in bytes.
pub const PURGE_NEEDLE_BYTES_MIN: usize = 12;
/// A piece with fewer distinct bytes may stand anywhere by chance.
pub const PURGE_NEEDLE_DISTINCT_MIN: usize = 6;
/// Most pieces of one purged content.
pub const PURGE_NEEDLES_EACH: usize = 16;
/// Most pieces that files are searched for.
pub const PURGE_NEEDLES_MAX: usize = 20_000;
/// How much of a file is searched at a time, in bytes.
pub const PURGE_SEARCH_BYTES: usize = 1 << 20;
/// Most places that a purge names one by one.
pub const PURGE_PATHS_NAMED_MAX: usize = 20;
/// Pause of a purge that waits for another collection, in milliseconds.
pub const PURGE_RETRY_MS: u64 = 100;
/// How often a check that is running is looked at, in milliseconds.
pub const CHECK_POLL_MS: u64 = 50;
/// A check that was told to stop is killed after this long, in milliseconds.
pub const CHECK_STOP_MS: u64 = 2_000;

/// A file larger than this is cut into chunks; anything up to it is one object in one frame. In bytes.
pub const WHOLE_BYTES_MAX: usize = 1 << 20;
/// Smallest, desired average and largest chunk that FastCDC cuts, in bytes.
pub const CHUNK_BYTES_MIN: usize = 64 << 10;
/// See [`CHUNK_BYTES_MIN`].
pub const CHUNK_BYTES_AVERAGE: usize = 256 << 10;
/// See [`CHUNK_BYTES_MIN`].
pub const CHUNK_BYTES_MAX: usize = 1 << 20;
/// How much of a large file is read at a time while it is cut, in bytes.
pub const READ_BUFFER_BYTES: usize = 4 << 20;
/// How much of a file is read at a time when only its id is wanted, in bytes.
pub const HASH_BUFFER_BYTES: usize = 128 << 10;

/// First contents of small files are put together until a group holds this many bytes.
pub const GROUP_BYTES_TARGET: usize = 512 << 10;
/// A file larger than this gets a frame of its own instead of a place in a group, in bytes.
pub const GROUP_MEMBER_BYTES_MAX: usize = 256 << 10;
/// Most objects in one group frame: the width of the member field of a location.
pub const GROUP_MEMBERS_MAX: usize = 4096;
/// Largest content of a frame before compression, in bytes: a whole object, a group, or a chunk list of a file of about half a TB.
pub const FRAME_RAW_BYTES_MAX: usize = 64 << 20;
/// Largest frame as stored, in bytes: content that did not shrink, and its header.
pub const FRAME_STORED_BYTES_MAX: usize = FRAME_RAW_BYTES_MAX + (64 << 10);

/// Level of zstd at push time. Level 9 gains 1–3 % for 2–4 times the CPU.
pub const ZSTD_LEVEL: i32 = 3;
/// Level of zstd for what a collection compresses anew: nobody waits for it.
pub const GC_ZSTD_LEVEL: i32 = 19;
/// A segment is written anew when at least this much of it is dead, in percent.
pub const GC_DEAD_PERCENT_MIN: u64 = 20;
/// Neighbouring segments are joined as long as what lives in them is no more than this, in bytes.
pub const GC_JOIN_BYTES_MAX: u64 = 256 << 20;
/// How much of a new content is looked through for likely secrets, in bytes.
pub const SECRET_SCAN_BYTES_MAX: usize = 1 << 20;
/// In a first push only files up to this size are looked through for likely secrets, in bytes: it should not take longer for them.
pub const SECRET_SCAN_FIRST_PUSH_BYTES_MAX: usize = 16 << 10;
/// Most likely secrets that a push names.
pub const SECRETS_NAMED_MAX: usize = 100;
/// How often a push over budget drops versions and looks again.
pub const BUDGET_ROUNDS_MAX: usize = 4;
/// Unit of the density of versions: it is compared as a whole number.
pub const BUDGET_SCORE_UNIT: u128 = 1 << 40;
/// How long a collection waits for a moment without a push, in milliseconds, and how often it looks.
pub const GC_WAIT_MS_MAX: u64 = 20_000;
/// See [`GC_WAIT_MS_MAX`].
pub const GC_RETRY_MS: u64 = 10;
/// Largest journal of a collection, in bytes.
pub const COLLECTION_JOURNAL_BYTES_MAX: u64 = 8 << 20;
/// Largest window that zstd may ask for when it reads a frame, as a power of two of bytes.
pub const ZSTD_WINDOW_LOG_MAX: u32 = 26;
/// From this size on a sample decides whether compressing is tried at all, in bytes.
pub const SAMPLE_FROM_BYTES: usize = 32 << 10;
/// Size of that sample, in bytes.
pub const SAMPLE_BYTES: usize = 8 << 10;
/// Most deltas between an object and a frame that stands alone: bounds the cost of reading an old version.
pub const DELTA_DEPTH_MAX: u8 = 32;

/// A push keeps its frames in memory up to this many bytes and then moves them to a segment of its own.
pub const BATCH_BYTES_MAX: usize = 4 << 20;
/// Of a temporary file the kernel is asked to write this many bytes at a time, long before the sync at its end.
pub const WRITEBACK_BYTES: u64 = 8 << 20;
/// Small pushes are appended to the newest segment until it has this many bytes.
pub const SEGMENT_APPEND_BYTES_MAX: u64 = 256 << 20;
/// A large push starts another segment after this many bytes. A location has 32 bits for an offset.
pub const SEGMENT_BYTES_MAX: u64 = 1 << 30;
/// Most segments of one store: the width of the segment field of a location.
pub const SEGMENTS_MAX: u32 = 1 << 20;

/// Most records of one frame, which become durable together or not at all.
pub const RECORD_GROUP_MEMBERS_MAX: usize = 1 << 20;
/// Records of together this many bytes are compressed. Half of a shorter one is hashes and numbers, which nothing makes smaller.
pub const RECORDS_COMPRESSED_FROM_BYTES: usize = 256;
/// Records are stored in at least their bytes divided by this.
pub const RECORDS_SHRINK_MAX: usize = 8;

/// A pack for a remote is closed when it has this many bytes.
pub const PACK_BYTES_TARGET: usize = 16 << 20;
/// Largest pack, in bytes: the largest frame and a table fit behind what was there before.
pub const PACK_BYTES_MAX: usize = 128 << 20;
/// A pack of more than so many bytes holds either what everybody needs or contents that are fetched when they are asked for.
pub const PACK_MIXED_BYTES_MAX: usize = 1 << 20;
/// Between two wanted parts of a pack so many bytes come along rather than another request is made.
pub const PACK_GAP_BYTES: u64 = 256 << 10;
/// Most objects of one catalog.
pub const CATALOG_OBJECTS_MAX: u64 = 500_000;
/// From so many new entries on a summary of the log is looked for.
pub const SUMMARY_FROM_ENTRIES: usize = 64;
/// A bundle of log entries is closed when it has this many bytes.
pub const BUNDLE_BYTES_TARGET: usize = 8 << 20;
/// Contents that were left at a remote are fetched and published together until they have so many bytes.
pub const FETCH_BYTES: u64 = 256 << 20;
/// Largest file that says which contents have not been fetched, in bytes.
pub const ABSENT_BYTES_MAX: u64 = 4 << 30;
/// How long what nothing names stays in a remote, in milliseconds: a sync may be about to name it.
pub const REMOTE_GRACE_MS: i64 = 7 * 24 * 3600 * 1000;
/// How long after it began an interrupted sending is gone on with, in milliseconds; later all is sent anew.
pub const REMOTE_RESUME_MS: i64 = REMOTE_GRACE_MS / 2;
/// How long a sending may take until it is named, in milliseconds, so that nothing of it can be collected by then.
pub const REMOTE_SENDING_MS: i64 = REMOTE_GRACE_MS / 4 * 3;
/// Packs of less than so many bytes are merged when a remote is collected.
pub const PACK_MERGE_BYTES: u64 = 4 << 20;
/// Most objects of one pack.
pub const PACK_OBJECTS_MAX: u64 = 200_000;
/// Largest entry of a remote log, in bytes.
pub const REMOTE_ENTRY_BYTES_MAX: usize = 8 << 20;
/// An entry of a remote log gets no further record once its records have this many bytes, or packs are named.
pub const REMOTE_ENTRY_RECORDS_BYTES: usize = 4 << 20;
/// Most entries that are taken in at a time.
pub const REMOTE_ROUND_ENTRIES: usize = 256;
/// No further entry is taken in at the same time once its packs have this many bytes.
pub const REMOTE_ROUND_BYTES: u64 = 512 << 20;
/// Transfers that run at the same time.
pub const REMOTE_TRANSFERS: usize = 8;
/// How often an entry is tried when others are faster.
pub const REMOTE_APPEND_TRIES: u32 = 200;
/// A request to a remote fails after this long without an answer, in milliseconds.
pub const REMOTE_TIMEOUT_MS: u64 = 30_000;
/// How often a transfer that waits for a bandwidth limit looks whether the user wants to stop, in milliseconds.
pub const PACE_POLL_MS: u64 = 50;
/// How often a request is tried again that failed for a reason which may pass.
pub const REMOTE_RETRIES: usize = 5;
/// How often a request is tried again whose answer broke off, or which the storage says collides with another.
pub const REMOTE_REPEATS: usize = 3;
/// Pause before that, in milliseconds.
pub const REMOTE_REPEAT_MS: u64 = 50;
/// From this size on a pack is looked for in the remote before it is sent, in bytes: an interrupted sync may have sent it.
pub const PACK_LOOK_FIRST_BYTES: usize = 256 << 10;
/// A sealed object is made of segments of this many bytes, so that a part of it can be read.
pub const SEAL_SEGMENT_BYTES: usize = 64 << 10;
/// Length of the tag behind each segment, in bytes.
pub const SEAL_TAG_BYTES: usize = 16;
/// Shorter contents are padded to this many bytes before they are sealed.
pub const SEAL_PADDED_BYTES_MIN: usize = 512;
/// Most memory that deriving a key from a passphrase may take, in KiB.
pub const KDF_MEMORY_KIB_MAX: u32 = 1 << 20;
/// Most passes over it.
pub const KDF_PASSES_MAX: u32 = 16;
/// Most lanes.
pub const KDF_LANES_MAX: u32 = 16;
/// Most memory times passes, in KiB: a few seconds.
pub const KDF_WORK_KIB_MAX: u64 = 4 << 20;
/// How much is read of a file with profiles of Amazon's tools, in bytes.
pub const PROFILE_FILE_BYTES_MAX: u64 = 1 << 20;
/// Largest key file, in bytes.
pub const KEY_FILE_BYTES_MAX: u64 = 1 << 20;
/// Largest file that says what is known of a remote, in bytes.
pub const REMOTE_STATE_BYTES_MAX: u64 = 64 << 10;

/// New index entries gather in the tail file until there are this many; then they become a sorted run.
pub const INDEX_TAIL_ENTRIES_MAX: usize = 2048;
/// Two neighbouring runs are merged when the older has less than this many times the entries of the newer.
pub const INDEX_MERGE_RATIO: u64 = 2;

/// A stat-cache row is trusted only when the file's ctime was at least this old when the file was read, in milliseconds.
/// Covers writers through a shared memory map, whose edits move no time stamp until the kernel has written the page back.
pub const STAT_TRUST_AGE_MS: i64 = 60_000;
/// The stat cache is written anew when more than this share of it (in percent) is no longer reachable.
pub const STAT_CACHE_GARBAGE_PERCENT_MAX: u64 = 50;
/// How often a file that changes while it is read is read again before it is recorded as unstable.
pub const READ_TRIES: u32 = 3;
/// A file written this short a time ago is read twice, in milliseconds: the kernel moves its times when a write begins, not
/// when it ends, so a reader in the midst of a long write sees no sign of it but the bytes.
pub const RECENT_WRITE_MS: i64 = 2_000;
/// A recently written file of more than [`SETTLE_FROM_BYTES`] is read the second time when its last write is this old, in
/// milliseconds: by then a write that was interrupted by the scheduler has gone on.
pub const SETTLE_MS: i64 = 100;
/// See [`SETTLE_MS`]. A smaller write is over before anybody can look.
pub const SETTLE_FROM_BYTES: u64 = 64 << 10;
/// A run of zero bytes at least this long becomes a hole when a large file is written, in bytes.
pub const HOLE_BYTES_MIN: usize = 64 << 10;

/// A wait for another process is announced after this long, in milliseconds.
pub const LOCK_NOTICE_AFTER_MS: u64 = 1_000;
/// Pause between two tries to get a lock, in milliseconds.
pub const LOCK_RETRY_MS: u64 = 5;
/// A temporary file that nobody has locked is removed when it is this old, in milliseconds: its maker may be about to lock it.
pub const TEMP_AGE_MS_MIN: u64 = 10_000;
/// SQLite waits this long for another process, in milliseconds.
pub const SQLITE_BUSY_MS: u64 = 30_000;
/// Largest record of the version log, in bytes.
pub const RECORD_BYTES_MAX: usize = 4 * TEXT_BYTES_MAX;
/// Largest settings file that is read, in bytes.
pub const CONFIG_BYTES_MAX: u64 = 1 << 20;
/// Largest ignore file that is read, in bytes. (git reads up to 100 MB.)
pub const IGNORE_FILE_BYTES_MAX: u64 = 16 << 20;

/// Threads that walk, read and compress, and threads that write: the cores, up to this many.
pub const THREADS_MAX: usize = 16;

/// How many threads share work of the processor: the cores, up to [`THREADS_MAX`].
pub fn thread_count() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX)
}
/// Maps of segments are let go when this much was read through them, in bytes.
pub const MAPS_READ_BYTES_MAX: u64 = 32 << 20;
/// Decoded frames that a reading thread keeps for its next reads, in bytes.
pub const FRAME_CACHE_BYTES: usize = 2 << 20;
/// Trees that a walk through many versions keeps for its next steps, in bytes.
pub const TREE_CACHE_BYTES: usize = 1 << 18;
/// Rows that `lua source list` shows when it is not told otherwise.
pub const LIST_ROWS_DEFAULT: usize = 50;
/// Largest content that `lua grep` reads, in bytes; paths with larger ones are named.
pub const GREP_FILE_BYTES_MAX: u64 = 64 << 20;
/// Most that `lua grep` keeps of matching lines, in bytes.
pub const GREP_RESULT_BYTES_MAX: u64 = 64 << 20;
/// Paths that a searching thread takes at a time: neighbours share frames.
pub const GREP_PATHS_AT_A_TIME: usize = 8;
/// A command that the user stopped is ended by force after this long, in milliseconds.
pub const COMMAND_GRACE_MS: u64 = 2_000;
/// Longest pause between two looks whether a command has ended, in milliseconds.
pub const COMMAND_POLL_MS_MAX: u64 = 16;
/// The last line of a command's output is looked for among this many bytes.
pub const LAST_LINE_BYTES_MAX: u64 = 4 << 10;
/// Largest file that `lua diff` compares line by line, in bytes; larger ones are named with their sizes.
pub const DIFF_FILE_BYTES_MAX: u64 = 32 << 20;

/// Largest journal of a checkout, in bytes: room for about a million paths that are left alone.
pub const JOURNAL_BYTES_MAX: usize = 64 << 20;
/// Longest name of a stage directory, in bytes.
pub const STAGE_NAME_BYTES_MAX: usize = 64;
/// Longest path handed to the kernel in one piece, in bytes: `PATH_MAX` less the closing zero.
pub const OPEN_BYTES_MAX: usize = 4095;
/// How much of a file is read at a time while it is compared with its id, in bytes.
pub const COMPARE_BUFFER_BYTES: usize = 128 << 10;
/// Holes of a file are looked for in pieces of this many bytes: the block of nearly every file system.
pub const HOLE_BLOCK_BYTES: usize = 4096;
/// Files of one directory that a staging thread takes at a time.
pub const STAGE_BATCH_FILES: usize = 64;
/// Files of one directory that a thread reads back at a time.
pub const READ_BATCH_FILES: usize = 64;
/// How often a rename is tried while others make and remove what has its name.
pub const MOVE_TRIES: u32 = 64;
/// Conflict copies of one path after which no further name is tried.
pub const CONFLICT_COPIES_MAX: u32 = 100_000;

/// Largest object of a git repository that is read, in bytes: it is in memory as a whole.
pub const GIT_OBJECT_BYTES_MAX: usize = 2 << 30;
/// Objects of a git repository that a reading thread keeps because others are deltas against them, in bytes.
pub const GIT_CACHE_BYTES: usize = 32 << 20;
/// Largest file of a git repository that is no object, in bytes: what lies beyond is not read.
pub const GIT_FILE_BYTES_MAX: u64 = 1 << 20;
/// Files that a thread takes at a time when many are imported.
pub const IMPORT_BATCH_FILES: usize = 256;
/// Versions of an import become durable together after this long, in milliseconds: waiting for the disk for each would take longer
/// than all the rest.
pub const IMPORT_SETTLE_MS: u64 = 500;
/// Paths that an import or export could not hold and that are named one by one; more are counted only.
pub const UNHELD_PATHS_MAX: usize = 1000;

const _: () = {
    assert!(GROUP_MEMBER_BYTES_MAX <= GROUP_BYTES_TARGET);
    assert!(GROUP_BYTES_TARGET + GROUP_MEMBER_BYTES_MAX <= WHOLE_BYTES_MAX);
    assert!(CHUNK_BYTES_MIN < CHUNK_BYTES_AVERAGE && CHUNK_BYTES_AVERAGE < CHUNK_BYTES_MAX);
    assert!(CHUNK_BYTES_MAX <= WHOLE_BYTES_MAX && WHOLE_BYTES_MAX <= FRAME_RAW_BYTES_MAX);
    assert!(READ_BUFFER_BYTES >= 2 * CHUNK_BYTES_MAX);
    assert!(FRAME_RAW_BYTES_MAX <= 1 << ZSTD_WINDOW_LOG_MAX);
    assert!(SEGMENT_BYTES_MAX + (FRAME_STORED_BYTES_MAX as u64) < 1 << 32);
    assert!(SEGMENT_APPEND_BYTES_MAX <= SEGMENT_BYTES_MAX);
    assert!(PACK_BYTES_TARGET + FRAME_STORED_BYTES_MAX + (PACK_OBJECTS_MAX as usize) * 40 < PACK_BYTES_MAX);
    assert!(REMOTE_ENTRY_RECORDS_BYTES + RECORD_BYTES_MAX < REMOTE_ENTRY_BYTES_MAX);
    assert!(SAMPLE_BYTES <= SAMPLE_FROM_BYTES);
    assert!(PRUNED_VERSIONS_MAX * 10 + LABEL_BYTES_MAX + 100 <= RECORD_BYTES_MAX);
    assert!(PURGED_CONTENTS_MAX * 32 + 2 * PURGED_PATHS_BYTES_MAX + 100 <= RECORD_BYTES_MAX);
    assert!(TEXT_BYTES_MAX + CHECK_OUTPUT_BYTES_MAX + 100 <= RECORD_BYTES_MAX);
    assert!(HOLE_BLOCK_BYTES <= HOLE_BYTES_MIN && NAME_BYTES_MAX < OPEN_BYTES_MAX);
};
