"""What the networks of an adaptation learn from, and how: both domains mixed, training, batch norms of a soup."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dmtrack.config import Config, as_config, build, load_config
from dmtrack.errors import ConfigError
from dmtrack.registry import MODELS
from dmtrack.running.adaptation.data import write_labels
from dmtrack.running.adaptation.recipe import Training
from dmtrack.training.devices import Devices
from dmtrack.training.run import train_from_config


def images_of(labels: Path, *transforms: Mapping[str, Any]) -> dict[str, Any]:
    """The sampler of single images of a data set; the transforms change them before anything else does."""
    return {
        "type": "ImageClips",
        "source": {"type": "Coco", "annotations": str(labels.resolve()), "images": "/"},
        "ignored": True,
        "transforms": list(transforms),
    }


def mixed_images(source: Path, target: Path, oversampling: float, restyled: float = 0.0) -> dict[str, Any]:
    """The sampler of both domains, so that one mosaic has images of both.

    An image of the target is drawn `oversampling` times as often as one of the source: the same distribution as a list
    in which it stands that many times, without a copy of anything. A share of the source looks like the target.
    """
    style = [{"type": "Restyle", "source": images_of(target)["source"], "share": restyled}] if restyled else []
    counts = [len(json.loads(path.read_bytes())["images"]) for path in (source, target)]
    return {
        "type": "RandomConcat",
        "datasets": [images_of(source, *style), images_of(target)],
        "probabilities": [float(counts[0]), oversampling * counts[1]],
    }


def duplicated_boxes(labels: Path, times: int, stage: Path) -> Path:
    """The labels as the published merging leaves them: every image once, every box many times.

    Its script means to repeat images, but gives the copies to the same dictionaries, whose ids it goes on changing.
    """
    content = json.loads(labels.read_bytes())
    annotations = [dict(entry) for entry in content["annotations"] for _ in range(times)]
    for number, entry in enumerate(annotations, start=1):
        entry["id"] = number
    return write_labels(stage, {**content, "annotations": annotations})


def config_of_training(training: Training, images: Mapping[str, Any], weights: Path | None = None) -> Config:
    """The config of a training whose single images are those of a stage.

    Args:
        training: the config and what is changed in it.
        images: sampler that takes the place of every `ImageClips` of the config's data.
        weights: that it starts from; None leaves that to the config.

    Raises:
        ConfigError: the config draws no single images.
    """
    config = load_config(training.config, training.set_)
    found = 0

    def with_images(node: Any) -> Any:
        nonlocal found
        if isinstance(node, Mapping):
            if node.get("type") == "ImageClips":
                found += 1
                return dict(images)
            return {key: with_images(value) for key, value in node.items()}
        return type(node)(with_images(value) for value in node) if isinstance(node, (list, tuple)) else node

    changed = {**config, "data": with_images(config.get("data") or {})}
    if not found:
        raise ConfigError(
            f"{training.config}: its data has no dict(type='ImageClips', ...), so there is no place for the images of "
            "the recipe; take a config such as configs/yolox/yolox_x_source_only.py"
        )
    if weights is not None:
        changed |= {"load_from": str(weights), "load_from_except": None}
    return as_config(changed, (), training.config)


def train(config: Mapping[str, Any], stage: Path, devices: Devices) -> list[Path]:
    """Trains, or goes on with a training that was stopped.

    Raises:
        KeyboardInterrupt: it was asked to stop before its end.
    """
    outcome = train_from_config(config, stage, devices, resume="auto")
    if outcome.weights is None:
        raise KeyboardInterrupt
    return [outcome.weights]


def reestimate_batch_norm(weights: Path, batches: int, output: Path) -> None:
    """Weights with statistics of batch norms of training batches of the data set in their config.

    The mean of several networks has activations that none of them had (Izmailov et al., UAI 2018, section 3.2).
    """
    import torch
    from torch.optim.swa_utils import update_bn

    from dmtrack.data.loader import training_loader_from_config
    from dmtrack.weights import load_into, read_weights
    from dmtrack.weights.saving import save_weights

    stored = read_weights(weights)
    config = stored.metadata["config"]
    model = build(config["model"], MODELS)
    load_into(model, stored.state_dict, stored.path, metadata=stored.metadata)
    loader = training_loader_from_config(
        config["data"], model.clip_encoder(), total_iterations=batches, seed=int(config.get("seed") or 0)
    )
    with torch.no_grad():
        update_bn(loader, model)
    metadata = {key: value for key, value in stored.metadata.items() if value is not None and key != "format"}
    save_weights(output, model, metadata)
