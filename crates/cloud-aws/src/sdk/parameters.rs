//! Parameters of the Systems Manager.

use crate::client::{Answer, Parameters};

use super::failure::failed;

/// The client of one region.
pub(super) struct Client {
    pub(super) sdk: aws_sdk_ssm::Client,
    pub(super) region: String,
}

impl Parameters for Client {
    fn parameter<'a>(&'a self, name: &'a str) -> Answer<'a, Option<String>> {
        Box::pin(async move {
            let sent = self.sdk.get_parameter().name(name).send();
            match Box::pin(sent).await {
                Ok(found) => Ok(found.parameter.and_then(|parameter| parameter.value)),
                Err(error) => {
                    let error = failed("ssm:GetParameter", &self.region, &error);
                    if error.is("ParameterNotFound") {
                        return Ok(None);
                    }
                    Err(error)
                }
            }
        })
    }
}
