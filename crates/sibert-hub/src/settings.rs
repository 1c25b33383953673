//! Where the hub is, where its files are kept, and how patient to be: read once from the environment.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use percent_encoding::percent_decode_str;

use sibert_files::bounded;

const ENDPOINT: &str = "https://huggingface.co";
/// Variables that forbid the network, in the words of `huggingface_hub` and of `transformers`.
const OFFLINE: [&str; 2] = ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"];

/// Settings of the hub, as the environment has them in the words of Python's `huggingface_hub`.
#[derive(Clone)]
pub struct Settings {
    /// The address of the hub, without a slash at its end, nor a name and password; `HF_ENDPOINT`.
    pub endpoint: String,
    /// Name and password, `NAME:PASSWORD`, that stood in `HF_ENDPOINT`; never shown.
    pub password: Option<String>,
    /// The folder of the cache; `HF_HUB_CACHE`, or `hub` in `HF_HOME`.
    pub cache: PathBuf,
    /// Says who asks; `HF_TOKEN`, or the file `token` in `HF_HOME`.
    pub token: Option<String>,
    /// Whether the network must not be used; `HF_HUB_OFFLINE` or `TRANSFORMERS_OFFLINE`.
    pub offline: bool,
    /// The variable that says so.
    pub offline_by: &'static str,
    /// Whether the cache may have links; not with `HF_HUB_DISABLE_SYMLINKS`.
    pub links: bool,
    /// Certificates to trust in place of the built-in ones; `SSL_CERT_FILE`.
    pub certificates: Option<PathBuf>,
    /// How long the hub may be silent; `HF_HUB_DOWNLOAD_TIMEOUT` in seconds.
    pub timeout: Duration,
    /// Tries of a request before it counts as failed.
    pub tries: u32,
    /// The wait before the second try; it doubles from try to try, up to `longest_wait`.
    pub first_wait: Duration,
    /// The longest wait between two tries that the hub did not ask for.
    pub longest_wait: Duration,
    /// The longest wait that the hub may ask for.
    pub longest_asked: Duration,
}

impl Settings {
    /// Settings of a hub at `endpoint` whose cache and token lie in `home`, whatever the environment says.
    ///
    /// # Errors
    /// If `endpoint` is not the address of a hub.
    pub fn of(endpoint: &str, home: &Path) -> Result<Self> {
        Self::from_variables(|name| match name {
            "HF_ENDPOINT" => Some(endpoint.to_owned()),
            "HF_HOME" => Some(home.to_string_lossy().into_owned()),
            _ => None,
        })
    }

    /// Reads the environment.
    ///
    /// # Errors
    /// If a variable cannot be understood, or no folder is left for the cache; names the variable.
    pub fn from_env() -> Result<Self> {
        Self::from_variables(|name| std::env::var(name).ok())
    }

    /// Reads the variables that `get` knows; an empty one counts as unset.
    ///
    /// # Errors
    /// As [`Self::from_env`].
    pub fn from_variables(get: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let text = |name: &str| get(name).filter(|value| !value.trim().is_empty());
        let path = |name: &str| text(name).map(|value| expand(&value));
        let is_on = |name: &str| {
            text(name).is_some_and(|value| {
                ["1", "true", "yes", "on"].iter().any(|on| value.trim().eq_ignore_ascii_case(on))
            })
        };
        let home = path("HF_HOME")
            .or_else(|| path("XDG_CACHE_HOME").map(|cache| cache.join("huggingface")))
            .or_else(|| Some(std::env::home_dir()?.join(".cache").join("huggingface")))
            .context("there is no home folder for the cache of the hub: set HF_HOME to a folder")?;
        let cache = path("HF_HUB_CACHE").or_else(|| path("HUGGINGFACE_HUB_CACHE"));
        let timeout = text("HF_HUB_DOWNLOAD_TIMEOUT").map_or(Ok(10), |value| seconds(&value))?;
        let token = || {
            let given = text("HF_TOKEN").or_else(|| text("HUGGING_FACE_HUB_TOKEN"));
            let file = path("HF_TOKEN_PATH").unwrap_or_else(|| home.join("token"));
            given.or_else(|| bounded::text(&file, bounded::CONFIG).ok()).as_deref().and_then(clean)
        };
        let (endpoint, password) =
            text("HF_ENDPOINT").map_or_else(|| Ok((ENDPOINT.to_owned(), None)), |url| endpoint(&url))?;
        let offline_by = OFFLINE.into_iter().find(|name| is_on(name));
        Ok(Self {
            endpoint,
            password,
            token: if is_on("HF_HUB_DISABLE_IMPLICIT_TOKEN") { None } else { token() },
            cache: cache.unwrap_or_else(|| home.join("hub")),
            offline: offline_by.is_some(),
            offline_by: offline_by.unwrap_or(OFFLINE[0]),
            links: !is_on("HF_HUB_DISABLE_SYMLINKS"),
            certificates: path("SSL_CERT_FILE"),
            timeout: Duration::from_secs(timeout),
            tries: 5,
            first_wait: Duration::from_millis(500),
            longest_wait: Duration::from_secs(8),
            longest_asked: Duration::from_secs(300),
        })
    }

    /// How long to wait when `failed` tries failed and the hub asked for `asked`.
    pub fn wait(&self, failed: u32, asked: Option<Duration>) -> Duration {
        let doubled = self.first_wait.saturating_mul(2_u32.saturating_pow(failed.saturating_sub(1)));
        let own = doubled.min(self.longest_wait);
        asked.map_or(own, |asked| asked.min(self.longest_asked).max(own))
    }
}

