//! An instance from its launch to its end.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use agent_api::Address;
use cloud_aws::ec2::{Instance, Launch};
use cloud_aws::{Ec2, Error};
use tfplugin_rs::prelude::*;

use super::model::{CREATING_TAG, HOST_TAG, HostModel, OnDestroy};
use super::{TOKEN, boot, is_gone, volume};
use crate::agents::Agents;
use crate::aws::wait::Wait;
use crate::{aws, generation};

/// How many lines of the console an error shows.
const CONSOLE_LINES: usize = 20;

/// One operation on the instance of a host.
pub(super) struct Machine {
    pub(super) ec2: Arc<dyn Ec2>,
    doing: String,
    region: String,
    /// Which timeout limits it.
    pub(super) member: &'static str,
}

/// Makes the host, or finishes making it.
pub(super) async fn create(mut plan: HostModel, cx: &mut Apply<Agents>) -> Result<HostModel> {
    let region = plan.region()?;
    let doing = plan.task("make");
    let ec2 = super::ec2(&region, &doing, cx).await?;
    let machine = Machine::new(ec2, &plan, "make");
    let launch = machine.launch_of(&plan, &region, cx).await?;
    let found = machine.left_behind(&plan, &launch, cx).await?;
    let instance = match found {
        Some(instance) => instance,
        None => machine.launch(&plan, &launch, cx).await?,
    };
    let wanted = plan.data_volume.clone();
    // From here on the instance is in the state, whatever happens.
    cx.save(&plan.clone().seen(&instance).settled());
    let instance = machine.await_state(&instance.id, "running", cx).await?;
    plan = plan.seen(&instance);
    if let Some(wanted) = &wanted {
        let there = instance.volumes.get(&wanted.device).cloned();
        let id = match there {
            Some(id) => id,
            None => {
                let host = plan.clone();
                machine.provide_volume(&host, wanted, &instance, cx).await?
            }
        };
        if let Some(planned) = &mut plan.data_volume {
            planned.id = id.into();
        }
    }
    cx.save(&plan.clone().settled());
    plan.agent_version = machine.await_agent(&plan, &instance.id, cx).await?.into();
    let done = machine
        .ec2
        .remove_tags(
            std::slice::from_ref(&instance.id),
            &[CREATING_TAG.to_owned()],
        )
        .await;
    done.map_err(|error| machine.failed(&error))?;
    Ok(plan)
}

impl Machine {
    pub(super) fn new(ec2: Arc<dyn Ec2>, host: &HostModel, verb: &str) -> Self {
        Self {
            ec2,
            doing: host.task(verb),
            region: host.region.clone().known().unwrap_or_default(),
            member: match verb {
                "destroy" => "delete",
                "make" => "create",
                _ => "update",
            },
        }
    }

    pub(super) fn failed(&self, error: &Error) -> Diagnostic {
        aws::failed(&self.doing, error)
    }

    /// What to ask EC2 for, without token and tags of its own.
    async fn launch_of(
        &self,
        host: &HostModel,
        region: &str,
        cx: &Context<Agents>,
    ) -> Result<Launch> {
        let image = match host.ami.clone().known() {
            Some(image) => image,
            None => self.default_image(host, region, cx).await?,
        };
        let ca = &cx.data().credentials().identity()?.ca_certificate;
        let mut zone = host.availability_zone.clone().known();
        let subnet = host.subnet_id.clone().known();
        if zone.is_none() && subnet.is_none() && host.data_volume.is_some() {
            // A volume that was kept cannot leave its zone.
            let kept = volume::kept(host, self.ec2.as_ref(), None).await;
            let kept = kept.map_err(|error| self.failed(&error))?;
            zone = kept.map(|volume| volume.zone);
        }
        let root = match &host.root_volume {
            None => None,
            Some(root) => Some((self.root_device(&image, region).await?, root.spec())),
        };
        Ok(Launch {
            client_token: String::new(),
            image,
            instance_type: host.instance_type.clone(),
            subnet,
            zone,
            security_groups: host.security_group_ids.clone().unwrap_or_default(),
            private_ip: host.private_ip.clone().known(),
            key_name: host.key_name.clone(),
            instance_profile: host.iam_instance_profile.clone(),
            root,
            user_data: boot::script(host, region, ca),
            tags: host.all_tags(),
            termination_protection: host.termination_protection,
        })
    }

