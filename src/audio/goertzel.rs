//! Goertzel's algorithm for several frequencies side by side: what a few bins of a spectrum hold.

use core::f64::consts::TAU;

/// Filters for `N` frequencies at a sampling rate.
#[derive(Clone, Debug)]
pub struct Bank<const N: usize> {
    /// Cosine and sine of each frequency's turn in a sample.
    turns: [(f32, f32); N],
}

/// One frequency's share of a block, its phase that of the block's last sample.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Bin {
    /// The part in phase.
    pub real: f32,
    /// The part a quarter turn away.
    pub imaginary: f32,
}

impl<const N: usize> Bank<N> {
    /// For these frequencies in Hz.
    #[must_use]
    pub fn new(frequencies: [f64; N], sample_rate: u32) -> Self {
        let turns = frequencies.map(|frequency| {
            let turn = TAU * frequency / f64::from(sample_rate);
            (turn.cos() as f32, turn.sin() as f32)
        });
        Self { turns }
    }

    /// The bins of a block. A sine of amplitude a at a bin's frequency gives a power of (a n / 2)².
    #[must_use]
    pub fn bins(&self, block: &[f32]) -> [Bin; N] {
        let (mut last, mut before) = ([0.0_f32; N], [0.0_f32; N]);
        let factors = self.turns.map(|(cosine, _)| 2.0 * cosine);
        for &sample in block {
            for lane in 0..N {
                let next = sample + factors[lane] * last[lane] - before[lane];
                before[lane] = last[lane];
                last[lane] = next;
            }
        }
        core::array::from_fn(|lane| {
            let (cosine, sine) = self.turns[lane];
            Bin {
                real: last[lane] - cosine * before[lane],
                imaginary: sine * before[lane],
            }
        })
    }
}

/// The energy of a block: the sum of its squares, eight of them side by side.
#[must_use]
pub fn energy(block: &[f32]) -> f32 {
    let (eights, rest) = block.as_chunks::<8>();
    let mut sums = [0.0_f32; 8];
    for eight in eights {
        for (sum, sample) in sums.iter_mut().zip(eight) {
            *sum += sample * sample;
        }
    }
    sums.iter().sum::<f32>() + rest.iter().map(|sample| sample * sample).sum::<f32>()
}

impl Bin {
    /// The square of its magnitude.
    #[must_use]
    pub fn power(self) -> f32 {
        self.real * self.real + self.imaginary * self.imaginary
    }

    /// By how much the phase has advanced since an earlier bin, in radians from -π to π.
    #[must_use]
    pub fn advance(self, earlier: Self) -> f32 {
        let real = self.real * earlier.real + self.imaginary * earlier.imaginary;
        let imaginary = self.imaginary * earlier.real - self.real * earlier.imaginary;
        imaginary.atan2(real)
    }
}
