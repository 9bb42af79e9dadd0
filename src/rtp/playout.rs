//! When what has come is to be heard: places on a line of time, and where on it we read.
//!
//! A packet's place is its timestamp, extended so that it does not wrap. Reading goes on by a frame with each
//! tick. How far it stays behind follows the measured delays ([`delays`]): no more than nearly all packets need.
//! It is changed where nobody speaks, and within speech only when it must be.

use crate::audio::Codec;

mod delays;
mod line;

use delays::Delays;
use line::{Depths, FINE, Line, ORIGIN, delay};

/// The line of one stream.
#[derive(Debug)]
pub struct Playout {
    /// Ticks of a frame.
    frame: u64,
    line: Option<Line>,
    delays: Delays,
    depths: Depths,
    /// Ticks of ours in which the delay has been wrong.
    wrong: u32,
    resyncs: u64,
}

/// A packet, as it matters here.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    /// Its timestamp.
    pub timestamp: u32,
    /// How long it sounds.
    pub ticks: u64,
    /// It is marked as the first of a talkspurt.
    pub marker: bool,
    /// No packet with a higher sequence number came before.
    pub newest: bool,
    /// Its sequence number is one above the newest before, so that a gap in time is a pause and not a loss.
    pub follows: bool,
}

/// Where a packet belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Here.
    At(u64),
    /// Here, and what is stored belongs to another time.
    Anew(u64),
    /// Its time has passed.
    Late,
}

/// What is at the place that is read next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Nothing, since nothing was sent.
    Pause,
    /// Something in which nobody is heard.
    Quiet,
    /// Something.
    Speech,
    /// Something is missing.
    Gap,
}

/// What is to be done about the delay in this tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// Nothing.
    Stay,
    /// Leave out so much.
    Skip(u64),
    /// Make up a frame before going on.
    Hold,
    /// Say more in this frame than a frame.
    Shrink,
    /// Say less.
    Grow,
}

impl Playout {
    /// A line on which nothing stands.
    #[must_use]
    pub fn new(codec: Codec) -> Self {
        Self {
            frame: u64::from(codec.frame_ticks()),
            line: None,
            delays: Delays::new(codec.clock_rate()),
            depths: Depths::default(),
            wrong: 0,
            resyncs: 0,
        }
    }

    /// Another source, or another codec: nothing of the line stays, but what is known of the network does.
    pub fn restart(&mut self, codec: Codec) {
        self.frame = u64::from(codec.frame_ticks());
        self.line = None;
        self.delays.restart(codec.clock_rate());
        self.depths = Depths::default();
        self.wrong = 0;
    }

    /// Places a packet that arrives now.
    pub fn handle(&mut self, arrival: Arrival, now: u64) -> Verdict {
        let Some(mut line) = self.line else {
            self.delays.handle(delay(now, ORIGIN));
            self.line = Some(Line::begin(arrival));
            return Verdict::Anew(ORIGIN);
        };
        let place = line.place(arrival.timestamp);
        let verdict = if arrival.newest {
            self.handle_newest(&mut line, place, arrival, now)
        } else {
            self.handle_old(&mut line, place, arrival, now)
        };
        self.line = Some(line);
        verdict
    }

    fn handle_newest(
        &mut self,
        line: &mut Line,
        mut place: u64,
        arrival: Arrival,
        now: u64,
    ) -> Verdict {
        let reach = self.reach();
        let back = place + arrival.ticks <= line.end;
        let far = place + arrival.ticks > line.read + reach;
        let early = arrival.follows && delay(now, place) < self.delays.least() - self.jump();
        let jumped = back || far || early;
        if jumped {
            // the timestamps tell nothing about the time between: arrival does
            place = place_at(now, self.delays.least());
            if place < line.end + 2 * self.frame {
                place = line.end;
            }
            self.resyncs += 1;
        }
        let idle = line.end <= line.read;
        if place > line.end && (jumped || arrival.follows || arrival.marker && idle) {
            line.pause = (line.end, place);
        }
        if place < line.read {
            // nothing waits: reading goes back to what comes so late, and stays behind
            line.move_to(place);
            self.depths = Depths::default();
            self.resyncs += 1;
        }
        line.anchor = place;
        line.timestamp = arrival.timestamp;
        line.packet = arrival.ticks.max(1);
        line.end = place + arrival.ticks;
        self.delays.handle(delay(now, place));
        if line.end > line.read + reach {
            line.move_to(place);
            return Verdict::Anew(place);
        }
        Verdict::At(place)
    }