    /// The newest image of the public parameter.
    async fn default_image(
        &self,
        host: &HostModel,
        region: &str,
        cx: &Context<Agents>,
    ) -> Result<String> {
        let name = match &host.ami_ssm_parameter {
            Some(name) => name.clone(),
            None => self.default_parameter(&host.instance_type, region).await?,
        };
        let parameters = cx.data().aws().parameters(region).await;
        let parameters = parameters.map_err(|error| self.failed(&error))?;
        let found = parameters.parameter(&name).await;
        found.map_err(|error| self.failed(&error))?.ok_or_else(|| {
            let detail = format!(
                "There is no parameter {name:?} in {region}. Name another `ami_ssm_parameter`, or \
                 an `ami`."
            );
            Diagnostic::error("No such parameter", detail)
                .at("ami_ssm_parameter")
                .into()
        })
    }

    async fn default_parameter(&self, instance_type: &str, region: &str) -> Result<String> {
        let found = self.ec2.instance_type(instance_type).await;
        let Some(found) = found.map_err(|error| self.failed(&error))? else {
            let detail = format!(
                "There is no instance type {instance_type:?} in {region}. `data \
                 \"ferrymq_host_offerings\"` tells which there are."
            );
            return Err(Diagnostic::error("No such instance type", detail)
                .at("instance_type")
                .into());
        };
        let is_arm = found.architectures.iter().any(|it| it == "arm64");
        let processor = if is_arm { "arm64" } else { "x86_64" };
        Ok(format!(
            "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-{processor}"
        ))
    }

    async fn root_device(&self, image: &str, region: &str) -> Result<String> {
        let found = self.ec2.image(image).await;
        let found = found.map_err(|error| self.failed(&error))?;
        let device = found.and_then(|image| image.root_device);
        device.ok_or_else(|| {
            let detail = format!(
                "There is no image {image:?} in {region} that this account may use. Images differ \
                 from region to region."
            );
            Diagnostic::error("No such image", detail).at("ami").into()
        })
    }

    /// The instance that an interrupted apply has left, if it is the one that is wanted.
    async fn left_behind(
        &self,
        host: &HostModel,
        launch: &Launch,
        cx: &mut Apply<Agents>,
    ) -> Result<Option<Instance>> {
        let alive = ["pending", "running", "stopping", "stopped"].map(str::to_owned);
        let filters = [
            ("tag:ferrymq:host", vec![host.name.clone()]),
            ("instance-state-name", alive.to_vec()),
        ];
        let found = self.ec2.instances(&filters).await;
        let found = found.map_err(|error| self.failed(&error))?;
        let Some(instance) = found.into_iter().next() else {
            return Ok(None);
        };
        let id = &instance.id;
        match instance.tags.get(CREATING_TAG) {
            None => {
                let region = host.region()?;
                let detail = format!(
                    "The instance {id} in {region} is a host of this name already. Import it with \
                     the id \"{region}/{id}\", or choose another name."
                );
                Err(Diagnostic::error("Host exists already", detail)
                    .at("name")
                    .into())
            }
            Some(mark) if *mark == digest(launch) => {
                let detail = format!(
                    "The instance {id} was made for this host by an apply that did not end. It was \
                     taken over."
                );
                cx.push(Diagnostic::warning("Instance was taken over", detail).at("name"));
                Ok(Some(instance))
            }
            Some(_) => {
                let detail = format!(
                    "The instance {id} was made for this host by an apply that did not end, and is \
                     not like what is wanted now. It was terminated."
                );
                cx.push(Diagnostic::warning("Instance was terminated", detail).at("name"));
                self.terminate(id, cx).await?;
                Ok(None)
            }
        }
    }

