"""A forest that the consumer has itself: it learns from the orders that pass, and needs no model.

Each order is scored by those before it, then learnt. What is odd is what one usual order in ten
thousand would score, by the scores of the newest orders: nobody has to choose a number. Orders of
a shard come in order; each execution environment learns from those that it gets.

The newest rows are kept in the state table, so that the next environment goes on from there: it
learns them again, which takes some seconds (there is no compiler in a function: see
`detect.compiled`). Two environments that keep theirs in turn do no harm: both are of usual orders.
"""

import math
from collections import deque
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tallystick.watch.detect.forest import RandomCutForest
from tallystick.watch.detect.sagemaker.features import NAMES
from tallystick.wiring.aws.clients import FAILURES, client, code_of, explained
from tallystick.wiring.aws.settings import Table
from tallystick.wiring.aws.telemetry import logger

TREES = 50
SAMPLES = 256
"""Rows that each tree has in mind, and that are kept: 50 trees of them score and learn an order in
20 ms without a compiler."""
USUAL_MIN: Final = 64
"""Orders of which no score says what is usual: the trees have too little in mind."""
SCORES_MIN = 64
"""Before so many scores nothing is odd."""
SCORES_MAX = 2_048
"""Newest scores that say what is usual."""
ODD_SHARE = 1e-4
"""An order is odd when less than this share of usual ones would score as high."""
TAIL_QUANTILE = 0.9
CUTOFF_MIN = 2.5
"""Twice and a half of what a usual order scores is the least that is odd, however alike all are:
so that a young forest, which has seen few, is not loud."""
KEEP_ROWS = 32
"""New rows after which the newest are kept: as many are lost at most."""
_KEY = {"id": {"S": "forest own"}}
_KIND = np.dtype("<f4")

Array = NDArray[np.float64]


class OwnForest:
    """Scores rows of orders (`sagemaker.features`), and learns them."""

    def __init__(self, table: Table) -> None:
        """The cold start.

        Raises:
            TemporaryError, Misconfigured: the state table cannot be read.
        """
        self._table = table.name
        self._client = client("dynamodb", table.region)
        self._forest = RandomCutForest(len(NAMES), TREES, SAMPLES)
        self._rows: deque[Array] = deque(maxlen=SAMPLES)
        self._scores: deque[float] = deque(maxlen=SCORES_MAX)
        self._unkept = 0
        self.cutoff = math.inf
        """A score above it is odd; infinite until enough orders were seen."""
        self._learn(self._read())

    def score(self, rows: Array) -> Array:
        """The score of each row by those before it; they are learnt."""
        scores = self._learn(rows)
        self._unkept += len(rows)
        if self._unkept >= KEEP_ROWS:
            self._keep()
        return scores

    def close(self) -> None:
        """Nothing is held."""

    def _learn(self, rows: Array) -> Array:
        if not len(rows):
            return np.zeros(0)
        before = self._forest.seen
        with np.errstate(over="ignore"):  # whole numbers of the trees' chance go round
            scores = self._forest.score_and_learn(rows)
        self._rows.extend(rows)
        self._scores.extend(scores[max(0, USUAL_MIN - before) :].tolist())
        if self._scores:
            self.cutoff = _cutoff(np.array(self._scores))
        return scores

    def _read(self) -> Array:
        try:
            answer = self._client.get_item(TableName=self._table, Key=_KEY)
        except FAILURES as error:
            raise explained("The table of the forest's rows", error) from error
        kept = bytes(answer.get("Item", {}).get("rows", {}).get("B", b""))
        width = len(NAMES) * _KIND.itemsize
        whole = kept if len(kept) % width == 0 else b""  # of a release with other features
        return np.frombuffer(whole, _KIND).reshape(-1, len(NAMES)).astype(np.float64)

    def _keep(self) -> None:
        rows = np.array(self._rows, _KIND).tobytes()
        try:
            self._client.put_item(TableName=self._table, Item={**_KEY, "rows": {"B": rows}})
        except FAILURES as error:  # the rows are learnt: this environment goes on
            sentence = "What the forest learnt is kept later: {}"
            logger.warning("wiring.forest_not_kept", body=sentence.format(code_of(error) or error))
        else:
            self._unkept = 0


def _cutoff(scores: Array) -> float:
    """The score that `ODD_SHARE` of usual orders reach; infinite for too few of them.

    The tail beyond `TAIL_QUANTILE` is taken to be exponential, its scale from the median excess:
    an odd order among them does not move it.
    """
    if len(scores) < SCORES_MIN:
        return math.inf
    start = float(np.quantile(scores, TAIL_QUANTILE))
    scale = float(np.median(scores[scores > start] - start)) / math.log(2)
    return max(CUTOFF_MIN, start + scale * math.log((1 - TAIL_QUANTILE) / ODD_SHARE))
