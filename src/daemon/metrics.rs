//! Counters of the daemon: plain atomics, by name, for `ringwell status`.

use core::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Map, Value};

/// Declares the closed list of counters: variant, name, meaning.
macro_rules! counters {
    ($($variant:ident $name:literal $meaning:literal,)*) => {
        /// What is counted. Counters only grow; what is the case now stands in the status itself.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Counter {
            $(#[doc = $meaning] $variant,)*
        }

        impl Counter {
            /// All of them.
            pub const ALL: [Self; [$($name),*].len()] = [$(Self::$variant),*];

            /// Name in the status.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

counters! {
    CallsOffered "calls_offered" "INVITEs that began a call or were refused.",
    CallsAnswered "calls_answered" "Calls answered with 200.",
    CallsCompleted "calls_completed" "Answered calls that ended with BYE from either side.",
    CallsFailed "calls_failed" "Answered calls that ended otherwise.",
    CallsPanicked "calls_panicked" "Call tasks that broke an invariant; each has an ERROR line.",
    RefusedBusy "refused_busy" "503: `calls.max` calls are up.",
    RefusedLine "refused_line" "403: the source's line was removed from the configuration.",
    RefusedMedia "refused_media" "488: no codec in common.",
    RefusedPorts "refused_ports" "503: no media port is free.",
    RefusedEmergency "refused_emergency" "503: calls to an emergency number, which are not ours to take.",
    RefusedOther "refused_other" "Any other final refusal of an INVITE.",
    CancelledCalls "cancelled_calls" "Callers that hung up before the answer.",
    EarFailures "ear_failures" "Calls that lost the ear.",
    VoiceFailures "voice_failures" "Calls that lost the voice.",
    ModelFailures "model_failures" "Calls that lost the model.",
    MediaTimeouts "media_timeouts" "Calls ended because no audio came.",
    CallsRated "calls_rated" "Calls that ended with a score of how the caller was heard.",
    CallsRatedByPeer "calls_rated_by_peer" "Those of them whose far end also reported how it heard us.",
    CallsPoor "calls_poor" "Rated calls with a MOS below 3.1 either way.",
    CallsIllLevelled "calls_ill_levelled" "Rated calls whose caller was hardly audible, overdriven or never heard to speak.",
    FaxCalls "fax_calls" "Calls of fax machines, as far as `calls.on_fax` looks for them.",
    MosHeardSum "mos_heard_sum" "The sum of the scores of `calls_rated`, in hundredths.",
    MosSentSum "mos_sent_sum" "The sum of the scores of `calls_rated_by_peer`, in hundredths.",
    BargeIns "barge_ins" "Times a caller interrupted the assistant.",
    QueueFull "queue_full" "Events dropped because a call's queue was full.",
}

/// The counters' values.
#[derive(Debug)]
pub struct Metrics {
    values: [AtomicU64; Counter::ALL.len()],
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            values: [const { AtomicU64::new(0) }; Counter::ALL.len()],
        }
    }
}

impl Metrics {
    /// Adds one.
    pub fn count(&self, counter: Counter) {
        self.add(counter, 1);
    }

    /// Adds some.
    pub fn add(&self, counter: Counter, amount: u64) {
        self.values[counter as usize].fetch_add(amount, Ordering::Relaxed);
    }

    /// The value.
    #[must_use]
    pub fn value(&self, counter: Counter) -> u64 {
        self.values[counter as usize].load(Ordering::Relaxed)
    }

    /// All of them as a JSON object, by name.
    #[must_use]
    pub fn snapshot(&self) -> Map<String, Value> {
        let pairs = Counter::ALL.into_iter();
        pairs
            .map(|counter| (counter.name().to_owned(), self.value(counter).into()))
            .collect()
    }
}

#[cfg(test)]
mod tests;
