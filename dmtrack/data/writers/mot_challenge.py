"""Videos of many objects in the layout of MOTChallenge."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from dmtrack.data.sequences import Video
from dmtrack.data.sources.mot_challenge import truth_rows
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
        with atomic_folder(Path(root) / video.name) as folder:
            (folder / "img1").mkdir()
            (folder / "gt").mkdir()
            for frame in range(len(video)):
                write_jpeg(folder / "img1" / f"{frame + 1:06d}.jpg", video.read_frame(frame), quality)
                if progress is not None:
                    progress()
            form = "%d,%d,%.2f,%.2f,%.2f,%.2f,%d,%d,%.3f"
            (folder / "gt" / "gt.txt").write_text("".join(f"{form}\n" % tuple(row) for row in truth_rows(video)))
            (folder / "seqinfo.ini").write_text(
                f"[Sequence]\nname={video.name}\nimDir=img1\nframeRate={FRAMES_PER_SECOND}\nseqLength={len(video)}\n"
                f"imWidth={width}\nimHeight={height}\nimExt=.jpg\n"
            )
        names.append(video.name)
    return names
