use super::*;
use crate::io::deepgram::Endpoint;
use crate::io::tls::Tls;

fn cache(folder: &Path, model: &str) -> PromptCache {
    let endpoint = Endpoint {
        url: "http://127.0.0.1:1".to_owned(),
        key: "key".to_owned().into(),
    };
    let renderer = Renderer::new(endpoint, model, &Tls::new(None).unwrap()).unwrap();
    PromptCache::open(folder, renderer).unwrap()
}

#[test]
fn what_was_written_is_found_by_voice_text_and_law() {
    let folder = tempfile::tempdir().unwrap();
    let first = cache(&folder.path().join("prompts"), "aura-2-thalia-en");
    let key = first.key("Hello.", SpeechFormat::G711(Law::Mu));
    write(&first.path(&key), &packed(&key, &[1, 2, 3])).unwrap();

    let again = cache(&folder.path().join("prompts"), "aura-2-thalia-en");
    assert_eq!(
        again.get("Hello.", SpeechFormat::G711(Law::Mu)).as_deref(),
        Some(&[1, 2, 3][..])
    );
    assert_eq!(again.get("Hello.", SpeechFormat::G711(Law::A)), None);
    assert_eq!(again.get("Hello", SpeechFormat::G711(Law::Mu)), None);
    let other = cache(&folder.path().join("prompts"), "aura-2-orion-en");
    assert_eq!(other.get("Hello.", SpeechFormat::G711(Law::Mu)), None);
}

#[test]
fn a_prompt_is_read_from_disk_once() {
    let folder = tempfile::tempdir().unwrap();
    let cache = cache(folder.path(), "voice");
    let key = cache.key("Hello.", SpeechFormat::G711(Law::Mu));
    write(&cache.path(&key), &packed(&key, &[7])).unwrap();
    assert!(cache.get("Hello.", SpeechFormat::G711(Law::Mu)).is_some());
    fs::remove_file(cache.path(&key)).unwrap();
    assert_eq!(
        cache.get("Hello.", SpeechFormat::G711(Law::Mu)).as_deref(),
        Some(&[7][..])
    );
}

#[test]
fn a_damaged_file_is_no_file() {
    let whole = packed("key", &[1, 2, 3, 4]);
    assert_eq!(unpacked(&whole, "key"), Some(vec![1, 2, 3, 4]));
    assert_eq!(unpacked(&whole, "kex"), None);
    for length in 0..whole.len() {
        assert_eq!(unpacked(&whole[..length], "key"), None, "cut at {length}");
    }
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x40;
        assert_eq!(unpacked(&damaged, "key"), None, "damaged at {at}");
    }
    assert_eq!(unpacked(&packed("key", &[]), "key"), None);
    let mut huge = MAGIC.to_vec();
    huge.extend([0xFF; 8]);
    assert_eq!(unpacked(&huge, "key"), None);
}

#[test]
fn the_hash_is_the_published_one() {
    // Test vectors of the FNV reference: the empty string and "a".
    assert_eq!(hash(b""), 0x6C62_272E_07BB_0142_62B8_2175_6295_C58D);
    assert_eq!(hash(b"a"), 0xD228_CB69_6F1A_8CAF_7891_2B70_4E4A_8964);
}

#[test]
fn the_last_words_are_short_and_sound() {
    for law in [SpeechFormat::G711(Law::Mu), SpeechFormat::G711(Law::A)] {
        let audio = apology(law);
        assert!((24_000..64 * 1024).contains(&audio.len()), "3 s to 64 KiB");
        let silent = audio.iter().filter(|byte| **byte == law.silence()).count();
        assert!(silent < audio.len() / 2);
    }
    assert_ne!(
        apology(SpeechFormat::G711(Law::Mu)),
        apology(SpeechFormat::G711(Law::A))
    );
}
