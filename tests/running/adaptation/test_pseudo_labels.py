"""Which rows of tracks are trusted, the two defects of the published scripts, and the mix of two domains."""

from __future__ import annotations

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
from rich.console import Console

from dmtrack.config import build
from dmtrack.data.writers.tracking_labels import coco_vid, numbered
from dmtrack.errors import DataError
from dmtrack.evaluation.readers.mot import smooth_tracks
from dmtrack.registry import DATASETS
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
from dmtrack.running.adaptation.recipe import Selection, Videos
from dmtrack.running.adaptation.work import duplicated_boxes, mixed_images, write_source


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


def labels(folder, images, boxes):
    """A data set of so many images with so many boxes each."""
    folder.mkdir()
    entries, annotations = [], []
    for number in range(1, images + 1):
        file = folder / f"{number}.png"
        cv2.imwrite(str(file), np.full((24, 32, 3), 50, np.uint8))
        entries.append({"id": number, "file_name": str(file), "width": 32, "height": 24})
        for place in range(boxes):
            box = [4.0 * place, 2.0, 8.0, 10.0]
            annotations.append(
                {"id": len(annotations) + 1, "image_id": number, "category_id": 1, "bbox": box, "area": 80.0}
            )
    path = folder / "labels.json"
    path.write_text(json.dumps({"images": entries, "annotations": annotations, "categories": [{"id": 1, "name": "p"}]}))
    return path


def test_twenty_times_as_often_is_not_twenty_boxes_on_top_of_each_other(tmp_path):
    source, target = labels(tmp_path / "a", 30, 2), labels(tmp_path / "b", 3, 1)
    rng = np.random.default_rng(0)

    def drawn(node, times=300):
        sampler = build(node, DATASETS)
        return np.array([len(sampler.sample(rng).query.boxes_xyxy) for _ in range(times)])

    ours = drawn(mixed_images(source, target, 20.0))
    # 3 images twenty times among 30: two thirds of all draws, every one with its one box.
    assert set(ours.tolist()) == {1, 2} and (ours == 1).mean() == pytest.approx(2 / 3, abs=0.08)
    (tmp_path / "mixed").mkdir()
    published = duplicated_boxes(target, 20, tmp_path / "mixed")
    assert len(json.loads(target.read_text())["annotations"]) == 3
    theirs = drawn(mixed_images(source, published, 1.0))
    # 3 images once among 30: an eleventh of all draws, with one box twenty times.
    assert set(theirs.tolist()) == {2, 20} and (theirs == 20).mean() == pytest.approx(1 / 11, abs=0.05)


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


def test_a_source_without_boxes_is_refused(tmp_path):
    video = tmp_path / "set" / "one"
    (video / "img1").mkdir(parents=True)
    (video / "gt").mkdir()
    cv2.imwrite(str(video / "img1" / "000001.jpg"), np.zeros((24, 32, 3), np.uint8))
    (video / "seqinfo.ini").write_text("[Sequence]\nseqLength=1\nimDir=img1\nimWidth=32\nimHeight=24\n")
    (video / "gt" / "gt.txt").write_text("1,1,3,4,10,12,1,1,0.2\n")
    source = Videos(layout="mot17", root=tmp_path / "set")
    (written,) = write_source(source, tmp_path / "stage", Console(quiet=True))
    assert json.loads(written.read_text())["annotations"][0]["bbox"] == [2, 3, 10, 12]  # from pixel 0 on
    with pytest.raises(DataError, match="has no box to learn from"):
        write_source(replace(source, least_visibility=0.5), tmp_path / "stage", Console(quiet=True))
