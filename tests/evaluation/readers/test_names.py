"""Names of files find their sequences by declared rules, or not at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmtrack.errors import EvaluationError
from dmtrack.evaluation.readers.names import match_names

OTB = ["Basketball", "FaceOcc1", "Girl", "Girl2", "Human4-2", "Jogging-1", "Jogging-2", "Skating2-1", "Skating2-2"]


@pytest.mark.parametrize(
    ("label", "name", "rule"),
    [
        ("Jogging-1", "Jogging-1", "exact"),
        ("faceocc1", "FaceOcc1", "case"),
        ("jogging_1", "Jogging-1", "separator"),
        ("Jogging.2", "Jogging-2", "separator"),
        ("skating2_1", "Skating2-1", "separator"),
        ("Human4_2", "Human4-2", "separator"),
        ("human4", "Human4-2", "alias"),
        ("otb_Girl2", "Girl2", "prefix"),
        ("Jogging-2_HDT_code", "Jogging-2", "tracker"),
    ],
)
def test_each_rule(label, name, rule):
    matching = match_names([label], OTB, "folder")
    assert matching.found == {name: label} and matching.rules == {name: rule} and not matching.extra
    assert len(matching.notes()) == (rule != "exact")
    assert all(f"{label} -> {name}" in note for note in matching.notes())


@pytest.mark.parametrize("label", ["Jogging", "Girl3", "readme", "Basketball2", "Skating2", "Jogging-1-2"])
def test_what_fits_no_rule_is_left_over(label):
    matching = match_names([label, "Basketball"], OTB, "folder")
    assert matching.found == {"Basketball": "Basketball"} and matching.extra == (label,)


def test_the_name_of_the_tracker_behind_that_of_the_sequence():
    labels = [f"{name}_STRUCK" for name in ("basketball", "girl", "girl2", "jogging-1", "human4-2")]
    matching = match_names(labels, OTB, "folder")
    assert len(matching.found) == 5 and matching.found["Girl"] == "girl_STRUCK" and matching.suffix == "STRUCK"


def test_the_ending_that_most_files_have_is_the_tracker_even_if_one_sequence_is_asked_for():
    labels = [f"{name}_HDT_code" for name in ("girl", "girl2", "jogging-1", "human4-2")]
    assert match_names(labels, ["Girl"], "folder").found == {"Girl": "girl_HDT_code"}
    assert not match_names(["girl_old", "jogging-1", "girl2"], ["Girl"], "folder").found


def test_an_exact_name_goes_before_a_similar_one():
    matching = match_names(["girl", "Girl"], OTB, "folder")
    assert matching.found == {"Girl": "Girl"} and matching.extra == ("girl",)


def test_two_names_for_one_sequence_are_refused():
    with pytest.raises(
        EvaluationError, match=r"folder holds two results that may be of sequence 'Jogging-1' \(jogging"
    ):
        match_names(["jogging_1", "jogging.1"], OTB, "folder")


def test_two_trackers_in_one_folder_are_refused():
    labels = [f"{name}_{tracker}" for name in ("Girl", "Girl2", "FaceOcc1") for tracker in ("ECO", "MEEM")]
    with pytest.raises(EvaluationError, match=r"folder holds results of several trackers \(ECO, MEEM\)"):
        match_names(labels, OTB, "folder")


@given(st.lists(st.text("aA1-_.", min_size=1, max_size=6), unique=True, max_size=12))
def test_no_file_is_lost_or_taken_twice(labels):
    try:
        matching = match_names(labels, ["a", "A-1", "aa", "a_a"], "folder")
    except EvaluationError:
        return
    assert sorted([*matching.found.values(), *matching.extra]) == sorted(labels)
