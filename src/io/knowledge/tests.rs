use super::*;
use crate::io::desk::Article;

/// The help center of a small company: id, title, keywords, text.
const ARTICLES: [(&str, &str, &str, &str); 16] = [
    (
        "1",
        "Reset your password",
        "login credentials",
        "<p>If you cannot remember your password, open the sign-in page and choose <b>Forgot password</b>. \
      We send a link to the e-mail address of your account. The link is valid for one hour.</p>\
      <p>Choose a new password with at least twelve characters. After three wrong attempts the account is \
      locked for fifteen minutes.</p>",
    ),
    (
        "2",
        "Problems signing in",
        "",
        "<p>Check that Caps Lock is off and that you use the e-mail address you registered with. Clear the \
      cookies of your browser. If your company uses single sign-on, go through the portal of your company.</p>",
    ),
    (
        "3",
        "Opening hours",
        "times holidays",
        "<p>Our shop and our support line are open Monday to Friday from 8 am to 6 pm, and on Saturday from 9 am \
      to 1 pm. We are closed on Sundays and public holidays.</p>",
    ),
    (
        "4",
        "Find your invoice",
        "billing",
        "<p>All invoices are in the customer portal under <i>Billing</i>. You can download each one as a PDF. \
      Invoices are issued on the first day of the month. To change the billing address, write to accounting.</p>",
    ),
    (
        "5",
        "Refunds",
        "",
        "<p>We refund the purchase price within fourteen days after we have received the goods. The money goes to \
      the card or account you paid with. Shipping costs are refunded only if the goods were faulty.</p>",
    ),
    (
        "6",
        "Cancel your subscription",
        "",
        "<p>You can cancel at any time in the portal under <i>Plan</i>. The subscription ends with the period \
      that is already paid. Your data is kept for thirty days after that and then deleted.</p>",
    ),
    (
        "7",
        "Change your e-mail address",
        "",
        "<p>Open your profile, choose <i>Edit</i>, and enter the new address. We send a confirmation to both \
      addresses. The change takes effect as soon as you confirm it.</p>",
    ),
    (
        "8",
        "Delivery times",
        "shipping courier",
        "<p>Orders placed before noon leave our warehouse on the same day. Delivery within the country takes two \
      to three working days, to other countries five to seven. You get a tracking number by e-mail.</p>",
    ),
    (
        "9",
        "Return an item",
        "",
        "<p>You may send goods back within thirty days. Print the return label from the portal, put it on the \
      parcel, and bring it to any post office. Shoes and clothes must be unworn.</p>",
    ),
    (
        "10",
        "Router shows a red light",
        "wifi internet",
        "<p>A red light means that the router has no connection to the internet. Unplug it, wait thirty seconds, \
      and plug it in again. Check that the grey cable is firmly in the socket marked DSL. If the light is \
      still red after five minutes, the line may be down.</p>",
    ),
    (
        "11",
        "Set up two-factor authentication",
        "security 2fa",
        "<p>Open <i>Security</i> in your profile and scan the code with an authenticator app. Keep the recovery \
      codes in a safe place. If you lost your telephone, use a recovery code and register the new one.</p>",
    ),
    (
        "12",
        "Warranty",
        "",
        "<p>All devices have a warranty of two years from the date of purchase. It covers defects in material and \
      workmanship. It does not cover damage by water or falls. Please keep the receipt.</p>",
    ),
    (
        "13",
        "Prices and plans",
        "",
        "<p>The Basic plan costs 9 euros a month and has one user. The Premium plan costs 29 euros a month and \
      has ten users and telephone support. Yearly payment saves two months. All prices include tax.</p>",
    ),
    (
        "14",
        "Export your data",
        "backup csv",
        "<p>Administrators can export all contacts and documents under <i>Settings</i>, <i>Data</i>. The export \
      is a ZIP file with CSV tables. Large exports take up to an hour; we send a link when the file is ready.</p>",
    ),
    (
        "15",
        "Invite a colleague",
        "team members",
        "<p>Choose <i>Team</i>, then <i>Invite</i>, and enter the e-mail address of your colleague. Administrators \
      can give each member a role. The invitation is valid for a week.</p>",
    ),
    (
        "16",
        "Connect a printer",
        "",
        "<p>Switch the printer on and connect it with the same wireless network as your computer. Then open \
      <i>Devices</i> and choose <i>Add</i>. If the printer is not found, restart it and look again.</p>",
    ),
];

