//! The SDK's failures as ours.

use std::error::Error as StdError;

use aws_sdk_cloudwatch::config::http::HttpResponse;
use aws_sdk_cloudwatch::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_cloudwatch::operation::RequestId as _;

use crate::error::{Error, Kind};

/// What became of a call.
pub(super) fn failed<E>(
    call: &'static str,
    region: &str,
    error: &SdkError<E, HttpResponse>,
) -> Error
where
    E: ProvideErrorMetadata + StdError + 'static,
{
    if let SdkError::ServiceError(answer) = error {
        let said = answer.err().meta();
        let code = said.code().unwrap_or_default();
        if !code.is_empty() {
            let message = said.message().unwrap_or("no further words");
            return Error::answered(call, region, code, message, request_id(error).as_deref());
        }
    }
    let message = innermost(error);
    // The SDK has no error of its own for this: it is a call that could not be signed.
    let kind = if message.contains("redentials") || message.contains("no providers in chain") {
        Kind::Credentials
    } else {
        match error {
            SdkError::DispatchFailure(_) | SdkError::TimeoutError(_) => Kind::Unreachable,
            _ => Kind::Other,
        }
    };
    Error::unanswered(kind, call, region, message)
}

/// What became of a call that removes something: it may be gone already.
#[cfg(feature = "sdk")]
pub(super) fn gone<T, E>(
    call: &'static str,
    region: &str,
    answer: Result<T, SdkError<E, HttpResponse>>,
) -> Result<(), Error>
where
    E: ProvideErrorMetadata + StdError + 'static,
{
    match answer {
        Ok(_) => Ok(()),
        Err(error) => {
            let error = failed(call, region, &error);
            if error.kind == Kind::NotFound {
                return Ok(());
            }
            Err(error)
        }
    }
}

/// All that a listing call has, page by page: the call is made anew for each by a closure.
#[cfg(feature = "sdk")]
macro_rules! pages {
    ($client:ident, $call:literal, $make:ident, $items:ident) => {{
        let mut all = Vec::new();
        let mut token = None;
        loop {
            let page = Box::pin($make().set_next_token(token).send())
                .await
                .map_err(|error| failed($call, &$client.region, &error))?;
            all.extend(page.$items.unwrap_or_default());
            token = page.next_token.filter(|token| !token.is_empty());
            if token.is_none() {
                break all;
            }
        }
    }};
}

#[cfg(feature = "sdk")]
pub(super) use pages;

fn request_id<E>(error: &SdkError<E, HttpResponse>) -> Option<String>
where
    E: ProvideErrorMetadata + StdError + 'static,
{
    let SdkError::ServiceError(answer) = error else {
        return None;
    };
    let known = answer.err().meta().request_id();
    known
        .or_else(|| answer.raw().headers().get("x-amzn-requestid"))
        .map(str::to_owned)
}

/// The chain of reasons without the SDK's debugging text.
fn innermost<E>(error: &SdkError<E, HttpResponse>) -> String
where
    E: StdError + 'static,
{
    let mut reasons = Vec::new();
    let mut next: Option<&dyn StdError> = Some(error);
    while let Some(reason) = next {
        let text = reason.to_string();
        if reasons.last() != Some(&text) {
            reasons.push(text);
        }
        next = reason.source();
    }
    if reasons.is_empty() {
        return DisplayErrorContext(error).to_string();
    }
    reasons.join(": ")
}
