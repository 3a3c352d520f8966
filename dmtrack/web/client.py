"""The server from Python, without its page: open a video, give a box, wait, read the boxes.

>>> client = Client("http://localhost:8765/#token=...")                          # doctest: +SKIP
>>> project = client.create("my.mp4")                                            # doctest: +SKIP
>>> target = client.add_target(project, frame=0, box_xywh=(10, 20, 64, 48))      # doctest: +SKIP
>>> client.track(project)                                                        # doctest: +SKIP
>>> client.rows(project, target)[:, :4]                                          # doctest: +SKIP
"""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dmtrack.errors import DMTrackError
from dmtrack.files import write_bytes


class ServerError(DMTrackError):
    """The server refused something, or does not answer; the sentence is its own."""


class Client:
    """A connection to `dmtrack serve`.

    Args:
        url: the address that it printed, with the token.
        timeout: seconds that an answer may take.
    """

    def __init__(self, url: str, timeout: float = 60.0) -> None:
        base, _, fragment = url.partition("#")
        self._base, self._timeout = base.rstrip("/") + "/api/", timeout
        self._token = dict(urllib.parse.parse_qsl(fragment)).get("token", "")

    def ask(self, path: str, method: str = "GET", body: Any = None) -> bytes:
        """One request of those that `/api/openapi.json` describes; `body` becomes JSON.

        Raises:
            ServerError: it was refused, or nobody answers.
        """
        content = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        request = urllib.request.Request(self._base + path, content, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=self._timeout) as answer:
                received: bytes = answer.read()
                return received
        except urllib.error.HTTPError as error:
            said = error.read()
            try:
                raise ServerError(str(json.loads(said)["error"])) from error
            except (ValueError, KeyError, TypeError):
                raise ServerError(f"{self._base}{path} answered {error.code}") from error
        except OSError as error:
            raise ServerError(f"{self._base} does not answer ({error}); is dmtrack serve running?") from error

    def create(self, video: str, config: str | None = None) -> str:
        """Opens a video of the server's folder; the id of the project."""
        return str(json.loads(self.ask("projects", "POST", {"video": video, "config": config}))["id"])

    def add_target(self, project: str, frame: int, box_xywh: Sequence[float], name: str = "") -> int:
        """Gives a first box; the number of the target."""
        box = [float(value) for value in box_xywh]
        body = {"change": "add_target", "frame": frame, "box_xywh": box, "name": name}
        made = json.loads(self.ask(f"projects/{project}/changes", "POST", body))
        return int(made["targets"][-1]["number"])

    def correct(self, project: str, target: int, frame: int, box_xywh: Sequence[float]) -> None:
        """Corrects a box; `track` then fills the frames around it again."""
        box = [float(value) for value in box_xywh]
        body = {"change": "set_box", "target": target, "frame": frame, "box_xywh": box}
        self.ask(f"projects/{project}/changes", "POST", body)

    def track(self, project: str, wait: bool = True) -> dict[str, Any]:
        """Tracks what is not tracked yet; state, progress and latency.

        Raises:
            ServerError: tracking failed.
        """
        described = json.loads(self.ask(f"projects/{project}/tracking", "POST", {"state": "tracking"}))
        while wait and described["run"] and described["run"]["state"] in ("waiting", "tracking"):
            time.sleep(0.1)
            described = json.loads(self.ask(f"projects/{project}"))
        run: dict[str, Any] = described["run"] or {}
        if run.get("error"):
            raise ServerError(run["error"])
        return run

    def rows(self, project: str, target: int) -> NDArray[np.float32]:
        """(frames, 7): x, y, w, h, score, presence, score of the strongest look-alike; NaN where nothing is known."""
        content = self.ask(f"projects/{project}/targets/{target}/rows")
        return np.frombuffer(content, "<f4").reshape(-1, 7).astype(np.float32)

    def export(self, project: str, kind: str, path: str | Path) -> None:
        """Writes one of the formats that `/api/info` lists to a file of this machine."""
        write_bytes(path, self.ask(f"projects/{project}/export/{kind}"))
