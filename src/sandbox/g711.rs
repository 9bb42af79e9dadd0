//! G.711 companding, until the audio module has it.

use crate::audio::Law;

pub(crate) fn encode(law: Law, sample: i16) -> u8 {
    (0..=255u8)
        .min_by_key(|byte| (i32::from(decode(law, *byte)) - i32::from(sample)).abs())
        .expect("there are bytes")
}

pub(crate) fn decode(law: Law, byte: u8) -> i16 {
    match law {
        Law::Mu => {
            let byte = !byte;
            let magnitude = ((i32::from(byte & 0x0F) << 3) + 0x84) << ((byte & 0x70) >> 4);
            let value = if byte & 0x80 != 0 {
                0x84 - magnitude
            } else {
                magnitude - 0x84
            };
            value as i16
        }
        Law::A => {
            let byte = byte ^ 0x55;
            let mantissa = i32::from(byte & 0x0F) << 4;
            let segment = (byte & 0x70) >> 4;
            let magnitude = match segment {
                0 => mantissa + 8,
                _ => (mantissa + 0x108) << (segment - 1),
            };
            let value = if byte & 0x80 != 0 {
                magnitude
            } else {
                -magnitude
            };
            value as i16
        }
    }
}
