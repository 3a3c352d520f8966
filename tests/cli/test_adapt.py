"""The whole recipe at a tiny size: it runs to its table without the truth of the target, and resumes."""

from __future__ import annotations

import json

import pytest
import torch

from dmtrack.cli.main import command_line, run
from dmtrack.running.adaptation.recipe import read_recipe
from dmtrack.running.adaptation.training import reestimate_batch_norm
from dmtrack.weights import read_weights

SMALL = """
work_dir: {work_dir}
source: {{layout: crowds, domain: street, count: 1, frames: 2, seed: 1, size_wh: [96, 64]}}
target: {{layout: crowds, domain: station, count: 1, frames: 3, seed: 2, size_wh: [96, 64]}}
held_out: {{layout: crowds, domain: station, count: 2, frames: 2, seed: 3, size_wh: [96, 64]}}
training:
  source: {{config: configs/yolox/yolox_crowds.py, set: &small [total_iterations=1, model.width=0.0625,
    "model.preprocessing.size_wh=(96, 64)", "data.train.size_wh=(96, 64)", "data.recipe.2.size_wh=(96, 64)",
    data.stages.0.samples_per_gpu=1, data.stages.1.samples_per_gpu=1, log_config.tensorboard=False]}}
  mixed: {{config: configs/yolox/yolox_crowds.py, set: *small}}
  tuned: {{config: configs/yolox/yolox_crowds.py, set: *small}}
  control: {{config: configs/yolox/yolox_crowds.py, set: *small}}
  oversampling: 2
  restyled: 0.5
  augmentations: [clahe, jpeg]
tracking: {{policy: {{type: ByteTrack, track_score: 0.0, low_score: 0.0, birth_margin: 0.0}}, least_score: 0.0,
  label_scales: [1.0, 1.5]}}
selection: {{least_score: 0.0, uncertain_score: 0.0}}
soup: {{kind: greedy, metric: AP, validate_on: 1}}
scoring: {{rounds: 5}}
"""


@pytest.fixture
def recipe(tmp_path):
    file = tmp_path / "recipe.yaml"
    file.write_text(SMALL.format(work_dir=tmp_path / "work"))
    return file


def adapt(recipe, *more):
    return run(lambda: command_line()(args=["adapt", "--recipe", str(recipe), *more], standalone_mode=False))


@pytest.mark.parametrize(
    ("line", "wanted", "sentence"),
    [
        ("layout: crowds, domain: street", "layout: crouds, domain: street", "recipe.yaml:3: source.layout: unknown"),
        ("domain: station, count: 1", "domain: statio, count: 1", "recipe.yaml:4: target.domain: there is no 'statio'"),
        ("layout: crowds, domain: station, count: 1, frames: 3, seed: 2, size_wh: [96, 64]", "layout: mot17",
         "recipe.yaml:4: target.root: the folder of mot17 is missing"),
        ("oversampling: 2", "oversampling: 0", "recipe.yaml:13: training.oversampling is 0"),
        ("restyled: 0.5", "restyled: 1.5", "recipe.yaml:14: training.restyled is 1.5"),
        ("label_scales: [1.0, 1.5]", "label_scales: []",
         "tracking.label_scales: expected at least one factor"),
        ("label_scales: [1.0, 1.5]", "label_scales: [-1.0]", "tracking.label_scales"),
        ("uncertain_score: 0.0", "uncertain_score: 2", "selection.uncertain_score is 2"),
        ("kind: greedy", "kind: weighted, shares: [0.5]", "soup.shares: 1 numbers of sum 0.5; expected 2 of sum 1"),
        ("metric: AP", "metrik: AP", "did you mean 'metric'"),
        ("metric: AP", "metric: APP", "soup.metric: there is no 'APP'; the measures are"),
        ("total_iterations=", "total_iterations=x", "total_iterations"),
        ("config: ", "config: missing", "config file missingconfigs"),
    ],
)  # fmt: skip
def test_a_wrong_recipe_is_refused_with_its_line(recipe, line, wanted, sentence, capsys):
    recipe.write_text(recipe.read_text().replace(line, wanted, 1))
    assert adapt(recipe) == 2
    assert sentence in capsys.readouterr().err


