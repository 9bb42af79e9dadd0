use super::*;

/// The transaction of RFC 5769 §2.
const ID: Id = [
    0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae,
];

fn response(kind: u16, attributes: &[(u16, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (kind, value) in attributes {
        body.extend_from_slice(&kind.to_be_bytes());
        body.extend_from_slice(&u16::try_from(value.len()).unwrap().to_be_bytes());
        body.extend_from_slice(value);
        body.resize(body.len().next_multiple_of(4), 0x20);
    }
    let mut bytes = kind.to_be_bytes().to_vec();
    bytes.extend_from_slice(&u16::try_from(body.len()).unwrap().to_be_bytes());
    bytes.extend_from_slice(&MAGIC.to_be_bytes());
    bytes.extend_from_slice(&ID);
    bytes.extend_from_slice(&body);
    bytes
}

/// RFC 5769 §2.2 and §2.3: the addresses as they stand there on the wire.
const IPV4: &[u8] = &[0x00, 0x01, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43];
const IPV6: &[u8] = &[
    0x00, 0x02, 0xa1, 0x47, 0x01, 0x13, 0xa9, 0xfa, 0xa5, 0xd3, 0xf1, 0x79, 0xbc, 0x25, 0xf4, 0xb5,
    0xbe, 0xd2, 0xb9, 0xd9,
];
const SOFTWARE: (u16, &[u8]) = (0x8022, b"test vector");

#[test]
fn the_vectors_of_rfc_5769_are_read() {
    for (value, expected) in [
        (IPV4, "192.0.2.1:32853"),
        (IPV6, "[2001:db8:1234:5678:11:2233:4455:6677]:32853"),
    ] {
        let bytes = response(BINDING_SUCCESS, &[SOFTWARE, (XOR_MAPPED_ADDRESS, value)]);
        let answer = answer(&bytes).unwrap();
        assert_eq!(answer.id, ID);
        assert_eq!(answer.mapped, Some(expected.parse().unwrap()));
    }
}

#[test]
fn an_old_server_is_understood_and_a_masked_address_preferred() {
    let plain: &[u8] = &[0, 1, 0x13, 0xC4, 198, 51, 100, 7];
    let old = response(BINDING_SUCCESS, &[(MAPPED_ADDRESS, plain)]);
    let mapped = answer(&old).unwrap().mapped.unwrap();
    assert_eq!(mapped.to_string(), "198.51.100.7:5060");
    let both = [(MAPPED_ADDRESS, plain), (XOR_MAPPED_ADDRESS, IPV4)];
    let mapped = answer(&response(BINDING_SUCCESS, &both)).unwrap().mapped;
    assert_eq!(mapped.unwrap().to_string(), "192.0.2.1:32853");
}

#[test]
fn a_request_is_stun_and_no_answer() {
    let request = request(ID);
    assert_eq!(request.len(), 20);
    assert!(is_stun(&request));
    assert_eq!(answer(&request), None);
}

#[test]
fn a_refusal_is_an_answer_without_an_address() {
    let refused = response(BINDING_ERROR, &[(XOR_MAPPED_ADDRESS, IPV4)]);
    assert_eq!(answer(&refused).unwrap().mapped, None);
}

#[test]
fn what_is_cut_or_made_up_gives_nothing_and_does_not_panic() {
    let whole = response(BINDING_SUCCESS, &[SOFTWARE, (XOR_MAPPED_ADDRESS, IPV6)]);
    for length in 0..whole.len() {
        assert_eq!(answer(&whole[..length]), None, "{length} bytes");
    }
    for at in 0..whole.len() {
        for value in [0, 1, 0x7F, 0xFF] {
            let mut mutated = whole.clone();
            mutated[at] = value;
            let _ = answer(&mutated);
        }
    }
    for sip in ["OPTIONS sip:a@127.0.0.1 SIP/2.0\r\n", "\r\n\r\n", ""] {
        assert!(!is_stun(sip.as_bytes()));
    }
}
