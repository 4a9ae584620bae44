"""The style of the house as tests: what nothing holds is only a wish.

Import directions are contracts in pyproject.toml; here stands what an import graph cannot see.
"""

import ast
import importlib
import os
import pkgutil
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

import tallystick
from tallystick.errors import TallystickError

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "tallystick"
TESTS = ROOT / "tests"
MODULES = sorted(SOURCE.rglob("*.py"))
WRITTEN = [*MODULES, *sorted(TESTS.rglob("*.py")), *sorted((ROOT / "benchmarks").rglob("*.py"))]
ROOMS = sorted(p.name for p in SOURCE.iterdir() if p.is_dir() and any(p.glob("*.py")))
WORDS = sorted(p.stem for p in SOURCE.glob("*.py") if not p.stem.startswith("_"))
TOPOLOGIES = {"single", "cluster", "aws", "sagemaker"}
REGISTRIES = {"BACKENDS", "CHANNELS", "DETECTORS", "ORDERS", "RULES", "SOURCES"}

MODULE_LINES_MAX = 800
FUNCTION_LINES_MAX = 70
FILE_BYTES_MAX = 1_048_576
MOCKS_PER_1000_LINES_MAX = 3


@cache
def parsed(path: Path) -> ast.Module:
    """A module's syntax tree."""
    return ast.parse(path.read_text(encoding="utf-8"))


def place(path: Path, node: ast.stmt | ast.expr | ast.excepthandler) -> str:
    """Where a person finds it."""
    return f"{path.relative_to(ROOT)}:{node.lineno}"


def names(paths: Iterable[Path]) -> str:
    """The paths, one a line: empty when all is well, readable when it is not."""
    return "\n".join(str(path.relative_to(ROOT)) for path in paths)


# The map.


def test_the_rooms_on_disk_are_the_rooms_on_the_map() -> None:
    """The docstring of the package names every folder, and no folder that is not there."""
    on_the_map = re.findall(r"^    (\w+)  +\S", tallystick.__doc__ or "", re.MULTILINE)

    assert sorted(on_the_map) == ROOMS


