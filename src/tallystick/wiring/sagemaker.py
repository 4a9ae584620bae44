"""The composition root of a SageMaker container: a model behind two paths, or a training job."""

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np
import uvicorn

from tallystick.clock import SystemClock
from tallystick.watch.detect.forest import RandomCutForest
from tallystick.watch.detect.sagemaker.app import Container, warm_up
from tallystick.watch.detect.sagemaker.channels import Job
from tallystick.watch.detect.sagemaker.errors import ClientError
from tallystick.watch.detect.sagemaker.model import Description, HostedModel, load_model
from tallystick.watch.detect.sagemaker.training import train

if TYPE_CHECKING:
    from types import FrameType

GRACE_SECONDS = 25
"""Requests that run may go on for so long after SIGTERM: SIGKILL comes after 30 seconds."""


def serve(root: Path, host: str, port: int) -> None:
    """Answer for the model in the folder until SIGTERM.

    Raises:
        ClientError: there is no model, or it was changed.
    """
    model = load_model(Job(root).model)
    warm_up(model)
    click.echo(f"model {model.version}, {model.dimensions} features", err=True)
    uvicorn.run(
        Container(model, SystemClock()).app(), host=host, port=port, log_level="warning",
        timeout_graceful_shutdown=GRACE_SECONDS, access_log=False,
    )  # fmt: skip


def run_training(root: Path) -> str | None:
    """Train on the folder's job; None, or a sentence that says why it failed.

    The sentence stands in opt/ml/output/failure too.
    """
    job = Job(root)
    try:
        train(job, click.echo)
    except ClientError as error:
        job.fail("ClientError", str(error))
        return str(error)
    except Exception as error:  # noqa: BLE001  outermost loop of a training job
        sentence = f"{type(error).__name__}: {error}"
        job.fail("AlgorithmError", sentence)
        return sentence
    return None


def warm() -> None:
    """Compile the kernels; their machine code is kept beside them."""
    forest = RandomCutForest(1, 1, 2)
    rows = np.array([[0.0], [1.0], [2.0]])
    forest.learn(rows)
    forest.score_and_learn(rows)
    reference = forest.score_without(rows[:1], np.zeros(1, np.int64))
    warm_up(HostedModel(forest, Description("rcf", 1, (), forest.seen, tuple(reference))))


def leave_on_sigterm(status: int) -> None:
    """End at once when told to; the first process of a container has no default for that.

    Nothing is half written: files are put in place whole. The server takes the signal over while
    it runs, answers what is under way, and hands it back.
    """

    def leave(_signal: int, _frame: "FrameType | None") -> None:
        os._exit(status)

    signal.signal(signal.SIGTERM, leave)
