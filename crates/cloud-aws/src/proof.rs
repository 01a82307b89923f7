//! Who a machine is, proved to someone else: a call of `sts:GetCallerIdentity` that is signed on the
//! machine and sent by whoever wants to know.
//!
//! The machine signs the call with the credentials of its instance profile and hands out the
//! signature. Whoever verifies it builds the same call, sends it to AWS and reads who signed it; the
//! signature is good for nothing else. A header with a challenge of the verifier's choice is signed
//! along, so that a proof can neither be kept for later nor be shown to someone else.
//!
//! The session of an instance's role has the name of the instance, given by AWS: who holds a proof of
//! it holds the instance.

use std::fmt::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::{digest, hmac};

/// The header that carries the challenge.
pub const CHALLENGE_HEADER: &str = "x-ferrymq-challenge";

/// What is sent to STS.
pub const BODY: &str = "Action=GetCallerIdentity&Version=2011-06-15";

const CONTENT_TYPE: &str = "application/x-www-form-urlencoded; charset=utf-8";
const SIGNED_WITH_TOKEN: &str =
    "content-type;host;x-amz-date;x-amz-security-token;x-ferrymq-challenge";
const SIGNED: &str = "content-type;host;x-amz-date;x-ferrymq-challenge";

/// What a call is signed with.
#[derive(Clone)]
pub struct Credentials {
    /// Access key id.
    pub access_key: String,
    /// Secret access key.
    pub secret_key: String,
    /// Session token of temporary credentials.
    pub token: Option<String>,
}

/// A signed call, without what the verifier knows itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// Region of the STS that is to be asked.
    pub region: String,
    /// When it was signed: `20260102T030405Z`.
    pub date: String,
    /// Session token of the credentials.
    pub token: Option<String>,
    /// The header with the signature.
    pub authorization: String,
}

/// Who signed, as STS says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Account number.
    pub account: String,
    /// Name of the role, without its path.
    pub role: String,
    /// Name of the session: of an instance's role, the instance.
    pub session: String,
}

/// Signs the call for a challenge.
#[must_use]
pub fn sign(credentials: &Credentials, region: &str, challenge: &str, now: SystemTime) -> Proof {
    let date = timestamp(now);
    let day = &date[..8];
    let scope = format!("{day}/{region}/sts/aws4_request");
    let token = credentials.token.as_deref();
    let headers = signed_headers(region, &date, token, challenge);
    let names = names(token);
    let request = canonical(&headers, names);
    let to_sign = format!(
        "AWS4-HMAC-SHA256\n{date}\n{scope}\n{}",
        hex(digest::digest(&digest::SHA256, request.as_bytes()).as_ref())
    );
    let secret = format!("AWS4{}", credentials.secret_key);
    let parts = [day, region, "sts", "aws4_request"];
    let key = parts
        .iter()
        .fold(secret.into_bytes(), |key, part| hmac(&key, part));
    let signature = hex(&hmac(&key, &to_sign));
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={signature}",
        credentials.access_key
    );
    Proof {
        region: region.to_owned(),
        date,
        token: credentials.token.clone(),
        authorization,
    }
}

impl Proof {
    /// The headers of the call that a verifier sends, with the challenge it has given; `None` for a
    /// proof whose signature leaves the challenge out, which would prove nothing.
    #[must_use]
    pub fn headers(&self, challenge: &str) -> Option<Vec<(&'static str, String)>> {
        let token = self.token.as_deref();
        let expected = format!("SignedHeaders={}, ", names(token));
        let is_plain = |text: &str| text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        let parts = [&self.date, &self.authorization, token.unwrap_or_default()];
        if !self.authorization.contains(&expected)
            || !parts.into_iter().all(is_plain)
            || !is_region(&self.region)
        {
            return None;
        }
        let mut headers = signed_headers(&self.region, &self.date, token, challenge);
        headers.push(("authorization", self.authorization.clone()));
        Some(headers)
    }
}

/// The host of STS in a region.
#[must_use]
pub fn sts_host(region: &str) -> String {
    let suffix = if region.starts_with("cn-") { ".cn" } else { "" };
    format!("sts.{region}.amazonaws.com{suffix}")
}

/// Whether a text can be a region's name, and so part of a host's name.
#[must_use]
pub fn is_region(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (5..=25).contains(&text.len()) && text.bytes().all(allowed) && text.contains('-')
}

impl Caller {
    /// Reads what STS has answered; `None` unless a role's session has signed.
    #[must_use]
    pub fn parse(answer: &str) -> Option<Self> {
        let (_, rest) = answer.split_once("<Arn>")?;
        let (arn, _) = rest.split_once("</Arn>")?;
        let mut parts = arn.trim().splitn(6, ':');
        if parts.next() != Some("arn") {
            return None;
        }
        let (service, account) = (parts.nth(1)?, parts.nth(1)?);
        let mut resource = parts.next()?.split('/');
        if service != "sts" || resource.next() != Some("assumed-role") {
            return None;
        }
        let (role, session) = (resource.next()?, resource.next()?);
        if resource.next().is_some() {
            return None;
        }
        Some(Self {
            account: account.to_owned(),
            role: role.to_owned(),
            session: session.to_owned(),
        })
    }
}

