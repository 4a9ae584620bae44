"""Subjects: recorded as commitments, read back, erased for good, in order under every schedule."""

import asyncio
import shutil
import tracemalloc
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import apsw
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tallystick.clock import NS_PER_SECOND, SystemClock, parse_rfc3339
from tallystick.errors import Corrupt, Overloaded, Refused, TemporaryError
from tallystick.ledger.entry import Receipt
from tallystick.ledger.notices import SubjectErased, SubjectRecorded
from tallystick.ledger.personal import Erasure, Recording, Retention, Subjects
from tallystick.ledger.personal.commitment import Opened, commit, opens
from tallystick.ledger.personal.folding import PENDING_SECONDS_MAX, STEP_ENTRIES_MAX, decode_subject
from tallystick.ledger.personal.retention import Rule
from tallystick.ledger.verify import FolderSource, verify_ledger, verify_receipt
from tallystick.limits import (
    ENTRY_BYTES_MAX,
    SUBJECT_CALLS_WAITING_MAX,
    SUBJECT_FIELD_NAMES_MAX,
    SUBJECT_RECORDINGS_MAX,
)

JANE = {"name": "Jane Q. Doe-Canary", "email": "jane.canary@example.com", "note": ""}


def record(subjects: Subjects, subject: str = "S-1", **fields: str) -> Awaitable[Any]:
    """Record these fields, or Jane's."""
    return subjects.record(subject, fields or JANE, account="demo", by="tester")


def erase(subjects: Subjects, subject: str = "S-1", **more: Any) -> Awaitable[Any]:
    """Erase at the subject's own request."""
    asked = {"reason": "request of the data subject", "legal_basis": "GDPR, Article 17(1)(b)"}
    return subjects.erase(subject, by="tester", **(asked | more))


def values(recording: Recording) -> dict[str, str]:
    """Names and values alone."""
    return {name: field.value for name, field in recording.fields.items()}


def entry(house: Any, position: int) -> Any:
    """The entry about a subject at this position."""
    return decode_subject(house.ledger.rows(position, 1)[0].entry)


def refusal(house: Any, work: Callable[[Subjects], Awaitable[Any]]) -> tuple[str, str]:
    """Code and sentence of what must be refused."""
    with pytest.raises(Refused) as refused:
        house.run(work)
    return refused.value.code, str(refused.value)


def receipts(house: Any) -> list[bytes]:
    """The receipt of every entry, as it is handed out."""
    return [
        msgspec.json.encode(house.ledger.receipt(position)) for position in range(house.ledger.size)
    ]


def test_a_subject_is_recorded_and_read(house: Any) -> None:
    """The entry shows pseudonym, field names and commitments; the values come back, also later."""

    async def work(subjects: Subjects) -> tuple[Recording, Recording]:
        await house.trade(3)
        return await record(subjects), await subjects.read("S-1")

    recorded, read = house.run(work)
    house.open()

    assert recorded == read == house.run(lambda subjects: subjects.read("S-1"))
    assert (values(read), read.position, read.positions) == (JANE, 3, (3,))
    assert (read.account, read.by) == ("demo", "tester")
    shown = entry(house, 3)
    assert isinstance(shown, SubjectRecorded)
    assert shown.fields == {name: field.commitment for name, field in read.fields.items()}
    for name, field in read.fields.items():
        assert opens(shown.fields[name], name, Opened(field.value, field.blind))
    assert all(
        value.encode() not in house.ledger.rows(3, 1)[0].entry for value in JANE.values() if value
    )


def test_the_same_again_is_no_new_entry(house: Any) -> None:
    """The same fields of the same account are recorded once; a change is a new entry."""

    async def work(subjects: Subjects) -> list[Recording]:
        return [
            await record(subjects, name="Jane Doe"),
            await record(subjects, name="Jane Doe"),
            await record(subjects, name="Jane Roe"),
            await subjects.record("S-1", {"name": "Jane Roe"}, account=None, by="tester"),
        ]

    first, again, married, alone = house.run(work)

    assert first == again
    assert [each.position for each in (first, married, alone)] == [0, 1, 2]
    assert alone.positions == (0, 1, 2)
    assert house.ledger.size == 3


