from __future__ import annotations

import re
import time
from array import array
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dmtrack.association.detections import Decision, Detections, TrackletView
from dmtrack.association.policies.distractor_aware import DistractorAware, DistractorAwarePolicy
from dmtrack.association.timeline import Timeline, TimelineRecorder
from dmtrack.media.images import encode_jpeg, read_image
from dmtrack.pages.timeline.lanes import Columns, lanes_of
from dmtrack.pages.timeline.page import write_timeline
from dmtrack.pages.timeline.picture import CHOSEN, WRONG, draw_timeline
from dmtrack.pages.timeline.reasons import losses_of, summary

SIDE = 16.0
VIEW = DistractorAware.timeline_view
assert VIEW is not None


@pytest.fixture
def timeline() -> Timeline:
    """The target moves right, is out of sight in frames 10 to 19, and comes back elsewhere; a look-alike stays."""
    policy, decisions, truth = DistractorAwarePolicy(), [], []
    for frame in range(30):
        target = [frame * 1.0, 20, 16, 16] if frame < 10 else [150.0 + frame, 60, 16, 16]
        away = 10 <= frame < 20
        things = [[100.0, 20, 16, 16]] if away else [target, [100.0, 20, 16, 16]]
        observation = Detections.from_xywh(np.array(things), np.array([0.3] if away else [0.9, 0.3]))
        truth.append([np.nan] * 4 if away else target)
        decisions.append(policy.start(target, None, observation) if frame == 0 else policy.step(observation))
    return Timeline.of("out <and> back", VIEW, decisions, np.array(truth))


def told(
    chosen: int | None,
    places: dict[int, float],
    present: bool = True,
    target: int = 0,
    events: tuple[str, ...] = (),
) -> Decision:
    """A decision on tracklets at places on a line, of which one is the answer."""
    ids = np.array(list(places), np.int64)
    boxes = np.array([[x, 0.0, SIDE, SIDE] for x in places.values()]).reshape(-1, 4)
    zeros = np.zeros(len(ids))
    view = TrackletView(ids, boxes, zeros, np.full(len(ids), 0.8), np.zeros(len(ids), np.int64))
    box = np.array([900.0, 0, SIDE, SIDE]) if chosen is None else np.array([places[chosen], 0, SIDE, SIDE])
    return Decision(box, 0.8 if present else 0.1, present, Detections.nothing(), target, 5.0, events, view)


def test_the_legend_names_an_absence_only_where_there_is_one(timeline: Timeline) -> None:
    always = replace(timeline, truth_xywh=np.nan_to_num(timeline.truth_xywh))
    words = [
        {text.get_text() for legend in draw_timeline(one).legends for text in legend.get_texts()}
        for one in (timeline, always)
    ]
    assert words[0] - words[1] == {"is absent"}


def test_what_can_be_read_from_it(timeline: Timeline) -> None:
    assert timeline.truth_iou[5] == pytest.approx(1.0)
    assert np.isnan(timeline.truth_iou[10:20]).all()
    assert timeline.truth_iou[29] == pytest.approx(1.0)
    assert not timeline.present[12:20].any()
    target, look_alike, back = lanes_of(timeline.sightings, timeline.target_ids)
    assert [lane.true.mean() for lane in (target, look_alike, back)] == [1.0, 0.0, 1.0]
    assert target.frames.tolist() == list(range(10))
    assert [event.frame for event in timeline.events if "out of sight" in event.text] == [21]
    # While the target is away, the guess is the look-alike: its lane gets the answer, the target's the waiting.
    assert timeline.answer_ids[15] == look_alike.tracklet_id and timeline.target_ids[15] == target.tracklet_id
    assert not losses_of(timeline)


def test_every_kind_of_loss_is_told_apart() -> None:
    """The target goes on at x = frame as tracklet 0, then as 1; each stretch of five frames is lost another way."""
    decisions, truth = [], []
    for frame in range(35):
        x = float(frame)
        truth.append([x, 0, SIDE, SIDE])
        if frame < 5:
            decision = told(0, {0: x, 2: 300.0})
        elif frame < 10:
            decision = told(2, {1: x, 2: 300.0}, target=2, events=("changed: 2 it is",) if frame == 5 else ())
        elif frame < 15:
            decision = told(1, {1: x, 2: 300.0}, target=1, events=("changed: 1 it is",) if frame == 10 else ())
        elif frame < 20:
            decision = told(None, {2: 300.0}, target=1)
        elif frame < 25:
            decision = told(1, {1: x}, target=1)
        elif frame < 30:
            decision = told(3, {1: x, 3: 500.0}, present=False, target=9)
        else:
            decision = told(1, {1: x}, present=False, target=1)
        decisions.append(decision)
    timeline = Timeline.of("losses", VIEW, decisions, np.array(truth))
    mistaken, undetected, unseen = losses_of(timeline)
    assert (mistaken.first, mistaken.last) == (5, 9)
    assert mistaken.text.startswith("changed: 2 it is; another thing was taken for it: it is tracklet 1 (score 0.80)")
    assert mistaken.ending == "ends in frame 10: changed: 1 it is"
    assert (undetected.first, undetected.last) == (15, 19)
    assert undetected.text == "nothing was found on it, while its tracklet 1 was last seen in frame 14"
    assert undetected.ending == "right again in frame 20, in tracklet 1"
    assert (unseen.first, unseen.frames, unseen.ending) == (25, 10, "to the end")
    assert "seen, but not taken for the target: it is tracklet 1" in unseen.text
    assert "(5 frames; in 5 the box is right, but the target was said absent)" in unseen.text
    assert "Lost in 20 frames" in summary(timeline) and "Said absent in 10, though it was there in 10" in summary(
        timeline
    )


