"""How long a person waits for a frame of a video on the page: in Chromium, on a made video that is hard to decode.

    python benchmarks/bench_scrubbing.py --wait 600 --json scrubbing.json

The video is ten minutes of fine texture that moves, 1920x1080, with a key frame every 250 frames and B-frames between
them. Opens it on the page of `dmtrack serve`, jumps to frames all over it, and measures from the jump until the page
shows another picture, the frame itself, and the frame itself in full resolution. With `--wait` it gives the small copy
of the video so much time before that, and jumps within what is made of it.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import av
import cv2
import numpy as np

from dmtrack.config.choices import DEFAULT_CONFIG
from dmtrack.files import write_json
from dmtrack.web.places import Places
from dmtrack.web.serve import running
from dmtrack.web.tracking import Trackers

JUMP = """async (frame) => {
  const picture = document.getElementById("picture"), number = document.getElementById("frame");
  const start = performance.now(), before = picture.dataset.frame, times = {};
  number.value = frame;
  number.dispatchEvent(new Event("change"));
  for (;;) {
    await new Promise(requestAnimationFrame);
    const now = performance.now() - start;
    if (picture.dataset.frame !== before) times.picture ??= now;
    if (Number(picture.dataset.frame) !== frame) continue;
    times.frame ??= now;
    if (picture.dataset.small !== "true") return { ...times, full: now };
  }
}"""


def make_video(path: Path, frames: int, size_wh: tuple[int, int], key_every: int) -> None:
    """Fine texture that moves by fractions of pixels; encoded from key frame to key frame once, and then repeated."""
    rng, (width, height) = np.random.default_rng(5), size_wh
    texture = cv2.GaussianBlur(rng.normal(0, 1, (height + 300, width + 300, 3)), (0, 0), 1.2)
    texture = np.clip(128 + 60 * texture / texture.std(), 0, 255).astype(np.uint8)
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=25, options={"crf": "23", "preset": "veryfast", "sc_threshold": "0"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.gop_size, stream.codec_context.max_b_frames = key_every, 3
        packets = []
        for number in range(key_every):
            turn = cv2.getRotationMatrix2D((width / 2 + 150, height / 2 + 150), 0.02 * number, 1)
            turn[:, 2] -= 20 + 0.37 * number, 20 + 0.21 * number
            image = cv2.warpAffine(texture, turn, size_wh, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
            packets += stream.encode(av.VideoFrame.from_ndarray(image, "rgb24"))
        packets += stream.encode(None)
        contents = [(bytes(packet), packet.pts, packet.dts, packet.is_keyframe) for packet in packets]
        unit: Fraction = packets[0].time_base
        ticks = round(1 / 25 / unit)
        for number in range(-(-frames // key_every)):
            for content, pts, dts, key in contents:
                packet, shift = av.Packet(content), number * key_every * ticks
                packet.stream, packet.time_base, packet.is_keyframe = stream, unit, key
                packet.pts, packet.dts = pts + shift, dts + shift
                file.mux(packet)


def main() -> None:
    """Makes the video, opens it, jumps."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--video", type=Path, help="another video than the made one, or where that is kept")
    parser.add_argument("--frames", type=int, default=15_000)
    parser.add_argument("--key-every", type=int, default=250)
    parser.add_argument("--jumps", type=int, default=20)
    parser.add_argument("--wait", type=float, default=0.0, help="seconds for the small copy")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("google-chrome") or ""
    with tempfile.TemporaryDirectory() as place, sync_playwright() as driver:
        video = asked.video or Path(place, "videos", "texture.mp4")
        video.parent.mkdir(parents=True, exist_ok=True)
        if not video.exists():
            make_video(video, asked.frames, (1920, 1080), asked.key_every)
        trackers = Trackers()
        trackers.fresh(DEFAULT_CONFIG)  # as for whoever opens another video; the first one is opened while it loads
        with running(Places(video.parent, Path(place, "projects")), port=0, trackers=trackers) as server:
            browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
            page = browser.new_page(viewport={"width": 1920, "height": 1080})
            page.set_default_timeout(120_000)  # of busy machines
            page.goto(server.url())
            start = time.perf_counter()
            page.get_by_role("button", name=video.name, exact=True).click()
            page.wait_for_selector("#picture[data-frame='0']")
            found: dict[str, object] = {"first_frame_ms": 1000 * (time.perf_counter() - start)}
            print(f"first frame: {found['first_frame_ms']:.0f} ms", flush=True)
            frames = wait_for_small_copy(Path(place, "projects"), asked.frames, asked.wait, found)
            rng = np.random.default_rng(0)
            begins = rng.integers(0, frames // asked.key_every, asked.jumps) * asked.key_every
            behind = np.linspace(1, asked.key_every - 1, asked.jumps).astype(int)
            rows = [page.evaluate(JUMP, int(frame)) for frame in begins + behind]
            browser.close()
    for name in ("picture", "frame", "full"):
        times = np.array([row[name] for row in rows])
        found[name] = {"median_ms": float(np.median(times)), "most_ms": float(times.max())}
        print(f"{name}: median {np.median(times):.0f} ms, most {times.max():.0f} ms, {np.round(times).astype(int)}")
    found["load"] = os.getloadavg()[0]
    print(f"load {found['load']:.1f} on {os.cpu_count()} cores")
    if asked.json:
        write_json(asked.json, found)


def wait_for_small_copy(projects: Path, frames: int, seconds: float, found: dict[str, object]) -> int:
    """Frames from the first on to jump to: all, or as many as the small copy has after so many seconds."""
    from dmtrack.media.small_copy import PART

    start, parts = time.perf_counter(), []
    while len(parts) < -(-frames // PART) and time.perf_counter() < start + seconds:
        time.sleep(0.5)
        parts = list(projects.glob("*/small/*/[0-9]*.zip"))
    if not seconds:
        return frames
    found["copied_frames"], found["copy_s"] = min(len(parts) * PART, frames), time.perf_counter() - start
    found["copy_bytes"] = sum(path.stat().st_size for path in parts)
    print(
        f"small copy: {found['copied_frames']} frames, {found['copy_s']:.0f} s, {found['copy_bytes'] / 2**20:.0f} MiB"
    )
    return int(found["copied_frames"])


if __name__ == "__main__":
    main()
