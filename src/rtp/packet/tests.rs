use proptest::prelude::*;

use super::*;

#[test]
fn a_packet_by_hand() {
    let bytes = [
        0x80, 0x80, 0x12, 0x34, 0, 0, 0, 160, 0xDE, 0xAD, 0xBE, 0xEF, 0xFF, 0x7F,
    ];
    let packet = Packet::parse(&bytes).unwrap();
    assert_eq!(
        packet,
        Packet {
            payload_type: 0,
            marker: true,
            sequence: 0x1234,
            timestamp: 160,
            ssrc: 0xDEAD_BEEF,
            payload: &[0xFF, 0x7F],
        }
    );
    let mut buffer = [0; 64];
    assert_eq!(packet.write(&mut buffer), Some(bytes.len()));
    assert_eq!(buffer[..bytes.len()], bytes);
}

#[test]
fn extension_csrc_and_padding_are_not_payload() {
    let mut bytes = vec![0xB1, 8, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1]; // padding, extension, one CSRC
    bytes.extend([0, 0, 0, 2]);
    bytes.extend([0xBE, 0xDE, 0, 1, 9, 9, 9, 9]);
    bytes.extend([0xD5, 0xD5]);
    bytes.extend([0, 2]);
    assert_eq!(Packet::parse(&bytes).unwrap().payload, [0xD5, 0xD5]);
}

#[test]
fn what_is_not_rtp_is_refused() {
    assert!(Packet::parse(&[]).is_err());
    assert!(Packet::parse(&[0x80; 11]).is_err());
    assert!(Packet::parse(&[0x40; 12]).is_err(), "version 1");
    assert!(Packet::parse(&[0xA0; 12]).is_err(), "padding without room");
    assert!(Packet::parse(b"OPTIONS sip:a@b SIP/2.0\r\n").is_err());
}

#[test]
fn what_does_not_fit_is_not_written() {
    let packet = Packet {
        payload_type: 128,
        marker: false,
        sequence: 0,
        timestamp: 0,
        ssrc: 0,
        payload: &[0; 160],
    };
    assert_eq!(packet.write(&mut [0; 500]), None);
    let packet = Packet {
        payload_type: 0,
        ..packet
    };
    assert_eq!(packet.write(&mut [0; 171]), None);
    assert_eq!(packet.write(&mut [0; 172]), Some(172));
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(packet) = Packet::parse(&bytes) {
            prop_assert!(packet.payload.len() + 12 <= bytes.len());
        }
    }

    #[test]
    fn what_is_written_is_read(
        payload_type in 0u8..128, marker: bool, sequence: u16, timestamp: u32, ssrc: u32,
        payload in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let packet = Packet { payload_type, marker, sequence, timestamp, ssrc, payload: &payload };
        let mut buffer = [0; 256];
        let length = packet.write(&mut buffer).unwrap();
        prop_assert_eq!(Packet::parse(&buffer[..length]).unwrap(), packet);
    }
}
