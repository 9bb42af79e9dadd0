use super::*;

fn frame(epoch: u32, utterance: u32, last: bool) -> AgentFrame {
    AgentFrame {
        epoch,
        utterance: UtteranceId(utterance),
        last,
        audio: Frame::new(&[1; 160]),
    }
}

#[test]
fn stale_frames_die_at_the_reader_and_the_position_is_what_was_played() {
    let (mut writer, mut reader, playout) = agent_ring();
    for _ in 0..3 {
        assert!(writer.push(frame(0, 1, false)));
    }
    assert!(reader.pop().is_some());
    assert!(reader.pop().is_some());
    assert_eq!(playout.stop(), Some((UtteranceId(1), 2)));
    assert!(reader.pop().is_none());
    assert!(writer.push(frame(writer.epoch(), 2, true)));
    assert!(reader.pop().is_some_and(|f| f.last));
    assert_eq!(playout.position(), Some((UtteranceId(2), 1)));
}

#[tokio::test]
async fn the_writer_waits_for_room_and_learns_that_the_stream_is_gone() {
    let (mut writer, reader, _playout) = agent_ring();
    while writer.push(frame(0, 1, false)) {}
    let waiting = tokio::spawn(async move { writer.room().await });
    drop(reader);
    assert!(!waiting.await.unwrap());
}

#[tokio::test]
async fn a_writer_that_waits_at_a_stop_is_woken_when_the_stale_frames_are_gone() {
    let (mut writer, mut reader, playout) = agent_ring();
    while writer.push(frame(0, 1, false)) {}
    let waiting = tokio::spawn(async move { writer.room().await });
    tokio::task::yield_now().await; // it waits
    playout.stop();
    tokio::task::yield_now().await; // it was woken and waits again
    assert!(reader.pop().is_none());
    let timeout = std::time::Duration::from_secs(5);
    assert!(
        tokio::time::timeout(timeout, waiting)
            .await
            .unwrap()
            .unwrap()
    );
}

#[test]
fn an_empty_last_frame_takes_no_time() {
    let (mut writer, mut reader, playout) = agent_ring();
    assert!(writer.push(frame(0, 3, false)));
    let end = AgentFrame {
        audio: Frame::new(&[]),
        ..frame(0, 3, true)
    };
    assert!(writer.push(end));
    assert!(reader.pop().is_some());
    assert!(reader.pop().is_some());
    assert_eq!(playout.position(), Some((UtteranceId(3), 1)));
}
