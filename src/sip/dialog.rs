//! Dialogs (RFC 3261 §12): what both ends of a call remember between its requests.

use bytes::Bytes;

use super::message::{CSeq, Method, Name, NameAddr, Replaces, Request, Response, Uri};

/// The state of one dialog (RFC 3261 §12.1).
#[derive(Clone, Debug)]
pub struct Dialog {
    call_id: Bytes,
    /// From of the requests we send, with our tag.
    local: Bytes,
    local_tag: Bytes,
    /// To of the requests we send, exactly as the peer wrote it.
    remote: Bytes,
    /// Empty only with peers of RFC 2543.
    remote_tag: Option<Bytes>,
    local_cseq: u32,
    remote_cseq: Option<u32>,
    remote_target: Uri,
    route_set: Vec<NameAddr>,
}

/// A request older than one that the dialog has seen; to be answered 500 (RFC 3261 §12.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the request's CSeq is not higher than the last one's")]
pub struct OutOfOrder;

impl Dialog {
    /// The dialog of the INVITE's receiver (RFC 3261 §12.1.1), who answers with the given tag.
    /// Without Contact, which RFC 2543 allowed, the From URI is the remote target. `None` only for
    /// an INVITE that the parser would not let through.
    #[must_use]
    pub fn uas(invite: &Request, local_tag: &str) -> Option<Self> {
        let contact = invite.contact().or_else(|| invite.from());
        Some(Self {
            call_id: invite.call_id()?.clone(),
            local: invite.to()?.with_tag(local_tag).into(),
            local_tag: Bytes::copy_from_slice(local_tag.as_bytes()),
            remote: invite.headers.get(&Name::From)?.clone(),
            remote_tag: invite.from_tag(),
            local_cseq: 0,
            remote_cseq: Some(invite.cseq()?.number),
            remote_target: contact?.uri.without_headers(),
            route_set: invite.record_routes(),
        })
    }

    /// The dialog of the INVITE's sender (RFC 3261 §12.1.2), made by a 101-299. A response without
    /// Contact leaves the Request-URI as the remote target, one without a tag is of RFC 2543:
    /// acknowledging such a 2xx as well as possible beats leaving the peer to repeat it.
    #[must_use]
    pub fn uac(invite: &Request, response: &Response) -> Option<Self> {
        let mut route_set = response.record_routes();
        route_set.reverse();
        Some(Self {
            call_id: invite.call_id()?.clone(),
            local: invite.headers.get(&Name::From)?.clone(),
            local_tag: invite.from_tag()?,
            remote: response.headers.get(&Name::To)?.clone(),
            remote_tag: response.to_tag(),
            local_cseq: invite.cseq()?.number,
            remote_cseq: None,
            remote_target: response
                .contact()
                .map_or_else(|| invite.uri.clone(), |contact| contact.uri)
                .without_headers(),
            route_set,
        })
    }

    /// The 2xx of an early dialog's INVITE: the route set is computed anew, the target moves
    /// (RFC 3261 §13.2.2.4). Requests already sent in it keep their place.
    pub fn confirm(&mut self, response: &Response) {
        self.route_set = response.record_routes();
        self.route_set.reverse();
        self.refresh_target(response.contact());
    }

    /// Gives a request of ours that is sent again (with credentials) its next place in the order.
    pub fn renumber(&mut self, request: &mut Request) {
        self.local_cseq = self.local_cseq.saturating_add(1);
        let (number, method) = (self.local_cseq, request.method.clone());
        request.headers.set(Name::CSeq, CSeq { number, method });
    }

    /// Our own address as requests of ours tell it in From, without the tag.
    #[must_use]
    pub fn local_uri(&self) -> Option<Uri> {
        Some(NameAddr::parse(&self.local)?.uri)
    }

