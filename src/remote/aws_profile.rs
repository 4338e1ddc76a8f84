//! Profiles of Amazon's tools: `~/.aws/credentials` and `~/.aws/config`, as far as they say it in so many words. Variables come first.
//! (What Google's and Microsoft's tools leave behind is read by the library below: GOOGLE_APPLICATION_CREDENTIALS, gcloud's file for
//! applications, AZURE_USE_AZURE_CLI.)

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::{Environment, RemoteError, RemoteResult};
use crate::limits::PROFILE_FILE_BYTES_MAX;

const DEFAULT: &str = "default";
/// What a profile may say, and the variable that says the same.
const KNOWN: [(&str, &str); 8] = [
    ("aws_access_key_id", "AWS_ACCESS_KEY_ID"),
    ("aws_secret_access_key", "AWS_SECRET_ACCESS_KEY"),
    ("aws_session_token", "AWS_SESSION_TOKEN"),
    ("region", "AWS_REGION"),
    ("endpoint_url", "AWS_ENDPOINT_URL"),
    ("role_arn", "AWS_ROLE_ARN"),
    ("role_session_name", "AWS_ROLE_SESSION_NAME"),
    ("web_identity_token_file", "AWS_WEB_IDENTITY_TOKEN_FILE"),
];
/// What makes a credential: with one of these in the variables, none is taken from a profile.
const CREDENTIALS: [&str; 7] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
];
/// Ways to credentials that need another service or program.
const UNKNOWN_WAYS: [&str; 5] = ["sso_session", "sso_start_url", "credential_process", "source_profile", "credential_source"];

/// The variables, with what the profile says that they do not: that of `AWS_PROFILE`, else the one called `default`.
///
/// # Errors
/// [`RemoteError::Profile`] for one that was named and is not there, and for one whose credentials come in ways that are not known here.
pub fn complete(environment: &Environment) -> RemoteResult<Environment> {
    let variable =
        |name: &str| environment.iter().find(|(known, value)| known == name && !value.is_empty()).map(|(_, value)| value.as_str());
    let named = variable("AWS_PROFILE");
    let name = named.unwrap_or(DEFAULT);
    let place = |variable_name: &str, file: &str| {
        let usual = || variable("HOME").map(|home| Path::new(home).join(".aws").join(file));
        variable(variable_name).map(PathBuf::from).or_else(usual)
    };
    let mut profile = BTreeMap::new();
    let files = [(place("AWS_CONFIG_FILE", "config"), true), (place("AWS_SHARED_CREDENTIALS_FILE", "credentials"), false)];
    let mut is_there = false;
    for (path, is_config) in files {
        let Some(text) = path.map(|path| read(&path, name)).transpose()?.flatten() else { continue };
        let found = section(&text, name, is_config);
        is_there |= found.is_some();
        // Credentials of the file for them come before those of the other.
        profile.extend(found.unwrap_or_default());
    }
    let has_credentials = CREDENTIALS.iter().any(|name| variable(name).is_some());
    let refuse = |why: String| Err(RemoteError::Profile { name: name.to_owned(), why });
    if named.is_some() && !is_there && !has_credentials {
        return refuse("it is in none of the files".to_owned());
    }
    let gives_key = ["aws_access_key_id", "web_identity_token_file"].iter().any(|key| profile.contains_key(*key));
    if let Some(way) = UNKNOWN_WAYS.iter().find(|way| profile.contains_key(**way))
        && !has_credentials
        && !gives_key
    {
        return refuse(format!("its credentials come by {way}, which is not known here"));
    }
    let mut complete = environment.clone();
    for (key, variable_name) in KNOWN {
        let is_taken = variable(variable_name).is_some() || (has_credentials && CREDENTIALS.contains(&variable_name));
        let is_said_otherwise = match key {
            "region" => variable("AWS_DEFAULT_REGION").is_some(),
            "endpoint_url" => ["AWS_ENDPOINT", "AWS_ENDPOINT_URL_S3"].iter().any(|name| variable(name).is_some()),
            _ => false,
        };
        if let Some(value) = profile.get(key).filter(|_| !is_taken && !is_said_otherwise) {
            complete.push((variable_name.to_owned(), value.clone()));
        }
    }
    Ok(complete)
}

fn read(path: &Path, name: &str) -> RemoteResult<Option<String>> {
    let refuse = |why: String| RemoteError::Profile { name: name.to_owned(), why: format!("{}: {why}", path.display()) };
    let file = match File::open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(|error| refuse(error.to_string()))?,
    };
    let mut text = String::new();
    file.take(PROFILE_FILE_BYTES_MAX).read_to_string(&mut text).map_err(|error| refuse(error.to_string()))?;
    Ok(Some(text))
}

