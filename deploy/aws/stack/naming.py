"""Names that one stack or region must know of another without asking: few, and all here."""

import aws_cdk as cdk
from constructs import Construct

PRODUCT = "tallystick"


def key_alias(purpose: str) -> str:
    """The alias of the customer-managed key for `purpose`, the same in every region."""
    return f"alias/{PRODUCT}/{purpose}"


def bucket_name(scope: Construct, purpose: str, *, region: str | None = None) -> str:
    """A bucket's name in the scope's account: unique over all accounts and regions."""
    stack = cdk.Stack.of(scope)
    return f"{PRODUCT}-{purpose}-{stack.account}-{region or stack.region}"


def bucket_arn(name: str) -> str:
    """The ARN of a bucket by its name."""
    return f"arn:aws:s3:::{name}"


def key_alias_arn(scope: Construct, purpose: str, *, region: str) -> str:
    """The ARN of a key's alias in another region."""
    return f"arn:aws:kms:{region}:{cdk.Stack.of(scope).account}:{key_alias(purpose)}"


BOUNDARY = f"{PRODUCT}-boundary"
"""The managed policy that bounds every role."""
PAGE_PUBLISHER = f"{PRODUCT}-publish-page"
"""The role that fills the page's bucket; the pipeline's account takes it on."""
OPTIMIZER = "compute-optimizer.amazonaws.com"
OPTIMIZER_ROLE = f"role/aws-service-role/{OPTIMIZER}/AWSServiceRoleForComputeOptimizer"
"""Compute Optimizer's own role, which the first enrolment of an account makes."""
GUARD_TABLE = f"{PRODUCT}-head-guard"
"""The signed head's table; it lies in the other region, in other hands."""
STATE_TABLE = f"{PRODUCT}-state"
"""Cursors, prices, idempotency; replicated into the recovery region."""
BUS = PRODUCT
"""The event bus."""
ENTRIES_STREAM = f"{PRODUCT}-entries"
"""The ledger's entries on Kinesis."""
GLOBAL_LEDGER = f"{PRODUCT}-ledger"
"""The Aurora global cluster, and in each region its member and that one's proxy."""
DEAD_STREAM = f"{PRODUCT}-dead"
"""Entries that the stream's relay could not say."""
DATABASE_NAME = PRODUCT
"""The database on the ledger's cluster."""
DATABASE_OWNER = f"{PRODUCT}_owner"
"""Owns the schema; only the function that prepares it comes in as this one."""
DATABASE_ROLE = PRODUCT
"""Reads and appends, changes and deletes nothing (`tallystick.wiring.aws.prepare` makes it)."""
DATABASE_READER = f"{DATABASE_ROLE}_reader"
"""Only reads; made there too."""