def test_older_recordings_can_be_read(house: Any) -> None:
    """By their position, until they are erased together with the newest."""

    async def work(subjects: Subjects) -> list[dict[str, str]]:
        await record(subjects, name="Jane Doe")
        await record(subjects, name="Jane Roe", city="Riga")
        return [values(await subjects.read("S-1", at)) for at in (0, 1, None)]

    new = {"name": "Jane Roe", "city": "Riga"}
    assert house.run(work) == [{"name": "Jane Doe"}, new, new]
    assert refusal(house, lambda s: s.read("S-1", 2))[0] == "UNKNOWN_SUBJECT"


def test_an_erasure(house: Any) -> None:
    """Reading says where it was erased; the entry names positions, fields, reason and basis."""

    async def work(subjects: Subjects) -> Any:
        await record(subjects, name="Jane Doe")
        await house.trade()
        await record(subjects, name="Jane Roe", city="Riga")
        await record(subjects, "S-2", name="Jane Roe")
        return await erase(subjects)

    erasure = house.run(work)
    shown = entry(house, erasure.position)

    assert (erasure.position, erasure.positions, erasure.fields) == (4, (0, 2), ("city", "name"))
    assert isinstance(shown, SubjectErased)
    assert (shown.reason, shown.legal_basis) == (erasure.reason, erasure.legal_basis)
    gone = ("SUBJECT_ERASED", "Subject S-1 was erased at position 4 of the ledger.")
    for _process in range(2):
        assert refusal(house, lambda s: s.read("S-1")) == gone
        assert refusal(house, lambda s: s.read("S-1", 0)) == gone
        assert refusal(house, record) == gone
        assert values(house.run(lambda s: s.read("S-2"))) == {"name": "Jane Roe"}
        house.open()


def test_to_erase_again_gives_the_erasure_that_stands(house: Any) -> None:
    """Whatever reason is given the second time, in whatever process: one entry."""

    async def work(subjects: Subjects) -> list[Erasure]:
        await record(subjects)
        return [await erase(subjects), await erase(subjects, reason="once more")]

    first, again = house.run(work)
    house.open()

    assert first == again == house.run(lambda s: erase(s, legal_basis=None))
    assert house.ledger.size == 2


def test_proofs_hold_before_and_after(house: Any) -> None:
    """The whole folder verifies, every earlier receipt is the same bytes and verifies."""

    def audit(since: str | None = None) -> None:
        source = FolderSource(house.publish())
        report = verify_ledger(
            source, house.ledger.vkey, since=since, canonical_json=True, clock=SystemClock()
        )
        assert (report.verdict, report.entries) == ("clean", house.ledger.size), report

    async def recorded(subjects: Subjects) -> None:
        for number in range(30):
            await record(subjects, f"S-{number}", name=f"Somebody {number}")

    house.run(recorded)
    audit()
    before, note = receipts(house), house.ledger.note
    for number in range(0, 30, 3):
        house.run(lambda s, number=number: erase(s, f"S-{number}"))
        house.open()
    audit(note)

    assert receipts(house)[:30] == before
    for receipt in receipts(house):
        assert verify_receipt(receipt, house.ledger.vkey).verdict == "clean"


def test_the_erased_value_recorded_again_cannot_be_linked(house: Any) -> None:
    """The same values under another name, erased and living: no commitment occurs twice."""

    async def work(subjects: Subjects) -> None:
        await record(subjects)
        await erase(subjects)
        await record(subjects, "S-2")
        await record(subjects, "S-3")

    house.run(work)
    shown = [entry(house, position) for position in (0, 2, 3)]
    commitments = [text for each in shown for text in each.fields.values()]

    assert len(commitments) == len(set(commitments)) == 3 * len(JANE)


