"""The second region's own eyes and safe: it must not need the first to tell or to restore.

The standby's database, network and functions are the primary's constructs in another region; here
stand the topics that tell of them, the vault that takes the backups' copies, and the alarm on how
far the copy of the ledger is behind.
"""

from aws_cdk import aws_kms as kms
from constructs import Construct

from stack.capabilities.alarms import Alarms
from stack.capabilities.alerts import Alerts
from stack.capabilities.audit_trail import AUDIT
from stack.capabilities.backup import Vault
from stack.capabilities.evidence import EVIDENCE
from stack.capabilities.keys import Keys
from stack.capabilities.private_bucket import PrivateBucket, locked
from stack.capabilities.replication import not_replicated
from stack.capabilities.watched_around import standby
from stack.naming import bucket_name
from stack.profile import Profile


class Standby(Construct):
    """Alerts, vault and lag alarm of the recovery region."""

    def __init__(
        self, scope: Construct, id_: str, *, profile: Profile, keys: Keys, ledger: str
    ) -> None:
        super().__init__(scope, id_)
        self.alerts = Alerts(self, "Alerts", profile=profile, key=keys.messages)
        self.alarms = Alarms(
            self, "Alarms", alerts=self.alerts, runbooks_url=profile.contacts.runbooks
        )
        self.alarms.watch([standby(ledger, profile.limits)])
        self.copies = [
            self._copy(purpose, key, profile)
            for purpose, key in ((AUDIT, keys.logs), (EVIDENCE, keys.archive))
        ]
        self.vault: Vault | None = None
        if profile.switches.backup:
            self.vault = Vault(self, "Vault", profile=profile, key=keys.archive)

    def _copy(self, purpose: str, key: kms.IKey, profile: Profile) -> PrivateBucket:
        """Where the primary region's proofs are copied to, under the same lock."""
        bucket = PrivateBucket(
            self,
            purpose.title(),
            key=key,
            name=bucket_name(self, purpose),
            lock=locked(profile, profile.retention.audit_days),
        )
        not_replicated(bucket, "It is the copy: the primary region's bucket is replicated here.")
        return bucket
