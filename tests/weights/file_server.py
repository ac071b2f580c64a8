"""A local web server with the defects of real ones."""

import contextlib
import http.server
import re
import socketserver
import threading


class FileServer:
    """Files of a server and a record of the requests.

    Attributes:
        files: Dict of path to bytes.
        requests: List of `(path, range)` in the order of arrival.
        breaks_after: Number of bytes after which each response is interrupted;
            `None` for complete responses.
        knows_ranges: Whether the server supports range requests.
        shift: Offset of the range that is sent from the requested range.
        etag: Value of the header `ETag` of all files.
        url: URL of the server.
    """

    def __init__(self):
        self.files = {}
        self.requests = []
        self.breaks_after = None
        self.knows_ranges = True
        self.shift = 0
        self.etag = '"1"'
        self.url = None


@contextlib.contextmanager
def serving():
    """Run a `FileServer` during the block."""
    state = FileServer()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            _answer(self, state)

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _answer(handler, state):
    asked = handler.headers.get("Range")
    state.requests.append((handler.path, asked))
    content = state.files.get(handler.path)
    if content is None:
        handler.send_error(404)
        return
    start = 0
    is_same = handler.headers.get("If-Range") in (None, state.etag)
    if asked and state.knows_ranges and is_same:
        start = int(re.fullmatch(r"bytes=(\d+)-", asked)[1]) + state.shift
        if start >= len(content):
            handler.send_error(416)
            return
        handler.send_response(206)
        last = len(content) - 1
        handler.send_header(
            "Content-Range", f"bytes {start}-{last}/{len(content)}"
        )
    else:
        handler.send_response(200)
    handler.send_header("Content-Length", str(len(content) - start))
    handler.send_header("ETag", state.etag)
    handler.end_headers()
    handler.wfile.write(content[start:][: state.breaks_after])


@contextlib.contextmanager
def answering(answer):
    """Run a server that answers with any bytes, and yield its URL.

    Args:
        answer: Function of the request (a string) and of a function that sends
            bytes, which raises `OSError` once the client has closed the
            connection.
    """

    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            request = b""
            while b"\r\n\r\n" not in request:
                chunk = self.request.recv(65536)
                if not chunk:
                    return
                request += chunk
            with contextlib.suppress(OSError):
                answer(request.decode("latin-1"), self.request.sendall)

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