def test_a_copy_from_before_is_worth_nothing(sqlite_house: Any, tmp_path: Path) -> None:
    """All ciphertext, copied before the erasure, and even today's keys: nothing opens.

    The value itself is known to who holds the copy, and still cannot be shown to be the one.
    """
    house = sqlite_house
    copy = tmp_path / "copy.db"
    before = house.run(record)
    house.close()
    shutil.copy(tmp_path / "personal.db", copy)
    house.open()
    house.run(erase)
    house.close()
    connection = apsw.Connection(str(copy))
    rows: list[Any] = connection.execute("SELECT sealed FROM personal_fields").fetchall()
    connection.close()
    stolen = b"".join(bytes(row[0]) for row in rows)
    shutil.copy(copy, tmp_path / "personal.db")
    house.open()

    assert len(rows) == len(JANE)
    for name, field in before.fields.items():
        assert field.blind not in stolen
        guesses = [stolen[at : at + 32] for at in range(len(stolen) - 31)]
        guessed = {commit(guess, name, field.value).hex() for guess in guesses}
        assert field.commitment not in guessed
    assert refusal(house, lambda s: s.read("S-1"))[0] == "SUBJECT_ERASED"


def test_a_backup_that_is_put_back_is_erased_again(sqlite_house: Any, tmp_path: Path) -> None:
    """Keys and vault from before the erasure, alone or together: the next start destroys them."""
    house = sqlite_house
    house.run(record)
    house.close()
    for name in ("personal.db", "keys/subjects.db"):
        shutil.copy(tmp_path / name, tmp_path / f"{Path(name).name}.backup")
    house.open()
    house.run(lambda s: record(s, "S-2", name="Somebody Else"))
    house.run(erase)
    backups = {"personal.db": "personal.db.backup", "keys/subjects.db": "subjects.db.backup"}
    for chosen in (["personal.db"], ["keys/subjects.db"], list(backups)):
        house.close()
        for name in chosen:
            shutil.copy(tmp_path / backups[name], tmp_path / name)
        house.open()
        assert refusal(house, lambda s: s.read("S-1"))[0] == "SUBJECT_ERASED", chosen
        connection = apsw.Connection(str(tmp_path / "keys" / "subjects.db"))
        query = "SELECT hex(wrapped) FROM subject_keys WHERE subject = 'S-1'"
        assert set(str(connection.execute(query).get)) == {"0"}, chosen
        connection.close()
        assert (
            house.vault.sealed("S-1", [bytes.fromhex(c) for c in entry(house, 0).fields.values()])
            == {}
        )


def test_a_ledger_that_is_shorter_is_followed_anew(house: Any) -> None:
    """Keys and vault know more than the ledger holds: what it says now is what counts."""
    house.run(record)
    house.vault.settle(_far_away(), 0)
    house.keys.destroy([], 1_000)
    house.open()

    assert values(house.run(lambda s: s.read("S-1"))) == JANE
    assert house.vault.position() == house.keys.position == 1


def _far_away() -> Any:
    from tallystick.ledger.personal.vault import ErasedAt, Step  # noqa: PLC0415  used here only

    return Step(1_000, [], [ErasedAt(999, "S-9")])


# Crashes: what stops at any step is ended by the next process.


class Crash(BaseException):
    """The process ends here."""


class Falling:
    """A part that does some calls and then ends the process, before or after the next one."""

    def __init__(self, part: Any, method: str, *, after: bool) -> None:
        """`after`: the call is done, and nothing that would follow it."""
        self._part, self._method, self._after = part, method, after

    def __getattr__(self, name: str) -> Any:
        """The part's own method, or the one that falls."""
        found = getattr(self._part, name)
        if name != self._method:
            return found

        def falling(*arguments: Any) -> Any:
            if self._after:
                found(*arguments)
            raise Crash

        return falling


STEPS = [
    (part, method, after)
    for part, method in (("keys", "destroy"), ("vault", "settle"))
    for after in (False, True)
]


def crash_at(house: Any, part: str, method: str, *, after: bool) -> None:
    """Let this process end at one step of what it does next."""
    subjects = house.subjects
    falling = Falling(getattr(house, part), method, after=after)
    for owner in (subjects, subjects._folding, subjects._sealing):
        if hasattr(owner, f"_{part}"):
            setattr(owner, f"_{part}", falling)


