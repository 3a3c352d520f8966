"""Whatever numbers are written with whatever separator come back; everything else is an error with its line."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmtrack.errors import EvaluationError
from dmtrack.evaluation.readers.text import SEPARATORS, parse_table

numbers = st.floats(allow_nan=True, allow_infinity=True)
tables = st.integers(1, 6).flatmap(
    lambda columns: st.lists(st.lists(numbers, min_size=columns, max_size=columns), min_size=1, max_size=20)
)
separators = st.sampled_from([*SEPARATORS, ", ", " , ", "  ", ";  "])


@given(tables, separators, st.sampled_from(["\n", "\n\n\n", ""]), st.sampled_from(["", " "]), st.booleans())
def test_numbers_come_back(table, separator, end, indent, closed):
    close = separator.strip(" ") if closed else ""
    text = "\n".join(indent + separator.join(map(repr, row)) + close for row in table) + end
    read = parse_table(text, "file", (len(table[0]),))
    np.testing.assert_array_equal(read.rows, np.array(table))
    assert (read.counts == len(table[0])).all()


@given(st.lists(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=8), min_size=1, max_size=20), separators)
def test_lines_may_differ_in_length_where_asked(table, separator):
    read = parse_table("\n".join(separator.join(map(repr, row)) for row in table), "file")
    assert [row[:count].tolist() for row, count in zip(read.rows, read.counts, strict=True)] == table


@given(tables.filter(lambda table: len(table[0]) > 1), st.integers(0, 19), separators)
def test_a_line_that_is_cut_off_is_found(table, place, separator):
    place %= len(table)
    rows = [separator.join(map(repr, row)) for row in table]
    rows[place] = separator.join(map(repr, table[place][:-1]))
    with pytest.raises(EvaluationError, match=rf"file, line {place + 1}: .* has {len(table[0]) - 1} number"):
        parse_table("\n".join(rows), "file", (len(table[0]),))


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text):
    try:
        read = parse_table(text, "file", (4,))
    except EvaluationError as error:
        assert str(error).startswith("file")
    else:
        assert read.rows.shape[1] == 4


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "file is empty; expected 4 numbers on each line, one line per frame"),
        (" \n\n", "file is empty"),
        ("1,2,3,4\n\n5,6,7,8", "file, line 2 is empty; expected 4 numbers on each line"),
        ("1,2,3,4\n1 2 3 4", "file, line 2: '1 2 3 4' is separated by spaces, lines before it by commas"),
        ("1 2 3 4\n1\t2\t3\t4", "file, line 2: .* is separated by tabs, lines before it by spaces"),
        ("1,2,3,4\n1,2,3\n1,2,3,4", "file, line 2: '1,2,3' has 3 numbers; expected 4 numbers$"),
        ("1,2,3,4\n1,2,3", "file, line 2: '1,2,3' has 3 numbers; expected 4 numbers; the file seems to be cut off"),
        ("1,2,3,4,5", "file, line 1: '1,2,3,4,5' has 5 numbers; expected 4"),
        ("1,2,,4", "file, line 1: '1,2,,4' holds something that is no number"),
        ("x,y,w,h\n1,2,3,4", "file, line 1: 'x,y,w,h' holds something that is no number"),
        ("1,5;2,5;3,5;4,5", "file, line 1: .* holds something that is no number; .* separated by commas"),
        ("1_0,2,3,4", "file, line 1: '1_0,2,3,4' holds something that is no number"),
        ("1|2|3|4", "file, line 1: '1|2|3|4' holds something that is no number"),
    ],
)
def test_what_is_no_table_is_refused_with_its_line(text, says):
    with pytest.raises(EvaluationError, match=says):
        parse_table(text, "file", (4,))
