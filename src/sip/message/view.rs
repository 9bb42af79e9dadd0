//! Typed readings of the headers that every user agent needs.

use bytes::Bytes;

use super::{CSeq, Headers, Name, NameAddr, Request, Response, Via, multipart, scan};

impl Headers {
    /// The first Via value.
    #[must_use]
    pub fn top_via(&self) -> Option<Via> {
        Via::parse(&self.elements(&Name::Via).next()?)
    }

    fn set_top_via(&mut self, via: &Via) {
        let mut line = Bytes::from(via).to_vec();
        let rest = self.get(&Name::Via).map(|value| scan::split(value, b','));
        for below in rest.into_iter().flatten().skip(1) {
            line.extend_from_slice(b", ");
            line.extend_from_slice(&below);
        }
        self.set_first(Name::Via, line);
    }

    /// The addresses of a header (Contact, Route, P-Asserted-Identity ..) in order; unreadable ones are left out.
    #[must_use]
    pub fn addresses(&self, name: &Name) -> Vec<NameAddr> {
        let values = self.elements(name);
        values.filter_map(|value| NameAddr::parse(&value)).collect()
    }

    /// The single address of a header (From, To, Refer-To, Referred-By): its commas separate nothing.
    #[must_use]
    pub fn address(&self, name: &Name) -> Option<NameAddr> {
        NameAddr::parse(self.get(name)?)
    }

    /// CSeq.
    #[must_use]
    pub fn cseq(&self) -> Option<CSeq> {
        CSeq::parse(self.get(&Name::CSeq)?)
    }

    /// Type and subtype of the body in lower case, without parameters: `application/sdp`.
    #[must_use]
    pub fn content_type(&self) -> Option<String> {
        multipart::media_type(self.get(&Name::ContentType)?)
    }
}

/// The same readings for requests and responses.
macro_rules! views {
    ($($kind:ty),*) => {
        $(
            impl $kind {
                /// The topmost Via; always there in what `parse` let through.
                #[must_use]
                pub fn top_via(&self) -> Option<Via> {
                    self.headers.top_via()
                }

                /// Every readable Via, topmost first.
                pub fn vias(&self) -> impl Iterator<Item = Via> {
                    let values = self.headers.elements(&Name::Via);
                    values.filter_map(|value| Via::parse(&value))
                }

                /// Replaces the topmost Via, such as by one with `received` and `rport` set.
                pub fn set_top_via(&mut self, via: &Via) {
                    self.headers.set_top_via(via);
                }

                /// From; always there in what `parse` let through.
                #[must_use]
                pub fn from(&self) -> Option<NameAddr> {
                    self.headers.address(&Name::From)
                }

                /// To; always there in what `parse` let through.
                #[must_use]
                pub fn to(&self) -> Option<NameAddr> {
                    self.headers.address(&Name::To)
                }

                /// The tag of From.
                #[must_use]
                pub fn from_tag(&self) -> Option<Bytes> {
                    self.from()?.tag()
                }

                /// The tag of To.
                #[must_use]
                pub fn to_tag(&self) -> Option<Bytes> {
                    self.to()?.tag()
                }

                /// Call-ID; always there in what `parse` let through.
                #[must_use]
                pub fn call_id(&self) -> Option<&Bytes> {
                    self.headers.get(&Name::CallId)
                }

                /// CSeq; always there in what `parse` let through, and of a request's own method.
                #[must_use]
                pub fn cseq(&self) -> Option<CSeq> {
                    self.headers.cseq()
                }

                /// The first readable Contact.
                #[must_use]
                pub fn contact(&self) -> Option<NameAddr> {
                    self.headers.addresses(&Name::Contact).into_iter().next()
                }

                /// Route, in order.
                #[must_use]
                pub fn routes(&self) -> Vec<NameAddr> {
                    self.headers.addresses(&Name::Route)
                }

                /// Record-Route, in order.
                #[must_use]
                pub fn record_routes(&self) -> Vec<NameAddr> {
                    self.headers.addresses(&Name::RecordRoute)
                }

                /// The body of this type (`application/sdp`): the whole, or the first such part of a multipart body
                /// (RFC 5621).
                #[must_use]
                pub fn body_of(&self, media_type: &str) -> Option<Bytes> {
                    let stated = self.headers.get(&Name::ContentType)?;
                    multipart::find(stated, &self.body, media_type)
                }

                /// Max-Forwards; more than 255 counts as 255.
                #[must_use]
                pub fn max_forwards(&self) -> Option<u8> {
                    let hops = self.headers.number(&Name::MaxForwards)?;
                    Some(u8::try_from(hops).unwrap_or(u8::MAX))
                }
            }
        )*
    };
}

views!(Request, Response);
