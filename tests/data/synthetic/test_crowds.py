import numpy as np
import pytest

from dmtrack.data.sources.mot_challenge import MOTChallenge
from dmtrack.data.synthetic.crowds import DOMAINS, SyntheticCrowds
from dmtrack.data.writers import WRITERS
from dmtrack.errors import ConfigError


@pytest.fixture(scope="module")
def video():
    return SyntheticCrowds(2, frames=12, seed=3, size_wh=(288, 160))[1]


def test_the_same_seed_gives_the_same_video_whatever_else_is_asked_for(video) -> None:
    again = SyntheticCrowds(5, frames=12, seed=3, size_wh=(288, 160)).videos[1]
    assert list(again.tracks) == list(video.tracks)
    assert all(np.array_equal(again.tracks[one].boxes_xywh, video.tracks[one].boxes_xywh, equal_nan=True)
               for one in video.tracks)  # fmt: skip
    assert np.array_equal(again.read_frame(7), video.read_frame(7))
    other = SyntheticCrowds(2, frames=12, seed=4, size_wh=(288, 160))[1]
    assert not np.array_equal(other.read_frame(7), video.read_frame(7))


def test_boxes_are_inside_and_hidden_figures_keep_theirs(video) -> None:
    assert len(video.tracks) >= DOMAINS["street"].walkers[0]
    for track in video.tracks.values():
        boxes = track.boxes_xywh[track.present]
        assert (boxes[:, :2] >= 0).all()
        assert (boxes[:, :2] + boxes[:, 2:] <= (288, 160)).all()
        assert (boxes[:, 2:] >= 3).all()
        assert np.isnan(track.boxes_xywh[~track.present]).all()
        assert ((track.visibility >= 0) & (track.visibility <= 1)).all()
    seen = np.concatenate([track.visibility[track.present] for track in video.tracks.values()])
    assert (seen > 0.9).mean() > 0.2  # some stand free
    assert (seen < 0.6).any()  # and some behind others


def test_figures_come_and_go() -> None:
    tracks = SyntheticCrowds(1, frames=90, seed=8, size_wh=(192, 112))[0].tracks.values()
    assert any(track.present[0] and not track.present[-1] for track in tracks)
    assert any(not track.present[0] and track.present[-1] for track in tracks)


def test_the_other_domains_are_darker_and_denser() -> None:
    made = {name: SyntheticCrowds(1, frames=3, seed=1, size_wh=(288, 160), domain=name)[0] for name in DOMAINS}
    shown = {name: sum(track.present[1] for track in video.tracks.values()) for name, video in made.items()}
    light = {name: float(video.read_frame(1).mean()) for name, video in made.items()}
    assert shown["station"] > shown["street"]
    assert light["station"] < light["dusk"] < light["street"]


def test_written_videos_are_read_back(video, tmp_path) -> None:
    assert WRITERS["mot"]([video], tmp_path) == [video.name]
    read = MOTChallenge(tmp_path).videos[0]
    assert (read.name, len(read), read.size_wh()) == (video.name, 12, (288, 160))
    assert list(read.tracks) == list(video.tracks)
    for one, track in video.tracks.items():
        assert np.allclose(read.tracks[one].boxes_xywh, track.boxes_xywh, atol=0.006, equal_nan=True)
        assert np.abs(read.tracks[one].visibility - np.where(track.present, track.visibility, 0)).max() < 0.001
        assert read.tracks[one].category == "pedestrian"
    difference = read.read_frame(5).astype(int) - video.read_frame(5)
    assert np.abs(difference).mean() < 6  # JPEG


@pytest.mark.parametrize("wrong", [{"domain": "beach"}, {"count": -1}, {"frames": 0}, {"size_wh": (10, 10)}])
def test_impossible_crowds_are_refused(wrong) -> None:
    with pytest.raises(ConfigError, match="SyntheticCrowds"):
        SyntheticCrowds(**{"count": 1, **wrong})
