//! Packet-loss concealment: what was never received is made up from what was heard last.
//!
//! The method is that of ITU-T G.711 Appendix I: the last pitch period is repeated, later the last two and the last
//! three, so that it does not buzz; within 60 ms it fades to silence; and what is heard next is cross-faded in. It
//! differs from it where PESQ hears the difference (`scripts/hearing`): a cycle is longer after 20 and 40 ms, not
//! after 10 and 20; fading begins at once, not after 10 ms; and the cross-fade is a quarter period, however long the
//! loss was. Besides, Appendix I delays all audio by 3.75 ms, so that it can bend the last samples before a loss; here
//! the beginning of the made-up audio is bent instead, and a call without loss is neither delayed nor touched. And it
//! works at any rate, on frames of any length.

/// Conceals losses in one stream of linear samples. Nothing is allocated after [`Concealer::new`].
#[derive(Clone, Debug)]
pub struct Concealer {
    /// The last 48.75 ms as they were played.
    history: Box<[i16]>,
    /// The history as it stood when the loss began.
    source: Box<[f32]>,
    /// Samples of one millisecond times eight: the factor on all of Appendix I's lengths.
    scale: usize,
    loss: Option<Loss>,
}

/// A loss that goes on, or that has just ended.
#[derive(Clone, Copy, Debug)]
struct Loss {
    pitch: usize,
    /// Samples made up so far.
    made: usize,
    cycle: Cycle,
    /// The cycle that was left, until its cross-fade is over.
    left: Option<Cycle>,
}

/// So many last pitch periods of the source, played round and round.
#[derive(Clone, Copy, Debug)]
struct Cycle {
    periods: usize,
    offset: usize,
}

impl Concealer {
    /// For audio at a sampling rate of at least 8000; it has heard nothing yet.
    #[must_use]
    pub fn new(sample_rate: u32) -> Self {
        let scale = (sample_rate as usize / BASE_RATE).max(1);
        Self {
            history: vec![0; HISTORY * scale].into(),
            source: vec![0.0; HISTORY * scale].into(),
            scale,
            loss: None,
        }
    }

    /// Takes a frame that was received. After a loss its beginning is cross-faded with what was made up.
    pub fn heard(&mut self, frame: &mut [i16]) {
        if let Some(mut loss) = self.loss.take() {
            let fade = (loss.pitch / 4).min(frame.len());
            for (index, sample) in frame.iter_mut().take(fade).enumerate() {
                let weight = (index + 1) as f32 / (fade + 1) as f32;
                let made = self.next(&mut loss);
                *sample = to_sample(f32::from(*sample) * weight + made * (1.0 - weight));
            }
        }
        self.remember(frame);
    }

    /// Fills a frame with what may have been said while nothing came. Calls in a row are one loss, which is
    /// silent from 60 ms on.
    pub fn conceal(&mut self, frame: &mut [i16]) {
        let mut loss = self.loss.take().unwrap_or_else(|| self.begin());
        for sample in frame.iter_mut() {
            *sample = to_sample(self.next(&mut loss));
        }
        self.loss = Some(loss);
        self.remember(frame);
    }

    /// Forgets everything: the stream starts anew.
    pub fn reset(&mut self) {
        self.history.fill(0);
        self.loss = None;
    }

    fn begin(&mut self) -> Loss {
        for (to, &from) in self.source.iter_mut().zip(&self.history) {
            *to = f32::from(from);
        }
        Loss {
            pitch: self.pitch(),
            made: 0,
            cycle: Cycle {
                periods: 1,
                offset: 0,
            },
            left: None,
        }
    }

