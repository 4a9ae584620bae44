"""Documents that cannot lie: their links lead somewhere, and the reference is what the code is."""

import ast
import importlib
import importlib.util
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click
import pytest

import tallystick

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "tallystick"
REFERENCE = ROOT / "docs" / "reference"
BUILT = {".venv", ".venv-local", ".uv", ".tallystick", "node_modules", "dist", "build", "cdk.out"}
BUILT |= {".pytest_cache", ".ruff_cache"}
DOCUMENTS = sorted(p for p in ROOT.rglob("*.md") if not BUILT & set(p.relative_to(ROOT).parts))
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))


@cache
def prose(document: Path) -> str:
    """The document without its code, in which brackets are no links."""
    text = document.read_text(encoding="utf-8")
    text = re.sub(r"^(```|~~~).*?^\1", "", text, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"`[^`\n]*`", "``", text)


@cache
def anchors(document: Path) -> frozenset[str]:
    """What `#...` may name: headings as GitHub makes anchors of them, and explicit ids."""
    text = document.read_text(encoding="utf-8")
    text = re.sub(r"^(```|~~~).*?^\1", "", text, flags=re.MULTILINE | re.DOTALL)
    found: dict[str, int] = {}
    for title in re.findall(r"^#{1,6} +(.*?) *#*$", text, re.MULTILINE):
        slug = re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
        found[slug] = found.get(slug, -1) + 1
    numbered = {
        f"{slug}-{n}" if n else slug for slug, last in found.items() for n in range(last + 1)
    }
    return frozenset(numbered | set(re.findall(r'<a (?:id|name)="([^"]+)"', text)))


def dead_links(document: Path, root: Path = ROOT) -> Iterator[str]:
    """Targets of links and pictures that lead nowhere in this tree."""
    inline = re.findall(r"\]\(<?([^)\s>]+)>?(?: \"[^\"]*\")?\)", prose(document))
    listed = re.findall(r"^\[[^\]]+\]: +<?(\S+?)>?$", prose(document), re.MULTILINE)
    pictures = re.findall(r'<(?:img|source)[^>]* src(?:set)?="([^"]+)"', prose(document))
    for target in [*inline, *listed, *pictures]:
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        aim = (document.parent / path).resolve() if path else document
        known = anchors(aim) if aim.suffix == ".md" and aim.exists() else frozenset([anchor])
        if not aim.exists() or not aim.is_relative_to(root) or (anchor and anchor not in known):
            yield target


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(document: Path) -> None:
    """Relative paths exist in the tree, anchors exist in their documents."""
    assert list(dead_links(document)) == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_a_document_has_one_title(document: Path) -> None:
    """One first-level heading, at the top."""
    text = re.sub(r"^```.*?^```", "", document.read_text(), flags=re.MULTILINE | re.DOTALL)
    titles = re.findall(r"^# .+", text, re.MULTILINE)

    assert len(titles) == 1 or document.parts[-2] in {"requirements", "changelog.d"}


def test_the_dead_link_test_would_notice(tmp_path: Path) -> None:
    """A missing file, a missing anchor and a way out of the tree are all found."""
    document = tmp_path / "page.md"
    document.write_text(
        "# A title\n[ok](#a-title) [no](#b) [gone](gone.md) ![no](../up.png)\n`[x](y)`\n"
    )

    assert list(dead_links(document, tmp_path)) == ["#b", "gone.md", "../up.png"]


# The map in words.


def test_the_architecture_page_places_every_room() -> None:
    """Each folder under src/tallystick has its line in ARCHITECTURE.md."""
    page = (ROOT / "ARCHITECTURE.md").read_text()
    rooms = [p.name for p in SOURCE.iterdir() if p.is_dir() and any(p.glob("*.py"))]

    assert [room for room in rooms if f"`{room}`" not in page and f"`{room}/`" not in page] == []


