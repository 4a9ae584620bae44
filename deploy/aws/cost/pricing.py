"""Which function prices which CloudFormation type.

Each makes lines of the bill from a resource and the usage. Steady load is assumed; what grows with
the months (storage) stands as after a year. Free tiers are left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cost import around, trading

if TYPE_CHECKING:
    from collections.abc import Callable

    from cost.bill import Bill, Lines

PRICED: dict[str, Callable[[Bill], Lines]] = {
    "AWS::ApiGateway::RestApi": trading.api,
    "AWS::AutoScaling::AutoScalingGroup": trading.fleet,
    "AWS::Backup::BackupPlan": around.plan,
    "AWS::Backup::BackupVault": around.vault,
    "AWS::Backup::LogicallyAirGappedBackupVault": around.vault,
    "AWS::Budgets::Budget": around.budget,
    "AWS::CloudFront::Distribution": trading.distribution,
    "AWS::CloudFront::MonitoringSubscription": around.page_metrics,
    "AWS::CloudTrail::Trail": around.trail,
    "AWS::CloudWatch::Alarm": around.alarm,
    "AWS::CloudWatch::CompositeAlarm": around.composite,
    "AWS::CloudWatch::Dashboard": around.dashboard,
    "AWS::CodeBuild::Project": around.build,
    "AWS::CodePipeline::Pipeline": around.pipeline,
    "AWS::Cognito::UserPool": trading.user_pool,
    "AWS::Config::ConfigRule": around.config_rule,
    "AWS::Config::ConfigurationRecorder": around.recorder,
    "AWS::Config::ConformancePack": around.pack,
    "AWS::DynamoDB::GlobalTable": trading.table,
    "AWS::DynamoDB::Table": trading.table,
    "AWS::EC2::EIP": around.address,
    "AWS::EC2::NatGateway": around.nat,
    "AWS::EC2::VPC": around.network,
    "AWS::EC2::VPCEndpoint": around.endpoint,
    "AWS::ECR::Repository": around.repository,
    "AWS::ECS::Service": trading.service,
    "AWS::ElastiCache::ReplicationGroup": trading.cache,
    "AWS::ElasticLoadBalancingV2::LoadBalancer": trading.balancer,
    "AWS::Events::Archive": around.event_archive,
    "AWS::Events::EventBus": around.bus,
    "AWS::FIS::ExperimentTemplate": around.drill,
    "AWS::GuardDuty::Detector": around.detector,
    "AWS::KMS::Key": around.key,
    "AWS::KMS::ReplicaKey": around.key,
    "AWS::Kinesis::Stream": around.stream,
    "AWS::KinesisFirehose::DeliveryStream": around.delivery_stream,
    "AWS::Lambda::Alias": trading.alias,
    "AWS::Lambda::Function": trading.function,
    "AWS::Logs::LogGroup": around.log_group,
    "AWS::Logs::MetricFilter": around.metric_filter,
    "AWS::Macie::Session": around.macie,
    "AWS::NetworkFirewall::Firewall": around.firewall,
    "AWS::RDS::DBCluster": trading.cluster,
    "AWS::RDS::DBInstance": trading.database,
    "AWS::RDS::DBProxy": trading.proxy,
    "AWS::RedshiftServerless::Workgroup": trading.workgroup,
    "AWS::Route53::HealthCheck": trading.health_check,
    "AWS::Route53::HostedZone": trading.zone,
    "AWS::Route53::RecordSet": trading.record,
    "AWS::S3::Bucket": trading.bucket,
    "AWS::SNS::Subscription": around.subscription,
    "AWS::SNS::Topic": around.topic,
    "AWS::SQS::Queue": around.queue,
    "AWS::SageMaker::EndpointConfig": trading.endpoint_config,
    "AWS::SecretsManager::Secret": around.secret,
    "AWS::SecurityHub::Standard": around.standard,
    "AWS::StepFunctions::StateMachine": around.states,
    "AWS::Synthetics::Canary": around.canary,
    "AWS::WAFv2::WebACL": trading.web_acl,
}
