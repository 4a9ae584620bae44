"""`tallystick detect container`: hosting and training as SageMaker asks for them."""

import signal
from pathlib import Path

import click

from tallystick.wiring.commands import CONTEXT, fail

EXIT_FAILED = 1
"""SageMaker calls a training job failed for any status but 0."""
PORT = 8080
"""Where SageMaker asks."""
ROOT = click.option(
    "--root",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("/"),
    envvar="TALLYSTICK_CONTAINER_ROOT",
    help="Folder in the place of / for every path of the contract, outside of a container.",
)


@click.group(context_settings=CONTEXT)
def container() -> None:
    """Host or train a random cut forest as a SageMaker container does.

    A container is started as `serve` or `train`; deploy/sagemaker has the image. Here both can be
    tried without one.
    """


@container.command()
@ROOT
@click.option("--host", default="0.0.0.0", help="Address to listen on.")  # noqa: S104  a container
@click.option("--port", default=PORT, type=click.IntRange(1, 65_535), show_default=True)
def serve(root: Path, host: str, port: int) -> None:
    """Answer GET /ping and POST /invocations for the model in opt/ml/model.

    The forms of requests and answers are those of the built-in Random Cut Forest; with Accept:
    application/json;verbose=true each row is explained. SIGTERM ends it once what runs is answered.

    \b
    Example:
      tallystick detect container serve --root ./job --host 127.0.0.1
    """  # noqa: D301  the mark keeps click from wrapping
    from tallystick.watch.detect.sagemaker.errors import ClientError  # noqa: PLC0415  faster help
    from tallystick.wiring import sagemaker  # noqa: PLC0415

    sagemaker.leave_on_sigterm(0)
    try:
        sagemaker.serve(root, host, port)
    except ClientError as error:
        fail(str(error), EXIT_FAILED)


@container.command()
@ROOT
def train(root: Path) -> None:
    """Train on the channels in opt/ml/input and write the model to opt/ml/model.

    Exit code: 0 trained; 1 not, and opt/ml/output/failure says why.

    \b
    Example:
      tallystick detect container train --root ./job
    """  # noqa: D301  the mark keeps click from wrapping
    from tallystick.wiring import sagemaker  # noqa: PLC0415  faster help

    sagemaker.leave_on_sigterm(128 + signal.SIGTERM)
    failure = sagemaker.run_training(root)
    if failure is not None:
        fail(failure, EXIT_FAILED)


@container.command()
def warm() -> None:
    """Compile what a request needs, so that a start does not: done once, when an image is built.

    \b
    Example:
      tallystick detect container warm
    """  # noqa: D301  the mark keeps click from wrapping
    from tallystick.wiring import sagemaker  # noqa: PLC0415  faster help

    sagemaker.warm()
