//! The folder: how much room there is, and which files are too old or too many.

use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use nix::sys::statvfs::statvfs;

use super::Settings;

/// Bytes that this program may still write to the folder's disk.
pub(super) fn room(folder: &Path) -> io::Result<u64> {
    let told = statvfs(folder)?;
    let (blocks, size) = (told.blocks_available(), told.fragment_size());
    Ok(blocks.saturating_mul(size))
}

struct Kept {
    path: PathBuf,
    size: u64,
    changed: SystemTime,
}

/// Deletes files that are too old, and the oldest ones while all together are too large; never one that
/// is being written. Gives how many.
pub(super) fn tidy(settings: &Settings, written: &[PathBuf], now: SystemTime) -> u64 {
    let mut kept = match recordings(&settings.folder) {
        Ok(kept) => kept,
        Err(error) => {
            log::error!("old recordings are not deleted: {error}");
            return 0;
        }
    };
    kept.sort_by_key(|it| it.changed);
    let mut size: u64 = kept.iter().map(|it| it.size).sum();
    let mut deleted = 0;
    for file in kept {
        let age = now.duration_since(file.changed).unwrap_or_default();
        let old = settings.keep.is_some_and(|keep| age > keep);
        if !(old || size > settings.size_max) || written.contains(&file.path) {
            continue;
        }
        match std::fs::remove_file(&file.path) {
            Ok(()) => {
                size -= file.size;
                deleted += 1;
            }
            // Somebody else was faster: it takes no room either way.
            Err(error) if error.kind() == io::ErrorKind::NotFound => size -= file.size,
            Err(error) => log::error!("an old recording is not deleted: {error}"),
        }
    }
    deleted
}

/// All that end as ours do; other files of the folder are somebody else's.
fn recordings(folder: &Path) -> io::Result<Vec<Kept>> {
    let mut kept = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "wav") {
            continue;
        }
        // One that has just been deleted is none.
        let Ok(metadata) = std::fs::metadata(&path) else {
            continue;
        };
        kept.push(Kept {
            path,
            size: metadata.len(),
            changed: metadata.modified()?,
        });
    }
    Ok(kept)
}
