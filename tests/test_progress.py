from __future__ import annotations

import io
import re
from pathlib import Path

from rich.console import Console

import dmtrack
from dmtrack.progress import ProgressBar, plain_table, print_table


def console(terminal: bool) -> Console:
    return Console(file=io.StringIO(), force_terminal=terminal, width=120, color_system=None)


def written(target: Console) -> str:
    assert isinstance(target.file, io.StringIO)
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", target.file.getvalue())


def test_the_bar_shows_count_unit_rate_and_note() -> None:
    target = console(True)
    with ProgressBar("frames", description="drawing", title="a video", console=target) as bar:
        bar.update(total=8)
        bar.advance()
        bar.advance(3)
        bar.update(note="1/2 seq.")
    assert written(target).startswith("a video\n")
    assert re.search(r"drawing .*4/8 frames \d+\.\d/s 1/2 seq\. \d:\d\d:\d\d left", written(target))


def test_nothing_is_drawn_into_a_file_where_that_is_wished() -> None:
    target = console(False)
    with ProgressBar("crops", 3, console=target, only_on_terminal=True) as bar:
        bar.advance(3)
    assert not bar.drawn and not written(target)


def test_tables_fold_words_and_align_numbers() -> None:
    table = plain_table(["tracker"], ["success", "fps"], title="set")
    table.add_row("mine", "0.5", "12.0")
    target = console(False)
    target.print(table)
    assert [line.rstrip() for line in written(target).splitlines()] == [
        "         set", "tracker  success   fps", "──────────────────────", "mine         0.5  12.0",
    ]  # fmt: skip


def test_a_narrow_terminal_cuts_no_number_that_has_an_interval() -> None:
    table = plain_table(["after"], ["HOTA", "MOTA"], title="held-out target")
    table.add_row("source only", "22.7 (17.3 to 27.9)", "-14.9 (-20.4 to -1.3)")
    target = Console(file=io.StringIO(), force_terminal=False, width=40, color_system=None)
    print_table(table, target)
    text = written(target)
    assert "22.7 (17.3 to 27.9)" in text and "-14.9 (-20.4 to -1.3)" in text and "source" in text
    assert target.width == 40


def test_bar_and_table_style_exist_once() -> None:
    package = Path(dmtrack.__file__).parent
    users = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if re.search(r"rich\.progress|rich\.box", path.read_text(encoding="utf-8"))
    }
    assert users == {"progress.py"}
