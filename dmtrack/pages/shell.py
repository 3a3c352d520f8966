"""The one shell of all pages: templates, styles and scripts are files in `templates/`; a page is one offline file."""

from __future__ import annotations

import base64
import functools
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

TEMPLATES = Path(__file__).parent / "templates"

VIEWER_PORT = 8765
"""Where `dmtrack serve` listens if nothing else is said; reports link to it."""


@dataclass(frozen=True)
class Cell:
    """One cell of a table.

    Attributes:
        text: what it shows.
        value: what sorting reads instead of the text; an empty string is sorted last.
        note: a smaller line below.
        mark: "best", "second" or "significant".
        title: a longer text, shown where the pointer rests.
        share: in [0, 1], how much of the cell is filled like a bar.
        kind: "text" stands at the left, "code" also in a fixed width.
    """

    text: str
    value: str | None = None
    note: str = ""
    mark: str = ""
    title: str = ""
    share: float | None = None
    kind: str = ""


@dataclass(frozen=True)
class Table:
    """A table: `tables.html` lays it out.

    Attributes:
        caption: stands above.
        titles: of the columns, the first one being that of the row's names.
        rows: names of the rows and their cells.
        texts: titles of the columns that hold words and are sorted upwards first.
        colours: CSS colours by tracker; titles and names of rows that are trackers get a square of theirs.
        sortable: a click on a title sorts.
        tall: scrolls inside, below titles that stay.
        name: id by which a search field finds the table.
    """

    caption: str
    titles: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Cell, ...]], ...]
    texts: tuple[str, ...] = ()
    colours: dict[str, str] | None = None
    sortable: bool = True
    tall: bool = False
    name: str = ""


def render(template: str, **values: Any) -> str:
    """Fills a template, which extends `shell.html`.

    Whatever is not `Markup` is escaped; a value that the template asks for and does not get is an error.
    """
    return _environment().get_template(template).render(**values)


def data_uri(kind: str, content: bytes) -> str:
    """A file that a page can hold; `kind` is its MIME type, such as "image/png"."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def trusted(elements: Iterable[str]) -> list[Markup]:
    """Elements that we made ourselves, such as figures as SVG, and that are not to be escaped."""
    return [Markup(element) for element in elements]


@functools.cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    # Styles and scripts go in as they are: braces in them are no fields of a template.
    environment.globals["inline"] = lambda name: Markup((TEMPLATES / name).read_text(encoding="utf-8"))
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "allow_nan": False}
    return environment
