import pickle

import numpy as np
import pytest

from dmtrack.data.synthetic.sequences import SyntheticSequences
from dmtrack.data.synthetic.video import TARGET
from dmtrack.errors import ConfigError

SIZE_WH = (224, 128)


def sequences(count=3, frames=12, seed=7, **arguments):
    return SyntheticSequences(count, frames, seed, SIZE_WH, **arguments)


def test_frames_do_not_depend_on_the_order_of_reading():
    forward = [sequences()[1].read_frame(frame) for frame in range(12)]
    again = sequences()[1]
    for frame in (11, 3, 7, 3, 0):
        assert again.read_frame(frame).tobytes() == forward[frame].tobytes()


def test_a_sequence_depends_on_seed_and_number_but_not_on_the_length_of_the_list():
    one, other = sequences(count=2)[1], sequences(count=30)[-29]
    assert one.name == other.name == "synthetic_plain_0001"
    np.testing.assert_array_equal(one.boxes_xywh, other.boxes_xywh)
    assert one.read_frame(5).tobytes() == other.read_frame(5).tobytes()
    assert one.read_frame(5).tobytes() != sequences()[2].read_frame(5).tobytes()
    assert one.read_frame(5).tobytes() != sequences(seed=8)[1].read_frame(5).tobytes()


def test_it_is_a_list():
    videos = sequences(distractors=2)
    assert len(videos) == 3
    assert [video.name for video in videos] == [f"synthetic_distractors_{number:04d}" for number in range(3)]
    with pytest.raises(IndexError):
        videos[3]
    with pytest.raises(IndexError):
        videos[0].read_frame(12)


def test_frames_and_boxes_fit_together():
    for video in sequences(count=10, frames=30, distractors=1, absence=0.5):
        assert len(video) == 30 and video.frame_size_wh == SIZE_WH
        assert video.present[0]
        frame = video.read_frame(29)
        assert frame.shape == (128, 224, 3) and frame.dtype == np.uint8
        absent = ~video.present
        assert np.isnan(video.boxes_xywh[absent]).all() and (video.cover[absent] == 0).all()
        left, top, width, height = video.boxes_xywh[video.present].T
        assert (left >= 0).all() and (top >= 0).all() and (width > 0).all() and (height > 0).all()
        assert (left + width <= 224).all() and (top + height <= 128).all()
        assert video.cover[0] >= 6 and video.cover.max() <= 8 and (video.cover[video.present] >= 1).all()


def test_the_target_leaves_and_returns_where_asked_for():
    always = [video.present for video in sequences(6, 60, absence=1.0, occlusion=0.0)]
    assert all(not present.all() for present in always)
    assert sum(present[-1] for present in always) >= 5
    never = [video.present for video in sequences(6, 60, absence=0.0, occlusion=0.0)]
    assert all(present.all() for present in never)


def test_presence_follows_the_visible_share():
    videos = sequences(8, 60, absence=0.5, occlusion=1.0)
    shares = {0: [], 1: []}
    for number in range(8):
        rendered = videos._video(number)
        for frame, present in enumerate(videos[number].present):
            visible = np.count_nonzero(rendered.canvas(frame).owner == TARGET)
            shares[int(present)].append(
                visible / (rendered.target.patch.area * rendered.target.placement(frame).scale ** 2)
            )
    assert max(shares[0]) < 0.2 <= min(shares[1])


def test_boxes_move_smoothly():
    for video in sequences(6, 60, absence=0.0, occlusion=0.0):
        centres = video.boxes_xywh[:, :2] + video.boxes_xywh[:, 2:] / 2
        steps = np.hypot(*np.diff(centres, axis=0).T)
        assert 0.3 < steps.max() < 30


def test_distractors_cross_the_target():
    videos = sequences(8, 60, distractors=2, absence=0.0)
    nearest = []
    for number in range(8):
        video = videos._video(number)
        others = [track for track in (*video.below, *video.above) if track.elastic.any()]
        assert len(others) >= 1
        gaps = [np.hypot(*(track.centres_xy - video.target.centres_xy).T) / video.target.sizes for track in others]
        nearest.append(min(gap.min() for gap in gaps))
    assert np.median(nearest) < 1.2


def test_the_number_of_distractors_keeps_the_target():
    plain, crowded = sequences()[0], sequences(distractors=3)[0]
    assert plain.read_frame(0).tobytes() != crowded.read_frame(0).tobytes()


def test_sequences_can_be_sent_to_other_processes():
    video = sequences(2, 4)[0]
    copy = pickle.loads(pickle.dumps(video))
    assert copy.read_frame(2).tobytes() == video.read_frame(2).tobytes()


def test_bad_arguments_are_refused():
    with pytest.raises(ConfigError, match="frames is 0"):
        SyntheticSequences(2, 0)
    with pytest.raises(ConfigError, match=r"absence is 2"):
        SyntheticSequences(2, 5, absence=2.0)
    with pytest.raises(ConfigError, match="at least 64"):
        SyntheticSequences(2, 5, size_wh=(32, 256))