    async fn launch(
        &self,
        host: &HostModel,
        launch: &Launch,
        cx: &mut Apply<Agents>,
    ) -> Result<Instance> {
        let token = generation::token()?;
        cx.private_mut().set(TOKEN, &token)?;
        let mut launch = launch.clone();
        launch.tags.insert(CREATING_TAG.to_owned(), digest(&launch));
        launch.client_token = token;
        let instance = self.launch_once_profile_is_known(&launch, cx).await?;
        tracing::info!(host = host.name, instance = instance.id, "launched");
        Ok(instance)
    }

    /// EC2 learns of a new instance profile some seconds after IAM has made it.
    async fn launch_once_profile_is_known(
        &self,
        launch: &Launch,
        cx: &Context<Agents>,
    ) -> Result<Instance> {
        let profile = launch.instance_profile.as_deref().unwrap_or_default();
        let mut wait = Wait::new(format!("EC2 to know the instance profile {profile:?}"));
        loop {
            let error = match self.ec2.launch(launch).await {
                Ok(instance) => return Ok(instance),
                Err(error) => error,
            };
            let is_unknown =
                error.is("InvalidParameterValue") && error.message.contains("nstanceProfile");
            if !is_unknown || !self.profile_exists(profile, cx).await {
                return Err(self.failed(&error).into());
            }
            if wait.turn(&error.message, cx).await.is_err() {
                return Err(self.failed(&error).into());
            }
        }
    }

    /// Whether IAM has it; who may not ask is told what EC2 says.
    async fn profile_exists(&self, profile: &str, cx: &Context<Agents>) -> bool {
        let name = profile.rsplit('/').next().unwrap_or_default();
        let Ok(iam) = cx.data().aws().iam(&self.region).await else {
            return false;
        };
        matches!(iam.profile(name).await, Ok(Some(_)))
    }

    /// Waits for the instance to be in this state.
    pub(super) async fn await_state(
        &self,
        id: &str,
        wanted: &str,
        cx: &Context<Agents>,
    ) -> Result<Instance> {
        let mut wait = Wait::new(format!("the instance {id} to be {wanted}"));
        loop {
            let found = self.ec2.instance(id).await;
            let found = found.map_err(|error| self.failed(&error))?;
            // For a moment after the launch it may not be found yet.
            let state = found.as_ref().map_or("not found", |it| it.state.as_str());
            let so_far = format!("it is {state}");
            match found {
                Some(instance) if instance.state == wanted => return Ok(instance),
                Some(instance) if is_gone(&instance) && wanted != "terminated" => {
                    return Err(self.died(&instance).await);
                }
                None if wanted == "terminated" => return Ok(Instance::default()),
                _ => {}
            }
            if let Err(vain) = wait.turn(&so_far, cx).await {
                return Err(wait.failed(vain, &so_far, self.member).into());
            }
        }
    }

    /// Waits for the agent to answer; its version.
    pub(super) async fn await_agent(
        &self,
        host: &HostModel,
        id: &str,
        cx: &Context<Agents>,
    ) -> Result<Option<String>> {
        let endpoint = host.endpoint.clone().known();
        let address: Option<Address> = endpoint.and_then(|it| it.parse().ok());
        let Some(address) = address.filter(|_| host.wait_for_agent) else {
            return Ok(None);
        };
        let mut wait = Wait::new(format!("the agent of host {:?} at {address}", host.name));
        loop {
            let so_far = match cx.data().info(&address).await {
                Ok(info) => {
                    tracing::info!(
                        host = host.name,
                        version = info.agent_version,
                        "its agent answers"
                    );
                    return Ok(Some(info.agent_version));
                }
                Err(error) => error.to_string(),
            };
            let now = self.ec2.instance(id).await;
            let now = now.map_err(|error| self.failed(&error))?;
            if let Some(instance) = now.filter(|it| it.state != "running") {
                return Err(self.died(&instance).await);
            }
            if let Err(vain) = wait.turn(&so_far, cx).await {
                let mut told = wait.failed(vain, &so_far, self.member);
                told.detail.push_str(&self.console(id).await);
                return Err(told.into());
            }
        }
    }