/// Of quite another house.
const HOTEL: [(&str, &str, &str, &str); 12] = [
    (
        "a",
        "Check-in and check-out",
        "arrival departure",
        "<p>Rooms are ready from three in the afternoon. Please leave your room by eleven in the morning. Late       check-out until two costs 30 euros and depends on availability; ask at the reception.</p>",
    ),
    (
        "b",
        "Parking",
        "car garage",
        "<p>The garage below the hotel has forty places, at 15 euros a night. Places cannot be reserved. There are       two charging points for electric cars. The height limit is two metres.</p>",
    ),
    (
        "c",
        "Breakfast",
        "food buffet",
        "<p>Breakfast is served from half past six to ten, at weekends until eleven, on the ground floor. It is       included in most rates; otherwise it costs 18 euros. We have vegan and gluten free options.</p>",
    ),
    (
        "d",
        "Pets",
        "dogs cats animals",
        "<p>Small dogs are welcome for 12 euros a night. They must not be left alone in the room and are not       allowed in the restaurant. Please tell us when you book.</p>",
    ),
    (
        "e",
        "Wireless internet",
        "wifi",
        "<p>The network is called Guest and is free. The code is on the card with your key. In the conference       rooms there is also a cable connection.</p>",
    ),
    (
        "f",
        "Changing or cancelling a booking",
        "reservation",
        "<p>Bookings at the flexible rate can be changed or cancelled free of charge until six in the evening of       the day before. Bookings at the saver rate cannot be refunded.</p>",
    ),
    (
        "g",
        "Airport transfer",
        "shuttle taxi",
        "<p>A shuttle bus runs between the airport and the hotel every forty minutes from five in the morning to       eleven at night. The ride takes twenty minutes and costs 8 euros. A taxi costs about 35 euros.</p>",
    ),
    (
        "h",
        "Pool, sauna and gym",
        "spa fitness swimming",
        "<p>The pool on the roof is open from seven to ten in the evening. Towels are provided. Children under       twelve must be with an adult. The gym is open day and night.</p>",
    ),
    (
        "i",
        "Lost property",
        "forgotten left behind",
        "<p>Tell us what you left behind and your room number. We keep found things for three months and send       them on at your cost.</p>",
    ),
    (
        "j",
        "Children and extra beds",
        "cot family",
        "<p>Children up to six sleep free in the bed of their parents. A cot is free, an extra bed costs 25 euros.       Please order it when you book.</p>",
    ),
    (
        "k",
        "Luggage storage",
        "bags suitcase",
        "<p>You can leave your bags at the reception before check-in and after check-out, free of charge, until       ten at night.</p>",
    ),
    (
        "l",
        "Invoices for companies",
        "",
        "<p>We write the invoice to your company if you give us its address at check-in. A corrected invoice can be       asked for by e-mail within thirty days.</p>",
    ),
];

const HOTEL_ANSWERABLE: [(&str, &[&str]); 22] = [
    ("what time can I check in", &["a"]),
    ("when do I have to leave the room", &["a"]),
    ("is late checkout possible", &["a"]),
    ("where can I park my car", &["b"]),
    ("how much is parking per night", &["b"]),
    ("can I charge my electric car at the hotel", &["b"]),
    ("is breakfast included", &["c"]),
    ("do you have vegan options for breakfast", &["c"]),
    ("can I bring my dog", &["d"]),
    ("are pets allowed", &["d"]),
    ("what's the wifi password", &["e"]),
    ("is there free internet in the rooms", &["e"]),
    ("I need to cancel my booking", &["f"]),
    ("can I change the date of my reservation", &["f"]),
    ("how do I get from the airport to the hotel", &["g"]),
    ("is there a shuttle bus", &["g"]),
    ("when is the swimming pool open", &["h"]),
    ("do you have a gym", &["h"]),
    (
        "I think I left my jacket in my room can you check if somebody found it",
        &["i", "a"],
    ),
    ("can I get an extra bed for my daughter", &["j"]),
    (
        "can I leave my suitcase with you after check out",
        &["k", "a"],
    ),
    ("I need an invoice with the address of my company", &["l"]),
];

