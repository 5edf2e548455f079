//! Configurations of single groups.

use millstream_wire::messages::consumer_group_heartbeat::ConsumerGroupHeartbeatRequest;
use millstream_wire::messages::describe_configs::{DescribeConfigsRequest, DescribeConfigsResource};
use millstream_wire::messages::incremental_alter_configs::{
    AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest,
};
use millstream_wire::messages::list_config_resources::ListConfigResourcesRequest;

use super::*;

const GROUP: i8 = 32;
const HEARTBEATS: &str = "consumer.heartbeat.interval.ms";
const SESSIONS: &str = "consumer.session.timeout.ms";

impl TestBroker {
    /// Sets configurations of a group, or removes them; gives the error.
    async fn configure_group(&mut self, group: &str, configs: &[(&str, Option<&str>)]) -> i16 {
        let config = |(name, value): &(&str, Option<&str>)| AlterableConfig {
            name: (*name).to_owned(),
            config_operation: i8::from(value.is_none()),
            value: value.map(str::to_owned),
        };
        let resource = AlterConfigsResource {
            resource_type: GROUP,
            resource_name: group.to_owned(),
            configs: configs.iter().map(config).collect(),
        };
        let request = IncrementalAlterConfigsRequest { resources: vec![resource], validate_only: false };
        self.ask(1, request).await.responses[0].error_code
    }

    /// Value and source of a configuration of a group.
    async fn group_config(&mut self, group: &str, name: &str) -> (String, i8) {
        let resource = DescribeConfigsResource {
            resource_type: GROUP,
            resource_name: group.to_owned(),
            configuration_keys: Some(vec![name.to_owned()]),
        };
        let request =
            DescribeConfigsRequest { resources: vec![resource], ..DescribeConfigsRequest::default() };
        let config = self.ask(4, request).await.results.remove(0).configs.remove(0);
        (config.value.unwrap(), config.config_source)
    }

    /// The interval that the only member of a group is told: it joins, or tells that it is alive.
    async fn told_interval_ms(&mut self, group: &str, member_epoch: i32) -> (i32, i32) {
        let request = ConsumerGroupHeartbeatRequest {
            group_id: group.to_owned(),
            member_id: "member".to_owned(),
            member_epoch,
            rebalance_timeout_ms: 1000,
            subscribed_topic_names: Some(vec!["t".to_owned()]),
            topic_partitions: Some(Vec::new()),
            ..ConsumerGroupHeartbeatRequest::default()
        };
        let answer = self.ask(1, request).await;
        assert_eq!(answer.error_code, 0, "{:?}", answer.error_message);
        (answer.heartbeat_interval_ms, answer.member_epoch)
    }
}

#[tokio::test]
async fn members_are_told_what_is_set_on_their_group() {
    let mut test = TestBroker::start().await;
    let (interval_ms, epoch) = test.told_interval_ms("g", 0).await;
    assert_eq!(interval_ms, 5000);
    assert_eq!(test.configure_group("g", &[(HEARTBEATS, Some("7000")), (SESSIONS, Some("50000"))]).await, 0);
    let (interval_ms, epoch) = test.told_interval_ms("g", epoch).await;
    assert_eq!(interval_ms, 7000, "with the next heartbeat");
    assert_eq!(test.told_interval_ms("other", 0).await.0, 5000);
    assert_eq!(test.group_config("g", HEARTBEATS).await, ("7000".to_owned(), 8));
    assert_eq!(test.group_config("other", HEARTBEATS).await, ("5000".to_owned(), 5));

    let mut test = test.restart().await;
    let (interval_ms, epoch) = test.told_interval_ms("g", epoch).await;
    assert_eq!(interval_ms, 7000, "after a restart");
    let listed = test.ask(1, ListConfigResourcesRequest { resource_types: vec![GROUP] }).await;
    let names: Vec<_> = listed.config_resources.iter().map(|it| it.resource_name.as_str()).collect();
    assert_eq!(names, ["g"]);

    assert_eq!(test.configure_group("g", &[(HEARTBEATS, None), (SESSIONS, None)]).await, 0);
    assert_eq!(test.told_interval_ms("g", epoch).await.0, 5000);
    let listed = test.ask(1, ListConfigResourcesRequest { resource_types: vec![GROUP] }).await;
    assert!(listed.config_resources.is_empty());
}

#[tokio::test]
async fn what_a_group_cannot_have_is_refused() {
    use millstream_wire::ErrorCode::{InvalidConfig, InvalidRequest};
    let mut test = TestBroker::start_with(|config| {
        let bounds = &mut config.consumer_groups.session_timeout_bounds;
        *bounds = std::time::Duration::from_millis(5)..=*bounds.end();
    })
    .await;
    for (group, name, value, error) in [
        ("g", HEARTBEATS, "soon", InvalidConfig),
        ("g", HEARTBEATS, "4999", InvalidConfig),
        ("g", HEARTBEATS, "15001", InvalidConfig),
        ("g", SESSIONS, "4", InvalidConfig),
        ("g", SESSIONS, "5000", InvalidConfig),
        ("g", "share.session.timeout.ms", "45000", InvalidConfig),
        ("g", "retention.ms", "1", InvalidConfig),
        ("", HEARTBEATS, "6000", InvalidRequest),
    ] {
        assert_eq!(test.configure_group(group, &[(name, Some(value))]).await, error.code(), "{name}={value}");
    }
    assert_eq!(test.configure_group("g", &[("no.such.config", None)]).await, 0, "it is not set");
    assert_eq!(test.configure_group("g", &[(SESSIONS, Some("5001"))]).await, 0);
    assert_eq!(test.configure_group("g", &[(HEARTBEATS, Some("6000"))]).await, InvalidConfig.code());
    assert_eq!(test.group_config("g", HEARTBEATS).await, ("5000".to_owned(), 5), "nothing was kept");
}
