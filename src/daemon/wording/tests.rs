use super::*;

const LINE: &str = "[[line]]\nname = \"x\"\nallow = [\"127.0.0.0/8\"]\n\
    [model]\nmodel = \"m\"\nkey = \"none\"\nurl = \"http://127.0.0.1/v1\"\n\
    [helpdesk]\nurl = \"http://127.0.0.1\"\nemail = \"a@example.com\"\npassword = \"none\"\n\
    [ear]\nurl = \"ws://127.0.0.1\"\nkey = \"none\"\n[voice]\nurl = \"ws://127.0.0.1\"\nkey = \"none\"\n";

fn settings(assistant: &str) -> Settings {
    let config = Config::parse("test", &format!("{LINE}{assistant}")).unwrap();
    conversation(&config)
}

#[test]
fn the_company_is_named_in_greeting_and_instructions() {
    let settings = settings("[assistant]\ncompany = \"Example\"\n");
    assert!(
        settings
            .prompts
            .greeting
            .contains("the support line of Example")
    );
    assert!(
        settings
            .instructions
            .contains("The company is called Example.")
    );
}

/// Every prompt that the configuration names has its place in the conversation.
#[test]
fn each_prompt_can_be_worded_anew() {
    let names = [
        "no_input",
        "not_understood",
        "offer_person",
        "go_on",
        "escalation",
        "ask_email",
        "ask_email_again",
        "email_read_back",
        "email_spelled",
        "yes_or_no",
        "without_email",
        "promise",
        "goodbye",
        "filler",
        "apology",
        "drain",
        "call_max",
    ];
    let mut text = "[assistant]\ncompany = \"Example\"\n[assistant.prompts]\n".to_owned();
    for name in names {
        text.push_str(&format!("{name} = \"words of {name} {{email}}\"\n"));
    }
    let prompts = format!("{:?}", settings(&text).prompts);
    for name in names {
        assert!(
            prompts.contains(&format!("words of {name} ")),
            "{name} in {prompts}"
        );
    }
}

#[test]
fn the_fax_is_offered_to_nobody() {
    let settings = settings(
        "[calls]\non_fax = \"transfer\"\nfax_target = \"the fax\"\n\
         [[transfer.target]]\nname = \"sales\"\nuri = \"sip:201@127.0.0.1\"\n\
         [[transfer.target]]\nname = \"the fax\"\nuri = \"sip:209@127.0.0.1\"\n\
         [assistant]\ncompany = \"Example\"\n",
    );
    let names: Vec<&str> = settings
        .destinations
        .iter()
        .map(|it| it.name.as_str())
        .collect();
    assert_eq!(names, ["sales"]);
    assert!(!settings.instructions.contains("the fax"));
    assert!(settings.instructions.contains("- sales"));
}