def test_the_import_contract_names_every_room_and_word() -> None:
    """Layers in pyproject.toml = folders and files on disk: an unnamed module has no direction."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    layers = [
        name for layer in contracts["contracts"][0]["layers"] for name in re.split(r" [|:] ", layer)
    ]

    assert sorted(layers) == sorted([*ROOMS, *WORDS, "__main__"])


def test_the_import_contracts_are_kept() -> None:
    """All arrows point one way, the verifier trusts no store, pure cores do no input or output."""
    linter = Path(sys.executable).with_name("lint-imports")
    run = subprocess.run([linter], cwd=ROOT, capture_output=True, text=True, check=False)

    assert run.returncode == 0, run.stdout + run.stderr


def test_every_test_folder_mirrors_a_room() -> None:
    """Tests of a room stand under its name; journeys and the like cross rooms."""
    folders = {p.name for p in TESTS.iterdir() if p.is_dir() and any(p.rglob("test_*.py"))}

    assert folders <= {*ROOMS, "contracts", "journeys", "simulation", "frontend"}


def test_topologies_are_named_like_their_deployment() -> None:
    """`wiring/single.py` stands beside `deploy/single/`, `wiring/aws` beside `deploy/aws`."""
    wired = {path.stem for path in (SOURCE / "wiring").iterdir()} & TOPOLOGIES
    deployed = {path.name for path in (ROOT / "deploy").iterdir() if path.is_dir()}

    assert wired == deployed


# Rules that one node of a syntax tree can break.


def imports(node: ast.AST, module: str) -> bool:
    """`import module`, `import module.x` or `from module import ...`."""
    if isinstance(node, ast.Import):
        return any(name.name.split(".")[0] == module for name in node.names)
    return isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == module


def takes(node: ast.AST, module: str, *names: str) -> bool:
    """`module.name`, or `from module import name`, for one of the names."""
    if isinstance(node, ast.ImportFrom):
        return node.module == module and any(alias.name in names for alias in node.names)
    return isinstance(node, ast.Attribute) and ast.unparse(node) in {
        f"{module}.{name}" for name in names
    }


def reads_the_environment(node: ast.AST) -> bool:
    """Settings have one reader."""
    return takes(node, "os", "environ", "environb", "getenv", "getenvb")


def knows_the_time(node: ast.AST) -> bool:
    """Time comes in as a `Clock`."""
    reading = isinstance(node, ast.Attribute) and (
        node.attr in {"now", "utcnow", "today", "TimeStamper"}
        or (node.attr == "time" and ast.unparse(node.value).endswith(("loop", "loop()")))
    )
    return imports(node, "time") or waits(node) or reading


def waits(node: ast.AST) -> bool:
    """`asyncio.sleep` of anything but 0, which only gives way to others."""
    if isinstance(node, ast.Call):
        return ast.unparse(node.func) == "asyncio.sleep" and ast.unparse(node) != "asyncio.sleep(0)"
    return isinstance(node, ast.ImportFrom) and takes(node, "asyncio", "sleep")


def makes_secrets(node: ast.AST) -> bool:
    """Unguessable bits come from `ids.new_secret`, keys from the keys room."""
    system = takes(node, "random", "SystemRandom") or takes(node, "os", "urandom", "getrandom")
    return imports(node, "secrets") or imports(node, "uuid") or system


def rolls_hidden_dice(node: ast.AST) -> bool:
    """Chance is an argument; only its type, `random.Random`, is everybody's."""
    if isinstance(node, ast.ImportFrom):
        return node.module == "random" and any(alias.name != "Random" for alias in node.names)
    return (
        isinstance(node, ast.Attribute)
        and ast.unparse(node.value) == "random"
        and node.attr != "Random"
    )


def makes_dice(node: ast.AST) -> bool:
    """A generator is made, and seeded, where everything is put together."""
    return isinstance(node, ast.Call) and ast.unparse(node.func) in {"random.Random", "Random"}


def has_no_bound(node: ast.AST) -> bool:
    """A queue without a size, whether it is made here or by a factory."""
    if isinstance(node, ast.keyword):
        return node.arg == "default_factory" and _queue(node.value) is not None
    kind = _queue(node.func) if isinstance(node, ast.Call) else None
    if not isinstance(node, ast.Call) or kind is None:
        return False
    size_at = 1 if kind == "deque" else 0
    sizes = [k.value for k in node.keywords if k.arg in {"maxsize", "maxlen"}]
    sizes += node.args[size_at : size_at + 1]
    return not sizes or ast.unparse(sizes[0]) in {"0", "None"}


def _queue(function: ast.expr) -> str | None:
    bare = function.value if isinstance(function, ast.Subscript) else function
    name = ast.unparse(bare).rpartition(".")[2]
    return name if name in {"Queue", "LifoQueue", "PriorityQueue", "SimpleQueue", "deque"} else None


def catches_everything(node: ast.AST) -> bool:
    """A broad `except` that does not end in a bare `raise`; a broad `suppress`."""
    if isinstance(node, ast.ExceptHandler):
        caught = ast.unparse(node.type) if node.type else "BaseException"
        passed_on = ast.unparse(node.body[-1]) == "raise"
        return not passed_on and re.search(r"\b(Base)?Exception\b", caught) is not None
    suppressed = isinstance(node, ast.Call) and ast.unparse(node.func).endswith("suppress")
    return suppressed and re.search(r"\b(Base)?Exception\b", ast.unparse(node)) is not None


