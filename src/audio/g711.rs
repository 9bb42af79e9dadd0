//! G.711 companding: both laws of ITU-T G.711 as constant tables.
//!
//! A linear sample is 16 bits, of which µ-law sees the upper 14 and A-law the upper 12 of the
//! magnitude's 13. Negative numbers are taken in one's complement, so that the two halves of each law
//! are mirror images and every decision value falls where Tables 1 and 2 of the recommendation put it.

use super::Law;

impl Law {
    /// The code of a linear sample.
    #[must_use]
    pub const fn encode(self, sample: i16) -> u8 {
        let bits = sample.cast_unsigned();
        match self {
            Self::Mu => MU_ENCODE[(bits >> MU_UNSEEN) as usize],
            Self::A => A_ENCODE[(bits >> A_UNSEEN) as usize],
        }
    }

    /// The linear sample of a code.
    #[must_use]
    pub const fn decode(self, code: u8) -> i16 {
        match self {
            Self::Mu => MU_DECODE[code as usize],
            Self::A => A_DECODE[code as usize],
        }
    }

    /// The same sound in another law.
    #[must_use]
    pub const fn convert(self, code: u8, to: Self) -> u8 {
        match (self, to) {
            (Self::Mu, Self::Mu) | (Self::A, Self::A) => code,
            (Self::Mu, Self::A) => MU_TO_A[code as usize],
            (Self::A, Self::Mu) => A_TO_MU[code as usize],
        }
    }
}

/// µ-law: 8 segments that double, offset by 33 so that each begins at a power of two.
const fn mu_compress(sample: i16) -> u8 {
    let magnitude = magnitude(sample) >> MU_UNSEEN;
    let biased = if magnitude > MU_CLIP {
        MU_CLIP + MU_BIAS
    } else {
        magnitude + MU_BIAS
    };
    let segment = 10 - biased.leading_zeros(); // bit 5 leads in segment 0
    let step = (biased >> (segment + 1)) & 0x0F;
    let sign = if sample < 0 { 0x80 } else { 0 };
    !(sign | low_byte(segment << 4) | low_byte(step as u32))
}

const fn mu_expand(code: u8) -> i16 {
    let bits = !code;
    let segment = (bits >> 4) & 0x07;
    let step = (bits & 0x0F) as u16;
    let biased = (2 * step + MU_BIAS) << segment;
    signed((biased - MU_BIAS) << MU_UNSEEN, bits & 0x80 != 0)
}

/// A-law: the first two segments have the same step, the others double; even bits are inverted on the wire.
const fn a_compress(sample: i16) -> u8 {
    let magnitude = magnitude(sample) >> A_UNSEEN;
    let segment = if magnitude < 32 {
        magnitude >> 4
    } else {
        12 - low_byte(magnitude.leading_zeros()) as u16 // bit 5 leads in segment 2
    };
    let step = if segment < 2 {
        magnitude & 0x0F
    } else {
        (magnitude >> (segment - 1)) & 0x0F
    };
    let sign = if sample < 0 { 0 } else { 0x80 };
    (sign | low_byte((segment << 4) as u32) | low_byte(step as u32)) ^ 0x55
}

const fn a_expand(code: u8) -> i16 {
    let bits = code ^ 0x55;
    let segment = (bits >> 4) & 0x07;
    let step = (bits & 0x0F) as u16;
    let magnitude = if segment == 0 {
        (step << A_UNSEEN) + 8
    } else {
        (((step + 16) << A_UNSEEN) + 8) << (segment - 1)
    };
    signed(magnitude, bits & 0x80 == 0)
}

/// One's complement magnitude: -1 is 0, -32768 is 32767.
const fn magnitude(sample: i16) -> u16 {
    let folded = if sample < 0 { !sample } else { sample };
    folded.cast_unsigned()
}

const fn signed(magnitude: u16, negative: bool) -> i16 {
    let value = magnitude.cast_signed(); // at most 32 256, so the sign bit is free
    if negative { -value } else { value }
}

const fn low_byte(value: u32) -> u8 {
    value.to_le_bytes()[0]
}

/// Bits of a 16-bit sample below the resolution of µ-law.
const MU_UNSEEN: u32 = 2;
/// Bits of a 16-bit sample below the resolution of A-law.
const A_UNSEEN: u32 = 4;
const MU_BIAS: u16 = 33;
/// The last decision value of Table 2 (8159) lies just above.
const MU_CLIP: u16 = 8158;

const MU_ENCODE: [u8; 1 << 14] = {
    let mut table = [0; 1 << 14];
    let mut index = 0;
    while index < table.len() {
        table[index] = mu_compress(((index << MU_UNSEEN) as u16).cast_signed());
        index += 1;
    }
    table
};

const A_ENCODE: [u8; 1 << 12] = {
    let mut table = [0; 1 << 12];
    let mut index = 0;
    while index < table.len() {
        table[index] = a_compress(((index << A_UNSEEN) as u16).cast_signed());
        index += 1;
    }
    table
};

const MU_DECODE: [i16; 256] = {
    let mut table = [0; 256];
    let mut code = 0;
    while code < 256 {
        table[code] = mu_expand(code as u8);
        code += 1;
    }
    table
};

const A_DECODE: [i16; 256] = {
    let mut table = [0; 256];
    let mut code = 0;
    while code < 256 {
        table[code] = a_expand(code as u8);
        code += 1;
    }
    table
};

const MU_TO_A: [u8; 256] = {
    let mut table = [0; 256];
    let mut code = 0;
    while code < 256 {
        table[code] = a_compress(MU_DECODE[code]);
        code += 1;
    }
    table
};

const A_TO_MU: [u8; 256] = {
    let mut table = [0; 256];
    let mut code = 0;
    while code < 256 {
        table[code] = mu_compress(A_DECODE[code]);
        code += 1;
    }
    table
};

#[cfg(test)]
mod tests;
