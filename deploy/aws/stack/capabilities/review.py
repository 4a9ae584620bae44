"""The workload in the Well-Architected Tool, under the general and the financial-services lens.

The answers are kept beside the code (`lens/answers.yaml`), each with the test that proves it;
`runbooks/answer_review.py` writes them into the tool.
"""

from aws_cdk import aws_wellarchitected as review
from constructs import Construct

from stack.acknowledge import acknowledge
from stack.naming import PRODUCT
from stack.profile import Profile

LENSES = ["wellarchitected", "financialservices"]
"""The second alias is to be seen on a real account: `aws wellarchitected list-lenses`."""


class Review(Construct):
    """The workload as the tool knows it."""

    def __init__(
        self, scope: Construct, id_: str, *, profile: Profile, stage: str, account: str
    ) -> None:
        super().__init__(scope, id_)
        regions = [profile.regions.primary]
        if profile.switches.recovery:
            regions.append(profile.regions.recovery)
        self.workload = review.CfnWorkload(
            self,
            "Workload",
            workload_name=PRODUCT,
            description="FX trading whose every trade can be proved",
            environment="PRODUCTION" if stage == "production" else "PREPRODUCTION",
            account_ids=[account],
            aws_regions=regions,
            lenses=LENSES,
            industry_type="Financial_Services",
            industry="Capital Markets",
            review_owner=profile.contacts.mail,
            architectural_design=profile.contacts.runbooks,
        )
        acknowledge(
            self.workload,
            "CloudFormation-Validate::F3006",
            reason="The type is younger than the list of types in CDK's validator; cfn-lint 1.58 "
            "knows it.",
        )