    /// The dialog as the peer is to be told of it, for somebody's INVITE that takes our place (RFC 3891 §3).
    /// `None` with a peer that gave no tag.
    #[must_use]
    pub fn replaces(&self) -> Option<Replaces> {
        Some(Replaces {
            call_id: self.call_id.clone(),
            to_tag: self.remote_tag.clone()?,
            from_tag: self.local_tag.clone(),
            early_only: false,
        })
    }

    /// A new request of ours inside the dialog, without Via (RFC 3261 §12.2.1.1).
    pub fn request(&mut self, method: Method) -> Request {
        self.local_cseq = self.local_cseq.saturating_add(1);
        self.build(method, self.local_cseq)
    }

    /// The ACK of a 2xx to the INVITE of that CSeq number, without Via (RFC 3261 §13.2.2.4).
    #[must_use]
    pub fn ack(&self, cseq: u32) -> Request {
        self.build(Method::Ack, cseq)
    }

    /// Takes a request of the peer's (other than ACK and CANCEL) into the dialog's order. A gap is
    /// fine: the missing one was perhaps refused by a proxy on its way.
    ///
    /// # Errors
    /// The request is not newer than the last one.
    pub fn accept(&mut self, request: &Request) -> Result<(), OutOfOrder> {
        let number = request.cseq().map(|cseq| cseq.number);
        if number <= self.remote_cseq {
            return Err(OutOfOrder);
        }
        self.remote_cseq = number;
        Ok(())
    }

    /// A target refresh request or its 2xx was accepted: its Contact is the new remote target
    /// (RFC 3261 §12.2.1.2, §12.2.2).
    pub fn refresh_target(&mut self, contact: Option<NameAddr>) {
        if let Some(contact) = contact {
            self.remote_target = contact.uri.without_headers();
        }
    }

    /// Whether a request of the peer's belongs to this dialog (RFC 3261 §12.2.2).
    #[must_use]
    pub fn matches(&self, request: &Request) -> bool {
        request.call_id() == Some(&self.call_id)
            && request.to_tag().as_ref() == Some(&self.local_tag)
            && request.from_tag() == self.remote_tag
    }

    /// The peer's tag.
    #[must_use]
    pub fn remote_tag(&self) -> Option<&Bytes> {
        self.remote_tag.as_ref()
    }

    /// Where requests of ours go first: the first route, or the remote target.
    #[must_use]
    pub fn next_hop(&self) -> &Uri {
        self.route_set
            .first()
            .map_or(&self.remote_target, |route| &route.uri)
    }

    /// Whether the peer or its proxies told routes.
    #[must_use]
    pub fn has_routes(&self) -> bool {
        !self.route_set.is_empty()
    }

    fn build(&self, method: Method, number: u32) -> Request {
        let (uri, routes) = self.target_and_routes();
        let mut request = Request::new(method.clone(), uri);
        for route in routes {
            request.headers.push(Name::Route, route);
        }
        request.headers.push(Name::MaxForwards, MAX_FORWARDS);
        request.headers.push(Name::From, self.local.clone());
        request.headers.push(Name::To, self.remote.clone());
        request.headers.push(Name::CallId, self.call_id.clone());
        request.headers.push(Name::CSeq, CSeq { number, method });
        request
    }

    /// Request-URI and Route. A first hop without `lr` is a strict router of RFC 2543: it gets
    /// its own URI as Request-URI, and the remote target comes last (RFC 3261 §12.2.1.1).
    fn target_and_routes(&self) -> (Uri, Vec<NameAddr>) {
        match self.route_set.split_first() {
            Some((first, rest)) if !first.uri.params().contains("lr") => {
                let mut routes = rest.to_vec();
                routes.push(NameAddr::new(self.remote_target.clone()));
                (first.uri.without_headers(), routes)
            }
            _ => (self.remote_target.clone(), self.route_set.clone()),
        }
    }
}

/// Hops a request of ours may take (RFC 3261 §8.1.1.6).
pub(super) const MAX_FORWARDS: &str = "70";

#[cfg(test)]
mod tests;
