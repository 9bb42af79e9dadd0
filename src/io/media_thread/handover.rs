//! Audio on its way between a call's session and who listens to it and speaks on it.

use crate::audio::{Codec, FRAME_SAMPLES};
use crate::io::rings::{Frame, Item};
use crate::rtp::jitter_buffer::Played;
use crate::rtp::session::{Outgoing, Received, Session};

/// What audio is handed in and out in.
pub(super) fn handed(session: &Session) -> Codec {
    let codec = session.codec();
    codec
        .law()
        .map_or(codec, |_| Codec::G711(session.audio_law()))
}

/// What came in a tick, for who decodes it. In G.711 every frame is audio, concealed and silent ones too.
pub(super) fn item<'a>(codec: Codec, received: &Received, buffer: &'a [u8]) -> Item<'a> {
    match received.played {
        Played::Audio => Item::Heard(&buffer[..received.len]),
        _ if codec.law().is_some() => Item::Heard(&buffer[..received.len]),
        Played::Concealed | Played::Lost => Item::Lost,
        Played::Silence => Item::Silence,
    }
}

/// What the assistant, another call or a recording has to say, in a codec that this call speaks; otherwise nothing.
pub(super) fn relayed<'a>(
    heard: Option<(Codec, Frame)>,
    session: &Session,
    frame: &'a mut [u8; FRAME_SAMPLES],
) -> Outgoing<'a> {
    let Some((codec, audio)) = heard.filter(|(_, audio)| !audio.bytes().is_empty()) else {
        return Outgoing::Comfort;
    };
    let length = audio.bytes().len();
    match (codec, session.codec()) {
        (Codec::G711(law), Codec::G711(_)) => {
            let ours = session.audio_law();
            *frame = padded(&audio, law.silence());
            for code in frame.iter_mut() {
                *code = law.convert(*code, ours);
            }
            Outgoing::Audio(frame)
        }
        (theirs, ours) if theirs == ours => {
            frame[..length].copy_from_slice(audio.bytes());
            Outgoing::Audio(&frame[..length])
        }
        _ => Outgoing::Comfort,
    }
}

fn padded(audio: &Frame, silence: u8) -> [u8; FRAME_SAMPLES] {
    let mut frame = [silence; FRAME_SAMPLES];
    let bytes = audio.bytes();
    frame[..bytes.len()].copy_from_slice(bytes);
    frame
}
