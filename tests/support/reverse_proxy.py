"""A reverse proxy as JupyterHub has them: a path in front, another host name, and answers that are passed on whole."""

import contextlib
import http.client
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PREFIX = "/user/me/proxy/8765"


class Prefixed(BaseHTTPRequestHandler):
    """Takes the prefix away, keeps the name and the origin that the browser says, and streams only what says so."""

    protocol_version = "HTTP/1.0"

    def forward(self):
        if not self.path.startswith(PREFIX + "/"):
            self.send_error(404)
            return
        behind = http.client.HTTPConnection("127.0.0.1", self.server.behind, timeout=60)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
        behind.request(self.command, self.path.removeprefix(PREFIX), body or None, headers)
        answer = behind.getresponse()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("transfer-encoding", "connection"):
                self.send_header(name, value)
        self.end_headers()
        streams = self.headers.get("Accept") == "text/event-stream"
        with contextlib.suppress(OSError):
            while part := answer.read1() if streams else answer.read():
                self.wfile.write(part)
        behind.close()

    do_GET = do_POST = do_PUT = do_DELETE = forward  # noqa: N815

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def reverse_proxy(port):
    """Brings a port to PREFIX of another one, which it gives."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Prefixed) as proxy:
        proxy.daemon_threads, proxy.behind = True, port
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        yield proxy.server_port
        proxy.shutdown()
