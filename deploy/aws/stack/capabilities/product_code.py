"""The functions' code: the zip of `make aws-package`, or a stand-in to synthesise with."""

from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

HERE = Path(__file__).resolve()
PACKAGE = HERE.parents[2] / "build" / "functions.zip"
STAND_IN = HERE.parents[1] / "unbuilt"
MISSING = (
    "build/functions.zip is missing: `make aws-package` builds it. "
    "This assembly can be read, priced and checked, never deployed."
)


def product_code(scope: Construct) -> lambda_.Code:
    """The product as a function's code; a warning on `scope` where it has not been built."""
    if PACKAGE.is_file():
        return lambda_.Code.from_asset(str(PACKAGE))
    cdk.Annotations.of(scope).add_warning_v2("tallystick:unbuilt", MISSING)
    return lambda_.Code.from_asset(str(STAND_IN))
