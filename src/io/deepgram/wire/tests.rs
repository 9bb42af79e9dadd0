use super::*;

fn listen(json: &str) -> Listen {
    serde_json::from_str(json).unwrap()
}

fn speak(json: &str) -> SpeakEvent {
    serde_json::from_str(json).unwrap()
}

#[test]
fn the_ear_s_messages_are_read() {
    let connected = listen(r#"{"type":"Connected","request_id":"7c1f","sequence_id":0}"#);
    assert_eq!(connected.kind, "Connected");
    assert_eq!(connected.sequence_id, Some(0));

    let turn = listen(
        r#"{"type":"TurnInfo","request_id":"7c1f","sequence_id":2,"event":"Update","turn_index":0,
        "audio_window_start":0.0,"audio_window_end":0.48,"transcript":"Fine",
        "words":[{"word":"Fine","confidence":0.4573,"start":0.16,"end":0.40}],
        "end_of_turn_confidence":0.0189}"#,
    );
    assert_eq!(turn.event.as_deref(), Some("Update"));
    assert_eq!(turn.transcript.as_deref(), Some("Fine"));
    assert_eq!(turn.audio_window_end, Some(0.48));

    let error = listen(
        r#"{"type":"Error","sequence_id":12,"code":"UNPARSABLE_CLIENT_MESSAGE","description":"no"}"#,
    );
    assert_eq!(error.code.as_deref(), Some("UNPARSABLE_CLIENT_MESSAGE"));
}

#[test]
fn unknown_and_missing_things_of_the_ear_are_let_through() {
    let strange = listen(r#"{"type":"MoonPhase","phase":{"full":true},"transcript":null}"#);
    assert_eq!(strange.kind, "MoonPhase");
    assert_eq!(strange.transcript, None);
    assert_eq!(listen("{}").kind, "");
    assert!(serde_json::from_str::<Listen>("[]").is_err());
}

#[test]
fn both_spellings_of_a_refused_flush_are_understood() {
    let field = speak(
        r#"{"type":"Warning","warn_code":"EXCESSIVE_FLUSH","warn_msg":"Rate limit exceeded for flushes."}"#,
    );
    let specified =
        speak(r#"{"type":"Warning","code":"EXCESSIVE_FLUSH","description":"Too many flushes."}"#);
    assert!(field.refuses_flush());
    assert!(specified.refuses_flush());
    assert_eq!(
        field.told(),
        "EXCESSIVE_FLUSH Rate limit exceeded for flushes."
    );
    assert!(!speak(r#"{"type":"Warning","code":"OTHER"}"#).refuses_flush());
    assert!(!speak(r#"{"type":"Flushed","sequence_id":0}"#).refuses_flush());
}

#[test]
fn controls_are_written_as_the_service_reads_them() {
    let speak = Control::Speak {
        text: "Say \"hi\".",
    };
    assert_eq!(speak.json(), r#"{"type":"Speak","text":"Say \"hi\"."}"#);
    assert_eq!(Control::Flush.json(), r#"{"type":"Flush"}"#);
    assert_eq!(Control::Clear.json(), r#"{"type":"Clear"}"#);
    assert_eq!(Control::Close.json(), r#"{"type":"Close"}"#);
    assert_eq!(Control::CloseStream.json(), r#"{"type":"CloseStream"}"#);
}

#[test]
fn long_text_is_cut_where_it_hurts_least() {
    assert_eq!(pieces("  Hello. "), ["Hello."]);
    assert!(pieces(" \n ").is_empty());

    let sentence = "A sentence of some length here. ";
    let long = sentence.repeat(100);
    let cut = pieces(&long);
    assert_eq!(cut.len(), 2);
    assert!(cut.iter().all(|piece| piece.chars().count() <= MAX_SPEAK));
    assert!(cut.iter().all(|piece| piece.ends_with('.')));
    assert_eq!(cut.join(" "), long.trim());

    let solid = "ü".repeat(MAX_SPEAK + 1);
    let cut = pieces(&solid);
    assert_eq!(cut.len(), 2);
    assert_eq!(cut.concat(), solid);
}