    async fn died(&self, instance: &Instance) -> Diagnostics {
        let Instance { id, state, .. } = instance;
        let reason = instance
            .state_reason
            .as_deref()
            .unwrap_or("AWS gives no reason");
        let detail = format!(
            "Could not {}: the instance {id} is {state} ({reason}).{}",
            self.doing,
            self.console(id).await
        );
        Diagnostic::error("The instance does not run", detail).into()
    }

    /// The end of the console, for an error.
    async fn console(&self, id: &str) -> String {
        let text = match self.ec2.console(id).await {
            Ok(text) => text.unwrap_or_default(),
            Err(error) => return format!(" Its console cannot be read: {error}."),
        };
        let lines: Vec<&str> = text.lines().collect();
        let end = &lines[lines.len().saturating_sub(CONSOLE_LINES)..];
        if end.is_empty() {
            return " There is nothing on its console yet.".to_owned();
        }
        format!(" The end of its console:\n\n{}", end.join("\n"))
    }

    pub(super) async fn terminate(&self, id: &str, cx: &Context<Agents>) -> Result<()> {
        let asked = self.ec2.terminate(id).await;
        asked.map_err(|error| self.failed(&error))?;
        self.await_state(id, "terminated", cx).await.map(drop)
    }

    /// Ends the instance, and the data volume if it is not to be kept.
    pub(super) async fn destroy(&self, state: &HostModel, cx: &Context<Agents>) -> Result<()> {
        self.terminate(&state.id()?, cx).await?;
        let Some(volume) = &state.data_volume else {
            return Ok(());
        };
        match (volume.id.clone().known(), volume.on_destroy.0) {
            (Some(id), OnDestroy::Delete) => self.delete_volume(&id, cx).await,
            _ => Ok(()),
        }
    }
}

/// Tells launches apart: what is launched again with the same outcome has the same digest.
fn digest(launch: &Launch) -> String {
    let mut hasher = DefaultHasher::new();
    let mut like = launch.clone();
    like.client_token = String::new();
    like.tags.retain(|key, _| key == HOST_TAG);
    format!("{like:?}").hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

impl HostModel {
    /// With null for what is not known in the end.
    pub(super) fn settled(mut self) -> Self {
        for attribute in [&mut self.agent_version, &mut self.public_ip] {
            if attribute.is_unknown() {
                *attribute = Attr::Null;
            }
        }
        if let Some(volume) = &mut self.data_volume
            && volume.id.is_unknown()
        {
            volume.id = Attr::Null;
        }
        self
    }

    /// What an import knows before it has looked.
    pub(super) fn blank(region: &str, instance: &Instance) -> Self {
        let name = |key: &str| instance.tags.get(key).cloned();
        Self {
            agent_package: None,
            agent_version: Attr::Null,
            ami: Attr::Null,
            ami_ssm_parameter: None,
            authority: None,
            availability_zone: Attr::Null,
            data_volume: None,
            endpoint: Attr::Null,
            iam_instance_profile: None,
            id: Attr::Null,
            instance_type: String::new(),
            key_name: None,
            name: name(HOST_TAG).or(name("Name")).unwrap_or_default(),
            private_dns: Attr::Null,
            private_ip: Attr::Null,
            public_ip: Attr::Null,
            region: region.to_owned().into(),
            root_volume: None,
            security_group_ids: Some(instance.security_groups.clone()),
            state: Attr::Null,
            subnet_id: Attr::Null,
            tags: None,
            termination_protection: false,
            timeouts: Timeouts::default(),
            user_data_extra: None,
            wait_for_agent: true,
        }
    }
}