async def started(
    house: Any, work: Callable[[Subjects], Awaitable[Any]], fall: Callable[[], None]
) -> None:
    """Start well, then fall in the middle of the work."""
    await house.subjects.start()
    fall()
    with pytest.raises(Crash):
        await work(house.subjects)


@pytest.mark.parametrize(("part", "method", "after"), STEPS)
def test_an_erasure_that_was_interrupted_is_ended(
    house: Any, part: str, method: str, after: bool
) -> None:
    """Its entry stands: the next start destroys, and nothing opens from then on."""
    before = house.run(record)
    commitments = [bytes.fromhex(field.commitment) for field in before.fields.values()]
    fall = lambda: crash_at(house, part, method, after=after)  # noqa: E731  a step, named
    asyncio.run(started(house, erase, fall))
    house.open()

    assert house.ledger.size == 2
    assert refusal(house, lambda s: s.read("S-1")) == (
        "SUBJECT_ERASED", "Subject S-1 was erased at position 1 of the ledger."
    )  # fmt: skip
    assert house.vault.sealed("S-1", commitments) == {}
    assert house.run(erase).position == 1
    assert house.ledger.size == 2


def test_an_erasure_whose_entry_was_never_written_did_not_happen(house: Any) -> None:
    """A commit that fails leaves everything as it was."""
    house.run(record)

    async def failing(_make: Any, _key: str | None) -> int:
        raise TemporaryError

    house.subjects._append = failing
    with pytest.raises(TemporaryError):
        house.run(erase)
    house.open()

    assert values(house.run(lambda s: s.read("S-1"))) == JANE


@pytest.mark.parametrize(
    ("part", "method", "after"),
    [
        ("keys", "seal", False),
        ("keys", "seal", True),
        ("vault", "keep", False),
        ("vault", "keep", True),
    ],
)
def test_a_recording_that_was_interrupted_leaves_no_value(
    house: Any, part: str, method: str, after: bool
) -> None:
    """Nothing is known of the subject; what was kept is dropped when its entry cannot come."""
    fall = lambda: crash_at(house, part, method, after=after)  # noqa: E731  a step, named
    asyncio.run(started(house, record, fall))
    house.open()
    assert refusal(house, lambda s: s.read("S-1"))[0] == "UNKNOWN_SUBJECT"
    house.clock.advance(PENDING_SECONDS_MAX + 1)
    house.open()
    house.run(record)

    assert house.ledger.size == 1
    assert values(house.run(lambda s: s.read("S-1"))) == JANE
    if part == "vault":
        assert _kept_fields(house) == len(JANE)


def _kept_fields(house: Any) -> int:
    """How many sealed values the vault holds of what the ledger's recordings name."""
    named = [bytes.fromhex(text) for text in entry(house, 0).fields.values()]
    return len(house.vault.sealed("S-1", named))


def test_a_recording_whose_answer_was_lost_stands(house: Any) -> None:
    """The entry was appended and the process ended: the values are there."""
    fall = lambda: crash_at(house, "vault", "settle", after=False)  # noqa: E731  a step, named
    asyncio.run(started(house, record, fall))
    house.open()
    house.clock.advance(PENDING_SECONDS_MAX + 1)

    assert values(house.run(lambda s: s.read("S-1"))) == JANE


def test_a_vault_that_is_away_for_a_moment(house: Any) -> None:
    """An erasure that could not be carried out is told as temporary, and ended by the next call."""
    house.run(record)

    class Away(Falling):
        """It cannot be written."""

        def __getattr__(self, name: str) -> Any:
            def raising(*_arguments: Any) -> Any:
                raise TemporaryError("The vault is away.")

            return raising if name == self._method else getattr(self._part, name)

    async def work(subjects: Subjects) -> Any:
        folding = subjects._folding
        folding._vault = Away(house.vault, "settle", after=False)
        with pytest.raises(TemporaryError):
            await erase(subjects)
        folding._vault = house.vault
        return await erase(subjects)

    assert house.run(work).position == 1
    assert house.ledger.size == 2


