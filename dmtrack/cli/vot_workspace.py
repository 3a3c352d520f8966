"""A workspace of the VOT toolkit (0.9) around sequences that lie here: configuration, tracker and sequence files."""

from __future__ import annotations

import re
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

import yaml

from dmtrack.data.sources.frames import FrameFiles, image_size_wh, list_frames
from dmtrack.data.sources.vot import LAYOUT, VOT
from dmtrack.errors import ConfigError, DataError, OutputError
from dmtrack.files import check_writable_folder, write_bytes, write_text
from dmtrack.tracking.trax_client import REGIONS

_IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
"""What the toolkit takes as the name of a tracker."""


@dataclass(frozen=True)
class ClientOptions:
    """How the toolkit starts our tracker.

    Attributes:
        config: a config file or the name of one.
        weights: a weights file; None takes what ships with the config.
        tracker: `module:Class` instead of config and weights.
        region: "rectangle" or "polygon".
        device: None takes a GPU if there is one.
        timeout: seconds that the toolkit waits for an answer, loading included.
        name: identifier of the tracker; None makes one of the config's name.
    """

    config: str = "dmtrackReID_tiny"
    weights: Path | None = None
    tracker: str | None = None
    region: str = "rectangle"
    device: str | None = None
    timeout: int = 120
    name: str | None = None

    def identifier(self) -> str:
        """The name of the tracker in the toolkit.

        Raises:
            ConfigError: the given one is none that the toolkit takes.
        """
        if self.name is None:
            return re.sub(r"\W+", "-", Path(self.config).stem if self.tracker is None else self.tracker).strip("-")
        if not _IDENTIFIER.fullmatch(self.name):
            raise ConfigError(f"--name {self.name}: the toolkit takes letters, digits, - and _, e.g. dmtrackGS_tiny")
        return self.name

    def command(self) -> str:
        """The command line; paths are absolute because the toolkit starts it in a temporary folder.

        Raises:
            ConfigError: an unknown region.
        """
        if self.region not in REGIONS:
            raise ConfigError(f"--region {self.region}: expected {' or '.join(REGIONS)}")
        words = [sys.executable, "-m", "dmtrack.tracking.trax_client", "--region", self.region]
        if self.tracker is not None:
            words += ["--tracker", self.tracker]
        else:
            config = Path(self.config)
            words += ["--config", str(config.resolve()) if config.is_file() else self.config]
            words += ["--weights", str(self.weights.resolve())] if self.weights is not None else []
        words += ["--device", self.device] if self.device is not None else []
        return shlex.join(words)


def write_workspace(sequences: Path, output: Path, stack: str, options: ClientOptions) -> tuple[int, str]:
    """Writes `config.yaml`, `trackers.ini` and `sequences/`; frames are linked to, annotations copied.

    Args:
        sequences: folder in VOT's layout.
        output: of the workspace; it must not hold one.
        stack: name of one of the toolkit's stacks, or a file.
        options: of the tracker.

    Returns:
        The number of sequences and the tracker's identifier.

    Raises:
        DataError: the sequences are not as expected.
        OutputError: there is a workspace already, or it cannot be written.
        ConfigError: an option that the toolkit would not take.
    """
    identifier, command = options.identifier(), options.command()
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
        f"timeout = {options.timeout}\n",
    )
    (output / "results").mkdir(exist_ok=True)
    write_text(output / "config.yaml", yaml.safe_dump({"registry": ["./trackers.ini"], "stack": named}))
    return len(source.names), identifier


def _write_sequence(source: Path, target: Path) -> None:
    """One sequence as the toolkit's reader wants it: a file `sequence` that says where the frames are."""
    frames = _frames(source)
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


def _frames(folder: Path) -> FrameFiles:
    return list_frames(folder / "color" if (folder / "color").is_dir() else folder, LAYOUT)


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
