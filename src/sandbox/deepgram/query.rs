//! Query parameters, checked as strictly as the service does.

use std::str::FromStr;

use axum::http::StatusCode;

use super::Refused;
use crate::sandbox::pcm::Encoding;

/// The parameters of a request, in order; a name may come several times.
pub(super) struct Query(pub(super) Vec<(String, String)>);

impl Query {
    /// Refuses names that are not in the list.
    pub(super) fn only(&self, known: &[&str]) -> Result<(), Refused> {
        match self
            .0
            .iter()
            .find(|(name, _)| !known.contains(&name.as_str()))
        {
            Some((name, _)) => Err(invalid(&format!("unknown field `{name}`"))),
            None => Ok(()),
        }
    }

    /// The value of a name.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(each, _)| each == name);
        found.map(|(_, value)| value.as_str())
    }

    /// All values of a name.
    pub(super) fn all(&self, name: &str) -> Vec<String> {
        let found = self.0.iter().filter(|(each, _)| each == name);
        found.map(|(_, value)| value.clone()).collect()
    }

    /// A number within bounds.
    pub(super) fn number<T>(&self, name: &str, low: T, high: T) -> Result<Option<T>, Refused>
    where
        T: FromStr + PartialOrd + std::fmt::Display,
    {
        let Some(text) = self.get(name) else {
            return Ok(None);
        };
        match text.parse() {
            Ok(value) if value >= low && value <= high => Ok(Some(value)),
            _ => Err(invalid(&format!(
                "{name}: `{text}` is not a number from {low} to {high}"
            ))),
        }
    }

    /// `encoding`, where given.
    pub(super) fn encoding(&self) -> Result<Option<Encoding>, Refused> {
        let Some(name) = self.get("encoding") else {
            return Ok(None);
        };
        let unknown = || invalid(&format!("encoding: unknown variant `{name}`"));
        Encoding::parse(name).map(Some).ok_or_else(unknown)
    }

    /// `sample_rate`, one of these.
    pub(super) fn rate(&self, allowed: &[u32]) -> Result<Option<u32>, Refused> {
        let rate = self.number("sample_rate", 8_000, 48_000)?;
        match rate {
            Some(rate) if !allowed.contains(&rate) => {
                Err(invalid(&format!("sample_rate: {rate} is not supported")))
            }
            _ => Ok(rate),
        }
    }
}

/// 400 for a parameter.
pub(super) fn invalid(detail: &str) -> Refused {
    Refused::new(
        StatusCode::BAD_REQUEST,
        "INVALID_QUERY_PARAMETER",
        format!("Failed to deserialize query parameters: {detail}"),
    )
}
