"""A block of figures in README.md, between two comments that name who writes it."""

from pathlib import Path

README = Path(__file__).resolve().parent / "README.md"


def put(name: str, text: str, readme: Path = README) -> None:
    """Put the text between `<!-- NAME figures: ... -->` and `<!-- end of NAME figures -->`.

    Raises:
        ValueError: the README has no such comments.
    """
    page = readme.read_text()
    begin = page.index(f"<!-- {name} figures:")
    start = page.index("-->", begin) + len("-->\n")
    end = page.index(f"<!-- end of {name} figures -->", start)
    readme.write_text(page[:start] + text.rstrip() + "\n" + page[end:])
