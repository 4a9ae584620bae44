"""A block of figures in README.md, between two comments that name who writes it."""

from pathlib import Path

README = Path(__file__).resolve().parent / "README.md"


def put(name: str, text: str, readme: Path = README) -> None:
    """Put the text between `<!-- NAME figures: ... -->` and `<!-- end of NAME figures -->`.

    Raises:
        ValueError: the README has no such comments.
    """
    before, begin, rest = readme.read_text().partition(f"<!-- {name} figures:")
    writer, closed, rest = rest.partition("-->")
    _, end, after = rest.partition(f"<!-- end of {name} figures -->")
    if not (begin and closed and end):
        raise ValueError(f"{readme} has lost the markers of the {name} figures")
    readme.write_text(f"{before}{begin}{writer}{closed}\n{text.rstrip()}\n{end}{after}")
