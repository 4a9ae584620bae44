#!/usr/bin/env python3
"""Takes the last release back: the shift of traffic that runs, then the pipeline's stage.

CodeDeploy does it by itself when an alarm rings; this is for when a person sees what no alarm does.
"""

import argparse
import sys
from collections.abc import Sequence

from runner import main, parser_of, switches_of
from steps import Answer, Call, Say, Step

NAME = "roll_back"
PIPELINE = "tallystick"
SERVICE = "tallystick-service"
BY_HAND = (
    "There is no pipeline: check out the tag before, `make aws-package aws-synth PROFILE=NAME`, "
    "then `npx --no-install cdk deploy --app cdk.out/NAME service` in deploy/aws. The shift of "
    "traffic and its alarms are the same."
)


def parser() -> argparse.ArgumentParser:
    """Its arguments."""
    made = parser_of(__doc__ or NAME)
    made.add_argument("--profile", default="full", help="what was deployed")
    made.add_argument("--deployment", help="id of CodeDeploy's deployment that runs")
    made.add_argument("--to", help="id of the pipeline's execution to go back to")
    return made


def steps(arguments: argparse.Namespace) -> Sequence[Step]:
    """Stop and roll back the shift; roll back the stage to the execution before."""
    region = arguments.primary
    made: list[Step] = []
    if arguments.deployment:
        made.append(
            Call(
                "the shift of traffic goes back",
                "codedeploy",
                "stop_deployment",
                region,
                {"deploymentId": arguments.deployment, "autoRollbackEnabled": True},
            )
        )
    if not switches_of(arguments.profile)["delivery"]:
        what = {"StackName": SERVICE}
        running = Call(
            "an update that runs", "cloudformation", "describe_stacks", region, what, name="service"
        )
        return [*made, running, Say(BY_HAND)]
    succeeded = {"succeededInStage": {"stageName": "Production"}}
    before = Answer(
        "runs.pipelineExecutionSummaries[1].pipelineExecutionId",
        like="00000000-0000-0000-0000-000000000000",
    )
    return [
        *made,
        Call(
            "what ran in production",
            "codepipeline",
            "list_pipeline_executions",
            region,
            {"pipelineName": PIPELINE, "filter": succeeded, "maxResults": 5},
            name="runs",
        ),
        Call(
            "the stage goes back",
            "codepipeline",
            "rollback_stage",
            region,
            {
                "pipelineName": PIPELINE,
                "stageName": "Production",
                "targetPipelineExecutionId": arguments.to or before,
            },
        ),
    ]


if __name__ == "__main__":
    sys.exit(main(NAME, parser(), steps))
