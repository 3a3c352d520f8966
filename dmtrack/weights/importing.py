"""From a foreign checkpoint, or one of our own trainer, to a weights file with metadata."""

from __future__ import annotations

from collections import abc
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from dmtrack.config import build, load_config, require
from dmtrack.config.choices import WEIGHTS_SUFFIX
from dmtrack.errors import WeightsError
from dmtrack.models.base import TrainableModel
from dmtrack.registry import MODELS
from dmtrack.weights.importers import importer
from dmtrack.weights.loading import KeyReport, check_finite, check_report, compare_keys, expected_parameters
from dmtrack.weights.reading import WeightsFile, read_weights
from dmtrack.weights.saving import save_weights


def import_weights(
    file: str | Path,
    origin: str,
    config: str | Path | None = None,
    output: str | Path | None = None,
    show: Callable[[KeyReport], object] = lambda report: None,
) -> Path:
    """Checks a foreign checkpoint against the model of a config, writes it as ours and gives the file.

    Args:
        file: the checkpoint.
        origin: which key map, such as `dmtrack`.
        config: of the model; by default the one that the origin's official file is for.
        output: the file to write; by default beside `file`.
        show: receives the key report before anything is refused or written.

    Raises:
        ConfigError: the config cannot be used.
        WeightsError: the file cannot be read or does not fit the model completely.
        OutputError: the output cannot be written.
    """
    known = importer(origin)
    target = _target(Path(file), output)
    foreign = read_weights(file)
    settings = load_config(config or known.config)
    require(settings, "model", purpose="the import of weights")
    model = shapes_of_model(settings["model"])
    part = dict(model.named_modules()).get(known.part)
    if part is None:
        raise WeightsError(f"--from {origin} fills a {known.part}, and {type(model).__name__} has none; give --config")
    expected = expected_parameters(part)
    state_dict = known.key_map(foreign.state_dict, expected)
    if isinstance(model, TrainableModel):
        model.check_metadata({"normalisation": known.normalisation}, file)
    report = compare_keys(expected, state_dict)
    show(report)
    check_report(report, file, type(part).__name__, metadata=foreign.metadata)
    check_finite(state_dict, file)
    for name in report.missing:  # only batch counters are left
        state_dict[name] = torch.zeros(expected[name].shape, dtype=expected[name].dtype)
    save_weights(
        target,
        {name: state_dict[name].to(tensor.dtype) for name, tensor in expected.items()},
        name=".".join([Path(settings.source).stem, *known.part.split()]),
        config=settings,
        training={"imported_from": origin, "file": Path(file).name, "sha256": foreign.sha256},
        normalisation=_normalisation(model),
    )
    return target


def publish_weights(file: str | Path, output: str | Path | None = None, half: bool = True) -> Path:
    """Writes the weights of a training checkpoint for use: averaged where there is an average, fp16, with metadata.

    Args:
        file: checkpoint of our trainer, or a weights file with metadata.
        output: the file to write; by default beside `file`.
        half: whether to store fp16.

    Raises:
        WeightsError: the file cannot be read, or lacks the config that it belongs to.
        OutputError: the output cannot be written.
    """
    target = _target(Path(file), output)
    weights = read_weights(file)
    config = weights.metadata.get("config")
    if not isinstance(config, dict) or "model" not in config:
        raise WeightsError(
            f"{file} does not hold the config that it was trained with, so it is no training checkpoint of dmtrack; "
            "for foreign checkpoints use dmtrack weights import"
        )
    model = shapes_of_model(config["model"])
    # Those who only track have no use for the classifier of thousands of identities.
    expected, whole = expected_parameters(model), model.state_dict()
    state_dict = {name: tensor for name, tensor in weights.state_dict.items() if name in expected or name not in whole}
    check_report(compare_keys(expected, state_dict), file, type(model).__name__, metadata=weights.metadata)
    check_finite(state_dict, file)
    data = config.get("data")
    derived = {
        "name": target.stem,
        "dataset": data.get("train") if isinstance(data, dict) else None,
        "normalisation": _normalisation(model),
    }
    save_weights(target, state_dict, {**derived, **_filled(weights)}, half=half)
    return target


