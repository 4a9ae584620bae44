"""Answers of a hosted model: the built-in forest's forms, and a verbose one of our own."""

import msgspec

from tallystick.watch.detect.sagemaker.errors import ClientError
from tallystick.watch.detect.sagemaker.model import Array, HostedModel, Verdict
from tallystick.watch.detect.sagemaker.recordio import frame, score_record
from tallystick.watch.detect.sagemaker.rows import JSON, JSONLINES, RECORDIO, media_type

ANYTHING = ("", "*/*", "application/*")
VERBOSE = "verbose"


class Form(msgspec.Struct, frozen=True):
    """How an answer is written: `application/json;verbose=true` tells everything."""

    media_type: str
    verbose: bool = False


class Score(msgspec.Struct, frozen=True):
    """All that the built-in forest says of a row."""

    score: float


class Scores(msgspec.Struct, frozen=True):
    """The built-in forest's JSON answer."""

    scores: list[Score]


class VerboseScores(msgspec.Struct, frozen=True):
    """Everything about each row; `cutoff` is the bare score from which a row is an anomaly."""

    scores: list[Verdict]
    model: str
    cutoff: float


def form_of(accept: str, content_type: str) -> Form:
    """The first form of the Accept header that is known; JSON, or JSON Lines for such a request.

    Raises:
        ClientError: 406, none of them is.
    """
    for wanted in accept.split(","):
        kind, parameters = media_type(wanted.strip())
        verbose = parameters.get(VERBOSE, "false") in {"true", "1", ""}
        if kind in ANYTHING:
            asked = media_type(content_type)[0]
            return Form(JSONLINES if asked == JSONLINES else JSON, verbose)
        if kind in {JSON, JSONLINES} or (kind == RECORDIO and not verbose):
            return Form(kind, verbose)
    known = f"{JSON}, {JSONLINES}, {RECORDIO}"
    raise ClientError(f"An answer can be {known}, the first two with ;verbose=true.", 406)


def written(form: Form, scores: Array) -> bytes:
    """Bare scores in a form."""
    if form.media_type == RECORDIO:
        return b"".join(frame(score_record(each)) for each in scores.tolist())
    found = [Score(each) for each in scores.tolist()]
    if form.media_type == JSONLINES:
        return b"".join(msgspec.json.encode(each) + b"\n" for each in found)
    return msgspec.json.encode(Scores(found))


def written_verbose(form: Form, verdicts: list[Verdict], model: HostedModel) -> bytes:
    """Everything about each row, in a form."""
    if form.media_type == JSONLINES:
        said = {"model": model.version}
        lines = (msgspec.structs.asdict(each) | said for each in verdicts)
        return b"".join(msgspec.json.encode(line) + b"\n" for line in lines)
    cutoff = model.calibration.cutoff
    return msgspec.json.encode(VerboseScores(verdicts, model.version, cutoff))
