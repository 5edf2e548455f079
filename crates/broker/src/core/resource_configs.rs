//! Configurations of groups and of subscriptions to clients' metrics: kept in the metadata log by the kind and name of what has them, and in
//! force at once.

use std::sync::Arc;

use millstream_log::config::ConfigMap;
use millstream_log::metadata::{ConfigResource, MetadataRecord};

use super::Core;
use crate::api::configs::{RESOURCE_CLIENT_METRICS, RESOURCE_GROUP};
use crate::api::{Refusal, client_metrics_configs, group_configs};

impl Core {
    /// What is set on a group or a subscription.
    pub(crate) fn resource_configs(&self, kind: i8, name: &str) -> ConfigMap {
        let resource = ConfigResource { kind, name: name.to_owned() };
        self.store.metadata().state().resource_configs.get(&resource).cloned().unwrap_or_default()
    }

    /// Changes what is set on a group. It is durable when this returns, and its members hear of it with their next heartbeat.
    pub(crate) async fn change_group_configs(
        self: &Arc<Self>,
        name: String,
        validate_only: bool,
        change: impl FnOnce(&mut ConfigMap) -> Result<(), Refusal> + Send + 'static,
    ) -> Result<(), Refusal> {
        let resource = ConfigResource { kind: RESOURCE_GROUP, name };
        self.change_resource_configs(
            resource,
            validate_only,
            change,
            |core, configs| group_configs::read(configs, &core.config.consumer_groups),
            |core, name, overrides| core.groups.configure(name, &overrides),
        )
        .await
    }

    /// Changes a subscription to metrics; with nothing left it is gone. It is durable when this returns, and clients hear of it when
    /// they push next.
    pub(crate) async fn change_client_metrics_configs(
        self: &Arc<Self>,
        name: String,
        validate_only: bool,
        change: impl FnOnce(&mut ConfigMap) -> Result<(), Refusal> + Send + 'static,
    ) -> Result<(), Refusal> {
        let resource = ConfigResource { kind: RESOURCE_CLIENT_METRICS, name };
        self.change_resource_configs(
            resource,
            validate_only,
            change,
            |_, configs| client_metrics_configs::read(configs),
            |core, name, subscription| core.telemetry.subscribe(name, subscription),
        )
        .await
    }

    /// `read` refuses configurations that cannot be; `put_in_force` gets what it makes of others, once they are durable.
    async fn change_resource_configs<T: Send + 'static>(
        self: &Arc<Self>,
        resource: ConfigResource,
        validate_only: bool,
        change: impl FnOnce(&mut ConfigMap) -> Result<(), Refusal> + Send + 'static,
        read: fn(&Self, &ConfigMap) -> Result<T, Refusal>,
        put_in_force: fn(&Self, &str, T),
    ) -> Result<(), Refusal> {
        let core = Arc::clone(self);
        self.to_its_end(async move {
            let _administration = core.administration.lock().await;
            let mut configs = core.resource_configs(resource.kind, &resource.name);
            change(&mut configs)?;
            let meaning = read(&core, &configs)?;
            if validate_only {
                return Ok(());
            }
            let name = resource.name.clone();
            let record = MetadataRecord::ResourceConfigs { resource, configs };
            core.on_disk(move |store| store.metadata().change(|_| Ok((vec![record], ())))).await?;
            put_in_force(&core, &name, meaning);
            Ok(())
        })
        .await
    }

    /// Puts in force what was set before the start. What the broker's own configuration does not allow any more has no effect.
    pub(super) fn put_resource_configs_in_force(&self) {
        for (resource, configs) in &self.store.metadata().state().resource_configs {
            let name = &resource.name;
            let outcome = match resource.kind {
                RESOURCE_GROUP => group_configs::read(configs, &self.config.consumer_groups)
                    .map(|overrides| self.groups.configure(name, &overrides)),
                RESOURCE_CLIENT_METRICS => client_metrics_configs::read(configs)
                    .map(|subscription| self.telemetry.subscribe(name, subscription)),
                _ => Ok(()),
            };
            if let Err(refusal) = outcome {
                let (kind, reason) = (resource.kind, refusal.message.unwrap_or_default());
                tracing::warn!(kind, name, reason, "configurations of a resource are not obeyed");
            }
        }
    }
}
