//! Responses of a session: what every one of them carries, and the refusals.

use super::body::Foreign;
use super::media::Refused;
use super::{Output, Session};
use crate::sip::message::{Name, NameAddr, Request, Response, StatusCode};
use crate::sip::{TransactionId, capabilities};

impl Session {
    /// A response with our tag and name.
    pub(super) fn reply(&self, request: &Request, status: StatusCode) -> Response {
        let mut response = Response::to_request(request, status);
        if let Some(to) = response.to().filter(|to| to.tag().is_none()) {
            response.headers.set(Name::To, to.with_tag(&self.local_tag));
        }
        let server = self.settings.server_name.clone();
        response.headers.push(Name::Server, server);
        response
    }

    /// A response that tells where and how we are reached: 18x and 2xx of INVITE and UPDATE.
    pub(super) fn reply_with_contact(&self, request: &Request, status: StatusCode) -> Response {
        let contact = NameAddr::new(self.settings.contact.clone());
        self.reply(request, status)
            .with_header(Name::Contact, contact)
            .with_header(Name::Allow, capabilities::ALLOW)
            .with_header(Name::Supported, self.supported())
    }

    pub(super) fn respond(&mut self, transaction: TransactionId, response: Response) {
        self.put(Output::Respond {
            transaction,
            response,
        });
    }

    pub(super) fn respond_status(
        &mut self,
        transaction: TransactionId,
        request: &Request,
        status: StatusCode,
    ) {
        let response = self.reply(request, status);
        self.respond(transaction, response);
    }

    /// 500 to what comes while the same is still in the making; to be tried again within ten
    /// seconds (RFC 3261 §14.2, RFC 3311 §5.2).
    pub(super) fn respond_later(&mut self, transaction: TransactionId, request: &Request) {
        let seconds = self.random.next_u64() % 11;
        let response = self
            .reply(request, StatusCode::SERVER_INTERNAL_ERROR)
            .with_header(Name::RetryAfter, seconds.to_string());
        self.respond(transaction, response);
    }

    /// 405 with what is allowed.
    pub(super) fn respond_not_allowed(&mut self, transaction: TransactionId, request: &Request) {
        let response = self
            .reply(request, StatusCode::METHOD_NOT_ALLOWED)
            .with_header(Name::Allow, capabilities::ALLOW);
        self.respond(transaction, response);
    }

    /// 415 for a body that is not understood (RFC 3261 §8.2.3).
    pub(super) fn foreign_body(&self, request: &Request, foreign: Foreign) -> Response {
        let response = self.reply(request, StatusCode::UNSUPPORTED_MEDIA_TYPE);
        match foreign {
            Foreign::Type => response.with_header(Name::Accept, capabilities::ACCEPT),
            Foreign::Encoding => {
                response.with_header(Name::AcceptEncoding, capabilities::ACCEPT_ENCODING)
            }
        }
    }

    /// 488 or 400 for a session description that cannot be taken.
    pub(super) fn refused_offer(&self, request: &Request, refused: &Refused) -> Response {
        let agent = self.settings.contact.host();
        let agent = agent.map_or_else(|| "-".to_owned(), |host| host.to_string());
        let text = refused.to_string().replace(['"', '\\'], "'");
        let warning = format!("{} {agent} \"{text}\"", refused.warning());
        self.reply(request, refused.status())
            .with_header(Name::Warning, warning)
    }
}
