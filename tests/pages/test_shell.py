from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import jinja2
import pytest

from dmtrack.pages.shell import TEMPLATES, Cell, Table, data_uri, render

HOSTILE = '<script>alert("&")</script>'


def timeline(**changes: object) -> str:
    values = {
        "title": HOSTILE, "view": {"margin": "margin", "meaning": "how sure it is"},
        "summary": HOSTILE, "last": 3, "picture": data_uri("image/png", b"png"), "losses": [],
        "pictured": [], "told": [], "samples": [], "data": {"events": [[1, HOSTILE]], "iou": None},
    }  # fmt: skip
    return render("timeline.html", **{**values, **changes})


def test_what_comes_from_outside_is_escaped_in_text_and_in_scripts() -> None:
    page = timeline()
    assert HOSTILE not in page
    assert page.count("&lt;script&gt;alert(&#34;&amp;&#34;)&lt;/script&gt;") == 3
    data = re.search(r"const timeline = (.*);\n", page)
    assert data is not None and json.loads(data.group(1)) == {"events": [[1, HOSTILE]], "iou": None}


def test_a_page_is_one_file_with_style_and_script_as_they_are() -> None:
    page = timeline()
    for name in ("shell.css", "timeline.css", "timeline.js"):
        assert (TEMPLATES / name).read_text(encoding="utf-8") in page
    assert page.startswith("<!doctype html>\n") and page.endswith("</html>\n") and "data:image/png;base64,cG5n" in page
    for path in TEMPLATES.iterdir():
        assert not re.search(r"https?://|@import|<link|src=\"/", path.read_text(encoding="utf-8")), path.name


def test_a_value_that_is_missing_or_no_json_is_an_error() -> None:
    with pytest.raises(jinja2.UndefinedError, match="title"):
        render("timeline.html")
    with pytest.raises(ValueError, match="JSON"):
        timeline(data={"iou": float("nan")})


def test_cells_carry_value_mark_note_and_bar() -> None:
    cells = (
        Cell("0.5", "0.500000", note="0.4 to 0.6", mark="best"),
        Cell("0.25", share=0.25),
        Cell("+3", mark="significant", title=HOSTILE),
        Cell("ab12", kind="code"),
    )
    shown = Table("caption", ("tracker", "a", "b", "c", "d"), (("x<y", cells),), ("tracker", "d"), {"x<y": "#123456"})
    template = jinja2.Environment(loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True)
    text = template.from_string('{% from "tables.html" import table %}{{ table(shown) }}').render(shown=shown)
    assert '<i class="swatch" style="background:#123456"></i>x&lt;y</th>' in text
    assert '<td data-value="0.500000"><span class="best">0.5</span><small>0.4 to 0.6</small></td>' in text
    assert '<td class="filled" style="--share:25.0%">0.25</td>' in text
    assert re.search(r'<td class="significant" title="[^<>]+">\+3</td>', text) and HOSTILE not in text
    assert '<td class="text"><code>ab12</code></td>' in text and text.count('data-first="descending"') == 3


def test_the_package_carries_its_templates() -> None:
    project = Path(__file__).resolve().parents[2] / "pyproject.toml"
    data = tomllib.loads(project.read_text(encoding="utf-8"))["tool"]["setuptools"]["package-data"]["dmtrack"]
    assert f"pages/{TEMPLATES.name}/*" in data