# Order under concurrency.


def test_recordings_and_erasures_at_once(house: Any) -> None:
    """Whatever order they come in, every recording is before its subject's erasure or refused."""

    async def attempt(work: Any) -> Any:
        try:
            return await work
        except Refused as error:
            return error.code

    async def work(subjects: Subjects) -> list[Any]:
        await asyncio.gather(*(record(subjects, f"S-{n}", name=f"Name {n}") for n in range(8)))
        calls = [
            attempt(call)
            for number in range(8)
            for call in (
                record(subjects, f"S-{number}", name=f"Other {number}"),
                erase(subjects, f"S-{number}"),
                record(subjects, f"S-{number}", name=f"Third {number}"),
                subjects.read(f"S-{number}"),
            )
        ]
        return await asyncio.gather(*calls)

    answers = house.run(work)
    codes = [each for each in answers if isinstance(each, str)]
    told = [entry(house, position) for position in range(house.ledger.size)]
    erased_at = {
        each.subject: at for at, each in enumerate(told) if isinstance(each, SubjectErased)
    }

    assert set(codes) == {"SUBJECT_ERASED"}
    assert len(erased_at) == 8
    for at, each in enumerate(told):
        assert isinstance(each, SubjectErased) or at < erased_at[each.subject]


def test_another_process_that_erases_in_between(sqlite_house: Any) -> None:
    """The key tells of an erasure whose entry was not read yet: nothing is sealed or opened."""
    house = sqlite_house
    house.run(record)

    async def work(subjects: Subjects) -> None:
        house.keys.destroy(["S-1"], 0)  # the other process has carried out what we have not read
        for call in (subjects.read("S-1"), record(subjects, name="Jane Roe")):
            with pytest.raises(Refused) as refused:
                await call
            assert refused.value.code == "SUBJECT_ERASED"
        assert (await erase(subjects)).position == 1

    house.run(work)
    assert house.ledger.size == 2


def test_too_many_at_once_are_told_to_come_back(house: Any) -> None:
    """The queue is bounded; who waits is served."""

    async def work(subjects: Subjects) -> list[Any]:
        calls = [subjects.read("S-1") for _ in range(SUBJECT_CALLS_WAITING_MAX + 5)]
        return await asyncio.gather(*calls, return_exceptions=True)

    answers = house.run(work)

    assert sum(isinstance(each, Overloaded) for each in answers) == 5
    assert sum(isinstance(each, Refused) for each in answers) == SUBJECT_CALLS_WAITING_MAX


@pytest.mark.slow
def test_ten_thousand_subjects(many_house: Any) -> None:
    """Each is found; memory does not grow with them; a start looks at nothing twice."""
    house = many_house
    count = 10_000

    async def work(subjects: Subjects) -> int:
        for number in range(500):
            await record(subjects, f"S-{number}", name=f"Somebody {number}")
        tracemalloc.start()
        for number in range(500, count):
            house.clock.advance(0.01)
            await record(subjects, f"S-{number}", name=f"Somebody {number}")
        held = sum(
            trace.size
            for trace in tracemalloc.take_snapshot().filter_traces(
                [tracemalloc.Filter(True, f"*/{room}/*") for room in ("ledger/personal", "keys")]
            ).traces
        )  # fmt: skip
        tracemalloc.stop()
        return held

    held = house.run(work)
    house.open()

    assert held < 256 * 1024
    assert values(house.run(lambda s: s.read("S-9999"))) == {"name": "Somebody 9999"}
    assert house.run(lambda s: erase(s, "S-5000")).position == count
    assert min(house.vault.position(), house.keys.position) == count + 1


# What is refused.