def test_paths_that_documents_name_exist() -> None:
    """A file or folder named in ARCHITECTURE.md, CONTRIBUTING.md or docs/ is in the tree."""
    pages = [ROOT / "ARCHITECTURE.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
    inside = r"`((?:src|tests|docs|deploy|frontend|benchmarks|requirements)/[\w./-]*)`"
    named = {(page, path) for page in pages for path in re.findall(inside, page.read_text())}
    rooms = "|".join(p.name for p in SOURCE.iterdir() if p.is_dir())
    within = rf"`((?:{rooms})/[\w./-]*|\w+\.py)`"
    named |= {
        (page, f"src/tallystick/{path}")
        for page in pages
        for path in re.findall(within, page.read_text())
    }

    gone = {f"{page.name}: {path}" for page, path in named if not (ROOT / path).exists()}
    assert "\n".join(sorted(gone)) == ""


def test_decisions_are_numbered_and_have_their_parts() -> None:
    """0001, 0002, ... without a gap; each with its state, context, decision and road not taken."""
    numbers = [int(path.name[:4]) for path in DECISIONS]
    parts = ["## Context", "## Decision", "## The road not taken", "## Consequences"]

    assert numbers == list(range(1, len(numbers) + 1))
    for path in DECISIONS:
        text = path.read_text()
        assert text.startswith(f"# {path.name[:4]}: "), path.name
        state = r"^State: (discussion|decided|replaced by \d{4}), \d{4}-\d\d-\d\d$"
        assert re.search(state, text, re.MULTILINE), path.name
        assert [part for part in parts if f"\n{part}\n" not in text] == [], path.name


def test_every_dependency_is_decided() -> None:
    """Each runtime dependency of pyproject.toml has its line in decision 0009."""
    project = (ROOT / "pyproject.toml").read_text()
    block = re.search(r"^dependencies = \[(.*?)^\]", project, re.MULTILINE | re.DOTALL)
    assert block
    page = next(p for p in DECISIONS if p.name.startswith("0009")).read_text()

    wanted = re.findall(r'"([\w.-]+)', block[1])
    assert [name for name in wanted if f"| {name} |" not in page] == []


def test_glossary_terms_are_sorted_and_unique() -> None:
    """One word for one thing: a term is defined once, and found by the alphabet."""
    text = (ROOT / "docs" / "glossary.md").read_text()
    terms = [term.lower() for term in re.findall(r"^\*\*(.+?)\*\*", text, re.MULTILINE)]

    assert terms == sorted(set(terms))


# The reference: generated by `tallystick reference`, never by hand.


@pytest.fixture(scope="session")
def generated(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the code says about itself now: file name to text."""
    if importlib.util.find_spec("tallystick.wiring.reference") is None:
        pytest.skip("tallystick.wiring.reference does not exist yet")
    folder = tmp_path_factory.mktemp("reference")
    command = [sys.executable, "-m", "tallystick", "reference", "--write", str(folder)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    return {path.name: path.read_text() for path in sorted(folder.iterdir())}


def test_the_reference_is_what_the_code_says(generated: dict[str, str]) -> None:
    """Regenerating gives the same bytes: `./tallystick reference --write docs/reference`."""
    written = {path.name: path.read_text() for path in sorted(REFERENCE.glob("*"))}

    assert sorted(written) == sorted(generated)
    assert [name for name in written if written[name] != generated[name]] == []


def test_every_setting_is_in_the_reference(generated: dict[str, str]) -> None:
    """Each field of the settings stands in settings.md under the name a person sets."""
    settings = importlib.import_module("tallystick.wiring.settings").Settings
    names = [f"TALLYSTICK_{field.upper()}" for field in settings.__annotations__]

    assert names
    assert [name for name in names if f"`{name}`" not in generated["settings.md"]] == []


def commands(group: click.Command, path: str = "tallystick") -> Iterator[str]:
    """The full name of every command that does something."""
    if isinstance(group, click.Group):
        for name, command in group.commands.items():
            yield from commands(command, f"{path} {name}")
    else:
        yield path


def test_every_command_is_in_the_reference(generated: dict[str, str]) -> None:
    """Each command of the command line stands in cli.md."""
    names = list(commands(importlib.import_module("tallystick.wiring.cli").main))

    assert names
    assert [name for name in names if name not in generated["cli.md"]] == []


def routes() -> Iterator[str]:
    """Every path that the api room serves, as its source spells it."""
    for module in (SOURCE / "api").rglob("*.py"):
        for node in ast.walk(ast.parse(module.read_text())):
            text = node.value if isinstance(node, ast.Constant) else None
            if isinstance(text, str) and re.fullmatch(r"/(v1|services)/[\w/{}:.-]+", text):
                yield re.sub(r":\w+}", "}", text)


def test_every_route_is_in_the_reference(generated: dict[str, str]) -> None:
    """Each path of the API stands in api.md."""
    paths = set(routes())

    assert paths
    assert [path for path in sorted(paths) if path not in generated["api.md"]] == []


def test_the_version_has_its_changes() -> None:
    """The package's version is a heading of the changelog."""
    assert f"## {tallystick.__version__}" in (ROOT / "CHANGELOG.md").read_text()
