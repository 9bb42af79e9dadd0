//! The detector of a call that nobody is heard on.

use super::super::watch::NO_MEDIA;
use super::*;

async fn no_media(line: &mut Line) -> (Option<SocketAddr>, Option<SocketAddr>) {
    match line.event().await {
        MediaEvent::NoMedia { signalled, strays } => (signalled, strays),
        event => panic!("{event:?}"),
    }
}

#[tokio::test]
async fn silence_after_the_start_is_told_once_with_where_we_send_to() {
    let (media, pool) = (start(), pool());
    let begun = clock::now();
    let mut line = Line::call(&media, &pool, 1, Law::Mu, Mode::Tone, |_| {}).await;
    let local = line.socket.local_addr().unwrap();
    assert_eq!(no_media(&mut line).await, (Some(local), None));
    assert!(clock::now().duration_since(begun) >= NO_MEDIA);
    // Whoever comes late is heard, and silence is not told again.
    line.send(&speech(1), 0, 160, true).await;
    assert_eq!(line.event().await, MediaEvent::FirstPacket(local));
    let more = timeout(NO_MEDIA + Duration::from_millis(500), line.events.recv()).await;
    assert!(more.is_err(), "{more:?}");
}

#[tokio::test]
async fn packets_that_were_not_taken_are_named_by_their_source() {
    let (media, pool) = (start(), pool());
    let mut lines = Vec::new();
    for id in 0..2 {
        lines.push(Line::call(&media, &pool, id, Law::Mu, Mode::Tone, |_| {}).await);
    }
    let elsewhere = UdpSocket::bind((Ipv4Addr::new(127, 0, 0, 9), 0))
        .await
        .unwrap();
    elsewhere.send_to(b"no RTP", lines[0].peer).await.unwrap();
    let local = lines[1].socket.local_addr().unwrap();
    lines[1].send(&speech(1), 96, 160, true).await; // a payload type that was not agreed on
    let strays = Some(elsewhere.local_addr().unwrap());
    assert_eq!(no_media(&mut lines[0]).await.1, strays);
    assert_eq!(no_media(&mut lines[1]).await, (Some(local), Some(local)));
}

#[tokio::test]
async fn a_call_that_is_heard_or_held_is_not_told_of() {
    let (media, pool) = (start(), pool());
    let mut heard = Line::call(&media, &pool, 1, Law::Mu, Mode::Tone, |_| {}).await;
    let held = |settings: &mut session::Settings| settings.stream.receives = false;
    let mut held = Line::call(&media, &pool, 2, Law::Mu, Mode::Tone, held).await;
    heard.send(&speech(1), 0, 160, true).await;
    assert!(matches!(heard.event().await, MediaEvent::FirstPacket(_)));
    let patience = NO_MEDIA + Duration::from_millis(500);
    let (one, other) = tokio::join!(
        timeout(patience, heard.events.recv()),
        timeout(patience, held.events.recv())
    );
    assert!(one.is_err() && other.is_err(), "{one:?} {other:?}");
    // The hold ends: from now on somebody should be heard.
    let local = held.socket.local_addr().unwrap();
    media.update(2, &negotiated(Law::Mu, local)).unwrap();
    assert_eq!(no_media(&mut held).await, (Some(local), None));
}