/// `~` stands for the home folder, as in a shell.
fn expand(text: &str) -> PathBuf {
    let home = |rest: &str| Some(std::env::home_dir()?.join(rest.trim_start_matches('/')));
    text.strip_prefix("~")
        .filter(|rest| rest.is_empty() || rest.starts_with('/'))
        .and_then(home)
        .unwrap_or_else(|| Path::new(text).to_owned())
}

/// The address of a hub, and the name and password that stood in it.
fn endpoint(url: &str) -> Result<(String, Option<String>)> {
    let url = url.trim().trim_end_matches('/');
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let (password, host) =
        rest.rsplit_once('@').map_or((None, rest), |(password, host)| (Some(password), host));
    ensure!(
        ["http", "https"].contains(&scheme) && !host.is_empty(),
        "HF_ENDPOINT: expected an address such as {ENDPOINT}, found `{}{host}`",
        if scheme.is_empty() { String::new() } else { format!("{scheme}://") }
    );
    let password = password.map(|password| percent_decode_str(password).decode_utf8_lossy().into_owned());
    Ok((format!("{scheme}://{host}"), password))
}

fn seconds(text: &str) -> Result<u64> {
    let seconds = text.trim().parse().ok().filter(|&seconds| seconds > 0);
    seconds.with_context(|| format!("HF_HUB_DOWNLOAD_TIMEOUT: expected whole seconds, found `{text}`"))
}

fn clean(token: &str) -> Option<String> {
    let token: String = token.chars().filter(|letter| !letter.is_control()).collect();
    let token = token.trim();
    (!token.is_empty()).then(|| token.to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::fs;

    use super::*;

    fn settings(variables: &[(&str, &str)]) -> Settings {
        try_settings(variables).unwrap()
    }

    fn try_settings(variables: &[(&str, &str)]) -> Result<Settings> {
        Settings::from_variables(|name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn cache_folder_follows_the_order_of_python() {
        let folder = |variables: &[(&str, &str)]| settings(variables).cache;
        let all = [
            ("HF_HUB_CACHE", "/a"),
            ("HUGGINGFACE_HUB_CACHE", "/b"),
            ("HF_HOME", "/c"),
            ("XDG_CACHE_HOME", "/d"),
        ];
        assert_eq!(folder(&all), Path::new("/a"));
        assert_eq!(folder(&all[1..]), Path::new("/b"));
        assert_eq!(folder(&all[2..]), Path::new("/c/hub"));
        assert_eq!(folder(&all[3..]), Path::new("/d/huggingface/hub"));
        assert!(folder(&[]).ends_with(".cache/huggingface/hub"));
        assert_eq!(folder(&[("HF_HOME", "~/x")]), std::env::home_dir().unwrap().join("x/hub"));
        assert!(folder(&[("HF_HOME", "")]).ends_with(".cache/huggingface/hub"));
    }

    #[test]
    fn token_of_the_environment_comes_before_the_file() {
        let home = tempfile::tempdir().unwrap();
        let folder = ("HF_HOME", home.path().to_str().unwrap());
        assert_eq!(settings(&[folder]).token, None);
        fs::write(home.path().join("token"), "hf_file\n").unwrap();
        assert_eq!(settings(&[folder]).token.as_deref(), Some("hf_file"));
        assert_eq!(settings(&[folder, ("HF_TOKEN", " hf_env\r\n")]).token.as_deref(), Some("hf_env"));
        let quiet = [folder, ("HF_TOKEN", "x"), ("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")];
        assert_eq!(settings(&quiet).token, None);
    }

    #[test]
    fn offline_is_on_for_the_words_that_python_takes() {
        for (value, on) in
            [("1", true), ("true", true), ("YES", true), ("on", true), ("0", false), ("", false)]
        {
            assert_eq!(settings(&[("HF_HUB_OFFLINE", value)]).offline, on, "{value}");
        }
    }

    #[test]
    fn what_forbids_the_network_is_remembered_by_its_name() {
        let found = settings(&[("TRANSFORMERS_OFFLINE", "1")]);
        assert!(found.offline && found.links);
        assert_eq!(found.offline_by, "TRANSFORMERS_OFFLINE");
        assert!(!settings(&[("HF_HUB_DISABLE_SYMLINKS", "1")]).links);
    }

    #[test]
    fn a_password_is_no_part_of_the_address() {
        let found = settings(&[("HF_ENDPOINT", "https://me:se%40cret@hub.example/mirror/")]);
        assert_eq!(found.endpoint, "https://hub.example/mirror");
        assert_eq!(found.password.as_deref(), Some("me:se@cret"));
        for url in ["ftp://me:secret@hub", "me:secret@hub", "https://me:secret@"] {
            let error = try_settings(&[("HF_ENDPOINT", url)]).err().unwrap().to_string();
            assert!(error.contains("expected an address") && !error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn bad_values_are_named_by_their_variable() {
        assert_eq!(settings(&[("HF_ENDPOINT", "http://localhost:1/")]).endpoint, "http://localhost:1");
        let error = |name, value| try_settings(&[(name, value)]).err().unwrap().to_string();
        assert!(error("HF_ENDPOINT", "localhost").contains("HF_ENDPOINT: expected an address"));
        assert!(error("HF_HUB_DOWNLOAD_TIMEOUT", "soon").contains("found `soon`"));
    }

    #[test]
    fn waits_double_up_to_a_cap_and_heed_the_hub() {
        let settings = settings(&[]);
        let wait =
            |failed, asked: Option<u64>| settings.wait(failed, asked.map(Duration::from_secs)).as_secs_f64();
        assert_eq!([1, 2, 3, 4, 5, 40].map(|failed| wait(failed, None)), [0.5, 1., 2., 4., 8., 8.]);
        assert_eq!([Some(0), Some(30), Some(4000)].map(|asked| wait(1, asked)), [0.5, 30., 300.]);
    }
}