    /// The next made-up sample.
    fn next(&self, loss: &mut Loss) -> f32 {
        let pitch = loss.pitch;
        let quarter = pitch / 4;
        let (step, silent) = (STEP * self.scale, SILENT_AFTER * self.scale);
        if loss.made >= silent {
            return 0.0;
        }
        if loss.made.is_multiple_of(step) && loss.made > 0 && loss.cycle.periods < PERIODS {
            loss.left = Some(loss.cycle);
            loss.cycle.periods += 1;
        }
        let mut sample = self.step(&mut loss.cycle, pitch);
        let since_step = loss.made % step;
        if let Some(left) = loss.left.as_mut().filter(|_| since_step < quarter) {
            let weight = (since_step + 1) as f32 / (quarter + 1) as f32;
            sample = sample * weight + self.step(left, pitch) * (1.0 - weight);
        }
        if loss.made < quarter {
            let weight = (loss.made + 1) as f32 / (quarter + 1) as f32;
            sample += self.seam(loss.made, pitch) * (1.0 - weight);
        }
        let faded = loss.made as f32 / silent as f32;
        loss.made += 1;
        sample * (1.0 - faded)
    }

    /// The next sample of a cycle. Its last quarter period becomes what lies before its first sample, so
    /// that it goes round without a click.
    fn step(&self, cycle: &mut Cycle, pitch: usize) -> f32 {
        let quarter = pitch / 4;
        let length = cycle.periods * pitch;
        let at = self.source.len() - length + cycle.offset;
        let mut sample = self.source[at];
        let tail = length - quarter;
        if cycle.offset >= tail {
            let weight = (cycle.offset - tail + 1) as f32 / (quarter + 1) as f32;
            sample = sample * (1.0 - weight) + self.source[at - length] * weight;
        }
        cycle.offset = (cycle.offset + 1) % length;
        sample
    }

    /// By how much the last samples heard differed from those a period before, in mirror order: what makes
    /// the seam smooth without touching what was played already.
    fn seam(&self, index: usize, pitch: usize) -> f32 {
        let last = self.source.len() - 1 - index;
        self.source[last] - self.source[last - pitch]
    }

    /// The lag from 5 to 15 ms at which the last 20 ms of the source resemble what lay before them: every
    /// other lag on every other sample first, then each one near the best.
    fn pitch(&self) -> usize {
        let (shortest, longest) = (PITCH_MIN * self.scale, PITCH_MAX * self.scale);
        let stride = 2 * self.scale;
        let coarse = self.best_lag((shortest..=longest).step_by(stride), stride);
        let near = coarse.saturating_sub(stride - 1).max(shortest);
        self.best_lag(near..=(coarse + stride - 1).min(longest), 1)
    }

    fn best_lag(&self, lags: impl Iterator<Item = usize>, stride: usize) -> usize {
        let window = WINDOW * self.scale;
        let recent = &self.source[self.source.len() - window..];
        let mut best = (PITCH_MAX * self.scale, 0.0);
        for lag in lags {
            let end = self.source.len() - lag;
            let before = &self.source[end - window..end];
            let mut product = 0.0;
            let mut energy = 1.0;
            for (now, then) in recent.iter().zip(before).step_by(stride) {
                product += now * then;
                energy += then * then;
            }
            let likeness = product / f32::sqrt(energy);
            if likeness > best.1 {
                best = (lag, likeness);
            }
        }
        best.0
    }

    fn remember(&mut self, frame: &[i16]) {
        let kept = self.history.len();
        let newest = &frame[frame.len().saturating_sub(kept)..];
        self.history.copy_within(newest.len().., 0);
        self.history[kept - newest.len()..].copy_from_slice(newest);
    }
}

fn to_sample(value: f32) -> i16 {
    value.round() as i16 // saturates
}

/// The rate that the lengths below are for.
const BASE_RATE: usize = 8_000;
/// The longest pitch period, 15 ms (67 Hz).
const PITCH_MAX: usize = 120;
/// The shortest, 5 ms (200 Hz); a higher voice is repeated by twos.
const PITCH_MIN: usize = 40;
/// What is compared to find the pitch.
const WINDOW: usize = 160;
/// The most periods in a cycle.
const PERIODS: usize = 3;
/// Three of the longest periods and a quarter.
const HISTORY: usize = PERIODS * PITCH_MAX + PITCH_MAX / 4;
/// 20 ms: how often a cycle becomes longer.
const STEP: usize = 160;
/// 60 ms: nothing is left to hear.
const SILENT_AFTER: usize = 480;

#[cfg(test)]
mod tests;
