"""What cannot be right is refused with one sentence, exit code 2, no file lost, and before PyTorch is loaded."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from dmtrack.cli.main import main
from dmtrack.evaluation.results import ResultStore, SequenceResult
from dmtrack.media.images import write_image

AT_ONCE = """
track missing.mp4 --box 1,2,3,4
track "" --box 1,2,3,4
track camera:99 --box 1,2,3,4
track empty --box 1,2,3,4
track text.txt --box 1,2,3,4
track videos/cat --box 1,2,3
track videos/cat --box nan,1,5,5
track videos/cat --box 1,1,0,5
track videos/cat --box 500,500,10,10
track videos/cat --box 1,1,8,8 --box 1,1,8,8
track videos/cat --box 1,1,8,8 --output text.txt
track videos/cat --box 1,1,8,8 --config missing
track videos/cat --box 1,1,8,8 --config code.py
track videos/cat --box 1,1,8,8 --config missing.safetensors
track videos/cat --box 1,1,8,8 --weights missing.pth
track videos/cat --box 1,1,8,8 --device tpu
track videos/cat --box 1,1,8,8 --precision fp8
track videos/cat --box 1,1,8,8 --import no_such_module
track videos/cat --box 1,1,8,8 --tracker statik
track videos/cat --box 1,1,8,8 --tracker dmtrackGS_tiny
track videos/cat --box 1,1,8,8 --tracker opencv:CRST
test --data videos --tracker statik
vot workspace videos new --tracker nothing
train --config missing.py
train --config dmtrackGS_tiny --gpus 1 --cpus 1
train --config dmtrackGS_tiny --cpus 0
train --config dmtrackGS_tiny --resume missing.ckpt
train --config dmtrackGS_tiny --work-dir text.txt
test
test --data missing
test --data videos --layout no_such_layout
test --data videos --config missing
test --experiment missing.yaml
test --experiment list.yaml
test --synthetic round
test --data videos --tracker static --results text.txt
cache build --data videos --cache text.txt
cache show missing
replay --data videos --cache missing
report missing mine
report lasot mine
report videos missing
report videos text.txt
report videos mine --protocol missing
report videos mine --out text.txt
search
search --synthetic plain --output text.txt
submit check missing.zip
submit build nowhere mine --out x.zip
eval protocols missing
eval explain --sequence cat --data missing --results mine
eval explain --sequence bird --data videos --results mine
config show missing
config show code.py
config check list.yaml
weights show missing
weights import missing.pth --from pysot
weights average missing.safetensors text.txt --output x.safetensors
weights publish missing
data check lasot missing
data check no_such_set videos
data synthesize --output new --size big
data synthesize --output text.txt
crops --config dmtrackGS_tiny --output new
vot workspace missing new
vot workspace videos new --region circle
data show --config missing --output x.png
train --config dmtrackGS_tiny --cpus 1 --nodes 2
demo --output text.txt
demo --device tpu --output new
track videos/cat --box 1,1,8,8 --weights empty.pth
track videos/cat --box 1,1,8,8 --weights text.txt
track videos/cat --box 1,1,8,8 --weights page.pth
track videos/cat --box 1,1,8,8 --weights pointer.safetensors
track videos/cat --box 1,1,8,8 --weights cut.safetensors
track videos/cat --box 1,1,8,8 --weights cut.pth
track videos/cat --box 1,1,8,8 --weights plain.pkl
track videos/cat --box 1,1,8,8 --config cut.safetensors
track videos/cat --box 1,1,8,8 --set tracker
track videos/cat --box 1,1,8,8 --set =1
track videos/cat --box 1,1,8,8 --set trackr.name=x
track videos/cat --box 1,1,8,8 --set seed=-1
track videos/cat --box 1,1,8,8 --set ema.decay=1.5
track videos/cat --box 1,1,8,8 --set precision=fp8
track videos/cat --box 1,1,8,8 --set total_epochs=many
track videos/cat --box 1,1,8,8 --set model.backbone.0.1=x
track videos/cat --select --box 1,1,8,8
track videos/cat
track videos/cat --box 1,1,8,8 --start-frame 7
track videos/cat --box 1,1,8,8 --start-frame 1 --end-frame 0
track videos/cat --box 1,1,8,8 --tracker a:B --config dmtrackGS_tiny
track videos/cat --box 1,1,8,8 --show
mot track missing.mp4
mot track videos/cat --config missing
mot track videos/cat --detections missing.txt
mot track videos/cat --detections text.txt
mot track videos/cat --detections text.txt --policy Srot
mot track videos/cat --detections text.txt --set policy.max_age=-1
mot track videos/cat --detections text.txt --set plicy.max_age=3
mot track videos/cat --detections text.txt --weights text.txt
mot eval missing mine
mot interpolate missing.txt --output new.txt
mot interpolate text.txt --output new.txt
mot submit check missing.zip
adapt --recipe missing.yaml
adapt --recipe text.txt
adapt --recipe list.yaml
adapt --recipe code.py
serve missing
serve text.txt
serve videos --config missing
serve videos --device tpu
serve videos --results mine
serve videos --results missing --benchmark videos
serve videos --projects text.txt
serve videos --live nothing://x
serve videos --live rtsp://
serve videos --live rtsp:/half
serve videos --live file:///text.txt
serve videos --live rtsp://[::1/a
serve videos --live camera:x
serve videos --live 0 --live text.txt
weights import missing.pth --from torchvision
weights import empty.pth --from mmdetection
data convert mot99 videos new
data convert mot17 empty new
data convert mot17 text.txt new
mot eval videos mine
train --config dmtrackGS_tiny --set optimizer.lr=fast
train --config dmtrackGS_tiny --set optimizer.lr=-1
train --config dmtrackGS_tiny --set optimiser.lr=1
train --config dmtrackGS_tiny --set lr_config.policy=cosin
train --config dmtrackGS_tiny --set load_from
train --config list.yaml
train --config code.py
test --synthetic plain --set benchmark.seed=x
test --synthetic plain --set seed
test --synthetic plain --weights cut.pth
test --synthetic plain --config dmtrackGS_tiny --set ema.decay=1.5
test --synthetic plain --protocol missing
test --synthetic plain --engine cloud
cache build --synthetic plain --cache new --weights empty.pth
replay --synthetic plain --cache text.txt
config check missing.py
config check code.py
config show dmtrackGS_tiny --set optimizer.lr
weights show empty.pth
weights show text.txt
weights show cut.safetensors
weights show page.pth
weights show plain.pkl
weights import empty.pth --from mmtracking
weights import page.pth --from dmtrack
weights import text.txt --from nobody
weights average cut.safetensors cut.safetensors --output x.safetensors
weights publish cut.safetensors
report videos mine text.txt
report videos mine --box-format corners
eval explain --benchmark nothing --data videos --results mine --sequence cat
submit check text.txt
submit check mine --benchmark got10k
submit build got10k missing --out x.zip
data check lasot text.txt
data synthesize --output new --layout no_such
vot workspace videos text.txt
""".strip().splitlines()

REPEATED = """
import os, shlex, sys
from dmtrack.cli.main import main
for line in sys.stdin:
    try:
        main(shlex.split(line))
    except SystemExit as end:
        print(end.code, "torch" in sys.modules, line.strip())
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A sequence with frames, a result of it, and files that are nothing."""
    boxes = np.array([[10.0, 10, 20, 20]] * 2)
    for index in (1, 2):
        write_image(tmp_path / "videos" / "cat" / f"{index:08d}.jpg", np.zeros((48, 64, 3), np.uint8))
    np.savetxt(tmp_path / "videos" / "cat" / "groundtruth.txt", boxes, delimiter=",")
    ResultStore(tmp_path / "mine").write("cat", SequenceResult(boxes))
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.txt").write_text("nothing\n")
    (tmp_path / "list.yaml").write_text("- 1\n")
    (tmp_path / "code.py").write_text("import os\n")
    (tmp_path / "empty.pth").write_bytes(b"")
    (tmp_path / "page.pth").write_text("<!DOCTYPE html>\n<html></html>")
    (tmp_path / "pointer.safetensors").write_text("version https://git-lfs.github.com/spec/v1\n")
    (tmp_path / "plain.pkl").write_bytes(pickle.dumps({"weights": 1}))
    whole = safetensors.numpy.save({"weight": np.zeros(100)})
    (tmp_path / "cut.safetensors").write_bytes(whole[:-100])
    with zipfile.ZipFile(tmp_path / "whole.pth", "w") as opened:
        opened.writestr("archive/data.pkl", bytes(1000))
    (tmp_path / "cut.pth").write_bytes((tmp_path / "whole.pth").read_bytes()[:500])
    return tmp_path


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_cannot_be_right_is_refused_before_pytorch_is_loaded(folder: Path) -> None:
    before = contents(folder)
    environment = {**os.environ, "DISPLAY": "", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", REPEATED], cwd=folder, env=environment, input="\n".join(AT_ONCE), capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    ends = [line for line in done.stdout.splitlines() if " False " in line or " True " in line]
    assert ends == [f"2 False {line}" for line in AT_ONCE], done.stderr
    sentences = [line for line in done.stderr.splitlines() if line]
    assert len(sentences) == len(AT_ONCE), done.stderr
    assert all(line.startswith("error: ") and len(line) > 20 for line in sentences), done.stderr
    assert contents(folder) == before, "nothing is lost, and nothing half done is left"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--device", "mps"), "device 'mps' is the GPU of a Mac"),
        (("--device", "meta"), "device 'meta' is unknown"),
        (("--device", "cuda:77"), "asks for a GPU that this machine does not have"),
        (("--set", "tracker.presence_threshold=high"), "must be float, got 'high'"),
        (("--weights", "text.txt"), "text.txt is no weights file"),
    ],
    ids=str,
)
def test_what_a_machine_cannot_do_is_one_sentence(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...],
    sentence: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(folder)
    with pytest.raises(SystemExit) as caught:
        main(["track", "videos/cat", "--box", "1,1,8,8", *arguments])
    progress = ("loading PyTorch ...\n", "preparing dmtrackReID_tiny ...\n")
    errors = "".join(line for line in capsys.readouterr().err.splitlines(keepends=True) if line not in progress)
    assert caught.value.code == 2 and errors.startswith("error: ") and sentence in errors
    assert errors.count("\n") == 1