/// What the section of a profile says; `None` when there is none. In the file of settings its name has a word before it.
fn section(text: &str, name: &str, is_config: bool) -> Option<BTreeMap<String, String>> {
    let (mut found, mut is_within) = (None, false);
    for line in text.lines() {
        let is_nested = line.starts_with([' ', '\t']);
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) || is_nested {
            continue;
        }
        if let Some(title) = line.strip_prefix('[') {
            let title = title.split(']').next().unwrap_or_default().trim();
            let words: Vec<&str> = title.split_whitespace().collect();
            is_within = (title == name && (!is_config || name == DEFAULT)) || (is_config && words == ["profile", name]);
            if is_within {
                found.get_or_insert_with(BTreeMap::new);
            }
            continue;
        }
        if let (true, Some(found), Some((key, value))) = (is_within, &mut found, line.split_once('=')) {
            let value = [" #", " ;"].iter().fold(value.trim(), |value, comment| value.split(comment).next().unwrap_or_default());
            found.insert(key.trim().to_ascii_lowercase(), value.trim().to_owned());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const CREDENTIALS_FILE: &str = "# mine\n[default]\naws_access_key_id = one\naws_secret_access_key=a/b+c=\n\n[work]\naws_access_key_id = two ; old\naws_secret_access_key = s\n";
    const CONFIG_FILE: &str = "[default]\nregion = eu-central-1\n[profile work]\nregion = us-west-2 # far\ns3 =\n  endpoint_url = http://nested\nendpoint_url = https://minio.example\n[profile sso]\nsso_session = corp\nregion = x\n";

    fn home() -> tempfile::TempDir {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join(".aws")).unwrap();
        std::fs::write(home.path().join(".aws/credentials"), CREDENTIALS_FILE).unwrap();
        std::fs::write(home.path().join(".aws/config"), CONFIG_FILE).unwrap();
        home
    }

    fn complete_with(home: &Path, variables: &[(&str, &str)]) -> RemoteResult<BTreeMap<String, String>> {
        let mut environment: Environment = vec![("HOME".to_owned(), home.to_str().unwrap().to_owned())];
        environment.extend(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let complete = super::complete(&environment)?;
        Ok(complete.into_iter().filter(|(name, _)| name != "HOME").collect())
    }

    fn map(variables: &[(&str, &str)]) -> BTreeMap<String, String> {
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_profile_says_what_variables_do_not() {
        let home = home();
        let with = |variables: &[(&str, &str)]| complete_with(home.path(), variables);
        let usual = map(&[("AWS_ACCESS_KEY_ID", "one"), ("AWS_SECRET_ACCESS_KEY", "a/b+c="), ("AWS_REGION", "eu-central-1")]);
        assert_eq!(with(&[]).unwrap(), usual);
        let work = with(&[("AWS_PROFILE", "work")]).unwrap();
        assert_eq!((work["AWS_ACCESS_KEY_ID"].as_str(), work["AWS_REGION"].as_str()), ("two", "us-west-2"));
        assert_eq!(work["AWS_ENDPOINT_URL"], "https://minio.example");
        // Credentials of variables are not mixed with those of a profile; the region is taken all the same.
        let own = with(&[("AWS_ACCESS_KEY_ID", "mine"), ("AWS_SECRET_ACCESS_KEY", "m")]).unwrap();
        assert_eq!(own, map(&[("AWS_ACCESS_KEY_ID", "mine"), ("AWS_SECRET_ACCESS_KEY", "m"), ("AWS_REGION", "eu-central-1")]));
        assert!(!with(&[("AWS_DEFAULT_REGION", "r"), ("AWS_PROFILE", "work")]).unwrap().contains_key("AWS_REGION"));
    }

    #[test]
    fn profiles_that_are_missing_or_not_understood_are_named() {
        let home = home();
        let refused = |name: &str| complete_with(home.path(), &[("AWS_PROFILE", name)]).unwrap_err().to_string();
        assert!(refused("nobody").contains("\"nobody\"") && refused("sso").contains("sso_session"));
        let elsewhere = home.path().join(".aws/config").to_str().unwrap().to_owned();
        let other = complete_with(home.path(), &[("AWS_SHARED_CREDENTIALS_FILE", &elsewhere)]).unwrap();
        assert!(!other.contains_key("AWS_ACCESS_KEY_ID"), "{other:?}");
        assert_eq!(complete_with(Path::new("/nowhere"), &[]).unwrap(), BTreeMap::new());
    }
}