def test_wrong_answers_are_red_in_the_lane_that_was_the_answer() -> None:
    decisions = [told(0 if frame < 20 else 1, {0: 0.0, 1: 300.0}, target=0 if frame < 20 else 1) for frame in range(40)]
    timeline = Timeline.of("red", VIEW, decisions, np.tile([0.0, 0, SIDE, SIDE], (40, 1)))
    image = draw_timeline(timeline).axes[0].images[0].get_array()
    assert image is not None
    shades = np.asarray(image)

    def nearest(row: int, column: int) -> str:
        colours = {name: np.array([int(name[at : at + 2], 16) / 255 for at in (1, 3, 5)]) for name in (CHOSEN, WRONG)}
        return min(colours, key=lambda name: float(np.abs(shades[row, column] - colours[name]).sum()))

    assert nearest(2, 5) == CHOSEN and nearest(2, 30) == WRONG  # the line of answers
    assert nearest(7, 5) == CHOSEN and nearest(12, 30) == WRONG  # the lanes of tracklets 0 and 1
    assert (
        shades[9, :, 2] > shades[9, :, 0]
    ).all()  # the blue rule under tracklet 0, which is on the target throughout


def test_picture_and_page_are_written(timeline: Timeline, tmp_path: Path) -> None:
    frame = np.full((120, 220, 3), 90, np.uint8)
    picture, page = write_timeline(timeline, tmp_path, lambda _: frame)
    assert read_image(picture).shape[1] > 1000
    text = page.read_text(encoding="utf-8")
    assert "out &lt;and&gt; back" in text and "out <and>" not in text
    assert "the target is" in text
    assert text.count("data:image/jpeg") == 2 * len(timeline.events)
    assert "http://" not in text and "https://" not in text
    assert "NaN" not in text.split("<script>")[1] and "Infinity" not in text.split("<script>")[1]


def test_frames_are_kept_only_where_something_happens(tmp_path: Path) -> None:
    calls = []
    recorder = TimelineRecorder(VIEW, most_pictures=3)

    def encoder(frame: int) -> bytes:
        calls.append(frame)
        return encode_jpeg(np.full((24, 32, 3), frame, np.uint8))

    for frame in range(100):
        events = ("changed",) if frame in (10, 20, 21, 60, 90) else ()
        recorder.add(told(0, {0: 0.0}, events=events), encode=lambda frame=frame: encoder(frame))  # type: ignore[misc]
    assert calls[7:] == [9, 10, 19, 20, 20, 21, 59, 60, 89, 90] and calls[:7] == [0, 1, 2, 3, 4, 6, 8]
    timeline = recorder.timeline("kept")
    # The choices of frames 20 and 10 lasted shortest.
    assert [event.frame for event in timeline.events if event.after is not None] == [21, 60, 90]
    _, page = write_timeline(timeline, tmp_path, stem="timeline")
    text = page.read_text(encoding="utf-8")
    assert page.name == "timeline.html" and text.count("data:image/jpeg") == 6
    assert text.count("changed") >= 5


@pytest.mark.parametrize("again", [False, True], ids=["kept frames", "read frames"])
def test_without_truth_and_changes_a_page_shows_frames_and_does_not_speak_of_truth(tmp_path: Path, again: bool) -> None:
    recorder, frame = TimelineRecorder(VIEW), np.full((24, 32, 3), 90, np.uint8)
    for _ in range(100):
        recorder.add(told(0, {0: 0.0}), encode=lambda: encode_jpeg(frame))
    timeline = recorder.timeline("calm")
    assert list(timeline.snapshots) == [0, 32, 64, 96]
    _, page = write_timeline(timeline, tmp_path, (lambda _: frame) if again else None)
    text = page.read_text(encoding="utf-8").partition("<script>")[0]
    assert text.count("data:image/jpeg") == 4 and "Nothing: one tracklet" in text
    words = re.sub(r'"data:[^"]*"', "", text.partition("<main>")[2])
    assert not re.search(r"IoU|truth|wrong", words)


def test_a_long_sequence_takes_little_memory_and_draws_quickly() -> None:
    recorder = TimelineRecorder(VIEW)
    places = {number: 40.0 * number for number in range(30)}
    for frame in range(20_000):
        target = frame // 400
        decision = told(target % 30, places, target=target % 30, events=("changed",) if frame % 400 == 0 else ())
        recorder.add(decision, np.array([0.0, 0, SIDE, SIDE]))
    size = sum(len(value) * value.itemsize for value in vars(recorder).values() if isinstance(value, array))
    assert size < 300 * 20_000
    timeline = recorder.timeline("long")
    begun = time.perf_counter()
    figure = draw_timeline(timeline)
    assert time.perf_counter() - begun < 20
    width, height = figure.get_size_inches()
    assert (width, height < 14) == (13.0, True)


def test_a_column_of_several_frames_shows_what_lasted_one() -> None:
    columns = Columns(2500, most=1000)
    mask = np.zeros(2500, bool)
    mask[1234] = True
    assert columns.any(mask).sum() == 1
    values = np.zeros(2500)
    values[77] = 1.0
    assert (columns.highest(values).max(), columns.lowest(-values).min()) == (1.0, -1.0)
    assert columns.centres[0] < 2 and columns.centres[-1] > 2497
