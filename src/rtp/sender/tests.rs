use super::*;

#[test]
fn sequence_and_clock_wrap_and_go_their_own_ways() {
    let mut sender = Sender::new(7, u16::MAX, u32::MAX - 159);
    let mut buffer = [0; 200];
    let mut seen = Vec::new();
    for send in [true, false, true] {
        if send {
            let clock = sender.clock();
            let length = sender
                .write(0, false, clock, &[0xFF; 160], &mut buffer)
                .unwrap();
            let packet = Packet::parse(&buffer[..length]).unwrap();
            seen.push((packet.sequence, packet.timestamp, packet.ssrc));
        }
        sender.advance(160);
    }
    assert_eq!(seen, [(u16::MAX, u32::MAX - 159, 7), (0, 160, 7)]);
    assert_eq!((sender.packets(), sender.octets()), (2, 320));
}

#[test]
fn what_does_not_fit_is_not_counted() {
    let mut sender = Sender::new(7, 1, 0);
    assert_eq!(sender.write(0, false, 0, &[0; 160], &mut [0; 100]), None);
    assert_eq!((sender.packets(), sender.octets()), (0, 0));
}
