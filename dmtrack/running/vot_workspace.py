"""A workspace of the VOT toolkit (0.9) around sequences that lie here: configuration, tracker and sequence files."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import yaml

from dmtrack.data.sources.frames import FrameFiles, image_size_wh, list_frames
from dmtrack.data.sources.vot import LAYOUT, VOT
from dmtrack.errors import ConfigError, DataError, OutputError
from dmtrack.files import check_writable_folder, write_bytes, write_text
from dmtrack.tracking.trax_client import REGIONS

_IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
"""What the toolkit takes as the name of a tracker."""


def tracker_identifier(name: str | None, config: str, tracker: str | None = None) -> str:
    """The name of the tracker in the toolkit; without one, what the config or the class is called.

    Raises:
        ConfigError: the given one is none that the toolkit takes.
    """
    if name is None:
        return re.sub(r"\W+", "-", Path(config).stem if tracker is None else tracker).strip("-")
    if not _IDENTIFIER.fullmatch(name):
        raise ConfigError(f"--name {name}: the toolkit takes letters, digits, - and _, e.g. dmtrackGS_tiny")
    return name


def client_command(
    config: str,
    weights: Path | None = None,
    tracker: str | None = None,
    region: str = "rectangle",
    device: str | None = None,
) -> str:
    """The command line with which the toolkit starts our tracker; paths are absolute, for it runs somewhere else.

    Args:
        config: a config file or the name of one.
        weights: a weights file; None takes what ships with the config.
        tracker: `module:Class` instead of config and weights.
        region: "rectangle" or "polygon".
        device: None takes a GPU if there is one.

    Raises:
        ConfigError: an unknown region.
    """
    if region not in REGIONS:
        raise ConfigError(f"--region {region}: expected {' or '.join(REGIONS)}")
    words = [sys.executable, "-m", "dmtrack.tracking.trax_client", "--region", region]
    if tracker is not None:
        words += ["--tracker", tracker]
    else:
        words += ["--config", str(Path(config).resolve()) if Path(config).is_file() else config]
        words += ["--weights", str(weights.resolve())] if weights is not None else []
    words += ["--device", device] if device is not None else []
    return shlex.join(words)


def write_workspace(
    sequences: Path, output: Path, stack: str, identifier: str, command: str, timeout: int = 120
) -> int:
    """Writes `config.yaml`, `trackers.ini`, `sequences/` and counts these; frames are linked to, annotations copied.

    Args:
        sequences: folder in VOT's layout.
        output: of the workspace; it must not hold one.
        stack: name of one of the toolkit's stacks, or a file.
        identifier: see `tracker_identifier`.
        command: see `client_command`.
        timeout: seconds that the toolkit waits for an answer, loading included.

    Raises:
        DataError: the sequences are not as expected.
        OutputError: there is a workspace already, or it cannot be written.
    """
    source = VOT(sequences)
    if (output / "config.yaml").exists():
        raise OutputError(f"{output} is a workspace already; choose another folder, or delete it")
    check_writable_folder(output)
    for name in source.names:
        _write_sequence(source.root / name, output / "sequences" / name)
    # With this list in place the toolkit does not download the stack's own sequences.
    write_text(output / "sequences" / "list.txt", "".join(f"{name}\n" for name in source.names))
    file = Path(stack)
    named = str(file.resolve()) if file.is_file() else stack
    write_text(
        output / "trackers.ini",
        f"[{identifier}]\nlabel = {identifier}\nprotocol = trax\ncommand = {command.replace('%', '%%')}\n"
        f"timeout = {timeout}\n",
    )
    (output / "results").mkdir(exist_ok=True)
    write_text(output / "config.yaml", yaml.safe_dump({"registry": ["./trackers.ini"], "stack": named}))
    return len(source.names)


def _write_sequence(source: Path, target: Path) -> None:
    """One sequence as the toolkit's reader wants it: a file `sequence` that says where the frames are."""
    frames = list_frames(source / "color" if (source / "color").is_dir() else source, LAYOUT)
    pattern = _pattern(frames)
    width, height = image_size_wh(frames.path(0))
    target.mkdir(parents=True, exist_ok=True)
    for path in sorted(source.iterdir()):
        if path.name == "groundtruth.txt" or path.suffix in (".tag", ".value"):
            write_bytes(target / path.name, path.read_bytes())
    link = target / "color"
    try:
        link.symlink_to(frames.folder.resolve(), target_is_directory=True)
    except OSError as error:
        raise OutputError(f"cannot link {link} to the frames: {error.strerror or error}") from error
    properties = {
        "channels.color": f"color/{pattern}",
        "format": "default",
        "fps": 30,
        "height": height,
        "length": len(frames),
        "name": source.name,
        "width": width,
    }
    write_text(target / "sequence", "".join(f"{key}={value}\n" for key, value in properties.items()))


def _pattern(frames: FrameFiles) -> str:
    """`%08d.jpg` of frames that are numbered from 1 without gaps.

    Raises:
        DataError: they are not.
    """
    first = Path(frames.names[0])
    pattern = f"%0{len(first.stem)}d{first.suffix}"
    for number, name in enumerate(frames.names, start=1):
        if name != pattern % number:
            raise DataError(
                f"{frames.folder / name}: expected {pattern % number} as frame {number}; the VOT toolkit wants frames "
                "numbered from 1 without gaps"
            )
    return pattern