const HOTEL_UNANSWERABLE: [&str; 11] = [
    "what's the weather in Paris tomorrow",
    "tell me a joke",
    "who won the football match yesterday",
    "I want to apply for a job in the kitchen",
    "my laptop does not start",
    "what is the capital of France",
    "is there an opera tonight",
    "how do I renew my driving licence",
    "do you sell gift vouchers",
    "are you a robot",
    "I'd like to complain about the noise",
];

fn hotel() -> (tempfile::TempDir, Knowledge) {
    open(&HOTEL)
}

fn knowledge() -> (tempfile::TempDir, Knowledge) {
    open(&ARTICLES)
}

fn open(articles: &[(&str, &str, &str, &str)]) -> (tempfile::TempDir, Knowledge) {
    let directory = tempfile::tempdir().expect("a directory for the test");
    let knowledge = Knowledge::open(&directory.path().join("knowledge.db")).expect("it opens");
    let articles = articles.iter().map(|(id, title, keywords, html)| Article {
        id: (*id).to_owned(),
        title: (*title).to_owned(),
        url: format!("https://help.example.org/{id}"),
        keywords: (*keywords).to_owned(),
        html: (*html).to_owned(),
    });
    fill(&knowledge, articles.collect());
    (directory, knowledge)
}

fn fill(knowledge: &Knowledge, articles: Vec<Article>) -> Synced {
    let inner = &knowledge.inner;
    let known = sync::Known::read(&locked(&inner.writer)).unwrap();
    let mut listing = sync::Listing::default();
    for article in articles {
        listing.take(article, &known);
    }
    listing.close();
    let synced = sync::write(&mut locked(&inner.writer), listing, clock::wallclock()).unwrap();
    *inner.vocabulary.write().unwrap() =
        Arc::new(Vocabulary::read(&locked(&inner.writer)).unwrap());
    *locked(&inner.status) = index::status(&locked(&inner.reader)).unwrap();
    synced
}

/// What is asked on the telephone, and the articles that may come first.
const ANSWERABLE: [(&str, &[&str]); 34] = [
    ("I forgot my password", &["1"]),
    ("hi um I can't remember my password what do I do", &["1"]),
    ("how do I reset my pass word", &["1"]),
    ("I need a new pasword please", &["1"]),
    ("I can't log in", &["2"]),
    (
        "yeah hello I'm having trouble logging in to my account",
        &["2", "1"],
    ),
    ("when are you open on Saturday", &["3"]),
    ("what are your opening hours", &["3"]),
    ("are you open on sundays", &["3"]),
    ("where can I find my bill", &["4"]),
    ("can you send me the invoice from last month", &["4"]),
    ("where do I download my invoyces", &["4"]),
    ("how do I get my money back", &["5"]),
    ("when will I get my refund", &["5"]),
    ("I want to stop my subscription", &["6"]),
    ("I'd like to cancel my subscripshun", &["6"]),
    ("how do I cancel", &["6"]),
    ("how can I change the email address of my account", &["7"]),
    ("I have a new e mail adress how do I update it", &["7"]),
    ("how long does delivery take", &["8"]),
    ("when does my package arrive", &["8"]),
    ("can I send back shoes that don't fit", &["9"]),
    ("I'd like to return an item I bought last week", &["9"]),
    ("my router has a red light", &["10"]),
    (
        "the internet is not working there's a red light on the router",
        &["10"],
    ),
    (
        "I lost my phone and can't get the authenticator code",
        &["11"],
    ),
    ("how do I set up two factor authentication", &["11"]),
    ("how long is the warranty", &["12"]),
    ("is water damage covered by the guarantee", &["12"]),
    ("how much does the premium plan cost", &["13"]),
    ("how do I export my contacts", &["14"]),
    ("how do I add a colleague to my team", &["15"]),
    ("my printer isn't found on the network", &["16", "10"]),
    ("how do I connect my printer", &["16"]),
];

