use std::fs::{self, Permissions};

use secrecy::ExposeSecret;

use super::*;

const MINIMAL: &str = r#"
[[line]]
name = "pbx"
allow = ["192.0.2.1"]
[ear]
key_env = "EAR"
[voice]
[model]
model = "m"
[helpdesk]
url = "https://acme.kayako.com"
email = "box@acme.example"
[assistant]
company = "Acme"
"#;

fn config() -> Config {
    Config::parse("test", MINIMAL).unwrap()
}

fn environment(credentials: PathBuf) -> Environment {
    Environment::new(move |name| match name {
        "EAR" => Some("ear-secret".into()),
        "CREDENTIALS_DIRECTORY" => Some(credentials.clone().into_os_string()),
        _ => None,
    })
}

fn shown(secret: Option<&SecretString>) -> Option<&str> {
    secret.map(ExposeSecret::expose_secret)
}

#[test]
fn each_source_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("model");
    fs::write(&file, "model-secret\n").unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
    fs::write(folder.path().join("deepgram-key"), "voice-secret\n").unwrap();
    let mut config = config();
    config.model.key_file = Some(file);
    config.helpdesk.password = Some(NoSecret);
    let secrets = Secrets::read(&config, &environment(folder.path().into())).unwrap();
    assert_eq!(shown(secrets.ear.as_ref()), Some("ear-secret"));
    assert_eq!(shown(secrets.voice.as_ref()), Some("voice-secret"));
    assert_eq!(shown(secrets.model.as_ref()), Some("model-secret"));
    assert_eq!(shown(secrets.helpdesk.as_ref()), None);
    assert!(!format!("{secrets:?}").contains("secret\""));
}

#[test]
fn what_is_missing_is_named_with_its_remedy() {
    let errors = Secrets::read(&config(), &Environment::new(|_| None)).unwrap_err();
    assert_eq!(errors.len(), 4, "{errors:?}");
    let awaits: Vec<bool> = errors.iter().map(|e| e.awaits_credential).collect();
    assert_eq!(awaits, [false, true, true, true]);
    let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert!(errors[0].starts_with("ear.key: the environment has no EAR"));
    assert!(errors[1].contains("`deepgram-key`") && errors[1].contains("voice.key_file"));
    assert!(errors[2].contains("`model-key`"));
    assert!(errors[3].contains("`helpdesk-password`"));
}

#[test]
fn a_file_open_to_others_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    let mut config = config();
    config.model.key_file = Some(file.clone());
    let refusal = |config: &Config| {
        let errors = Secrets::read(config, &environment(folder.path().into())).unwrap_err();
        let errors = errors.iter().map(ToString::to_string);
        errors.into_iter().find(|e| e.starts_with("model.key"))
    };
    assert!(refusal(&config).unwrap().contains("create the file"));
    fs::write(&file, "x").unwrap();
    for (mode, refused) in [(0o644, true), (0o660, true), (0o640, false), (0o600, false)] {
        fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
        let error = refusal(&config);
        assert_eq!(
            error.is_some_and(|e| e.contains("chmod")),
            refused,
            "{mode:o}"
        );
    }
    for (text, word) in [("", "empty"), ("a\nb", "one line")] {
        fs::write(&file, text).unwrap();
        assert!(refusal(&config).unwrap().contains(word));
    }
}

#[test]
fn a_lines_password_has_its_own_place() {
    let folder = tempfile::tempdir().unwrap();
    for credential in ["deepgram-key", "model-key", "helpdesk-password"] {
        fs::write(folder.path().join(credential), "x").unwrap();
    }
    let lines = "[[line]]\nname = \"a\"\nkind = \"register\"\nregistrar = \"pbx\"\nuser = \"1\"\n\
        [[line]]\nname = \"b\"\nkind = \"register\"\nregistrar = \"pbx\"\nuser = \"2\"\npassword_env = \"EAR\"\n\
        [[line]]\nname = \"c\"\nkind = \"register\"\nregistrar = \"pbx\"\nuser = \"3\"\npassword = \"none\"\n";
    let config = Config::parse("test", &format!("{MINIMAL}{lines}")).unwrap();
    let environment = environment(folder.path().into());
    let errors = Secrets::read(&config, &environment).unwrap_err();
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(errors[0].awaits_credential);
    let words = errors[0].to_string();
    assert!(words.starts_with("line[1].password: "), "{words}");
    assert!(words.contains("`line-a`") && words.contains("line[1].password_file"));
    fs::write(folder.path().join("line-a"), "s3cret").unwrap();
    let secrets = Secrets::read(&config, &environment).unwrap();
    assert_eq!(shown(secrets.lines.get("a")), Some("s3cret"));
    assert_eq!(shown(secrets.lines.get("b")), Some("ear-secret"));
    assert_eq!(secrets.lines.len(), 2);
}