@pytest.mark.parametrize(
    "subject", ["", "Jane Doe", "jane@example.com", "+1", "S" * 65, "S/1", "Ñ", "S-1\n"]
)
def test_a_subject_is_a_pseudonym(house_of_memory: Any, subject: str) -> None:
    """What could be a name or an address is refused everywhere, and not repeated."""
    for work in (
        lambda s: record(s, subject), lambda s: s.read(subject), lambda s: erase(s, subject),
    ):  # fmt: skip
        code, sentence = refusal(house_of_memory, work)
        assert code == "VALUE_NOT_ALLOWED"
        assert not subject or subject not in sentence


@pytest.fixture
def house_of_memory(many_house: Any) -> Any:
    """A house of which only the answers matter."""
    return many_house


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"Name": "x"},
        {"na me": "x"},
        {"": "x"},
        {"n" * 65: "x"},
        {"name": "CANARY" * 683},
        {"name": "é" * 2049},
        {"name": "CANARY\ud800"},
        {f"f{n}": "x" for n in range(33)},
    ],
    ids=[
        "none",
        "upper",
        "space",
        "unnamed",
        "long_name",
        "long",
        "long_utf8",
        "surrogate",
        "many",
    ],
)
def test_fields_have_bounds(house_of_memory: Any, fields: dict[str, str]) -> None:
    """Names of a form, values of a size; the sentence never repeats a value."""
    code, sentence = refusal(
        house_of_memory, lambda s: s.record("S-1", fields, account=None, by="tester")
    )

    assert code == "VALUE_NOT_ALLOWED"
    assert "CANARY" not in sentence
    assert house_of_memory.ledger.size == 0


@pytest.mark.parametrize("reason", ["", " \n", "x" * 501, "\ud800"])
def test_an_erasure_has_a_reason(house_of_memory: Any, reason: str) -> None:
    """One that says something, in bounds; and a legal basis in bounds."""
    house_of_memory.run(record)
    asked: list[dict[str, Any]] = [{"reason": reason}, {"legal_basis": "x" * 201}]

    for more in asked:
        code, _ = refusal(house_of_memory, partial(erase, **more))
        assert code == "VALUE_NOT_ALLOWED"


def test_nothing_personal_gets_into_an_entry(house_of_memory: Any) -> None:
    """A reason, a basis or a pseudonym that repeats a value is refused without repeating it."""
    house_of_memory.run(record)
    told = [
        refusal(house_of_memory, lambda s: erase(s, reason="for jane q. DOE-canary, by letter")),
        refusal(house_of_memory, lambda s: erase(s, legal_basis="jane.canary@example.com wrote")),
        refusal(house_of_memory, lambda s: record(s, "S-4711-x", number="4711")),
    ]

    assert {code for code, _ in told} == {"PERSONAL_DATA"}
    assert all("canary" not in sentence.casefold() for _, sentence in told)
    assert house_of_memory.ledger.size == 1


def test_what_was_never_recorded_cannot_be_erased(house: Any) -> None:
    """Nor read."""
    assert refusal(house, lambda s: erase(s, "S-9"))[0] == "UNKNOWN_SUBJECT"
    assert refusal(house, lambda s: s.read("S-9"))[0] == "UNKNOWN_SUBJECT"
    assert house.ledger.size == 0


def test_a_retention_policy_forbids_an_erasure(house: Any) -> None:
    """Until the duty ends, counted from the last trade of the account; nothing is written."""
    house.retention = Retention((Rule(name="trades", basis="law", years=5, traded=True),))
    house.open()
    house.run(record)
    assert house.run(lambda s: record(s, "S-2", name="Somebody")).position == 1
    year_ns = 366 * 24 * 3600 * NS_PER_SECOND
    house.traded["demo"] = house.clock.now_ns() + year_ns

    code, sentence = refusal(house, erase)
    assert (code, house.ledger.size) == ("ERASURE_FORBIDDEN", 2)
    assert sentence.endswith("The first possible date is 2029-11-15.")
    house.clock.advance(
        (parse_rfc3339("2029-11-15T00:00:00Z") - house.clock.now_ns()) / NS_PER_SECOND
    )
    assert house.run(erase).position == 2


