"""The page in a notebook: JupyterLab shows a frame of it, Colab is asked for its proxy."""

import socket
import sys
import urllib.request
from types import ModuleType

import numpy as np
import pytest

pytest.importorskip("fastapi", reason="the page is an extra: pip install 'dmtrack[web]'")
from dmtrack import notebook
from dmtrack.media.images import write_image


@pytest.fixture
def video(tmp_path, monkeypatch):
    monkeypatch.setattr("dmtrack.web.serve._load", lambda trackers, config: None)
    for number in range(3):
        write_image(tmp_path / "video" / f"{number}.png", np.zeros((40, 60, 3), np.uint8))
    return tmp_path / "video"


def test_what_is_drawn_below_a_cell_is_read_in_the_next(video, tmp_path) -> None:
    selection = notebook.select(video, projects=tmp_path / "projects", height=700)
    shown = selection._repr_html_()
    assert f'src="http://localhost:{selection.server.port}/#token=' in shown and 'height="700"' in shown
    selection.project.add_target(1, (5, 6, 20, 10), "Rex")
    assert selection.first_boxes_xywh == {"Rex": (1, (5.0, 6.0, 20.0, 10.0))}
    assert selection.tracks["Rex"][1, :4].tolist() == [5, 6, 20, 10]
    selection.close()


def test_another_proxy_is_named(video, tmp_path) -> None:
    address = "https://hub.example.org/user/me/proxy/{port}/"
    selection = notebook.select(video, projects=tmp_path / "projects", proxy=address)
    port = selection.server.port
    assert f'src="https://hub.example.org/user/me/proxy/{port}/#token=' in selection._repr_html_()
    request = urllib.request.Request(f"http://127.0.0.1:{port}/", headers={"Host": "hub.example.org"})
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 200
    selection.close()


def test_colab_brings_the_page_through_its_proxy(video, tmp_path, monkeypatch) -> None:
    asked = []
    output = ModuleType("google.colab.output")
    output.eval_js = lambda code: asked.append(code) or "https://a-8765-b.colab.googleusercontent.com/"
    output.serve_kernel_port_as_iframe = lambda port, path, height: asked.append((port, path.split("token")[0], height))
    for name in ("google", "google.colab"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, "google.colab.output", output)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setattr(notebook, "COLAB_PORT", port)
    selection = notebook.select(video, projects=tmp_path / "projects")
    assert selection._repr_html_() == ""
    assert asked == [f"google.colab.kernel.proxyPort({port})", (port, "/#", "900")]
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/", headers={"Host": "a-8765-b.colab.googleusercontent.com"}
    )
    with urllib.request.urlopen(request) as answer:
        assert "frame-ancestors https://colab.research.google.com" in answer.headers["Content-Security-Policy"]
    selection.close()
