//! A signal with what matters of speech, for tests: a glottal pulse train with moving pitch through moving
//! formants, in syllables, with hiss for fricatives and pauses between. Made from a seed.

/// Makes speech-like sound without end.
pub(crate) struct SpeechLike {
    rate: f32,
    seed: u32,
    at: u32,
    phase: f32,
    pitch: f32,
    glide: f32,
    syllable: Syllable,
    formants: [Resonator; 3],
    last: f32,
}

#[derive(Clone, Copy)]
struct Syllable {
    length: u32,
    kind: Kind,
    loud: f32,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Voiced,
    Hiss,
    Pause,
}

#[derive(Clone, Copy, Default)]
struct Resonator {
    frequency: f32,
    towards: f32,
    width: f32,
    state: [f32; 2],
}

impl SpeechLike {
    pub(crate) fn new(rate: u32, seed: u32) -> Self {
        let mut made = Self {
            rate: rate as f32,
            seed: seed.wrapping_mul(2_654_435_761) | 1,
            at: 0,
            phase: 0.0,
            pitch: 120.0,
            glide: 0.0,
            syllable: Syllable {
                length: 0,
                kind: Kind::Pause,
                loud: 0.0,
            },
            formants: [Resonator::default(); 3],
            last: 0.0,
        };
        for (formant, (frequency, width)) in
            made.formants
                .iter_mut()
                .zip([(500.0, 80.0), (1500.0, 110.0), (2500.0, 160.0)])
        {
            formant.frequency = frequency;
            formant.towards = frequency;
            formant.width = width;
        }
        made
    }

    pub(crate) fn fill(&mut self, frame: &mut [i16]) {
        for sample in frame {
            *sample = self.next();
        }
    }

    pub(crate) fn take(&mut self, samples: usize) -> Vec<i16> {
        let mut made = vec![0; samples];
        self.fill(&mut made);
        made
    }

    fn next(&mut self) -> i16 {
        if self.at >= self.syllable.length {
            self.begin();
        }
        let along = self.at as f32 / self.syllable.length as f32;
        self.at += 1;
        let shape = (along * core::f32::consts::PI).sin().max(0.0).sqrt();
        let source = match self.syllable.kind {
            Kind::Pause => 0.0,
            Kind::Hiss => self.chance() * 0.2 - 0.1,
            Kind::Voiced => self.pulse(),
        };
        let mut sound = source - 0.6 * self.last;
        self.last = source;
        for formant in &mut self.formants {
            sound = formant.pass(sound, self.rate);
        }
        let floor = (self.chance() - 0.5) * 24.0;
        (sound * shape * self.syllable.loud + floor) as i16
    }

    /// A smooth pulse that opens slowly and closes fast.
    fn pulse(&mut self) -> f32 {
        self.pitch += self.glide / self.rate;
        self.phase = (self.phase + self.pitch / self.rate).fract();
        match self.phase {
            open if open < 0.4 => (open / 0.4 * core::f32::consts::FRAC_PI_2).sin().powi(2),
            closing if closing < 0.56 => ((closing - 0.4) / 0.16 * core::f32::consts::FRAC_PI_2)
                .cos()
                .max(0.0),
            _ => 0.0,
        }
    }

    fn begin(&mut self) {
        self.at = 0;
        let kind = match self.chance() {
            low if low < 0.7 => Kind::Voiced,
            low if low < 0.85 => Kind::Hiss,
            _ => Kind::Pause,
        };
        self.syllable = Syllable {
            length: (self.rate * (0.08 + 0.2 * self.chance())) as u32,
            kind,
            loud: 3_000.0 + 9_000.0 * self.chance(),
        };
        self.pitch = 90.0 + 170.0 * self.chance();
        self.glide = (self.chance() - 0.5) * 120.0;
        let towards = [
            250.0 + 550.0 * self.chance(),
            900.0 + 1300.0 * self.chance(),
            2300.0 + 700.0 * self.chance(),
        ];
        for (formant, frequency) in self.formants.iter_mut().zip(towards) {
            formant.towards = frequency;
        }
    }

    /// Between 0 and 1.
    fn chance(&mut self) -> f32 {
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 17;
        self.seed ^= self.seed << 5;
        (self.seed >> 8) as f32 / (1 << 24) as f32
    }
}

impl Resonator {
    fn pass(&mut self, input: f32, rate: f32) -> f32 {
        use core::f32::consts::{PI, TAU};
        self.frequency += (self.towards - self.frequency) * 40.0 / rate;
        let radius = (-PI * self.width / rate).exp();
        let turn = 2.0 * radius * (TAU * self.frequency / rate).cos();
        let gain = 1.0 - turn + radius * radius;
        let output = gain * input + turn * self.state[0] - radius * radius * self.state[1];
        self.state = [output, self.state[0]];
        output
    }
}