    /// Places a packet for a reader that takes what comes, when it comes.
    pub fn handle_unpaced(&mut self, arrival: Arrival) -> Verdict {
        let reach = self.reach();
        let Some(line) = &mut self.line else {
            self.line = Some(Line::begin(arrival));
            return Verdict::Anew(ORIGIN);
        };
        let place = line.place(arrival.timestamp);
        let end = place + arrival.ticks;
        if !arrival.newest {
            let passed = place < line.read || end > line.end;
            return if passed {
                Verdict::Late
            } else {
                Verdict::At(place)
            };
        }
        let late = place < line.read;
        let mut verdict = Verdict::At(place);
        if late || end > line.read + reach {
            self.resyncs += 1;
            if !late || place < line.end || line.read - place >= reach {
                verdict = Verdict::Anew(place);
            }
            line.move_to(place);
        } else if line.end <= line.read && arrival.follows {
            line.move_to(place); // the silence before may give
        }
        line.anchor = place;
        line.timestamp = arrival.timestamp;
        line.packet = arrival.ticks.max(1);
        line.end = end;
        verdict
    }

    fn handle_old(&mut self, line: &mut Line, place: u64, arrival: Arrival, now: u64) -> Verdict {
        if line.end.abs_diff(place) > self.reach() || place + arrival.ticks > line.end {
            return Verdict::Late;
        }
        self.delays.handle(delay(now, place));
        if !line.begun && place < line.read {
            line.read = place;
        }
        if place < line.read {
            return Verdict::Late;
        }
        Verdict::At(place)
    }

    /// A tick: gives what is read next, if anything has come at all.
    pub fn begin(&mut self, now: u64) -> Option<u64> {
        let line = self.line.as_mut()?;
        if line.begun {
            line.see(now);
        } else {
            let waited = delay(now, line.read);
            let grain = self.frame - greatest_divisor(self.frame, line.packet);
            let needed = self.delays.needed() + grain.cast_signed();
            let missing = u64::try_from(needed - waited).unwrap_or(0);
            let first = line.read;
            line.read -= missing.div_ceil(self.frame) * self.frame;
            line.pause = (line.read, first);
            line.offset = delay(now, line.read) * FINE;
            line.begun = true;
        }
        let after = line.end.saturating_sub(line.read + self.frame);
        self.depths.see(after);
        Some(line.read)
    }

    /// How much longer than needed what comes is kept, in ticks; negative: too short for some.
    #[must_use]
    pub fn excess(&self) -> i64 {
        let Some(line) = &self.line else {
            return 0;
        };
        let frame = self.frame.cast_signed();
        let grain = frame - greatest_divisor(self.frame, line.packet).cast_signed();
        let crooked = self.crooked().cast_signed();
        line.offset.div_euclid(FINE) - self.delays.needed() - grain - crooked
    }

    /// How far reading is from where packets begin.
    fn crooked(&self) -> u64 {
        self.line.map_or(0, |line| {
            let ahead = line.anchor.cast_signed() - line.read.cast_signed();
            let grain = greatest_divisor(self.frame, line.packet).cast_signed();
            ahead.rem_euclid(grain).cast_unsigned()
        })
    }

    /// Whether the delay should be changed, or reading put straight. Otherwise [`Playout::adjust`] has nothing to say.
    pub fn is_wrong(&mut self) -> bool {
        let excess = self.excess();
        let frame = self.frame.cast_signed();
        let guard = self.guard();
        if excess < -guard || excess >= frame + guard {
            self.wrong = self.wrong.saturating_add(1);
            return true;
        }
        self.wrong = 0;
        self.crooked() > 0
    }

