//! How long a packet of Opus sounds, by its first bytes (RFC 6716 §3.1).

/// Ticks of 48 kHz; `None` for what is no packet of Opus.
#[must_use]
pub fn duration(payload: &[u8]) -> Option<u32> {
    let toc = *payload.first()?;
    let frame = match toc >> 3 {
        config @ 0..12 => [480, 960, 1920, 2880][usize::from(config & 3)],
        config @ 12..16 => [480, 960][usize::from(config & 1)],
        config => [120, 240, 480, 960][usize::from(config & 3)],
    };
    let frames = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => u32::from(*payload.get(1)? & 0x3F),
    };
    let ticks = frame * frames;
    (1..=LONGEST).contains(&ticks).then_some(ticks)
}

/// Whether it says that nobody speaks and nothing more comes for now: no more than the head of a packet
/// (RFC 6716 §2.1.9 and §3.4, discontinuous transmission).
#[must_use]
pub fn is_silence(payload: &[u8]) -> bool {
    payload.len() <= 2
}

/// 120 ms.
const LONGEST: u32 = 5760;

#[cfg(test)]
mod tests;