def test_published_recipes_can_be_read():
    published = read_recipe("experiments/adaptation/motsynth_to_mot17.yaml")
    assert len(published.training.augmentations) == 7 and published.held_out is None
    assert read_recipe("experiments/adaptation/street_to_station.yaml", ("soup.kind=uniform",)).soup.kind == "uniform"


def test_the_recipe_reads_the_truth_of_the_target_for_the_final_score_alone(recipe, tmp_path, capsys):
    torch.set_num_threads(1)
    work = tmp_path / "work"
    assert adapt(recipe, "--stage", "target-set", "--stage", "held-out-set", "--stage", "source-set") == 0
    hidden = {}
    for place in ("target-set", "held-out-set"):
        for truth in (work / place / "videos").glob("*/gt/gt.txt"):
            hidden[truth] = truth.read_bytes()
            truth.write_text("nobody may read this\n")
    assert len(hidden) == 3
    # Everything but the score is done with truth that no reader would take; the score refuses it.
    assert adapt(recipe) == 2
    assert "gt.txt" in capsys.readouterr().err
    done = {path.parent.name: path.stat().st_mtime_ns for path in work.glob("*/stage.json")}
    weights = (work / "soup" / "final.safetensors").read_bytes()
    for truth, content in hidden.items():
        truth.write_bytes(content)
    assert adapt(recipe) == 0
    said = capsys.readouterr().out
    assert "done before" in said and "pseudo labels" in said
    assert {path.parent.name: path.stat().st_mtime_ns for path in work.glob("*/stage.json")} | {
        "score": done["score"]
    } == done
    assert (work / "soup" / "final.safetensors").read_bytes() == weights
    table = (work / "score" / "table.md").read_text()
    assert "| after | HOTA | MOTA | IDF1 | AP |" in table and "| fine-tuned jpeg |" in table and "| soup |" in table
    # The control learns from the labels of the source alone, from the same weights as the mixed training.
    for name, sees_target in (("control", False), ("mixed", True)):
        trained = read_weights(work / name / "final.safetensors").metadata["config"]
        assert trained["load_from"] == str(work / "source" / "final.safetensors")
        assert ("target-1" in json.dumps(trained)) == sees_target
    assert "| source for longer |" in table and "Before this table: stages done: " in table
    mixed = json.dumps(read_weights(work / "mixed" / "final.safetensors").metadata["config"]["data"])
    assert '"Restyle"' in mixed and mixed.count('"ignored": true') >= 2
    assert (work / "score" / "stages.png").stat().st_size > 10_000
    new = tmp_path / "new.safetensors"
    reestimate_batch_norm(work / "soup" / "final.safetensors", 2, new)
    before, after = (read_weights(path).state_dict for path in (work / "soup" / "final.safetensors", new))
    changed = {name.rpartition(".")[2] for name in before if not torch.equal(before[name], after[name])}
    assert {"running_mean", "running_var"} <= changed <= {"running_mean", "running_var", "num_batches_tracked"}
    counts = json.loads((work / "labels-1" / "counts.json").read_text())["all"]
    assert counts["kept"] > 0 and (work / "labels-1" / "pseudo_labels.png").is_file()
    # What was made stays what it is: another setting is refused, the stages before it are not looked at.
    assert adapt(recipe, "--set", "selection.least_score=0.9", "--stage", "labels-1") == 2
    assert "its setting least_score was 0.0, and is 0.9 now" in capsys.readouterr().err
    again = ("--set", "selection.least_score=0.99", "--stage", "labels-1", "--restart")
    assert adapt(recipe, *again) == 2
    assert "no pseudo label survives" in capsys.readouterr().err
    (work / "source-set" / "labels.json").unlink()
    assert adapt(recipe, "--stage", "source") == 2
    assert "labels.json is gone, and stage source is made from it; remove the folder" in capsys.readouterr().err
