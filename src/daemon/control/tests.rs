use super::*;

async fn answer(request: Request) -> Value {
    match request {
        Request::Status => json!({ "state": "running" }),
        Request::Drain => json!({ "state": "draining" }),
    }
}

#[tokio::test]
async fn a_request_is_answered_over_the_socket() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control.sock");
    let control = Control::bind(&path).unwrap();
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let server = tokio::spawn(control.serve(answer));
    for (request, state) in [(Request::Status, "running"), (Request::Drain, "draining")] {
        let value = ask(&path, request).await.unwrap();
        assert_eq!(value["state"], state);
    }
    server.abort();
    assert!(server.await.unwrap_err().is_cancelled());
    assert!(!path.exists(), "the file goes with the server");
}

#[tokio::test]
async fn nonsense_is_answered_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control.sock");
    let server = tokio::spawn(Control::bind(&path).unwrap().serve(answer));
    for nonsense in ["reboot\n".to_owned(), "x".repeat(5_000)] {
        let mut stream = UnixStream::connect(&path).await.unwrap();
        // The server may have answered and gone before it has read a long line to its end.
        let _ = stream.write_all(nonsense.as_bytes()).await;
        let mut line = String::new();
        let read = BufReader::new(stream).read_line(&mut line).await;
        if read.is_ok() && nonsense.len() < 100 {
            assert!(line.contains("unknown request"), "{line}");
        }
    }
    assert!(ask(&path, Request::Status).await.is_ok());
    server.abort();
}

#[tokio::test]
async fn a_dead_daemons_socket_is_replaced_and_a_live_ones_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let control = Control::bind(&path).unwrap();
    let error = Control::bind(&path).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    drop(control);
    std::fs::write(&path, "a file").unwrap();
    let error = Control::bind(&path).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
}

#[tokio::test]
async fn asking_nobody_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let asked = ask(&folder.path().join("none"), Request::Status).await;
    assert_eq!(asked.unwrap_err().kind(), io::ErrorKind::NotFound);
}

#[test]
fn a_status_reads_well_and_hides_nothing() {
    let status = json!({
        "version": "0.1.0",
        "state": "running",
        "uptime_s": 93_784,
        "calls": [{ "id": "rw-1", "kind": "assistant", "seconds": 12 }],
        "recent": [],
        "refusals": {},
        "counters": { "calls_answered": 7, "refused_busy": 1 },
        "services": { "ear": "ok", "model": { "state": "failing", "since_s": 3 } },
        "tasks": 9,
        "novelty": { "x": null, "list": [1, 2], "empty": [] },
    });
    let expected = "\
ringwell 0.1.0: running, up 1d 02:03:04

calls: 1
  id=rw-1  kind=assistant  seconds=12

recent: none

services
  ear    ok
  model  since_s 3, state failing

tasks: 9

counters
  calls_answered  7
  refused_busy    1

refusals: none

novelty
  empty  none
  list   1, 2
  x      -
";
    assert_eq!(render(&status), expected);
    assert_eq!(render(&json!("odd")), "odd\n");
}

#[test]
fn a_line_reads_as_a_sentence() {
    let status = json!({ "lines": [
        { "name": "pbx", "kind": "register", "state": "registered", "code": 200, "reason": "registered",
          "sentence": "registered, refresh in 4 min", "path": "udp 192.0.2.2:5060 -> 192.0.2.1:5060",
          "public": null },
        { "name": "provider", "kind": "register", "state": "not registered", "code": 403,
          "sentence": "wrong password or user name, next try in 90 s", "public": "203.0.113.7:5060" },
        { "name": "twilio", "kind": "trunk", "state": "ready", "reason": "takes calls from its networks" },
    ]});
    let expected = "\
ringwell

lines: 3
  pbx       register  registered, refresh in 4 min; last code 200; udp 192.0.2.2:5060 -> 192.0.2.1:5060
  provider  register  not registered: wrong password or user name, next try in 90 s; last code 403; seen as 203.0.113.7:5060
  twilio    trunk     ready: takes calls from its networks
";
    assert_eq!(render(&status), expected);
}

#[test]
fn a_long_table_says_how_much_it_leaves_to_the_json() {
    let calls = |count: usize| json!({ "recent": vec![json!({"seconds": 7}); count] });
    let text = render(&calls(23));
    assert!(text.contains("\nrecent: 23\n"), "{text}");
    assert_eq!(text.matches("  seconds=7\n").count(), 20, "{text}");
    assert!(text.ends_with("  and 3 more, see --json\n"), "{text}");
    assert!(!render(&calls(20)).contains("more"));
}
