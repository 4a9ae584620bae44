"""The folders that a training container is given: settings, channels of data, where results go.

See "How Amazon SageMaker Provides Training Information" in the vendor's developer guide. Every
path stands under a root, which is `/` in a container.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal, TypeVar

import msgspec
import numpy as np

from tallystick.watch.detect.sagemaker.errors import ClientError
from tallystick.watch.detect.sagemaker.recordio import MAGIC
from tallystick.watch.detect.sagemaker.rows import (
    CSV,
    RECORDIO,
    Rows,
    media_type,
    read_csv,
    read_recordio,
)

CHUNK_BYTES = 1024 * 1024
"""How much of a channel is in memory at once."""
FAILURE_CHARACTERS_MAX = 1_024
"""How much of a failure's sentence SageMaker shows."""
_HEAD_BYTES = 8
T = TypeVar("T")


class Channel(msgspec.Struct, frozen=True, rename="pascal"):
    """A channel of `inputdataconfig.json`."""

    content_type: str | None = None
    training_input_mode: str = "File"
    s3_distribution_type: str = msgspec.field(name="S3DistributionType", default="")
    compression_type: str | None = None


class Resources(msgspec.Struct, frozen=True):
    """`resourceconfig.json`: which machines there are."""

    current_host: str = "algo-1"
    hosts: tuple[str, ...] = ("algo-1",)


class Job(msgspec.Struct, frozen=True):
    """A training job's folder."""

    root: Path

    @property
    def config(self) -> Path:
        """Hyperparameters, channels and resources."""
        return self.root / "opt/ml/input/config"

    @property
    def model(self) -> Path:
        """Where the model goes; SageMaker packs this folder into model.tar.gz."""
        return self.root / "opt/ml/model"

    @property
    def failure(self) -> Path:
        """Where the sentence goes that says why it failed."""
        return self.root / "opt/ml/output/failure"

    def hyperparameters(self) -> dict[str, str]:
        """As they were given; all values are strings."""
        return self._read("hyperparameters.json", dict[str, str])

    def channels(self) -> dict[str, Channel]:
        """The channels by their names."""
        return self._read("inputdataconfig.json", dict[str, Channel])

    def resources(self) -> Resources:
        """The machines; one where nothing is said."""
        try:
            return self._read("resourceconfig.json", Resources)
        except FileNotFoundError:
            return Resources()

    def chunks(self, name: str, channel: Channel, dimensions: int) -> Iterator[Rows]:
        """The rows of a channel, some at once; with labels, those are the first column.

        Raises:
            ClientError: the data are not what the channel says.
        """
        kind, parameters = media_type(channel.content_type or RECORDIO)
        labels = parameters.get("label_size", "1" if name == "test" else "0")
        if kind not in {CSV, RECORDIO} or labels not in {"0", "1"}:
            sentence = (
                f"The content type of the channel {name} is {CSV};label_size=0 (or 1) or"
                f" {RECORDIO}: {channel.content_type}."
            )
            raise ClientError(sentence)
        for path in self._files(name, channel):
            if kind == CSV:
                yield from _csv(path, dimensions + int(labels))
            else:
                yield from _recordio(path, dimensions, labelled=name == "test")

    def _files(self, name: str, channel: Channel) -> list[Path]:
        if channel.compression_type not in {None, "None", ""}:
            raise ClientError(f"The channel {name} is compressed; give it as it is.")
        data = self.root / "opt/ml/input/data"
        if channel.training_input_mode == "Pipe":
            return [data / f"{name}_0"]  # a named pipe an epoch; one is enough
        folder = data / name
        found = sorted(path for path in folder.rglob("*") if path.is_file())
        if not found:
            raise ClientError(f"The channel {name} has no files.")
        return found

    def _read(self, name: str, kind: type[T]) -> T:
        try:
            return msgspec.json.decode((self.config / name).read_bytes(), type=kind)
        except ValueError as error:
            raise ClientError(f"{name} cannot be read: {error}.") from error

    def fail(self, kind: Literal["ClientError", "AlgorithmError"], sentence: str) -> None:
        """Leave the reason where SageMaker looks for it."""
        self.failure.parent.mkdir(parents=True, exist_ok=True)
        text = f"{kind}: {sentence}"[:FAILURE_CHARACTERS_MAX]
        self.failure.write_text(text, encoding="utf-8")


def _csv(path: Path, columns: int) -> Iterator[Rows]:
    number, rest = 1, b""
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            lines = (rest + chunk).splitlines(keepends=True)
            rest = b"" if lines[-1].endswith(b"\n") else lines.pop()
            if len(rest) > CHUNK_BYTES:
                raise ClientError(f"{path.name} has a line of more than {CHUNK_BYTES:,} bytes.")
            yield _named(path, lines, columns, number)
            number += len(lines)
    if rest.strip():
        yield _named(path, [rest], columns, number)


def _named(path: Path, lines: list[bytes], columns: int, first: int) -> Rows:
    try:
        return read_csv(lines, columns, first)
    except ClientError as error:
        raise ClientError(f"{path.name}: {error}") from error


def _recordio(path: Path, dimensions: int, *, labelled: bool) -> Iterator[Rows]:
    rest = b""
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            data = rest + chunk
            end = _whole_frames(data)
            rest = data[end:]
            yield _labelled(path, data[:end], dimensions, labelled=labelled)
    if rest:
        raise ClientError(f"{path.name} ends in the middle of a record.")


def _whole_frames(data: bytes) -> int:
    """Where the last whole frame ends."""
    at = 0
    while len(data) - at >= _HEAD_BYTES:
        if int.from_bytes(data[at : at + 4], "little") != MAGIC:
            raise ClientError(f"The data are no RecordIO: record at byte {at}.")
        length = int.from_bytes(data[at + 4 : at + 8], "little") & ((1 << 29) - 1)
        end = at + _HEAD_BYTES + length + -length % 4
        if end > len(data):
            break
        at = end
    return at


def _labelled(path: Path, data: bytes, dimensions: int, *, labelled: bool) -> Rows:
    rows, labels = read_recordio(data, dimensions)
    if not labelled:
        return rows
    known = [each for each in labels if each is not None]
    if len(known) != len(rows):
        raise ClientError(f"{path.name} has records without a label.")
    return np.column_stack([np.array(known).reshape(-1, 1), rows])
