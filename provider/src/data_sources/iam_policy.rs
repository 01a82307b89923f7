//! `data "ferrymq_iam_policy"`: policy documents.

use tfplugin_rs::prelude::*;

use crate::agents::Agents;
use crate::aws::policy::{self, Permissions};

/// The data source.
pub(crate) struct IamPolicy;

/// Policy documents for whoever keeps roles with another provider: what hosts may do, who may take on
/// their role, and what it takes to make hosts. Calls nobody and needs no credentials.
#[derive(Debug, Clone, Model)]
pub(crate) struct IamPolicyModel {
    /// Who may take on the role of hosts: EC2, for its instances.
    assume_role_json: Attr<String>,
    /// What hosts may do; null if nothing.
    json: Attr<String>,
    /// What the brokers of hosts use in AWS. Default: nothing.
    permissions: Option<Permissions>,
    /// What whoever runs Terraform may do, for hosts, networks and instance profiles to be made,
    /// changed and removed: the calls that the provider makes.
    terraform_json: Attr<String>,
}

impl DataSource for IamPolicy {
    const NAME: &'static str = "iam_policy";
    type Data = Agents;
    type Model = IamPolicyModel;

    async fn read(
        &self,
        config: IamPolicyModel,
        _cx: &mut Context<Agents>,
    ) -> Result<IamPolicyModel> {
        let permissions = config.permissions.clone().unwrap_or_default();
        Ok(IamPolicyModel {
            assume_role_json: policy::trust().into(),
            json: permissions.document().into(),
            terraform_json: policy::terraform().into(),
            ..config
        })
    }
}
