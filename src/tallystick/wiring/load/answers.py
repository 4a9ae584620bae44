"""Judges every answer, and counts: what was accepted, rejected, pushed back, or is no answer."""

from collections import Counter

import msgspec

from tallystick.wiring.load.orders import KINDS, ORDERS_PATH, Orders, Request

ACKNOWLEDGED_MAX = 10_000_000
"""Orders whose acknowledgement is remembered for the check afterwards, one byte each."""
CODES_MAX = 100
"""Different codes that are told apart."""
PUSHED_BACK = (429, 503)
"""Come again later: nothing was done (RFC 6585 section 4, RFC 9110 section 15.6.4)."""
OVER = frozenset({"filled", "cancelled", "replaced", "rejected", "expired"})
"""States of an order that is not open any more."""
_GONE = 409
_COMPLAINT_BYTES = 300


class _Coded(msgspec.Struct, frozen=True):
    code: str


class _Order(msgspec.Struct, frozen=True):
    id: str
    client_order_id: str
    state: str


class _Answer(msgspec.Struct, frozen=True):
    """What is looked at of an answer: of an order, or of a refusal inside a batch."""

    order: _Order | None = None
    rejection: _Coded | None = None
    code: str | None = None


class _Answers(msgspec.Struct, frozen=True):
    answers: list[_Answer]


class Tally:
    """What came back of one run, or of its warm-up."""

    def __init__(self, prefix: str, orders: Orders, acknowledged: bytearray) -> None:
        """`acknowledged`: by number 1 where the order's decision came back; others may share it."""
        self._prefix = prefix.encode()
        self._orders = orders
        self._acknowledged = acknowledged
        self._decode = msgspec.json.Decoder(_Answer).decode
        self._decode_all = msgspec.json.Decoder(_Answers).decode
        self.complaint: str | None = None
        self.statuses: Counter[int] = Counter()
        self.codes: Counter[str] = Counter()
        self.kinds: Counter[str] = Counter()
        self.good = self.rejected = self.pushed_back = self.wrong = 0
        self.request_bytes = self.answer_bytes = self.orders = 0

    def judge(self, request: Request, status: int, body: bytes) -> None:
        """Count one whole answer."""
        self.statuses[status] += 1
        self.kinds[request.kind] += 1
        self.orders += request.orders
        self.request_bytes += len(request.wire)
        self.answer_bytes += len(body)
        if not 200 <= status < 300:
            self._not_done(request, status, body)
        elif request.expect == "order":
            self._order(request, body)
        elif request.expect == "batch":
            self._batch(request, body)
        else:
            self.good += request.orders

    def complain(self, what: str, orders: int = 1) -> None:
        """Count a wrong answer; the first one is kept as a sentence."""
        self.wrong += orders
        self.complaint = self.complaint or what

    def _not_done(self, request: Request, status: int, body: bytes) -> None:
        if status in PUSHED_BACK:
            self.pushed_back += request.orders
        elif request.expect == "cancel" and status == _GONE:  # filled meanwhile: a good answer
            self.good += 1
        else:
            self.complain(f"{request.kind}: {status} {_shown(body)}", request.orders)
        try:
            self._code(msgspec.json.decode(body, type=_Coded).code)
        except msgspec.DecodeError:
            self._code(f"HTTP {status}")

    def _order(self, request: Request, body: bytes) -> None:
        if b'"%b-%09d"' % (self._prefix, request.number) not in body:
            self.complain(f"{request.kind}: not our order: {_shown(body)}")
            return
        kind = KINDS[request.kind]
        if not kind.rests and b'"rejection":null' in body:  # no need to read the rest
            self.good += 1
            self._acknowledge(request.number)
            return
        try:
            self._one(request.number, self._decode(body))
        except msgspec.DecodeError as error:
            self.complain(f"{request.kind}: {error}: {_shown(body)}")

    def _batch(self, request: Request, body: bytes) -> None:
        try:
            answers = self._decode_all(body).answers
        except msgspec.DecodeError as error:
            self.complain(f"batch: {error}: {_shown(body)}", request.orders)
            return
        if len(answers) != request.orders:
            self.complain(f"a batch of {request.orders} got {len(answers)} answers", request.orders)
            return
        for number, answer in enumerate(answers, request.number):
            self._one(number, answer)

    def _one(self, number: int, answer: _Answer) -> None:
        """One order's answer, by itself or out of a batch."""
        order = answer.order
        if order is None:
            if answer.code is None:
                self.complain("an answer has neither order nor code")
                return
            self._code(answer.code)
            self.complain(f"order {number} of the run: {answer.code}")
            return
        if not order.client_order_id.endswith(f"-{number:09}"):
            self.complain(f"order {number} of the run got the answer of {order.client_order_id}")
            return
        self._acknowledge(number)
        if answer.rejection is not None:
            self.rejected += 1
            self._code(answer.rejection.code)
            return
        self.good += 1
        if order.state not in OVER:
            self._orders.open.append(f"{ORDERS_PATH}/{order.id}")

    def _acknowledge(self, number: int) -> None:
        known = self._acknowledged
        if number >= len(known):
            if number >= ACKNOWLEDGED_MAX:
                return
            known.extend(bytes(max(number + 1 - len(known), 65_536)))
        known[number] = 1

    def _code(self, code: str) -> None:
        if code in self.codes or len(self.codes) < CODES_MAX:
            self.codes[code] += 1


def _shown(body: bytes) -> str:
    return body[:_COMPLAINT_BYTES].decode(errors="replace")
