use ::log::Level;

use super::*;

#[test]
fn a_level_holds_for_our_modules_and_others_only_warn() {
    let levels = Levels::parse("info");
    assert_eq!(levels.of("ringwell::sip::endpoint"), LevelFilter::Info);
    assert_eq!(levels.of("ringwell"), LevelFilter::Info);
    assert_eq!(levels.of("rustls::client"), LevelFilter::Warn);
    assert_eq!(Levels::parse("off").of("rustls"), LevelFilter::Off);
}

#[test]
fn a_module_has_a_level_of_its_own() {
    let levels = Levels::parse("warn, sip=debug, sip::transaction=trace, hyper=info");
    for (target, level) in [
        ("ringwell::sip", LevelFilter::Debug),
        ("ringwell::sip::endpoint", LevelFilter::Debug),
        ("ringwell::sip::transaction::client", LevelFilter::Trace),
        ("ringwell::sipper", LevelFilter::Warn),
        ("ringwell::io::sip_udp", LevelFilter::Warn),
        ("hyper::proto", LevelFilter::Info),
        ("rustls", LevelFilter::Warn),
    ] {
        assert_eq!(levels.of(target), level, "{target}");
    }
    assert_eq!(levels.most(), LevelFilter::Trace);
}

#[test]
fn a_line_has_time_level_module_words_and_fields() {
    let fields = [("CALL_ID", "rw-1"), ("PEER", "192.0.2.1\nforged")];
    let record = Record::builder()
        .args(format_args!("answered\n 0.0 ERROR forged"))
        .level(Level::Info)
        .target("ringwell::sip::endpoint")
        .key_values(&fields)
        .build();
    assert_eq!(
        line(1.2345, &record),
        "    1.234 INFO  sip::endpoint      answered\\n 0.0 ERROR forged \
         CALL_ID=rw-1 PEER=192.0.2.1\\nforged\n"
    );
}

#[test]
fn starting_twice_is_harmless() {
    init("warn");
    init("trace");
}
