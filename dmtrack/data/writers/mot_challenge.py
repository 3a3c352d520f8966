"""Videos of many objects in the layout of MOTChallenge."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from dmtrack.data.sequences import Video
from dmtrack.data.sources.mot_challenge import CATEGORIES
from dmtrack.data.writers.folders import Progress, atomic_folder, write_jpeg

FRAMES_PER_SECOND = 25


def write_mot_challenge(
    videos: Iterable[Video], root: str | Path, quality: int = 95, progress: Progress | None = None
) -> list[str]:
    """Writes `<video>/{seqinfo.ini, img1/000001.jpg, gt/gt.txt}`; every video appears complete or not at all.

    Rows are frame, track, left, top, width, height (frames and pixels from 1), 1, class, visible share.

    Args:
        videos: whose track ids are whole numbers; a video of the same name is replaced.
        root: folder of the videos.
        quality: of the JPEG, 0 to 100.
        progress: called after every frame.

    Returns:
        The names of the videos.
    """
    names = []
    for video in videos:
        width, height = video.size_wh()
        rows: list[tuple[int, int, str]] = []
        for identity, track in video.tracks.items():
            kind = CATEGORIES.index(track.category) if track.category in CATEGORIES else 1
            for frame in np.flatnonzero(track.present).tolist():
                x, y, w, h = track.boxes_xywh[frame].tolist()
                shown = 1.0 if track.visibility is None else float(track.visibility[frame])
                box = f"{x + 1:.2f},{y + 1:.2f},{w:.2f},{h:.2f}"
                rows.append((frame + 1, int(identity), f"{box},1,{kind},{shown:.3f}"))
        with atomic_folder(Path(root) / video.name) as folder:
            (folder / "img1").mkdir()
            (folder / "gt").mkdir()
            for frame in range(len(video)):
                write_jpeg(folder / "img1" / f"{frame + 1:06d}.jpg", video.read_frame(frame), quality)
                if progress is not None:
                    progress()
            lines = [f"{frame},{identity},{rest}\n" for frame, identity, rest in sorted(rows)]
            (folder / "gt" / "gt.txt").write_text("".join(lines))
            (folder / "seqinfo.ini").write_text(
                f"[Sequence]\nname={video.name}\nimDir=img1\nframeRate={FRAMES_PER_SECOND}\nseqLength={len(video)}\n"
                f"imWidth={width}\nimHeight={height}\nimExt=.jpg\n"
            )
        names.append(video.name)
    return names
