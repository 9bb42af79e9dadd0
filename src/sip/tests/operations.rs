//! Random operation sequences against the endpoint.
