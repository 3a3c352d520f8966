"""Which rows of tracks are trusted, and what the published scripts make of their scores."""

from __future__ import annotations

import numpy as np
import pytest

from dmtrack.data.writers.tracking_labels import coco_vid, numbered
from dmtrack.errors import DataError
from dmtrack.evaluation.readers.mot import smooth_tracks
from dmtrack.running.adaptation.pseudo_labels import (
    HIDDEN,
    KEPT,
    LOW_SCORE,
    SHORT_TRACK,
    check_survivors,
    pseudo_labelled,
    reasons_of,
    uncertain_rows,
    visible_shares,
)
from dmtrack.running.adaptation.recipe import Selection


def row(frame, identity, left, top, score, width=10.0, height=20.0):
    return [frame, identity, left, top, width, height, score, 1, 1]


ROWS = np.array(
    [
        row(1, 1, 0, 0, 0.9),
        row(1, 2, 5, 4, 0.8),  # stands before half of the first one
        row(2, 1, 0, 0, 0.9),
        row(2, 2, 50, 4, 1.0),
        row(3, 1, 0, 0, 0.6),
        row(3, 3, 90, 0, 0.95),
    ]
)


def test_rows_are_judged_by_score_length_of_track_and_what_hides_them():
    assert visible_shares(ROWS) == pytest.approx([1 - 5 * 16 / 200, 1, 1, 1, 1, 1])
    rules = Selection(least_score=0.7, least_rows=2, least_visibility=0.65)
    assert reasons_of(ROWS, rules).tolist() == [HIDDEN, KEPT, KEPT, KEPT, LOW_SCORE, SHORT_TRACK]
    video = pseudo_labelled("v", ["1.jpg", "2.jpg", "3.jpg"], (100, 50), ROWS[reasons_of(ROWS, rules) == KEPT])
    assert video.boxes_xywh.tolist() == [[4, 3, 10, 20], [-1, -1, 10, 20], [49, 3, 10, 20]]
    assert video.frames.tolist() == [0, 1, 1]


def test_the_published_rule_takes_scores_for_whole_numbers():
    # 5 of these 6 scores reach 0.7, one is printed as 1.00; what interpolation fills has the score -1 there.
    assert (reasons_of(ROWS, Selection(least_score=0.7)) == KEPT).sum() == 5
    assert (reasons_of(ROWS, Selection(least_score=0.7), published=True) == KEPT).sum() == 1
    filled = ROWS.copy()
    filled[:, 6] = -1
    assert not (reasons_of(filled, Selection(), published=True) == KEPT).any()


def test_what_is_dropped_or_found_alone_becomes_a_region_that_is_ignored(tmp_path):
    reasons = reasons_of(ROWS, Selection(least_score=0.7, least_rows=2, least_visibility=0.65))
    # The first detection is a row of a track that is kept, the second stands alone, the third does so at a low score.
    found = np.array([row(2, -1, 51, 5, 0.8), row(2, -1, 80, 4, 0.5), row(3, -1, 30, 4, 0.1)])
    uncertain = uncertain_rows(ROWS, reasons, found, 0.3)
    assert uncertain[:, [0, 1, 2]].tolist() == [[1, -1, 0], [3, -1, 0], [3, -1, 90], [2, -1, 80]]
    images = [tmp_path / f"{number}.jpg" for number in (1, 2, 3)]
    video = pseudo_labelled("v", images, (100, 50), ROWS[reasons == KEPT], uncertain)
    assert video.ignored.tolist() == [False] * 3 + [True] * 4
    written = coco_vid(numbered([video], with_ignored=True))["annotations"]
    assert [(one["iscrowd"], one["track_id"] > 0) for one in written].count((0, True)) == 3
    assert [(one["iscrowd"], one["track_id"]) for one in written].count((1, -1)) == 4


def test_tracks_without_a_survivor_say_which_threshold_took_them(tmp_path):
    rules = Selection(least_score=0.97, least_rows=4)
    counts = np.bincount(reasons_of(ROWS[:3], rules), minlength=4)
    with pytest.raises(DataError, match=r"survives of 3 rows: selection.least_score 0.97 \(the best score is 0.9\)"):
        check_survivors(counts, 0.9, rules, tmp_path)
    with pytest.raises(DataError, match="holds no track at all"):
        check_survivors(np.zeros(4, np.int64), 0.0, rules, tmp_path)


def test_a_gaussian_process_takes_the_trembling_out_of_a_track():
    rng = np.random.default_rng(1)
    frames = np.arange(1, 41)
    true = np.stack([100 + 3 * np.sin(frames / 9), 50 + 0.0 * frames, 20 + 0.0 * frames, 40 + 0.0 * frames], axis=1)
    rows = np.ones((40, 9))
    rows[:, 0], rows[:, 1], rows[:, 2:6] = frames, 7, true + rng.normal(0, 1, true.shape)
    smooth = smooth_tracks(rows)
    before, after = (np.abs(one[:, 2:6] - true).mean() for one in (rows, smooth))
    assert after < 0.6 * before
    assert np.array_equal(smooth[:, [0, 1, 6]], rows[:, [0, 1, 6]])
