"""Data sets of many objects in their published layouts, made small."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat
from typer.testing import CliRunner

from dmtrack.cli.main import app
from dmtrack.data.doctor import sheet
from dmtrack.data.labelled_sets import LABELLED_SETS
from dmtrack.data.sources import CocoVID, JDELabels
from dmtrack.errors import DataError
from dmtrack.media.images import read_image, write_image


def image(path, size_wh=(200, 100)):
    write_image(path, np.full((size_wh[1], size_wh[0], 3), 90, np.uint8))


def struct(**fields):
    """A MATLAB struct; its values may be lists of structs, which become arrays of them."""
    made = np.zeros((1,), [(name, object) for name in fields])
    for name, value in fields.items():
        made[0][name] = np.concatenate(value) if isinstance(value, list) and value else value
    return made


def motsynth(root):
    root.mkdir(exist_ok=True)
    for frame in range(2):
        image(root / "frames/003/rgb" / f"{frame:04d}.jpg")
    box = {"bbox": [10, 20, 30, 40], "area": 1200, "iscrowd": 0, "category_id": 1, "model_id": 4}
    annotations = [
        {**box, "id": 1, "image_id": 31, "ped_id": 7, "keypoints": [5, 5, 2, 5, 5, 1, 5, 5, 2, 5, 5, 2]},
        {**box, "id": 2, "image_id": 30, "ped_id": 7, "keypoints": [5, 5, 2] * 4},
        {**box, "id": 3, "image_id": 30, "ped_id": 9, "iscrowd": 1},
        {**box, "id": 4, "image_id": 30, "ped_id": 11, "area": 0},
    ]
    images = [
        {
            "id": 30 + frame,
            "file_name": f"frames/003/rgb/{frame:04d}.jpg",
            "width": 200,
            "height": 100,
            "frame_n": frame,
        }
        for frame in (1, 0)
    ]
    # The frame with the larger number comes first, and 31 is frame 1.
    for folder, name in (("annotations", "003"), ("comb_annotations", "train")):
        (root / folder).mkdir()
        (root / folder / f"{name}.json").write_text(json.dumps({"images": images, "annotations": annotations}))


def citypersons(root):
    image(root / "leftImg8bit/train/ulm/ulm_000001_000019_leftImg8bit.png")
    people = [
        {"label": "pedestrian", "bbox": [10, 20, 30, 40], "bboxVis": [10, 20, 30, 20], "instanceId": 24000},
        {"label": "ignore", "bbox": [90, 20, 30, 40], "bboxVis": [90, 20, 30, 40], "instanceId": 0},
    ]
    path = root / "gtBboxCityPersons/train/ulm/ulm_000001_000019_gtBboxCityPersons.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"imgWidth": 200, "imgHeight": 100, "objects": people}))


def caltech(root):
    for frame in (0, 2):
        image(root / "images" / f"set00_V000_{frame}.png")
    (root / "annotations/set00").mkdir(parents=True)
    one = struct(id=1, pos=np.array([11.0, 21, 30, 40]), occl=0, lock=0, posv=np.zeros(4))
    hidden = one.copy()
    hidden["occl"][0], hidden["posv"][0] = 1, np.array([11.0, 21, 30, 20])
    crowd = one.copy()
    crowd["id"][0] = 2
    lists = np.empty(3, object)
    lists[:] = [np.concatenate([one, crowd]), one, hidden]
    video = struct(nFrame=3, objLists=lists, maxObj=2, objLbl=np.array(["person", "people"], object))
    savemat(str(root / "annotations/set00/V000.vbb"), {"A": video}, appendmat=False)


def cuhk_sysu(root):
    for name in ("s1.jpg", "s2.jpg", "s3.jpg"):
        image(root / "Image/SSM" / name)
    box, other = np.array([10, 20, 30, 40]), np.array([90, 20, 30, 40])
    images = [
        struct(imname=name, nAppear=len(boxes), box=[struct(idlocate=one) for one in boxes])
        for name, boxes in (("s1.jpg", (box, other)), ("s2.jpg", (box,)), ("s3.jpg", (other,)))
    ]
    scenes = [struct(imname=name, idlocate=box, ishard=0) for name in ("s1.jpg", "s2.jpg")]
    folder = root / "annotation"
    folder.mkdir()
    savemat(str(folder / "Images.mat"), {"Img": np.concatenate(images)})
    savemat(str(folder / "Person.mat"), {"Person": struct(idname="p1", nAppear=2, scene=scenes)})
    savemat(str(folder / "pool.mat"), {"pool": np.array(["s3.jpg"], object)})


def prw(root):
    for name, rows in (
        ("c1s1_000151", [[5, 10, 20, 30, 40], [-2, 90, 20, 30, 40]]),
        ("c2s1_000001", [[5, 1, 2, 3, 4]]),
    ):
        image(root / "frames" / f"{name}.jpg")
        (root / "annotations").mkdir(exist_ok=True)
        savemat(str(root / "annotations" / f"{name}.jpg.mat"), {"box_new": np.array(rows, float)})
    savemat(str(root / "frame_train.mat"), {"img_index_train": np.array([["c1s1_000151"], ["c2s1_000001"]], object)})


def ethz(root):
    for frame in range(2):
        image(root / "bahnhof/left" / f"image_{frame:08d}_0.png")
    (root / "bahnhof/bahnhof-annot.idl").write_text(
        '"left/image_00000000_0.png": (40, 60, 10, 20), (90, 20, 120, 60):1;\n"left/image_00000001_0.png";\n'
    )


MADE = {"motsynth": motsynth, "citypersons": citypersons, "caltech": caltech, "cuhk-sysu": cuhk_sysu, "prw": prw,
        "ethz": ethz}  # fmt: skip


@pytest.fixture(params=MADE)
def made(request, tmp_path):
    (tmp_path / "set").mkdir()
    MADE[request.param](tmp_path / "set")
    return request.param, tmp_path / "set"


def test_objects_of_every_set_are_read(made):
    name, root = made
    source = LABELLED_SETS[name](root, split=None)
    videos = list(source)
    assert all(video.images[0].is_file() and video.size_wh == (200, 100) for video in videos)
    rows = {
        (number, frame, identity): (ignored, round(visible, 2))
        for number, video in enumerate(videos)
        for frame, identity, ignored, visible in zip(
            video.frames.tolist(),
            video.identities.tolist(),
            video.ignored.tolist(),
            video.visibility.tolist(),
            strict=True,
        )
    }
    assert (
        rows
        == {
            "motsynth": {(0, 0, 7): (False, 1.0), (0, 1, 7): (False, 0.75), (0, 0, 9): (True, 1.0)},
            "citypersons": {(0, 0, -1): (True, 1.0)},  # the one that counts is tested below: identities are unknown
            "caltech": {(0, 0, 1): (False, 1.0), (0, 0, 2): (True, 1.0), (0, 1, 1): (False, 0.5)},
            "cuhk-sysu": {(0, 0, 1): (False, 1.0), (0, 0, -1): (False, 1.0), (1, 0, 1): (False, 1.0)},
            "prw": {(0, 0, 5): (False, 1.0), (0, 0, -1): (False, 1.0), (1, 0, 5): (False, 1.0)},
            "ethz": {(0, 0, -1): (False, 1.0)},
        }[name]
    )
    first = videos[0].boxes_xywh[videos[0].frames == 0][0] - (source.first_pixel, source.first_pixel, 0, 0)
    assert first.tolist() == [10, 20, 30, 40]
    if name == "citypersons":
        assert videos[0].visibility.tolist() == [0.5, 1.0]


def test_combined_annotations_of_motsynth(tmp_path):
    motsynth(tmp_path)
    alone, combined = (LABELLED_SETS["motsynth"](tmp_path, split=split).read(0) for split in (None, "train"))
    assert combined.name == alone.name == "003"
    assert combined.images == alone.images and np.array_equal(combined.boxes_xywh, alone.boxes_xywh)


def test_files_of_another_format_are_named(made):
    name, root = made
    source = LABELLED_SETS[name]
    files = sorted(path for path in root.rglob("*") if path.suffix in (".json", ".vbb", ".mat", ".idl"))
    for path in files:
        content = path.read_bytes()
        path.write_bytes(b'{"images": 1, "x":\n')
        with pytest.raises(DataError, match=path.stem[:6]):
            list(source(root, split="train" if "comb" in str(path) else None))
        path.write_bytes(content)
    with pytest.raises(DataError, match="expected"):
        source(root / "nothing", split=None)
    (root / "empty").mkdir()
    with pytest.raises(DataError, match="expected"):
        source(root / "empty", split=None)


def test_every_set_is_converted_both_ways(made, tmp_path):
    name, root = made
    for to, extra in (("fairmot", ()), ("cocovid", ("--every", "1"))):
        result = CliRunner().invoke(app, ["data", "convert", name, str(root), str(tmp_path / to), "--to", to, *extra])
        assert result.exit_code == 0, result.output
        assert (" with no known identities to " in result.output) == (name in ("citypersons", "ethz"))
    labels = JDELabels(tmp_path / "fairmot" / f"{name}.json")
    videos = list(CocoVID(tmp_path / "cocovid" / f"{name}_cocovid.json"))
    counted = sum(int((~video.ignored).sum()) for video in videos)
    assert sum(len(record.boxes_xywh) for record in labels) == counted > 0
    assert sum(len(video.images) for video in videos) == len(labels)
    assert all(image.is_file() for video in videos for image in video.images)
    largest = max(int(record.identities.max(initial=-1)) for record in labels)
    assert largest == {"citypersons": -1, "ethz": -1}.get(name, 1)


def test_label_folders_of_jde_are_a_set(tmp_path):
    image(tmp_path / "ETHZ/images/eth01/0.png")
    (tmp_path / "ETHZ/labels_with_ids/eth01").mkdir(parents=True)
    (tmp_path / "ETHZ/labels_with_ids/eth01/0.txt").write_text("0 -1 0.5 0.5 0.1 0.2\n3 6 0.2 0.2 0.1 0.2\n")
    (video,) = LABELLED_SETS["fairmot"](tmp_path / "ETHZ", split=None)
    assert (video.name, video.classes.tolist(), video.identities.tolist()) == ("eth01", [0, 3], [-1, 6])
    assert np.allclose(video.boxes_xywh[0], [90, 40, 20, 20])
    assert LABELLED_SETS["fairmot"](tmp_path / "ETHZ", split=None).videos[0].name == "eth01/0"


def test_the_documentation_has_every_set():
    page = (Path(__file__).parents[2] / "docs" / "data.md").read_text()
    assert [name for name in LABELLED_SETS if f"`{name}`" not in page] == []


def test_show_writes_identities_and_classes_on_the_boxes(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(sheet, "annotate_tracks", lambda image, boxes, ids, names: drawn.append(names) or image)
    motsynth(tmp_path / "m")
    image(tmp_path / "l/images/0.png")
    (tmp_path / "l/labels_with_ids").mkdir()
    (tmp_path / "l/labels_with_ids/0.txt").write_text("0 -1 0.5 0.5 0.1 0.2\n3 6 0.2 0.2 0.1 0.2\n")
    for name, root in (("motsynth", "m"), ("fairmot", "l")):
        result = CliRunner().invoke(
            app, ["data", "show", name, str(tmp_path / root), "-o", str(tmp_path / f"{name}.png")]
        )
        assert result.exit_code == 0, result.output
    assert drawn == [("7", "x 9"), ("7",), ("class 0", "6 class 3")]
    assert read_image(tmp_path / "motsynth.png").shape[1] > 2 * 320
