"""A mall on 127.0.0.1: answers from a script, over real HTTP, and keeps what it was asked."""

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit


class Mall(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.script = []  # (status, headers, body), one per request; None closes unanswered
        self.asked = []  # (method, path with query, headers, body)

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.server_port}"

    def will_answer(self, body, status=200, **headers):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.script.append((status, named, body))

    def will_hang_up(self):
        self.script.append(None)

    def queries(self):
        return [dict(parse_qsl(urlsplit(path).query, True)) for _, path, _, _ in self.asked]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length)
        self.server.asked.append((self.command, self.path, self.headers, body))
        answer = self.server.script.pop(0)
        self.close_connection = True
        if answer is None:
            return
        status, headers, content = answer
        self.send_response_only(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_GET  # noqa: N815 - the name is http.server's

    def log_message(self, *args):
        pass


@contextmanager
def open_mall():
    with Mall() as mall:
        thread = threading.Thread(target=mall.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield mall
        finally:
            mall.shutdown()
            thread.join(5)
