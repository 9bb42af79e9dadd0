use super::*;

fn filtered(parts: &[&str]) -> String {
    let mut filter = ThinkFilter::default();
    let mut spoken: String = parts.iter().map(|part| filter.push(part)).collect();
    spoken.push_str(&filter.finish());
    spoken
}

#[test]
fn thoughts_are_not_spoken_wherever_they_are_cut() {
    let text = "Hi <think>is ü < 3? </thin no</think>there. 1 < 2 <thi";
    let expected = "Hi there. 1 < 2 <thi";
    assert_eq!(filtered(&[text]), expected);
    for (at, _) in text.char_indices() {
        let (head, tail) = text.split_at(at);
        assert_eq!(filtered(&[head, tail]), expected, "cut at {at}");
    }
    let letters: Vec<String> = text.chars().map(String::from).collect();
    let letters: Vec<&str> = letters.iter().map(String::as_str).collect();
    assert_eq!(filtered(&letters), expected);
}

#[test]
fn a_thought_without_end_is_silent() {
    assert_eq!(filtered(&["Yes.<think>but", " what if</thin"]), "Yes.");
}

#[test]
fn plain_text_is_not_held_back() {
    let mut filter = ThinkFilter::default();
    assert_eq!(filter.push("Hello"), "Hello");
    assert_eq!(filter.push(" <"), " ");
    assert_eq!(filter.push("b"), "<b");
}
