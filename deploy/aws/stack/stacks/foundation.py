"""Foundation, one a region that trades or stands by: keys, archive, images, access logs."""

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from constructs import Construct

from stack.capabilities.archive import Archive
from stack.capabilities.boundary import Boundary
from stack.capabilities.images import Images, Registry
from stack.capabilities.keys import Keys
from stack.capabilities.private_bucket import AccessLogs
from stack.capabilities.signing_key import SigningKey
from stack.profile import Profile


class Foundation(cdk.Stack):
    """What everything else stands on."""

    def __init__(
        self, scope: Construct, id_: str, *, profile: Profile, env: cdk.Environment, name: str
    ) -> None:
        super().__init__(scope, id_, env=env, stack_name=name, termination_protection=True)
        self.keys = Keys(self, "Keys")
        self.access_logs = AccessLogs(self, "AccessLogs", days=profile.retention.log_days)
        primary = self.region == profile.regions.primary
        self.images = Images(
            self,
            "Images",
            profile=profile,
            keys=self.keys,
            copied_to=self._other(profile) if primary else (),
            copied_from=profile.accounts.delivery if profile.switches.delivery else None,
        )
        self.archive = Archive(self, "Archive", profile=profile, keys=self.keys)
        self.signing: kms.IKey | None = None
        """Where the ledger is written at first; the recovery region has a replica (`service`)."""
        if primary:
            self.signing = SigningKey(self, "Signing").key
            boundary = Boundary(self, "Boundary", profile=profile)
            self.archive.node.add_dependency(boundary)

    def _other(self, profile: Profile) -> list[Registry]:
        """Where an image that is pushed here is also wanted."""
        if not profile.switches.recovery:
            return []
        return [Registry(self.account, profile.regions.recovery)]
