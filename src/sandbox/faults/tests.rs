use super::*;

fn fault(json: &str) -> Fault {
    serde_json::from_str(json).unwrap()
}

fn target(method: &str, path: &str) -> Target {
    Target {
        service: Service::of(method == "GET", path).unwrap(),
        method: method.to_owned(),
        path: path.to_owned(),
    }
}

#[test]
fn services_are_known_by_their_paths() {
    assert_eq!(Service::of(true, "/v2/listen"), Some(Service::Ear));
    assert_eq!(Service::of(true, "/v1/speak"), Some(Service::Voice));
    assert_eq!(Service::of(false, "/v1/speak"), Some(Service::VoiceRest));
    assert_eq!(Service::of(false, "/v1/responses"), Some(Service::Model));
    assert_eq!(
        Service::of(true, "/api/v1/articles.json"),
        Some(Service::Articles)
    );
    assert_eq!(
        Service::of(false, "/api/v1/cases.json"),
        Some(Service::Helpdesk)
    );
    assert_eq!(Service::of(true, "/state"), None);
}

#[test]
fn a_fault_strikes_where_it_is_meant_to_and_as_often() {
    let mut faults = Faults::default();
    let json = r#"{"service":"helpdesk","stage":"after","kind":"status","status":503,"count":2,"method":"post","path":"/cases"}"#;
    faults.add(vec![fault(json)]).unwrap();
    let post = target("POST", "/api/v1/cases.json");
    assert_eq!(
        faults.strike(&target("GET", "/api/v1/cases.json"), Stage::After),
        None
    );
    assert_eq!(
        faults.strike(&target("POST", "/api/v1/users.json"), Stage::After),
        None
    );
    assert_eq!(faults.strike(&post, Stage::Connect), None);
    assert_eq!(
        faults.strike(&post, Stage::After).unwrap().http_status(),
        503
    );
    assert!(faults.strike(&post, Stage::After).is_some());
    assert_eq!(faults.strike(&post, Stage::After), None);
}

#[test]
fn a_fault_without_a_count_stays_until_it_is_cleared() {
    let mut faults = Faults::default();
    faults
        .add(vec![fault(
            r#"{"service":"ear","stage":"connect","kind":"refuse"}"#,
        )])
        .unwrap();
    for _ in 0..100 {
        assert!(
            faults
                .strike(&target("GET", "/v2/listen"), Stage::Connect)
                .is_some()
        );
    }
    faults.clear();
    assert!(faults.list().is_empty());
}

#[test]
fn misspelt_and_too_many_faults_are_refused() {
    let json = r#"{"service":"ear","stage":"connect","kind":"refuse","dely_ms":3}"#;
    assert!(serde_json::from_str::<Fault>(json).is_err());
    let one = fault(r#"{"service":"ear","stage":"connect","kind":"refuse"}"#);
    let mut faults = Faults::default();
    assert!(faults.add(vec![one.clone(); MAX_FAULTS]).is_ok());
    assert!(faults.add(vec![one]).is_err());
}
