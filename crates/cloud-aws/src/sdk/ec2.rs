//! EC2: each of our calls, by the file that has it.

use std::collections::BTreeSet;

use crate::client::Answer;
use crate::ec2::{
    Ec2, Filters, Image, Instance, InstanceType, Launch, NewVolume, Offering, Tags, Volume,
    VolumeSpec,
};

/// The client of one region.
pub(super) struct Client {
    pub(super) sdk: aws_sdk_ec2::Client,
    pub(super) region: String,
}

impl Ec2 for Client {
    fn launch<'a>(&'a self, launch: &'a Launch) -> Answer<'a, Instance> {
        Box::pin(self.run_instances(launch))
    }

    fn instance<'a>(&'a self, id: &'a str) -> Answer<'a, Option<Instance>> {
        Box::pin(self.describe_instance(id))
    }

    fn instances<'a>(&'a self, filters: Filters<'a>) -> Answer<'a, Vec<Instance>> {
        Box::pin(self.describe_instances(filters))
    }

    fn start<'a>(&'a self, id: &'a str) -> Answer<'a, ()> {
        Box::pin(self.start_instance(id))
    }

    fn stop<'a>(&'a self, id: &'a str) -> Answer<'a, ()> {
        Box::pin(self.stop_instance(id))
    }

    fn terminate<'a>(&'a self, id: &'a str) -> Answer<'a, ()> {
        Box::pin(self.terminate_instance(id))
    }

    fn set_type<'a>(&'a self, id: &'a str, instance_type: &'a str) -> Answer<'a, ()> {
        Box::pin(self.modify_type(id, instance_type))
    }

    fn set_security_groups<'a>(
        &'a self,
        id: &'a str,
        groups: &'a BTreeSet<String>,
    ) -> Answer<'a, ()> {
        Box::pin(self.modify_groups(id, groups))
    }

    fn termination_protection<'a>(&'a self, id: &'a str) -> Answer<'a, bool> {
        Box::pin(self.describe_protection(id))
    }

    fn set_termination_protection<'a>(&'a self, id: &'a str, on: bool) -> Answer<'a, ()> {
        Box::pin(self.modify_protection(id, on))
    }

    fn console<'a>(&'a self, id: &'a str) -> Answer<'a, Option<String>> {
        Box::pin(self.console_output(id))
    }

    fn create_volume<'a>(&'a self, volume: &'a NewVolume) -> Answer<'a, Volume> {
        Box::pin(self.new_volume(volume))
    }

    fn volume<'a>(&'a self, id: &'a str) -> Answer<'a, Option<Volume>> {
        Box::pin(self.describe_volume(id))
    }

    fn volumes<'a>(&'a self, filters: Filters<'a>) -> Answer<'a, Vec<Volume>> {
        Box::pin(self.describe_volumes(filters))
    }

    fn modify_volume<'a>(&'a self, id: &'a str, spec: &'a VolumeSpec) -> Answer<'a, ()> {
        Box::pin(self.change_volume(id, spec))
    }

    fn attach_volume<'a>(
        &'a self,
        id: &'a str,
        instance: &'a str,
        device: &'a str,
    ) -> Answer<'a, ()> {
        Box::pin(self.attach(id, instance, device))
    }

    fn delete_volume<'a>(&'a self, id: &'a str) -> Answer<'a, ()> {
        Box::pin(self.remove_volume(id))
    }

    fn set_tags<'a>(&'a self, ids: &'a [String], tags: &'a Tags) -> Answer<'a, ()> {
        Box::pin(self.create_tags(ids, tags))
    }

    fn remove_tags<'a>(&'a self, ids: &'a [String], keys: &'a [String]) -> Answer<'a, ()> {
        Box::pin(self.delete_tags(ids, keys))
    }

    fn image<'a>(&'a self, id: &'a str) -> Answer<'a, Option<Image>> {
        Box::pin(self.describe_image(id))
    }

    fn images<'a>(&'a self, owners: &'a [String], filters: Filters<'a>) -> Answer<'a, Vec<Image>> {
        Box::pin(self.describe_images(owners, filters))
    }

    fn instance_type<'a>(&'a self, name: &'a str) -> Answer<'a, Option<InstanceType>> {
        Box::pin(self.describe_type(name))
    }

    fn offerings<'a>(&'a self, filters: Filters<'a>) -> Answer<'a, Vec<Offering>> {
        Box::pin(self.describe_offerings(filters))
    }
}
