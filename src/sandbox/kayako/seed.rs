//! The knowledge base of a small software company, as it is at the start.

/// An article of the knowledge base.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Article {
    /// Its title.
    pub title: String,
    /// Its text as HTML.
    pub html: String,
    /// Name of its section.
    pub section: String,
    /// Its section is public.
    pub public: bool,
    /// It is published, not a draft.
    pub published: bool,
    /// ISO 8601.
    pub updated: String,
}

/// The articles of [`super::super::Settings::default`]. The last two must never be spoken: one is a draft, one is
/// for staff only.
#[must_use]
pub fn articles() -> Vec<Article> {
    let mut list: Vec<Article> = PUBLIC
        .iter()
        .map(|(title, html)| article(title, html))
        .collect();
    let mut draft = article(
        "Prices from next year",
        "<p>From January the Team plan will cost 29 dollars per person and month. This has not been announced.</p>",
    );
    draft.published = false;
    let mut internal = article(
        "Discounts that staff may give",
        "<p>Staff may give a discount of up to 30 percent to customers who want to cancel. Ask the team lead for more.</p>",
    );
    internal.public = false;
    internal.section = "Staff only".to_owned();
    list.extend([draft, internal]);
    list
}

fn article(title: &str, html: &str) -> Article {
    Article {
        title: title.to_owned(),
        html: html.to_owned(),
        section: "Using Brightdesk".to_owned(),
        public: true,
        published: true,
        updated: "2026-09-14T08:30:00+00:00".to_owned(),
    }
}

const PUBLIC: &[(&str, &str)] = &[
    (
        "How to reset your password",
        "<p>To reset your password, open the sign-in page and choose <b>Forgot password</b>. We send you a link by e-mail that is valid for 60 minutes.</p><p>If the e-mail does not arrive, look in the spam folder, and make sure that you use the address of your account. After five wrong passwords an account is locked for 15 minutes.</p>",
    ),
    (
        "Invoices and billing",
        "<p>You find all your invoices under Settings, Billing, Invoices. Invoices are issued on the first day of each month and are due within 14 days.</p><p>To change the billing address or the VAT number, open Settings, Billing, Details. You can pay by credit card or by bank transfer.</p>",
    ),
    (
        "Opening hours of the support team",
        "<p>Our support team is there from Monday to Friday, from 8 in the morning to 6 in the evening. On Saturdays we answer urgent requests from 10 to 2. We are closed on Sundays and public holidays.</p>",
    ),
    (
        "Exporting your data",
        "<p>To export your data, open Settings, Data, and choose Export. The export is a zip file with one spreadsheet for each kind of record. It is ready within an hour, and you get an e-mail with the link. The link is valid for 7 days.</p>",
    ),
    (
        "Two-factor authentication",
        "<p>To turn on two-factor authentication, open your profile, choose Security, and scan the code with an authenticator app. Keep the ten recovery codes in a safe place.</p><p>If you have lost your telephone, sign in with a recovery code. An administrator can also turn off two-factor authentication for a user.</p>",
    ),
    (
        "Changing or cancelling your plan",
        "<p>You can change your plan at any time under Settings, Plan. An upgrade is effective at once, and you pay the difference for the rest of the month. A downgrade is effective at the start of the next month.</p><p>To cancel your subscription, choose Cancel on the same page. Your data is kept for 30 days after the end.</p>",
    ),
    (
        "Limits of the API",
        "<p>The API allows 100 requests per minute for each key. When you exceed the limit, the answer is status 429 with the header Retry-After. The Business plan allows 1000 requests per minute.</p>",
    ),
    (
        "Refund policy",
        "<p>We give a full refund within 30 days of the first purchase. Refunds are paid to the original means of payment and take five to ten working days. Renewals are not refunded.</p>",
    ),
    (
        "Setting up e-mail forwarding",
        "<p>To receive messages in Brightdesk, forward your support address to the address shown under Settings, Channels, E-mail. To send from your own domain, add the two DNS records that are shown there. It can take up to 24 hours until they are known everywhere.</p>",
    ),
    (
        "Importing contacts",
        "<p>You can import contacts from a CSV file with up to 50,000 lines. Open Contacts, choose Import, and match the columns with the fields. Contacts with the same e-mail address are merged.</p>",
    ),
    (
        "Service level agreement",
        "<p>On the Business plan we answer urgent requests within one hour and all others within eight working hours. The agreed availability is 99.9 percent in each month. If we miss it, you get a credit of 10 percent.</p>",
    ),
    (
        "The mobile app",
        "<p>The mobile app is available for iPhone from iOS 16 and for Android from version 11. It shows notifications, and you can answer customers with it. To sign in, scan the code under Settings, Mobile app.</p>",
    ),
];
