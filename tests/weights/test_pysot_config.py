"""PySOT's experiment files."""

import subprocess
import sys
from pathlib import Path

import pytest

import dmtrack.tracking.siamrpn  # noqa: F401 (registers what the configs name)
from dmtrack.config import load_config, parse_config
from dmtrack.errors import ConfigError
from dmtrack.weights.importers.pysot_config import read_pysot_config

REPOSITORY = Path(__file__).parents[2]

# Written from scratch in the shape of PySOT's files: the new style, and that of early versions.
LONG_TERM = """
META_ARC: "mine"
BACKBONE:
    TYPE: "resnet50"
    KWARGS:
        used_layers: [2, 3, 4]
    CHANNELS: [512, 1024, 2048]
ADJUST:
    ADJUST: true
    ADJUST_CHANNEL: [128, 256, 512]
RPN:
    TYPE: 'MultiRPN'
    KWARGS: {anchor_num: 5, weighted: true}
TRACK:
    TYPE: 'SiamRPNLTTracker'
    PENALTY_K: 0.05
    WINDOW_INFLUENCE: 0.28
    LR: 0.22
    CONFIDENCE_LOW: 0.8
TRAIN:
    LR:
        TYPE: 'log'
        KWARGS: {start_lr: 0.005}
"""
EARLY = """
BACKBONE:
    TYPE: "pysot.models.backbone.alexnet.alexnet"
    LAYERS: [-1]
    WIDTH_MULT: 1.
ADJUST:
    ADJUST: False
RPN:
    WEIGHTED: False
TRACK:
    INSTANCE_SIZE: 287
    BASE_SIZE: 0
    PENALTY_K: 0.16
    WINDOW_INFLUENCE: 0.40
    LR: 0.30
"""


def read(tmp_path, text):
    (tmp_path / "config.yaml").write_text(text)
    return read_pysot_config(tmp_path / "config.yaml")


def same(found, name):
    """Defaults aside, which a converted file spells out."""
    expected = load_config(str(REPOSITORY / f"configs/siamrpn/{name}.py"))
    for section in ("model", "tracker"):
        for key, value in expected[section].items():
            if key == "train_cfg":  # a converted file is for tracking
                continue
            if isinstance(value, dict):
                assert {inner: found[section][key][inner] for inner in value if inner in found[section][key]} == {
                    inner: item for inner, item in value.items() if inner in found[section][key]
                }
            else:
                assert found[section][key] == value, key
    parse_config(found)


def test_files_become_the_published_configs(tmp_path):
    same(read(tmp_path, LONG_TERM), "siamrpn_r50_l234_dwxcorr_lt")
    same(read(tmp_path, EARLY), "siamrpn_alex_dwxcorr")


def test_defaults_are_those_of_pysot(tmp_path):
    config = read(tmp_path, "META_ARC: x\n")
    assert config["tracker"] == {
        "type": "SiamRPNTracker",
        "penalty_k": 0.04,
        "window_influence": 0.44,
        "lr": 0.4,
    }
    assert config["model"]["head"]["in_channels"] == [256, 256, 256]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("TRACK:\n  PENALTY: 0.1\n", r"config.yaml:2: unknown key 'TRACK.PENALTY' .*did you mean 'PENALTY_K'"),
        ("TRAC:\n  LR: 0.1\n", r"config.yaml:1: unknown key 'TRAC' .*did you mean 'TRACK'"),
        ("TRACK: 3\n", "config.yaml:1: 'TRACK' must be a dict with the keys of TRACK, got 3"),
        ("TRACK:\n  LR: fast\n", "config.yaml:2: 'TRACK.LR' must be float, got 'fast'"),
        (
            "TRACK:\n  LR: {A: 1}\n",
            "config.yaml:2: 'TRACK.LR' must be bool or int or float or str or a list or None, got",
        ),
        ("TRACK:\n  TYPE: SiamMaskTracker\n", "config.yaml:2: tracker 'SiamMaskTracker' is not known"),
        ("MASK:\n  MASK: true\n", "config.yaml:2: SiamMask is not known here"),
        (
            "BACKBONE:\n  TYPE: resnet52\n",
            "config.yaml:2: backbone 'resnet52' is not known here; did you mean 'resnet50'",
        ),
        ("ADJUST:\n  KWARGS: {out_channels: [1, 2]}\n", "2 output channels for 3 levels"),
        ("ANCHOR:\n  RATIOS: []\n", r"config.yaml:2: ANCHOR.RATIOS is \[\]: expected a list of numbers"),
    ],
)
def test_faults_are_one_sentence_with_a_line(tmp_path, text, sentence):
    with pytest.raises(ConfigError, match=sentence):
        read(tmp_path, text)


@pytest.mark.parametrize(
    ("ratios", "numbers"),
    [
        ("(0.33, 0.5, 1, 2, 3)", [0.33, 0.5, 1, 2, 3]),
        ("'[0.33, 0.5]'", [0.33, 0.5]),
        ("0.33, 1e0", [0.33, 1.0]),
        ("(8,)", [8]),
        ("8,", [8]),
        ("( 1 , 2,\n    3 )", [1, 2, 3]),
    ],
)
def test_text_is_taken_for_what_it_means_in_python(tmp_path, ratios, numbers):
    config = read(tmp_path, f"ANCHOR:\n  RATIOS: {ratios}\nTRACK:\n  LR: '3e-1'\nRPN:\n  WEIGHTED: 'True'\n")
    assert config["model"]["preprocessing"]["ratios"] == numbers
    assert config["tracker"]["lr"] == 0.3 and config["model"]["head"]["weighted"] is True


@pytest.mark.parametrize("text", ["(0.33, 0.5", "(a, b)", "(8)", "__import__('os')", "{1: 2}", "(((((" * 40])
def test_text_that_means_no_list_is_one_sentence(tmp_path, text):
    with pytest.raises(ConfigError, match=r"config\.yaml:2: .*ANCHOR\.RATIOS"):
        read(tmp_path, f'ANCHOR:\n  RATIOS: "{text}"\n')


def test_case_of_tuples(shared_folder):
    config = read_pysot_config(shared_folder / "cases" / "pysot_yaml_tuple" / "config.yaml")
    assert config["model"]["preprocessing"]["ratios"] == [0.33, 0.5, 1, 2, 3]
    assert config["model"]["preprocessing"]["scales"] == [8]


def test_the_tool_writes_a_config_that_reads_back(tmp_path):
    (tmp_path / "config.yaml").write_text(LONG_TERM)
    tool = [sys.executable, REPOSITORY / "tools/convert_pysot_config.py"]
    done = subprocess.run(
        [*tool, tmp_path / "config.yaml", "--output", tmp_path / "mine.py"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert load_config(tmp_path / "mine.py") == read_pysot_config(tmp_path / "config.yaml")
    missing = subprocess.run([*tool, tmp_path / "none.yaml"], capture_output=True, text=True, check=False)
    assert missing.returncode == 2
    assert missing.stderr.startswith("error: ") and missing.stderr.count("\n") == 1