    /// What to do in this tick, given what would be read.
    #[must_use]
    pub fn adjust(&self, content: Content) -> Move {
        let Some(line) = &self.line else {
            return Move::Stay;
        };
        let frame = self.frame;
        let (excess, guard) = (self.excess(), self.guard());
        let surplus = u64::try_from(excess - guard).unwrap_or(0) / frame * frame;
        let deep = self.depths.lowest() >= frame;
        let short = excess < -guard;
        let far_short = excess < -(frame.cast_signed() / 2);
        match content {
            Content::Pause => {
                let left = line.pause.1.saturating_sub(line.read + frame);
                let skip = surplus.min(left / frame * frame) + self.crooked();
                if line.end <= line.read {
                    Move::Stay // nobody waits to be heard
                } else if short {
                    Move::Hold
                } else if skip > 0 && skip <= left + frame {
                    Move::Skip(skip)
                } else {
                    Move::Stay
                }
            }
            Content::Quiet if short => Move::Hold,
            Content::Quiet if surplus > 0 && deep => Move::Skip(frame),
            Content::Quiet if self.crooked() > 0 => Move::Skip(self.crooked()),
            Content::Speech if short && (self.wrong > PATIENCE || far_short) => Move::Grow,
            Content::Speech if surplus > frame && deep => Move::Shrink,
            Content::Speech if surplus > 0 && deep && self.wrong > LONG_PATIENCE => Move::Shrink,
            Content::Quiet | Content::Speech | Content::Gap => Move::Stay,
        }
    }

    /// Leaves something out.
    pub fn skip(&mut self, ticks: u64) {
        if let Some(line) = &mut self.line {
            line.move_to(line.read + ticks);
            self.depths.lower(ticks);
        }
    }

    /// A frame has been made with so much of the line.
    pub fn consume(&mut self, ticks: u64) {
        if let Some(line) = &mut self.line {
            line.move_to(line.read + ticks);
            line.offset += self.frame.cast_signed() * FINE;
            if ticks > self.frame {
                self.depths.lower(ticks - self.frame);
            }
        }
    }

    /// Goes on reading elsewhere.
    pub fn resume(&mut self, place: u64) {
        if let Some(line) = &mut self.line {
            line.move_to(place);
            line.begun = true;
        }
    }

    /// Whether time has passed between what has come so far and a packet.
    #[must_use]
    pub fn is_ahead(&self, arrival: &Arrival) -> bool {
        self.line
            .is_some_and(|line| line.place(arrival.timestamp) > line.end)
    }

    /// Whether what is missing there was never sent.
    #[must_use]
    pub fn is_pause(&self, place: u64) -> bool {
        self.line
            .is_some_and(|line| (line.pause.0..line.pause.1).contains(&place))
    }

    /// Where reading is; nothing has come before.
    #[must_use]
    pub fn read(&self) -> Option<u64> {
        self.line.map(|line| line.read)
    }

    /// One past what has come, as far as it has not been read.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.line.map_or(0, |line| line.end)
    }

    /// Where the stream began.
    #[must_use]
    pub fn first(&self) -> u64 {
        self.line.map_or(0, |line| line.first)
    }

    /// Ticks of the newest packet.
    #[must_use]
    pub fn packet(&self) -> u64 {
        self.line.map_or(self.frame, |line| line.packet)
    }

    /// Ticks that wait to be read, gaps included.
    #[must_use]
    pub fn depth(&self) -> u64 {
        self.line
            .map_or(0, |line| line.end.saturating_sub(line.read))
    }

    /// How long a packet of the fastest waits until it is read, in ticks.
    #[must_use]
    pub fn delay(&self) -> u64 {
        let Some(line) = self.line.filter(|_| !self.delays.is_empty()) else {
            return 0;
        };
        let delay = line.offset.div_euclid(FINE) - self.delays.least();
        u64::try_from(delay).unwrap_or(0)
    }

    /// Times reading had to be moved: late arrival, jumps of the timestamp.
    #[must_use]
    pub fn resyncs(&self) -> u64 {
        self.resyncs
    }

    /// What lies further ahead is a jump: a second.
    fn reach(&self) -> u64 {
        self.frame * 50
    }

    /// A packet that is so much earlier than any before tells another time: a tenth of a second.
    fn jump(&self) -> i64 {
        self.frame.cast_signed() * 5
    }

    /// A millisecond: what ticks and arrivals may waver.
    fn guard(&self) -> i64 {
        self.frame.cast_signed() / 20
    }
}

fn place_at(now: u64, delay: i64) -> u64 {
    now.cast_signed().wrapping_sub(delay).cast_unsigned()
}

/// The greatest number that divides both.
fn greatest_divisor(mut a: u64, mut b: u64) -> u64 {
    while b > 0 {
        (a, b) = (b, a % b);
    }
    a.max(1)
}

/// A fifth of a second of too little delay, until speech is stretched.
const PATIENCE: u32 = 10;
/// Five seconds of a frame too much, until it is taken out of speech.
const LONG_PATIENCE: u32 = 250;

#[cfg(test)]
mod tests;
