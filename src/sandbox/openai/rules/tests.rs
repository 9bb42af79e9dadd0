use super::*;

const NOTE: &str = "Articles of the knowledge base:\n\
    Article 1: How to reset your password\n\
    To reset your password, open the sign-in page and choose Forgot password. We send you a link by e-mail. It is valid for 60 minutes.\n\
    Article 2: Opening hours\n\
    Our support team is there from Monday to Friday. We are closed on Sundays.";

fn tool(name: &str) -> Tool {
    Tool {
        name: name.to_owned(),
        arguments: vec!["reason".to_owned()],
        choices: Vec::new(),
    }
}

fn prompt(items: Vec<Item>, tools: &[&str]) -> Prompt {
    Prompt {
        items,
        tools: tools.iter().map(|name| tool(name)).collect(),
        choice: Choice::Free,
        max_tokens: usize::MAX,
    }
}

fn user(text: &str) -> Item {
    Item::User(text.to_owned())
}

fn note() -> Item {
    Item::Note(NOTE.to_owned())
}

fn text(reply: Reply) -> String {
    match reply {
        Reply::Text { tokens, .. } => tokens.concat(),
        Reply::Call { name, .. } => panic!("calls {name}"),
    }
}

fn called(reply: Reply) -> String {
    match reply {
        Reply::Call { name, .. } => name,
        Reply::Text { tokens, .. } => panic!("says {}", tokens.concat()),
    }
}

const TOOLS: [&str; 2] = ["hand_over", "end_call"];

#[test]
fn it_quotes_the_passage_that_fits() {
    let said = |question: &str| text(reply(&prompt(vec![note(), user(question)], &TOOLS)));
    assert_eq!(
        said("How do I reset my password?"),
        "To reset your password, open the sign-in page and choose Forgot password. We send you a link by e-mail."
    );
    assert_eq!(said("are you open on sundays"), "We are closed on Sundays.");
    assert_eq!(
        text(reply(&prompt(
            vec![user("what are your opening hours"), note()],
            &TOOLS
        ))),
        "Our support team is there from Monday to Friday. We are closed on Sundays."
    );
}

#[test]
fn it_hands_over_what_no_passage_answers() {
    for question in [
        "where is my parcel?",
        "can you sing a song for the children",
    ] {
        assert_eq!(
            called(reply(&prompt(vec![note(), user(question)], &TOOLS))),
            "hand_over"
        );
        assert_eq!(
            called(reply(&prompt(vec![user(question)], &TOOLS))),
            "hand_over"
        );
    }
    let Reply::Call { arguments, .. } = reply(&prompt(vec![user("say \"hi\" to bob")], &TOOLS))
    else {
        panic!("a call");
    };
    let arguments: serde_json::Value = serde_json::from_str(&arguments).unwrap();
    assert_eq!(arguments["reason"], "The caller said: say \"hi\" to bob");
}

#[test]
fn only_passages_are_knowledge_and_those_of_the_last_turn_first() {
    let none =
        Item::Note("The knowledge base has no article. Do not answer: call hand_over.".to_owned());
    let items = vec![
        note(),
        user("hello"),
        Item::Assistant("Hello".to_owned()),
        none,
        user("how do I reset my password, call me"),
    ];
    assert_eq!(called(reply(&prompt(items, &TOOLS))), "hand_over");
    let items = vec![
        note(),
        user("hello"),
        Item::Assistant("Hello".to_owned()),
        user("how do I reset my password"),
    ];
    assert!(text(reply(&prompt(items, &TOOLS))).starts_with("To reset your password"));
    let long = "good morning, since yesterday evening I cannot work because nobody here knows how a password is reset";
    assert!(
        text(reply(&prompt(vec![note(), user(long)], &TOOLS)))
            .starts_with("To reset your password")
    );
}

#[test]
fn it_calls_no_tool_that_was_not_offered() {
    for words in [
        "where is my parcel?",
        "goodbye",
        "I want to speak to a person",
    ] {
        let said = text(reply(&prompt(vec![note(), user(words)], &[])));
        assert!(!said.is_empty());
    }
    let mut prompt = prompt(vec![user("goodbye")], &TOOLS);
    prompt.choice = Choice::Never;
    assert!(text(reply(&prompt)).contains("Goodbye"));
    prompt.choice = Choice::Must("hand_over".to_owned());
    assert_eq!(called(reply(&prompt)), "hand_over");
}

#[test]
fn it_knows_goodbyes_thanks_and_the_wish_for_a_person() {
    let answer = |words: &str| reply(&prompt(vec![note(), user(words)], &TOOLS));
    for words in [
        "Thank you, goodbye.",
        "No, that's all.",
        "no thanks",
        "Bye bye",
    ] {
        assert_eq!(called(answer(words)), "end_call", "{words}");
    }
    for words in ["Can I talk to a real person?", "a human please"] {
        assert_eq!(called(answer(words)), "hand_over", "{words}");
    }
    assert!(text(answer("Thank you very much.")).starts_with("You are welcome"));
    assert!(text(answer("Good morning")).starts_with("Hello"));
}

#[test]
fn after_a_tool_it_only_speaks() {
    let call = |name: &str| vec![user("x"), Item::Call(name.to_owned()), Item::Result];
    assert!(text(reply(&prompt(call("hand_over"), &TOOLS))).contains("colleague"));
    assert!(text(reply(&prompt(call("end_call"), &TOOLS))).contains("Goodbye"));
}

#[test]
fn of_two_notes_the_newer_one_decides() {
    let old = Item::Note("Article: Colours\nThe colour of the box is blue.".to_owned());
    let new = Item::Note("Article: Colours\nThe colour of the box is red.".to_owned());
    let said = text(reply(&prompt(
        vec![old, new, user("what colour is the box")],
        &TOOLS,
    )));
    assert_eq!(said, "The colour of the box is red.");
}

#[test]
fn tokens_join_to_the_text_and_a_limit_cuts_them() {
    let mut prompt = prompt(vec![note(), user("reset password")], &TOOLS);
    let Reply::Text { tokens, cut } = reply(&prompt) else {
        panic!("text");
    };
    assert!(tokens.len() > 10 && !cut && tokens[1].starts_with(' '));
    prompt.max_tokens = 3;
    let Reply::Text { tokens, cut } = reply(&prompt) else {
        panic!("text");
    };
    assert_eq!((tokens.concat().as_str(), cut), ("To reset your", true));
}

#[test]
fn it_connects_with_whom_the_caller_names_when_it_is_offered_to() {
    let arguments = |words: &str| {
        let mut prompt = prompt(vec![user(words)], &TOOLS);
        prompt.tools.push(Tool {
            name: "transfer".to_owned(),
            arguments: vec!["target".to_owned()],
            choices: vec!["the sales team".to_owned(), "support".to_owned()],
        });
        match reply(&prompt) {
            Reply::Call { name, arguments } if name == "transfer" => Some(arguments),
            _ => None,
        }
    };
    let sales = Some(r#"{"target":"the sales team"}"#.to_owned());
    let support = Some(r#"{"target":"support"}"#.to_owned());
    assert_eq!(arguments("please connect me to support"), support);
    assert_eq!(arguments("transfer me to the sales team"), sales);
    assert_eq!(arguments("i want to talk to a person"), sales);
    assert_eq!(arguments("what does your support cost"), None);
    assert_eq!(arguments("transfer me to 911"), None);
}
