use super::super::CAPACITY;
use super::*;

#[test]
fn packets_come_out_by_place_and_once() {
    let (mut packets, mut bytes) = (Packets::new(), [0; CAPACITY]);
    assert!(packets.write(&mut bytes, 960, 960, &[1; 30]));
    assert!(packets.write(&mut bytes, 0, 960, &[2; 40]));
    assert!(
        !packets.write(&mut bytes, 960, 960, &[3; 30]),
        "it was there"
    );
    let mut buffer = [0; 1500];
    let first = packets.take(&bytes, &mut buffer).unwrap();
    assert_eq!((first.position, first.len, buffer[0]), (0, 40, 2));
    let second = packets.take(&bytes, &mut buffer).unwrap();
    assert_eq!((second.position, second.len, buffer[0]), (960, 30, 1));
    assert_eq!(packets.take(&bytes, &mut buffer), None);
}

#[test]
fn what_is_too_much_pushes_the_oldest_out() {
    let (mut packets, mut bytes) = (Packets::new(), [0; CAPACITY]);
    for number in 0..20u64 {
        packets.write(&mut bytes, number * 960, 960, &[number as u8; 1_275]);
    }
    let mut buffer = [0; 1500];
    let mut left = Vec::new();
    while let Some(chunk) = packets.take(&bytes, &mut buffer) {
        assert_eq!(buffer[..chunk.len], [(chunk.position / 960) as u8; 1_275]);
        left.push(chunk.position / 960);
    }
    assert!(left.len() >= 5 && left.last() == Some(&19), "{left:?}");
    assert!(!packets.write(&mut bytes, 0, 0, &[1; 3]), "no duration");
    assert!(!packets.write(&mut bytes, 0, 960, &[1; CAPACITY + 1]));
    for number in 0..200u64 {
        packets.write(&mut bytes, number * 240, 240, &[1; 3]);
    }
    assert_eq!(packets.next(), Some(136 * 240));
}
