//! The outside world: sockets, threads, clocks, vendors, disk. Thin; decisions are taken below.

pub mod attention;
pub mod certificates;
pub mod clock;
pub mod deepgram;
pub mod desk;
pub mod knowledge;
pub mod media_socket;
pub mod media_thread;
pub mod openai;
pub mod outbox;
pub mod prompt_cache;
pub mod recording;
pub mod resolver;
pub mod rings;
pub mod shares;
pub mod sip_probe;
pub mod sip_sockets;
pub mod sip_stream;
pub mod sip_tls;
pub mod sip_udp;
pub mod srtp;
pub mod store;
pub mod tls;
pub mod transcode;
pub mod websocket;
