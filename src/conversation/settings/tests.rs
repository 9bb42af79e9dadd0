use super::*;

#[test]
fn every_shipped_prompt_has_words_on_one_line() {
    let texts = prompts(&Settings::default());
    assert_eq!(texts.len(), 16);
    for text in texts {
        assert!(
            text.len() > 10 && !text.contains(['\n', '{', '*']),
            "{text}"
        );
    }
}

#[test]
fn the_two_templates_name_the_address() {
    let prompts = Prompts::default();
    assert!(
        prompts.email_read_back.contains("{email}") && prompts.email_spelled.contains("{email}")
    );
}

#[test]
fn equal_prompts_are_rendered_once() {
    let mut settings = Settings::default();
    settings.prompts.drain = settings.prompts.apology.clone();
    settings.prompts.filler = String::new();
    assert_eq!(prompts(&settings).len(), 14);
}

#[test]
fn an_apology_is_possible_within_three_seconds() {
    let timing = Timing::default();
    assert!(timing.filler < Duration::from_secs(3));
    assert!(timing.first_token < timing.dead_air);
}
