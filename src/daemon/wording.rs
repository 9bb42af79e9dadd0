//! The words and the patience of the configuration, as the conversation wants them.

use crate::config::{Config, TransferTarget};
use crate::conversation::{Destination, Prompts, Recording, Settings};

/// The settings of every conversation.
pub(crate) fn conversation(config: &Config) -> Settings {
    let mut conversation = Settings {
        ask_email: config.assistant.ask_email,
        ..Settings::default()
    };
    conversation.timing.call_max = config.calls.max_duration;
    conversation.instructions = instructions(config, &conversation.instructions);
    conversation.prompts = prompts(config, conversation.prompts);
    conversation.recording = recording(config);
    conversation.destinations = destinations(config, &conversation.prompts.transfer);
    conversation
}

/// Where there is somebody to connect callers with, this follows the instructions, and then the list.
const TRANSFERS: &str = "\n\nYou can connect the caller with a person at once. When the caller wants that, call \
                         transfer with one of these names, exactly as written, instead of hand_over:";

/// What the conversation knows of recordings: `Some` of the key that refuses one, where calls are recorded.
fn recording(config: &Config) -> Option<Recording> {
    let recording = &config.recording;
    recording.is_on().then(|| Recording {
        refuse_key: recording.refuse_key(),
    })
}

fn destinations(config: &Config, announcement: &str) -> Vec<Destination> {
    let of = offered(config).map(|target| Destination {
        name: target.name.clone(),
        announcement: match &target.say {
            Some(say) => say.clone(),
            None => announcement.replace("{target}", &target.name),
        },
    });
    of.collect()
}

/// Whom people are connected with: all but the fax.
fn offered(config: &Config) -> impl Iterator<Item = &TransferTarget> {
    let fax = config.calls.takes_fax();
    let targets = config.transfer.target.iter();
    targets.filter(move |target| fax != Some(target.name.as_str()))
}

/// Where calls are recorded, this follows.
const PAUSE: &str = "\n\nThe call is recorded. Before a caller tells the number of a card or a password, ask the \
                     caller to press the {key} key, which pauses the recording, and to press it again afterwards.";

fn instructions(config: &Config, base: &str) -> String {
    let assistant = &config.assistant;
    let mut text = base.to_owned();
    if !assistant.company.is_empty() {
        text.push_str(&format!("\n\nThe company is called {}.", assistant.company));
    }
    text.push_str(&format!("\nThe line's language is {}.", assistant.language));
    if offered(config).next().is_some() {
        text.push_str(TRANSFERS);
        for target in offered(config) {
            text.push_str(&format!("\n- {}: {}", target.name, target.description));
        }
    }
    if let Some(key) = config.recording.pause_key()
        && config.recording.is_on()
    {
        let key = key_in_words(Some(key));
        text.push_str(&PAUSE.replace("{key}", &key));
    }
    if !assistant.instructions.trim().is_empty() {
        text.push_str("\n\n");
        text.push_str(assistant.instructions.trim());
    }
    text
}

fn prompts(config: &Config, mut prompts: Prompts) -> Prompts {
    let assistant = &config.assistant;
    match &assistant.greeting {
        Some(greeting) => prompts.greeting.clone_from(greeting),
        None if !assistant.company.is_empty() => {
            let line = format!("the support line of {}", assistant.company);
            prompts.greeting = prompts.greeting.replace("the support line", &line);
        }
        None => {}
    }
    for (name, text) in assistant.prompts.given() {
        let place = match name {
            "no_input" => &mut prompts.no_input,
            "not_understood" => &mut prompts.not_understood,
            "offer_person" => &mut prompts.offer_person,
            "go_on" => &mut prompts.go_on,
            "escalation" => &mut prompts.escalation,
            "ask_email" => &mut prompts.ask_email,
            "ask_email_again" => &mut prompts.ask_email_again,
            "email_read_back" => &mut prompts.email_read_back,
            "email_spelled" => &mut prompts.email_spelled,
            "yes_or_no" => &mut prompts.yes_or_no,
            "without_email" => &mut prompts.without_email,
            "promise" => &mut prompts.promise,
            "goodbye" => &mut prompts.goodbye,
            "filler" => &mut prompts.filler,
            "apology" => &mut prompts.apology,
            "drain" => &mut prompts.drain,
            "call_max" => &mut prompts.call_max,
            "transfer" => &mut prompts.transfer,
            "transfer_waiting" => &mut prompts.transfer_waiting,
            "transfer_busy" => &mut prompts.transfer_busy,
            "transfer_no_answer" => &mut prompts.transfer_no_answer,
            "transfer_failed" => &mut prompts.transfer_failed,
            "transfer_offer" => &mut prompts.transfer_offer,
            "recording" => &mut prompts.recording,
            "recording_refused" => &mut prompts.recording_refused,
            "recording_paused" => &mut prompts.recording_paused,
            "recording_resumed" => &mut prompts.recording_resumed,
            _ => continue,
        };
        text.clone_into(place);
    }
    let key = key_in_words(config.recording.refuse_key());
    prompts.recording = prompts.recording.replace("{key}", &key);
    prompts
}

fn key_in_words(key: Option<char>) -> String {
    match key {
        Some('*') => "star".to_owned(),
        Some('#') => "pound".to_owned(),
        Some(digit) => digit.to_string(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests;