@dataclass(frozen=True)
class Rule:
    """What no module may do, but the allowed ones or a line that carries the excuse."""

    offends: Callable[[ast.AST], bool]
    example: str
    allowed: tuple[str, ...] = ()
    excuse: str | None = None

    def offences(self) -> Iterator[str]:
        """Where the tree breaks the rule."""
        for path in MODULES:
            if not path.relative_to(SOURCE).as_posix().startswith(self.allowed or ("\0",)):
                lines = path.read_text(encoding="utf-8").splitlines()
                for node in ast.walk(parsed(path)):
                    if self.offends(node) and not self._excused(node, lines):
                        yield place(path, node)  # type: ignore[arg-type]  # only placed nodes offend

    def _excused(self, node: ast.AST, lines: list[str]) -> bool:
        first, last = getattr(node, "lineno", 1), getattr(node, "end_lineno", 1)
        last = first if isinstance(node, ast.ExceptHandler) else last
        return self.excuse is not None and self.excuse in "\n".join(lines[first - 1 : last])


RULES = {
    "only wiring reads the environment": Rule(
        reads_the_environment, "import os; os.environ['HOME']", ("wiring/",)
    ),
    "only clock.py knows the time": Rule(knows_the_time, "datetime.now(UTC)", ("clock.py",)),
    "only ids.py and keys make secrets": Rule(
        makes_secrets, "from secrets import token_hex", ("ids.py", "keys/")
    ),
    "chance is an argument": Rule(rolls_hidden_dice, "import random; random.gauss(0, 1)"),
    "only wiring makes and seeds a generator": Rule(makes_dice, "random.Random(7)", ("wiring/",)),
    "every queue is bounded": Rule(
        has_no_bound, "asyncio.Queue[int](maxsize=0)", excuse="# bounded by: "
    ),
    "only an outermost loop catches everything": Rule(
        catches_everything, "try: ...\nexcept (OSError, Exception): ...", excuse="outermost loop"
    ),
}


@pytest.mark.parametrize("name", RULES)
def test_the_rule_is_kept(name: str) -> None:
    """No module does what the rule forbids."""
    assert "\n".join(RULES[name].offences()) == ""


@pytest.mark.parametrize("name", RULES)
def test_the_rule_would_notice(name: str) -> None:
    """The rule sees its own bad example, so that its silence means something."""
    assert any(RULES[name].offends(node) for node in ast.walk(ast.parse(RULES[name].example)))


# Names and sizes.


def test_no_module_is_a_drawer() -> None:
    """A helper is named by its one idea, or belongs to its only caller."""
    drawers = {"utils", "util", "common", "helpers", "helper", "misc", "tools", "shared"}

    assert names(p for p in WRITTEN if drawers & {p.stem, *p.relative_to(ROOT).parts}) == ""


def test_no_module_is_two_ideas() -> None:
    """A file over the limit is two ideas."""
    long = (p for p in WRITTEN if len(p.read_bytes().splitlines()) > MODULE_LINES_MAX)

    assert names(long) == ""


