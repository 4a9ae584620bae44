"""Foundation, one a region: keys, archive, images, access logs; once the boundary."""

import aws_cdk as cdk
from constructs import Construct

from stack.capabilities.archive import Archive
from stack.capabilities.boundary import Boundary
from stack.capabilities.images import Images
from stack.capabilities.keys import Keys
from stack.capabilities.private_bucket import AccessLogs
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
        if primary or profile.switches.recovery:
            self.images = Images(self, "Images", profile=profile, keys=self.keys)
            self.archive = Archive(self, "Archive", profile=profile, keys=self.keys)
        if primary:
            boundary = Boundary(self, "Boundary", profile=profile)
            self.archive.node.add_dependency(boundary)