/// In the order that the signature wants: by name.
fn signed_headers(
    region: &str,
    date: &str,
    token: Option<&str>,
    challenge: &str,
) -> Vec<(&'static str, String)> {
    let mut headers = vec![
        ("content-type", CONTENT_TYPE.to_owned()),
        ("host", sts_host(region)),
        ("x-amz-date", date.to_owned()),
    ];
    if let Some(token) = token {
        headers.push(("x-amz-security-token", token.to_owned()));
    }
    headers.push((CHALLENGE_HEADER, challenge.to_owned()));
    headers
}

const fn names(token: Option<&str>) -> &'static str {
    if token.is_some() {
        SIGNED_WITH_TOKEN
    } else {
        SIGNED
    }
}

fn canonical(headers: &[(&'static str, String)], names: &str) -> String {
    let mut request = "POST\n/\n\n".to_owned();
    for (name, value) in headers {
        // Writing to a text cannot fail.
        let _ = writeln!(request, "{name}:{}", value.trim());
    }
    let body = hex(digest::digest(&digest::SHA256, BODY.as_bytes()).as_ref());
    let _ = write!(request, "\n{names}\n{body}");
    request
}

fn hmac(key: &[u8], message: &str) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    hmac::sign(&key, message.as_bytes()).as_ref().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `20260102T030405Z`.
fn timestamp(now: SystemTime) -> String {
    let seconds = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = date(days);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z")
}

/// The Gregorian date that many days after the first of January 1970. Years are counted from March,
/// so that the day that comes every fourth year is the last one.
fn date(days: u64) -> (u64, u64, u64) {
    const DAYS_OF_400_YEARS: u64 = 146_097;
    // The first of March of the year 0 was that long before.
    let days = days + 719_468;
    let (era, day) = (days / DAYS_OF_400_YEARS, days % DAYS_OF_400_YEARS);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    (era * 400 + year + next, month, day)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn dates_are_gregorian() {
        for (seconds, text) in [
            (0, "19700101T000000Z"),
            (951_782_399, "20000228T235959Z"),
            (951_782_400, "20000229T000000Z"),
            (951_868_800, "20000301T000000Z"),
            (1_440_938_160, "20150830T123600Z"),
            (4_102_444_799, "20991231T235959Z"),
        ] {
            assert_eq!(timestamp(UNIX_EPOCH + Duration::from_secs(seconds)), text);
        }
    }

    /// The key of AWS's own example of the derivation (20150830, us-east-1, iam).
    #[test]
    fn keys_are_derived_as_aws_shows_it() {
        let secret = "AWS4wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
        let parts = ["20150830", "us-east-1", "iam", "aws4_request"];
        let key = parts
            .iter()
            .fold(secret.as_bytes().to_vec(), |key, part| hmac(&key, part));
        assert_eq!(
            hex(&key),
            "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9"
        );
    }

    fn proof() -> Proof {
        let credentials = Credentials {
            access_key: "ASIAEXAMPLE".to_owned(),
            secret_key: "secret".to_owned(),
            token: Some("session".to_owned()),
        };
        let now = UNIX_EPOCH + Duration::from_secs(1_440_938_160);
        sign(&credentials, "eu-west-1", "n0nce", now)
    }

    #[test]
    fn another_challenge_has_another_signature() {
        let proof = proof();
        assert!(!format!("{proof:?}").contains("secret"));
        let headers = proof.headers("n0nce").unwrap();
        assert!(headers.contains(&(CHALLENGE_HEADER, "n0nce".to_owned())));
        assert!(headers.contains(&("host", "sts.eu-west-1.amazonaws.com".to_owned())));
        let other = sign(
            &Credentials {
                access_key: "ASIAEXAMPLE".to_owned(),
                secret_key: "secret".to_owned(),
                token: Some("session".to_owned()),
            },
            "eu-west-1",
            "another",
            UNIX_EPOCH + Duration::from_secs(1_440_938_160),
        );
        assert_ne!(other.authorization, proof.authorization);
    }

    #[test]
    fn a_proof_that_could_be_anyones_is_none() {
        let unchallenged = Proof {
            authorization: proof().authorization.replace(";x-ferrymq-challenge", ""),
            ..proof()
        };
        assert_eq!(unchallenged.headers("n0nce"), None);
        let elsewhere = Proof {
            region: "evil.example.com/".to_owned(),
            ..proof()
        };
        assert_eq!(elsewhere.headers("n0nce"), None);
        let split = Proof {
            date: "20150830T123600Z\r\nhost: evil".to_owned(),
            ..proof()
        };
        assert_eq!(split.headers("n0nce"), None);
    }

    #[test]
    fn callers_are_sessions_of_roles() {
        let answer = |arn: &str| {
            format!("<GetCallerIdentityResult><Arn>{arn}</Arn></GetCallerIdentityResult>")
        };
        let caller = Caller::parse(&answer(
            "arn:aws:sts::123456789012:assumed-role/ferrymq-host/i-0abc",
        ));
        assert_eq!(
            caller,
            Some(Caller {
                account: "123456789012".to_owned(),
                role: "ferrymq-host".to_owned(),
                session: "i-0abc".to_owned(),
            })
        );
        for other in [
            "arn:aws:iam::123456789012:user/ferrymq-host",
            "arn:aws:iam::123456789012:role/ferrymq-host",
            "arn:aws:sts::123456789012:assumed-role/ferrymq-host",
            "arn:aws:sts::123456789012:assumed-role/a/b/c",
            "",
        ] {
            assert_eq!(Caller::parse(&answer(other)), None, "{other}");
        }
    }
}
