"""What the CDK command line runs: reads which profile and stage, builds, synthesises.

cdk synth -c profile=small -c stage=production
"""

import sys

import aws_cdk as cdk

from stack.profile import ProfileError, load
from stack.synth import build

IMAGES = ("order", "detector")
"""Of each: `-c order_image=sha256:...` runs what the pipeline has just built."""


def main() -> None:
    """Synthesise the profile and stage that the context names (full, production)."""
    asked = cdk.App(auto_synth=False)  # reads what the command line hands over, and is not built
    profile = asked.node.try_get_context("profile") or "full"
    stage = asked.node.try_get_context("stage") or "production"
    try:
        wanted = load(str(profile)).with_images(
            *(str(asked.node.try_get_context(f"{each}_image") or "") for each in IMAGES)
        )
        build(wanted, stage=str(stage)).synth()
    except ProfileError as error:
        sys.exit(f"aws: {error}")


if __name__ == "__main__":
    main()