def test_a_largest_subject_can_be_erased(many_house: Any) -> None:
    """As many recordings and names as there may be fit into the entry of its erasure."""
    house = many_house

    async def work(subjects: Subjects) -> Any:
        name = "n" * 60
        for number in range(SUBJECT_RECORDINGS_MAX):
            start = number * 32 % SUBJECT_FIELD_NAMES_MAX
            fields = {f"{name}{n:03}": f"{number}" for n in range(start, start + 32)}
            await subjects.record("S-1", fields, account=None, by="tester")
        for more in ({"one_more_field": "x"}, {f"{name}000": "once more"}):
            with pytest.raises(Refused) as refused:
                await subjects.record("S-1", more, account=None, by="tester")
            assert refused.value.code == "SUBJECT_TOO_LARGE"
        return await erase(subjects, reason="\x01" * 500, legal_basis="\x01" * 200)

    erasure = house.run(work)

    assert len(erasure.positions) == SUBJECT_RECORDINGS_MAX
    assert len(erasure.fields) == SUBJECT_FIELD_NAMES_MAX
    assert len(house.ledger.rows(erasure.position, 1)[0].entry) < ENTRY_BYTES_MAX // 2


@given(
    fields=st.dictionaries(
        st.from_regex(r"\A[a-z][a-z0-9_]{0,63}\Z"),
        st.text(st.characters(exclude_categories=["Cs"]), max_size=1_000),
        min_size=1, max_size=32,
    )
)  # fmt: skip
@settings(
    max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
def test_any_text_comes_back_as_it_was(many_house: Any, fields: dict[str, str]) -> None:
    """Unicode of every kind, the empty text, controls: character for character."""
    subject = f"S-{many_house.ledger.size}"
    told = many_house.run(lambda s: s.record(subject, fields, account=None, by="tester"))

    assert values(told) == fields
    assert values(many_house.run(lambda s: s.read(subject))) == fields


def test_what_is_damaged_is_told_and_can_still_be_erased(sqlite_house: Any, tmp_path: Path) -> None:
    """A changed ciphertext is never shown as a value; recording again mends it; erasing works."""
    house = sqlite_house
    house.run(record)
    house.close()
    connection = apsw.Connection(str(tmp_path / "personal.db"))
    connection.execute("UPDATE personal_fields SET sealed = zeroblob(length(sealed))")
    connection.close()
    house.open()

    with pytest.raises(Corrupt, match="changed or moved"):
        house.run(lambda s: s.read("S-1"))
    assert house.run(record).position == 1
    assert house.run(erase).positions == (0, 1)


def test_values_that_are_missing_are_told(house: Any) -> None:
    """An entry without its values is damage, not an empty answer."""
    house.run(record)
    real = house.vault

    class Emptied(Falling):
        """A vault that lost its rows."""

        def __getattr__(self, name: str) -> Any:
            return (lambda *_: {}) if name == "sealed" else getattr(self._part, name)

    house.subjects._sealing._vault = Emptied(real, "sealed", after=False)
    with pytest.raises(Corrupt, match="lacks values"):
        house.run(lambda s: s.read("S-1"))


def test_the_position_is_kept_now_and_then(house: Any) -> None:
    """A long ledger without subjects is not read again by the next start."""
    house.run(record)

    async def work(_subjects: Subjects) -> None:
        await house.trade(STEP_ENTRIES_MAX)
        await house.subjects._folding.follow()

    house.run(work)
    assert min(house.vault.position(), house.keys.position) == STEP_ENTRIES_MAX + 1


def test_another_ledger_s_values_do_not_open(house: Any) -> None:
    """What was sealed for one origin is nothing in another."""
    house.run(record)
    house.subjects._sealing._origin = "ledger.example/other"

    with pytest.raises(Corrupt, match="changed or moved"):
        house.run(lambda s: s.read("S-1"))


def test_receipts_of_recordings_are_ordinary(house: Any) -> None:
    """Whoever verifies a receipt needs to know nothing of subjects."""
    house.run(record)
    receipt = house.ledger.receipt(0)

    assert isinstance(receipt, Receipt)
    assert verify_receipt(msgspec.json.encode(receipt), house.ledger.vkey).verdict == "clean"
