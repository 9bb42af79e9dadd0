//! The endpoint: messages in, events out; transactions and sessions by key.
