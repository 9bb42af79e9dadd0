use super::*;

#[tokio::test]
async fn reader_gets_what_it_asked_for_and_the_rest_at_the_end() {
    let (mut writer, mut reader) = caller_ring();
    let mut audio = Vec::new();
    for _ in 0..4 {
        writer.push(&[7; 160]);
    }
    assert!(reader.read(4, &mut audio).await);
    assert_eq!(audio.len(), 640);
    writer.push(&[8; 80]);
    drop(writer);
    assert!(reader.read(4, &mut audio).await);
    assert_eq!(audio.len(), 720);
    assert!(!reader.read(4, &mut audio).await);
}

#[test]
fn a_full_caller_ring_drops_the_newest_and_counts_it() {
    let (mut writer, _reader) = caller_ring();
    for _ in 0..=CALLER_RING_FRAMES {
        writer.push(&[0; 160]);
    }
    assert_eq!(writer.dropped(), 1);
}

#[tokio::test]
async fn items_come_out_as_they_went_in_at_any_length() {
    let (mut writer, mut reader) = caller_ring();
    let packets: Vec<Vec<u8>> = [0, 1, 160, 251, 252, 253, 254, 255, 256, LONGEST_PACKET]
        .map(|length| (0..length).map(|at| (at * 7) as u8).collect())
        .into();
    for round in 0..50 {
        for packet in &packets {
            writer.push_item(Item::Heard(packet));
            writer.push_item(Item::Lost);
            writer.push_item(Item::Silence);
        }
        let mut items = Items::default();
        assert!(reader.read_items(30, &mut items).await);
        assert_eq!(items.len(), 30);
        let wanted = packets
            .iter()
            .flat_map(|packet| [Item::Heard(packet), Item::Lost, Item::Silence]);
        assert!(items.iter().eq(wanted), "round {round}");
    }
    assert_eq!(writer.dropped(), 0);
}

#[test]
fn what_is_longer_than_any_packet_is_dropped_and_counted() {
    let (mut writer, _reader) = caller_ring();
    writer.push(&[0; LONGEST_PACKET + 1]);
    assert_eq!(writer.dropped(), 1);
}

#[tokio::test]
async fn a_ring_full_of_bytes_drops_the_newest_and_keeps_what_it_has() {
    let (mut writer, mut reader) = caller_ring();
    for number in 0..20 {
        writer.push(&[number; LONGEST_PACKET]);
    }
    assert_eq!(writer.dropped(), 8);
    let mut items = Items::default();
    assert!(reader.read_items(1, &mut items).await);
    let first: Vec<u8> = items
        .iter()
        .map(|item| match item {
            Item::Heard(packet) => packet[0],
            _ => u8::MAX,
        })
        .collect();
    assert_eq!(first, (0..12).collect::<Vec<u8>>());
}

#[test]
fn no_item_is_seen_before_all_of_it_is_there() {
    let (mut writer, mut reader) = caller_ring();
    let total = 20_000;
    let writing = std::thread::spawn(move || {
        let mut sent = 0;
        while sent < total {
            let before = writer.dropped();
            let length = 1 + sent % 400;
            writer.push(&vec![(length % 251) as u8; length]);
            sent += usize::from(writer.dropped() == before);
            if writer.dropped() != before {
                std::thread::yield_now();
            }
        }
    });
    let mut seen = 0;
    while seen < total {
        let mut items = Items::default();
        reader.take(&mut items);
        for item in items.iter() {
            let Item::Heard(packet) = item else {
                panic!("{item:?}");
            };
            let length = 1 + seen % 400;
            assert_eq!(packet, vec![(length % 251) as u8; length]);
            seen += 1;
        }
        std::thread::yield_now();
    }
    writing.join().unwrap();
}