/// What no article answers.
const UNANSWERABLE: [&str; 22] = [
    "what's the weather in Paris tomorrow",
    "who won the football match yesterday",
    "can you recommend a good pizza place",
    "tell me a joke",
    "what is the capital of France",
    "do you sell bicycles",
    "is my cat allowed on the plane",
    "I'd like to speak to somebody in marketing",
    "who is the president",
    "how old are you",
    "are you a robot",
    "hello",
    "yes",
    "um",
    "thank you bye",
    "can I park my car near your building",
    "do you have vegan options",
    "my dog ate my homework",
    "how do I cook rice",
    "what's the best way to learn Spanish",
    "I want to apply for a job",
    "book a table for two",
];

fn check_answered(knowledge: &Knowledge, questions: &[(&str, &[&str])]) {
    let mut wrong = Vec::new();
    for (question, expected) in questions {
        let found = knowledge.search(question, 3);
        match found.first() {
            Some(best) if expected.contains(&best.article.as_str()) => {}
            best => wrong.push(format!("{question:?}: {:?}", best.map(|best| &best.title))),
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        questions.len(),
        wrong.join("\n")
    );
}

fn check_unanswered(knowledge: &Knowledge, questions: &[&str]) {
    let mut wrong = Vec::new();
    for question in questions {
        for passage in knowledge.search(question, 3) {
            wrong.push(format!(
                "{question:?}: {:?} {}",
                passage.title, passage.score
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn questions_as_they_are_asked_find_the_article_that_answers_them() {
    check_answered(&knowledge().1, &ANSWERABLE);
}

#[test]
fn questions_that_no_article_answers_find_nothing() {
    check_unanswered(&knowledge().1, &UNANSWERABLE);
}

#[test]
fn a_hotel_is_as_well_served() {
    check_answered(&hotel().1, &HOTEL_ANSWERABLE);
}

#[test]
fn a_hotel_does_not_answer_what_it_does_not_know() {
    check_unanswered(&hotel().1, &HOTEL_UNANSWERABLE);
}

#[test]
fn hostile_questions_are_only_words() {
    let (_directory, knowledge) = knowledge();
    let hostile = [
        "\"",
        "\" OR \"",
        "password\" OR title:\"invoice",
        "NEAR(a b)",
        "title : password",
        "^password",
        "password*",
        "-password",
        "(password",
        "{title} : x",
        "a AND",
        "NOT",
        "'; DROP TABLE passages; --",
        "\u{0}\u{1}\u{202E}",
        "🔑",
        "AND OR NOT",
        "\\",
        "%",
        "()()()",
        "+",
        "::",
    ];
    for question in hostile {
        let _found = knowledge.search(question, 3);
    }
    let _found = knowledge.search(&"password ".repeat(50_000), 3);
    let _found = knowledge.search(&"x".repeat(1_000_000), 3);
    assert_eq!(knowledge.status().passages, 16);
    assert_eq!(knowledge.search("password", 3)[0].article, "1");
    assert!(knowledge.search("password", 0).is_empty());
}

#[test]
fn a_passage_names_its_source() {
    let (_directory, knowledge) = knowledge();
    let found = knowledge.search("I forgot my password", 1);
    assert_eq!(found.len(), 1);
    let best = &found[0];
    assert_eq!(
        (best.title.as_str(), best.url.as_str()),
        ("Reset your password", "https://help.example.org/1")
    );
    assert!(
        best.text
            .starts_with("If you cannot remember your password"),
        "{}",
        best.text
    );
    assert!(!best.text.contains('<'));
    let many = knowledge.search("how much does the premium plan cost", 5);
    assert!(many.windows(2).all(|pair| pair[0].score >= pair[1].score));
}

#[test]
fn changed_articles_are_read_anew_and_gone_ones_go() {
    let (_directory, knowledge) = knowledge();
    let article = |id: &str, html: &str| Article {
        id: id.to_owned(),
        title: "Car park".to_owned(),
        url: String::new(),
        keywords: String::new(),
        html: html.to_owned(),
    };
    let synced = fill(
        &knowledge,
        vec![article("77", "<p>The garage has forty places.</p>")],
    );
    assert_eq!(
        synced,
        Synced {
            articles: 1,
            changed: 1,
            removed: 16
        }
    );
    assert_eq!(
        knowledge.search("how many places has the garage", 3).len(),
        1
    );
    assert!(knowledge.search("I forgot my password", 3).is_empty());
    let again = fill(
        &knowledge,
        vec![article("77", "<p>The garage has forty places.</p>")],
    );
    assert_eq!(
        again,
        Synced {
            articles: 1,
            changed: 0,
            removed: 0
        }
    );
    fill(
        &knowledge,
        vec![article("77", "<p>The garage is closed for good.</p>")],
    );
    assert!(knowledge.search("garage", 3)[0].text.contains("closed"));
}

#[test]
fn what_is_known_survives_and_a_damaged_file_is_begun_anew() {
    let (directory, first) = knowledge();
    let path = directory.path().join("knowledge.db");
    drop(first);
    let again = Knowledge::open(&path).unwrap();
    assert_eq!(again.status().articles, 16);
    assert!(again.status().last_sync.is_some());
    assert_eq!(
        again.search("pasword", 1)[0].article,
        "1",
        "the vocabulary is there from the start"
    );
    drop(again);
    std::fs::write(&path, b"no database at all ".repeat(500)).unwrap();
    let anew = Knowledge::open(&path).unwrap();
    assert_eq!(anew.status(), KnowledgeStatus::default());
    assert!(anew.search("password", 1).is_empty());
    assert!(Knowledge::open(Path::new("/nonexistent/knowledge.db")).is_err());
}

#[test]
fn the_pause_between_syncs_varies_by_a_tenth() {
    let interval = Duration::from_secs(1000);
    for chance in [0, 1, 100, 200, 201, u64::MAX] {
        let pause = around(interval, chance);
        assert!((Duration::from_secs(900)..=Duration::from_secs(1100)).contains(&pause));
    }
    assert_ne!(around(interval, 0), around(interval, 200));
}

/// Two thousand passages: a large office. The time is printed, not judged.
#[test]
fn a_large_knowledge_base_is_searched() {
    let (_directory, knowledge) = knowledge();
    let mut articles = Vec::new();
    for copy in 0..120 {
        for (id, title, keywords, html) in ARTICLES {
            articles.push(Article {
                id: format!("{copy}-{id}"),
                title: format!("{title} {copy}"),
                url: String::new(),
                keywords: keywords.to_owned(),
                html: format!("{html}<p>Model {copy}, series {}.</p>", copy % 7),
            });
        }
    }
    fill(&knowledge, articles);
    let began = clock::now();
    let is_answered = |question: &str| !knowledge.search(question, 3).is_empty();
    let answered = ANSWERABLE
        .iter()
        .filter(|(question, _)| is_answered(question))
        .count();
    assert!(answered + 2 >= ANSWERABLE.len(), "{answered}");
    for question in UNANSWERABLE {
        let _found = knowledge.search(question, 3);
    }
    let each = clock::now().duration_since(began)
        / u32::try_from(ANSWERABLE.len() + UNANSWERABLE.len()).unwrap();
    println!(
        "a search among {} passages takes {each:?}",
        120 * ARTICLES.len()
    );
}
