"""Guard: the head that was signed last, in the recovery region, in a stack of its own."""

import aws_cdk as cdk
from constructs import Construct

from stack.capabilities.head_guard import HeadGuard
from stack.profile import Profile


class Guard(cdk.Stack):
    """One table with its key. It stands there also where the second region is switched off."""

    def __init__(
        self, scope: Construct, id_: str, *, profile: Profile, env: cdk.Environment, name: str
    ) -> None:
        super().__init__(scope, id_, env=env, stack_name=name, termination_protection=True)
        self.head = HeadGuard(self, "Head", profile=profile)