def average_weights(
    files: abc.Sequence[str | Path], output: str | Path, shares: abc.Sequence[float] | None = None
) -> Path:
    """Writes the mean of several weights files, with the metadata of the last.

    Args:
        files: of one architecture.
        output: the file to write.
        shares: of the files in the mean; equal ones by default.

    Raises:
        WeightsError: fewer than two files, one that cannot be read, different architectures, or unfitting shares.
        OutputError: the output cannot be written.
    """
    weights = [read_weights(file) for file in files]
    averaged = average_state_dicts([one.state_dict for one in weights], [str(one.path) for one in weights], shares)
    metadata = _filled(weights[-1])
    sources: list[dict[str, Any]] = [{"file": one.path.name, "sha256": one.sha256} for one in weights]
    # What was measured of one of them does not hold for the mean.
    metadata.pop("metrics", None)
    if shares is not None:
        sources = [{**source, "share": share} for source, share in zip(sources, shares, strict=True)]
    metadata["training"] = {"average_of": sources, "last": metadata.get("training")}
    save_weights(output, averaged, metadata)
    return Path(output)


def _filled(weights: WeightsFile) -> dict[str, Any]:
    return {key: value for key, value in weights.metadata.items() if value is not None and key != "format"}


def shapes_of_model(node: Any) -> nn.Module:
    """The model of a config's `model` section with shapes and types but no memory for its parameters.

    Raises:
        ConfigError: the section cannot be built.
    """
    with torch.device("meta"):
        model = build(node, MODELS)
    if not isinstance(model, nn.Module):
        raise WeightsError(f"model {node['type']!r} has no parameters to load")
    return model


def _normalisation(model: nn.Module) -> Any:
    preprocessing = getattr(model, "preprocessing", None)
    return None if preprocessing is None else dict(vars(preprocessing))


def _target(file: Path, output: str | Path | None) -> Path:
    target = Path(output) if output is not None else file.with_suffix(WEIGHTS_SUFFIX)
    if target.exists() and file.exists() and target.samefile(file):
        raise WeightsError(f"the output would replace {file} itself; give another file with --output")
    return target


def average_state_dicts(
    state_dicts: abc.Sequence[Mapping[str, Tensor]],
    sources: abc.Sequence[str],
    shares: abc.Sequence[float] | None = None,
) -> dict[str, Tensor]:
    """The mean of every floating-point tensor, summed in float64; of counters the last value.

    Args:
        state_dicts: of the same architecture.
        sources: what errors call them.
        shares: of the state dicts in the mean, of sum 1 (a "model soup", Wortsman et al., ICML 2022); equal ones by
            default.

    Raises:
        WeightsError: fewer than two, different names or shapes, NaN, or unfitting shares.
    """
    if len(state_dicts) < 2:
        raise WeightsError("averaging needs at least two weights files")
    if shares is not None and (len(shares) != len(state_dicts) or min(shares) < 0 or abs(sum(shares) - 1) > 1e-6):
        raise WeightsError(
            f"shares {', '.join(f'{share:g}' for share in shares)} of {len(state_dicts)} files: give one from 0 up for "
            "each file, of sum 1"
        )
    for state_dict, source in zip(state_dicts, sources, strict=True):
        report = compare_keys(state_dicts[0], state_dict)
        if report.missing or report.unexpected or report.mismatched:
            raise WeightsError(
                f"{source} is of another architecture than {sources[0]} ({report.summary()}); "
                "only weights of one config can be averaged"
            )
        check_finite(state_dict, source)
    averaged = {}
    for name, first in state_dicts[0].items():
        if first.is_floating_point():
            total = torch.zeros(first.shape, dtype=torch.float64)
            for place, state_dict in enumerate(state_dicts):
                total += state_dict[name] if shares is None else shares[place] * state_dict[name].double()
            averaged[name] = (total / (len(state_dicts) if shares is None else 1)).to(torch.float32)
        else:
            averaged[name] = state_dicts[-1][name]
    return averaged
