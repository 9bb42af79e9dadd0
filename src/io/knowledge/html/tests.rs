use proptest::prelude::*;

use super::*;

#[test]
fn blocks_become_lines_and_markup_goes() {
    let cases = [
        (
            "<p>One <b>bold</b> word.</p><p>Two</p>",
            "One bold word.\nTwo.",
        ),
        ("a<br>b<br/>c", "a.\nb.\nc."),
        ("<ul><li>First</li><li>Second,</li></ul>", "First.\nSecond."),
        (
            "<h2>Title</h2>\n\n  Text   with\tspace",
            "Title.\nText with space.",
        ),
        (
            "<table><tr><td>Monday</td><td>9-5</td></tr><tr><td></td><td>closed</td></tr></table>",
            "Monday, 9-5.\nclosed.",
        ),
        ("<script>if (a < b) { alert('</p>') }</script>seen", "seen."),
        ("<STYLE>p { color: red }</STYLE ><p>seen", "seen."),
        ("<!-- <p>not</p> -->seen", "seen."),
        ("<a href=\"x>y\" title='>'>link</a>", "link."),
        (
            "AT&amp;T &lt;tag&gt; &quot;q&quot; &#39;s&#x27; &nbsp;&euro;5 &auml;",
            "AT&T <tag> \"q\" 's' €5 ä.",
        ),
        (
            "a &unknown; b & c &; &#xD800; &#0; d",
            "a &unknown; b & c &; &#xD800; &#0; d.",
        ),
        ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2."),
        ("", ""),
        ("<p>  </p><div></div>", ""),
        (
            "Does it end?<p>Yes: it does!",
            "Does it end?\nYes: it does!",
        ),
    ];
    for (html, expected) in cases {
        assert_eq!(to_text(html), expected, "{html}");
    }
}

#[test]
fn what_is_never_closed_ends_with_the_text() {
    for html in [
        "a<b",
        "a<",
        "a<!--",
        "a<script>b",
        "a<p title=\"b",
        "a&",
        "a&#",
        "a</",
        "<",
    ] {
        assert!(to_text(html).starts_with(['a', '<']), "{html}");
    }
}

proptest! {
    #[test]
    fn any_text_is_survived(html in "[<>&;a-z\"'/!# \\-é\n]{0,200}") {
        let text = to_text(&html);
        prop_assert!(!text.contains("\n\n"));
    }
}

#[test]
fn a_long_hostile_text_takes_linear_time() {
    // Quadratic work over this would be noticed: minutes instead of milliseconds.
    for piece in ["<", "&", "<script>", "<a \"", "<!--", "</"] {
        to_text(&piece.repeat(200_000));
    }
}
