"""Every command of README and docs: run where made data are enough, otherwise read by its parser; likewise Python."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from dmtrack.cli.main import command_line, run
from dmtrack.data.sources.folder import SequenceFolder
from dmtrack.evaluation.results import ResultStore, SequenceResult
from dmtrack.media.images import write_image
from dmtrack.media.video import VideoWriter
from dmtrack.running.baselines import StaticBox

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
TOOLS = {"tools/train.py": "train", "tools/train_dmtrack.py": "train", "tools/test_dmtrack.py": "test"}
"""Scripts that are commands by another name."""

PARSED_ONLY = {
    r"--select|^serve": "waits for a browser",
    "rtsp://": "needs a camera",
    "--start-frame": "needs a long video",
    "--resume": "needs a run that was interrupted",
    r"^(train|adapt|search (?!--help)|demo|test|cache|replay|crops)|--layout mot": "takes minutes, and has own tests",
    "^weights (import|publish|average)|--weights|configs/yolox": "needs published or trained weights",
    r"coco|CrowdHuman|GOT-10k|vot2018-lt|oxuva|data/crowds|mot17\.zip|submit build": "needs a whole benchmark",
    "my_module": "needs the module that the page shows before it",
}
"""Commands that are read by their parser and not run, and why."""

COMPILED_ONLY = {
    "fairmot_dla34.safetensors": "needs trained weights",
    "Client(": "needs a server",
    "train_from_config": "takes hours",
    "distillation": "is a part of a config",
    "ExperimentLaSOT": "needs the whole test set",
}
"""Python of the docs that is compiled and not run, and why."""


def blocks(text: str) -> tuple[list[str], list[str]]:
    """Console blocks, fenced without a language or indented, and Python blocks of a page."""
    fenced = re.findall(r"^```(\w*)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    rest = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    console = [body for language, body in fenced if language in ("", "bash", "console")]
    console += ["\n".join(line[4:] for line in rest.splitlines() if line.startswith("    "))]
    return console, [body for language, body in fenced if language == "python"]


def commands_of(page: Path) -> list[str]:
    """Arguments of `dmtrack` in the order in which a page has them."""
    found = []
    for block in blocks(page.read_text())[0]:
        for line in re.sub(r"\\\n\s*", "", block).splitlines():
            words = shlex.split(re.sub("( --set)? \\.\\.\\.", "", line), comments=True)
            if words[:1] == ["dmtrack"]:
                found.append(shlex.join(words[1:]))
            elif words[:1] == ["python"] and words[1] in TOOLS:
                found.append(shlex.join([TOOLS[words[1]], *words[2:]]))
    return found


COMMANDS = list(dict.fromkeys(command for page in PAGES for command in commands_of(page)))
PYTHON = [(page.name, block) for page in PAGES for block in blocks(page.read_text())[1]]


def kept_from_running(text: str, reasons: dict[str, str]) -> bool:
    return any(re.search(pattern, text) for pattern in reasons)


def write_videos(folder: Path) -> None:
    """A bright square that moves, as videos and as images."""
    frame = np.full((240, 420, 3), 40, np.uint8)
    for name, count in (("my.mp4", 4), ("people.mp4", 2)):
        with VideoWriter(folder / name, 25.0, (420, 240)) as writer:
            for number in range(count):
                image = frame.copy()
                image[80:170, 120 + number % 5 : 180 + number % 5] = (230, 60, 40)
                writer.write(image)
    for number in range(3):
        image = frame.copy()
        image[80:170, 120 + number : 180 + number] = (230, 60, 40)
        write_image(folder / "frames" / f"frame{number}.png", image)


def write_benchmarks(folder: Path) -> None:
    """LaSOT, an own folder of sequences and MOT17 with few frames, and results of trackers."""
    boxes = np.array([[20.0 + 2 * number, 20, 24, 16] for number in range(6)])
    stores = [ResultStore(folder / place) for place in ("results/mine", "theirs")]
    stores += [ResultStore(folder / "results" / name) for name in ("sequences/mine", "sequences/theirs")]
    stores += [ResultStore(folder / "results/lasot/dmtrackGS_dla34_fpn")]
    for name, own in (("airplane-1", "car"), ("airplane-9", "dog")):
        places = (folder / "LaSOT/airplane" / name / "img", folder / "my/sequences" / own)
        for place in places:
            for number in range(6):
                write_image(place / f"{number + 1:08d}.jpg", np.full((72, 96, 3), 20 * number, np.uint8))
        np.savetxt(places[1] / "groundtruth.txt", boxes, fmt="%g", delimiter=",")
        np.savetxt(places[0].parent / "groundtruth.txt", boxes + np.array([1, 1, 0, 0]), fmt="%g", delimiter=",")
        for flags in ("full_occlusion", "out_of_view"):
            (places[0].parent / f"{flags}.txt").write_text("0,0,0,0,0,0\n")
        for shift, store in enumerate(stores):
            stored = own if "sequences" in store.folder.parts else name
            store.write(stored, SequenceResult(boxes + np.array([shift % 2, 0, 0, 0]), np.full(6, 0.02)))
    (folder / "LaSOT/testing_set.txt").write_text("airplane-1\nairplane-9\n")
    shutil.make_archive(str(folder / "results/theirs"), "zip", folder / "theirs")
    for number in ("02", "04"):
        sequence = folder / "MOT17" / "train" / f"MOT17-{number}-FRCNN"
        for frame in range(1, 9):
            write_image(sequence / "img1" / f"{frame:06d}.jpg", np.full((120, 160, 3), 90, np.uint8))
        (sequence / "seqinfo.ini").write_text(
            "[Sequence]\nname=x\nimDir=img1\nframeRate=30\nseqLength=8\nimWidth=160\nimHeight=120\nimExt=.jpg\n"
        )
        rows = [f"{frame},{one},{10 + 60 * one},20,30,60,1" for frame in range(1, 9) for one in (1, 2)]
        for name, ending in (("gt/gt.txt", ",1,1\n"), ("det/det.txt", "\n")):
            (sequence / name).parent.mkdir()
            (sequence / name).write_text("".join(row + ending for row in rows))
        for place in (folder / "results/mot", folder / "mot_zip"):
            place.mkdir(exist_ok=True)
            (place / f"MOT17-{number}-FRCNN.txt").write_text("".join(f"{row},-1,-1,-1\n" for row in rows))
    shutil.make_archive(str(folder / "results/mine"), "zip", folder / "mot_zip")
    shutil.copytree(folder / "MOT17/train/MOT17-04-FRCNN", folder / "MOT17-04-FRCNN")
    shutil.copyfile(folder / "results/mot/MOT17-04-FRCNN.txt", folder / "tracks.txt")


def write_package(folder: Path) -> None:
    """What GOT-10k's server takes."""
    for number in range(1, 181):
        name = f"GOT-10k_Test_{number:06d}"
        place = folder / "package" / name
        place.mkdir(parents=True)
        (place / f"{name}_001.txt").write_text("10,20,30,40\n" * 2)
        (place / f"{name}_time.txt").write_text("0.1\n" * 2)
    shutil.make_archive(str(folder / "mine"), "zip", folder / "package")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The working directory of somebody who has what README and docs speak of."""
    folder = tmp_path_factory.mktemp("world")
    for name in ("configs", "experiments", "tools"):
        (folder / name).symlink_to(ROOT / name)
    for name in ("videos", "FOLDER", "data/crowds", "coco", "photos", "CrowdHuman", "GOT-10k"):
        (folder / name).mkdir(parents=True)
    for name in {word for command in COMMANDS for word in shlex.split(command)}:
        if name.endswith((".pth", ".tar", ".safetensors", ".pt")) or name == "FILE":
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(safetensors.numpy.save({"weight": np.zeros(1)}))
    write_videos(folder)
    write_benchmarks(folder)
    write_package(folder)
    return folder


def parse(words: list[str]) -> None:
    """Reads the arguments as the command line does, with all checks of theirs, and stops before the command itself."""
    command = command_line()
    context = command.make_context("dmtrack", words)
    while hasattr(command, "resolve_command"):
        name, command, words = command.resolve_command(context, [*context._protected_args, *context.args])
        context = command.make_context(name, words, parent=context)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_docs(world, monkeypatch, capsys, command):
    monkeypatch.chdir(world)
    words = shlex.split(command.replace(" /data/", " ").replace("--config FILE", "--config dmtrackGS_tiny"))
    if kept_from_running(command, PARSED_ONLY):
        parse(words)
    else:
        code = run(lambda: command_line()(args=words, prog_name="dmtrack", standalone_mode=False))
        assert code == 0, capsys.readouterr().err


@pytest.mark.parametrize(("page", "block"), PYTHON)
def test_python_of_the_docs(world, monkeypatch, page, block):
    monkeypatch.chdir(world)
    code = compile(block, page, "exec")
    if kept_from_running(block, {re.escape(text): reason for text, reason in COMPILED_ONLY.items()}):
        return
    frame = np.full((240, 420, 3), 40, np.uint8)
    names = {"first_frame": frame, "next_frame": frame, "x": 120, "y": 80, "w": 60, "h": 90}
    exec(code, names | {"tracker": StaticBox(), "sequences": list(SequenceFolder("my/sequences"))})
