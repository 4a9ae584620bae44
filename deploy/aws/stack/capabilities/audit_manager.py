"""AWS Audit Manager, for accounts that already have it: it is closed to new ones since 2026-04-30.

Switched off in every profile; `evidence.py` takes its place.
"""

from collections.abc import Mapping

import aws_cdk as cdk
from aws_cdk import aws_auditmanager as audit
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from stack.naming import PRODUCT

FRAMEWORKS: Mapping[str, str] = {
    "pci": "PCI DSS V4.0",
    "soc2": "SOC 2",
    "gdpr": "General Data Protection Regulation (GDPR)",
}
"""AWS's frameworks. Their ids differ by account, so they are parameters of the deployment."""
SERVICES = ("config", "securityhub", "cloudtrail", "kms", "iam", "s3", "rds", "dynamodb", "backup")


class AuditManager(Construct):
    """An assessment for each framework, with its report in the evidence bucket."""

    def __init__(
        self, scope: Construct, id_: str, *, evidence: s3.IBucket, owner: iam.IRole
    ) -> None:
        super().__init__(scope, id_)
        account = cdk.Stack.of(self).account
        assessment = audit.CfnAssessment
        self.assessments = [
            assessment(
                self,
                name.title(),
                name=f"{PRODUCT}-{name}",
                description=framework,
                framework_id=cdk.CfnParameter(
                    self,
                    f"{name.title()}Framework",
                    description=f"Id of Audit Manager's framework {framework}",
                    allowed_pattern="[a-f0-9-]{36}",
                ).value_as_string,
                assessment_reports_destination=assessment.AssessmentReportsDestinationProperty(
                    destination=f"s3://{evidence.bucket_name}/audit-manager",
                    destination_type="S3",
                ),
                roles=[assessment.RoleProperty(role_arn=owner.role_arn, role_type="PROCESS_OWNER")],
                scope=assessment.ScopeProperty(
                    aws_accounts=[assessment.AWSAccountProperty(id=account)],
                    aws_services=[
                        assessment.AWSServiceProperty(service_name=service) for service in SERVICES
                    ],
                ),
                status="ACTIVE",
            )
            for name, framework in FRAMEWORKS.items()
        ]
