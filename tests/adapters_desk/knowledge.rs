//! The knowledge base against a helpdesk that changes and fails.

use std::time::Duration;

use ringwell::io::desk::Desk;
use ringwell::io::knowledge::{self, Knowledge, Synced};
use serde_json::json;

use crate::fake::{Fake, Fault, article};
use crate::{Choice, desk, desk_with, until};

fn fill(fake: &Fake, count: u64) {
    let articles = (0..count).map(|id| {
        article(
            id,
            &format!("Article {id} about topic{id}"),
            &format!("<p>Text of topic{id}.</p>"),
        )
    });
    fake.world().articles = articles.collect();
}

struct Copy {
    _directory: tempfile::TempDir,
    knowledge: Knowledge,
}

impl Copy {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let knowledge = Knowledge::open(&directory.path().join("knowledge.db")).unwrap();
        Self {
            _directory: directory,
            knowledge,
        }
    }

    async fn sync(&self, desk: &Desk) -> Synced {
        self.knowledge.sync(desk).await.unwrap()
    }

    fn finds(&self, words: &str) -> usize {
        self.knowledge.search(words, 5).len()
    }
}

#[tokio::test]
async fn all_pages_are_read_and_only_changes_are_written() {
    let fake = Fake::start().await;
    fill(&fake, 250);
    let desk = desk(&fake);
    let copy = Copy::new();
    assert_eq!(
        copy.sync(&desk).await,
        Synced {
            articles: 250,
            changed: 250,
            removed: 0
        }
    );
    assert_eq!(fake.world().count("GET", "articles"), 3);
    let found = copy.knowledge.search("what about topic217", 3);
    assert_eq!(
        (found[0].article.as_str(), found[0].url.as_str()),
        ("217", "https://example.org/article/217")
    );
    assert_eq!(
        copy.sync(&desk).await,
        Synced {
            articles: 250,
            changed: 0,
            removed: 0
        }
    );
    {
        let mut world = fake.world();
        world.articles[3]["contents"][0]["translation"] = json!("<p>Now about giraffes.</p>");
        world.articles.remove(200);
        world.articles[5]["status"] = json!("DRAFT");
        world.articles[6]["section"]["visibility"] = json!("PRIVATE");
    }
    assert_eq!(
        copy.sync(&desk).await,
        Synced {
            articles: 247,
            changed: 1,
            removed: 3
        }
    );
    assert_eq!(
        (
            copy.finds("giraffes"),
            copy.finds("topic200"),
            copy.finds("topic5")
        ),
        (1, 0, 0)
    );
    let status = copy.knowledge.status();
    assert_eq!((status.articles, status.last_error), (247, None));
    assert!(status.last_sync.is_some());
}

#[tokio::test]
async fn pages_that_did_not_change_are_not_sent_again() {
    let fake = Fake::start().await;
    fill(&fake, 150);
    fake.world().gives_etags = true;
    let copy = Copy::new();
    let english = desk(&fake);
    copy.sync(&english).await;
    assert_eq!(
        copy.sync(&english).await,
        Synced {
            articles: 150,
            changed: 0,
            removed: 0
        }
    );
    // One page changes, the other stays: nothing of the other is lost.
    fake.world().articles[120]["titles"][0]["translation"] = json!("Giraffes");
    assert_eq!(
        copy.sync(&english).await,
        Synced {
            articles: 150,
            changed: 1,
            removed: 0
        }
    );
    // Another language is not "unchanged".
    let german = json!({"id": 9, "locale": "de", "translation": "Giraffen"});
    for article in &mut fake.world().articles {
        article["titles"]
            .as_array_mut()
            .unwrap()
            .push(german.clone());
    }
    let german = desk_with(
        &fake,
        Choice {
            locale: "de",
            ..Choice::default()
        },
    );
    assert_eq!(copy.sync(&german).await.changed, 150);
}

#[tokio::test]
async fn a_failed_sync_leaves_what_is_there_and_says_why() {
    let fake = Fake::start().await;
    fill(&fake, 150);
    let desk = desk(&fake);
    let copy = Copy::new();
    copy.sync(&desk).await;
    fill(&fake, 1);
    fake.world().down = Some(Fault::Status(500, ""));
    assert!(copy.knowledge.sync(&desk).await.is_err());
    let status = copy.knowledge.status();
    assert_eq!(status.articles, 150);
    assert!(status.last_error.unwrap().contains("500"));
    assert_eq!(copy.finds("topic140"), 1);
    fake.world().down = None;
    assert_eq!(copy.sync(&desk).await.removed, 149);
    assert_eq!(copy.knowledge.status().last_error, None);
}

#[tokio::test]
async fn a_list_that_changed_while_it_was_read_removes_nothing() {
    let fake = Fake::start().await;
    fill(&fake, 20);
    let desk = desk(&fake);
    let copy = Copy::new();
    copy.sync(&desk).await;
    fake.world().total_is_wrong = true;
    fake.world().articles.remove(4);
    assert_eq!(
        copy.sync(&desk).await,
        Synced {
            articles: 20,
            changed: 0,
            removed: 0
        }
    );
    fake.world().total_is_wrong = false;
    assert_eq!(copy.sync(&desk).await.removed, 1);
}

#[tokio::test]
async fn the_copy_keeps_itself_up_to_date() {
    let fake = Fake::start().await;
    fill(&fake, 2);
    fake.fail("GET articles", Fault::Status(503, ""));
    let copy = Copy::new();
    let interval = Duration::from_millis(50);
    let task = tokio::spawn(knowledge::run(
        copy.knowledge.clone(),
        desk(&fake),
        interval,
    ));
    until("the first articles", || {
        (copy.knowledge.status().articles == 2).then_some(())
    })
    .await;
    fill(&fake, 3);
    until("the third article", || {
        (copy.knowledge.status().articles == 3).then_some(())
    })
    .await;
    task.abort();
}

#[tokio::test]
async fn wrong_credentials_are_not_repeated_by_the_sync() {
    let fake = Fake::start().await;
    let desk = desk_with(
        &fake,
        Choice {
            password: "wrong",
            ..Choice::default()
        },
    );
    let copy = Copy::new();
    for _ in 0..5 {
        assert!(copy.knowledge.sync(&desk).await.is_err());
    }
    assert_eq!(fake.world().seen.len(), 1);
}