def test_no_function_is_two_thoughts() -> None:
    """A function fits a screen."""
    functions = (
        (path, node)
        for path in WRITTEN
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    long = [
        f"{place(path, node)} {node.name}"
        for path, node in functions
        if (node.end_lineno or 0) - node.lineno >= FUNCTION_LINES_MAX
    ]

    assert "\n".join(long) == ""


def test_the_mock_budget() -> None:
    """Real parts before mocks: at most three uses in a thousand lines of tests."""
    text = "\n".join(p.read_text() for p in TESTS.rglob("*.py") if p != Path(__file__).resolve())
    uses = re.findall(r"\b(?:Magic|Async)?Mock\(|\bmock\.patch|@patch\b|monkeypatch\.setattr", text)

    assert len(uses) * 1_000 <= MOCKS_PER_1000_LINES_MAX * text.count("\n")


# Registries and errors.


def registries() -> Iterator[tuple[str, Path, str]]:
    """(name, module, key) of every line of every registry: `CHANNELS = {"webhook": ...}`."""
    for path in MODULES:
        for node in parsed(path).body:
            targets = node.targets if isinstance(node, ast.Assign) else []
            targets = [node.target] if isinstance(node, ast.AnnAssign) else targets
            for name in {ast.unparse(target) for target in targets} & REGISTRIES:
                parts = path.relative_to(SOURCE.parent).with_suffix("").parts
                dotted = ".".join(parts).removesuffix(".__init__")
                for key in getattr(importlib.import_module(dotted), name):
                    yield name, path, key if isinstance(key, str) else key.__name__


def test_every_line_of_a_registry_is_tested() -> None:
    """Some test of the room names the key: a new channel, rule or backend without one fails."""
    untested = []
    for name, path, key in registries():
        room = path.relative_to(SOURCE).parts[0]
        texts = (p.read_text() + p.stem for p in (TESTS / room).rglob("test_*.py"))
        if not any(re.search(rf"(\b|_){re.escape(key)}(\b|_)", text) for text in texts):
            untested.append(f"{name}[{key!r}] of {path.relative_to(ROOT)}")

    assert "\n".join(untested) == ""


def every_error() -> Iterator[type[TallystickError]]:
    """Every subclass of the root, after every module has been imported."""
    for module in pkgutil.walk_packages(tallystick.__path__, "tallystick."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    waiting = TallystickError.__subclasses__()
    while waiting:
        kind = waiting.pop()
        waiting += kind.__subclasses__()
        if kind.__module__.startswith("tallystick."):
            yield kind


def test_every_error_explains_itself() -> None:
    """An error's docstring is its default message."""
    silent = [kind for kind in every_error() if not (vars(kind).get("__doc__") or "").strip()]

    assert silent == []


def test_every_error_has_a_status() -> None:
    """`api.problems.STATUS` names each error or a nearer ancestor than the root."""
    status: dict[type, int] = importlib.import_module("tallystick.api.problems").STATUS
    answered = set(status) - {TallystickError}
    unanswered = [kind for kind in every_error() if not answered & set(kind.__mro__)]

    assert unanswered == []
    assert all(400 <= code < 600 for code in status.values())


# What lies in the tree.


@cache
def tree() -> tuple[Path, ...]:
    """Every file that git has or would take."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("this is no git checkout: " + listed.stderr.decode())
    names = listed.stdout.decode().rstrip("\0").split("\0")
    return tuple(path for path in (ROOT / name for name in names) if path.is_file())


def test_no_file_is_large() -> None:
    """Data stays outside, what is built is never committed."""
    assert names(path for path in tree() if path.stat().st_size > FILE_BYTES_MAX) == ""


def test_no_file_names_where_packages_come_from() -> None:
    """Pins are hashes; the machine says which registry or mirror it trusts."""
    hosts = [
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("npmjs", "org"),
        ("npmjs", "com"),
        ("npmmirror", "com"),
        ("yarnpkg", "com"),
        ("anaconda", "org"),
        ("crates", "io"),
        ("proxy", "golang", "org"),
    ]
    named = [rf"\b{re.escape('.'.join(parts))}\b" for parts in hosts]
    told = [r"--(extra-)?index[-]url", r"--find[-]links", r"https?://[^\s\"')]+/simpl[e]\b"]
    locked = r'"resolved"[:]\s*"[a-z+]+://'
    pattern = re.compile("|".join([*named, *told, locked]).encode())

    assert names(path for path in tree() if pattern.search(path.read_bytes())) == ""


def test_the_license_stands_in_full() -> None:
    """Apache-2.0 with its terms and its appendix."""
    text = (ROOT / "LICENSE").read_text()

    assert "Apache License\n                           Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text
    assert "APPENDIX: How to apply" in text


def test_what_starts_is_executable() -> None:
    """`./tallystick` and `.ci/run` are called by name."""
    assert all(os.access(ROOT / name, os.X_OK) for name in ("tallystick", ".ci/run"))
