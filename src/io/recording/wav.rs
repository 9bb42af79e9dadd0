//! A stereo WAV file of 16 bits that is whole at every moment: data first, then the lengths in the header.
//!
//! Decoded and not the call's own law, so that the file stays one format when the codec changes in mid-call, and
//! opens everywhere.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

/// A file being written.
#[derive(Debug)]
pub(super) struct Wav {
    file: File,
    /// Bytes of audio in the file.
    written: u32,
    /// Of these, as the header says.
    told: u32,
}

/// Bytes of one sample of both channels.
const BLOCK: u32 = 4;
const HEADER: usize = 44;
/// How much the header may be behind: one second of 8 kHz.
const BEHIND: u32 = 8_000 * BLOCK;

impl Wav {
    /// Makes a new file that only its owner may read.
    pub(super) fn create(path: &Path, rate: u32) -> io::Result<Self> {
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        Self::begin(file, rate)
    }

    /// Writes the header of an empty file.
    pub(super) fn begin(mut file: File, rate: u32) -> io::Result<Self> {
        file.write_all(&header(rate))?;
        Ok(Self {
            file,
            written: 0,
            told: 0,
        })
    }

    /// Appends samples, caller and agent by turns. After an error the file has what was there before.
    pub(super) fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let Some(written) = self
            .written
            .checked_add(length)
            .filter(|sum| *sum < LONGEST)
        else {
            return Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                "the recording is as long as a file of its kind can be",
            ));
        };
        if let Err(error) = self.file.write_all(bytes) {
            // A part of it may be there. What the header tells is whole in any case.
            let _ = self.file.set_len(HEADER as u64 + u64::from(self.written));
            let _ = self.tell();
            return Err(error);
        }
        self.written = written;
        if self.written - self.told >= BEHIND {
            self.tell()?;
        }
        Ok(())
    }

    /// Seconds of audio in the file.
    pub(super) fn blocks(&self) -> u32 {
        self.written / BLOCK
    }

    /// Writes the lengths and has the disk keep all.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.tell()?;
        self.file.sync_data()
    }

    fn tell(&mut self) -> io::Result<()> {
        let riff = (HEADER as u32 - 8) + self.written;
        self.file.write_all_at(&riff.to_le_bytes(), RIFF_LENGTH)?;
        self.file
            .write_all_at(&self.written.to_le_bytes(), DATA_LENGTH)?;
        self.told = self.written;
        Ok(())
    }
}

/// Some room below what 32 bits can say.
const LONGEST: u32 = u32::MAX - 1024;
const RIFF_LENGTH: u64 = 4;
const DATA_LENGTH: u64 = 40;

fn header(rate: u32) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    let mut at = 0;
    let mut put = |bytes: &[u8]| {
        header[at..at + bytes.len()].copy_from_slice(bytes);
        at += bytes.len();
    };
    put(b"RIFF");
    put(&(HEADER as u32 - 8).to_le_bytes());
    put(b"WAVEfmt ");
    put(&16_u32.to_le_bytes());
    put(&1_u16.to_le_bytes()); // linear
    put(&2_u16.to_le_bytes()); // channels
    put(&rate.to_le_bytes());
    put(&(rate * BLOCK).to_le_bytes());
    put(&4_u16.to_le_bytes());
    put(&16_u16.to_le_bytes());
    put(b"data");
    put(&0_u32.to_le_bytes());
    header
}
