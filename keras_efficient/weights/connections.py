"""Connections to servers that can neither hold nor mislead this program.

A redirect leads to `http` or `https` only, and never from `https` to `http`. A
watchdog ends a connection that makes no progress, however the server delays
it. Text of a server is cleaned before it becomes part of a message.
"""

import contextlib
import http.client
import re
import socket
import threading
import time
import unicodedata
import urllib.error
import urllib.parse
import urllib.request
from types import TracebackType
from typing import Any

SCHEMES = ("http", "https", "file")
# Longest text of a server in a message.
MESSAGE_CHARACTERS = 300
# Commands to a terminal, such as a color or the title of its window.
_ESCAPE_SEQUENCE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|(?:\x1b\]|\x9d)[^\x07\x1b\x9c]*"
)


class TransferError(Exception):
    """A file could not be downloaded from one URL.

    Attributes:
        is_interrupted: Whether the connection was interrupted after it had
            been established.
        status: Status of the HTTP response, or `None`.
    """

    def __init__(
        self,
        reason: str,
        *,
        is_interrupted: bool = False,
        status: int | None = None,
    ):
        super().__init__(printable(reason))
        self.is_interrupted = is_interrupted
        self.status = status


def printable(text: str, limit: int = MESSAGE_CHARACTERS) -> str:
    r"""Return text of a server that is safe to print, in one line.

    Args:
        text: String that may contain anything.
        limit: Integer, the largest number of characters. Defaults to 300.

    Returns:
        The string without control characters and commands to a terminal.

    Example:
    >>> from keras_efficient.weights.connections import printable
    >>> printable("Not\x1b[31m\r\n Found\x07")
    'Not Found'
    """
    text = _ESCAPE_SEQUENCE.sub("", text[: 10 * limit])
    # Category C: control and format characters, such as those that reverse
    # the direction of text.
    text = "".join(
        " " if unicodedata.category(x)[0] == "C" else x for x in text
    )
    text = " ".join(text.split())
    return text if len(text) <= limit else f"{text[: limit - 3]}..."


class Watchdog:
    """Ends the connections of a block that makes no progress.

    The block has `seconds` until the first call of `report_progress`, and
    again after each call, but not beyond `end`. Time limits of a socket do not
    ensure this: they begin anew with each byte.

    Args:
        seconds: Float, the longest time without progress.
        end: Float, the time of `time.monotonic()` at which the block ends.

    Attributes:
        has_expired: Boolean, whether it ended the connections.
    """

    def __init__(self, seconds: float, end: float):
        self._seconds = seconds
        self._end = end
        self._sockets: list[socket.socket] = []
        self._is_over = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.has_expired = False
        self.report_progress()

    def __enter__(self) -> "Watchdog":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._is_over.set()
        self._thread.join()
        for connection in self._sockets:
            connection.close()

    def report_progress(self) -> None:
        """Begin a new period of `seconds`."""
        self._deadline = min(time.monotonic() + self._seconds, self._end)

    def watch(self, connection: socket.socket) -> None:
        """End a connection if the time is over.

        Args:
            connection: The `socket.socket`.
        """
        with self._lock:
            # A copy, since TLS takes the descriptor of the original.
            self._sockets.append(connection.dup())
            if self.has_expired:
                self._end_connections()

    def check(self, error: Exception | None = None) -> None:
        """Raise an error if the time is over.

        Args:
            error: The consequence of the connection's end, if there is one.

        Raises:
            TransferError: If the time is over.
        """
        if not self.has_expired:
            return
        if time.monotonic() >= self._end:
            reason = "the download took too long in total"
        else:
            reason = f"the server sent nearly nothing for {self._seconds:g} s"
        raise TransferError(
            f"{reason}. What arrived is kept: the next download resumes"
        ) from error

    def _run(self) -> None:
        while not self._is_over.wait(
            max(0.0, self._deadline - time.monotonic())
        ):
            with self._lock:
                if time.monotonic() >= self._deadline:
                    self.has_expired = True
                    self._end_connections()
                    return

    def _end_connections(self) -> None:
        for connection in self._sockets:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


def open_url(
    url: str, headers: dict[str, str], timeout: float, watchdog: Watchdog
) -> Any:
    """Request a file.

    Args:
        url: URL of a scheme in `SCHEMES`.
        headers: Dict of the headers of the request.
        timeout: Float, seconds to wait for each piece of the response.
        watchdog: `Watchdog` of the download.

    Returns:
        The response, an open file with the attributes `status` (`None` for a
        local file) and `headers`.

    Raises:
        TransferError: If the server does not send the file.
    """
    scheme = urllib.parse.urlsplit(url).scheme.lower()
    if scheme not in SCHEMES:
        raise TransferError(f"the scheme {scheme!r} is none of {SCHEMES}")
    opener = urllib.request.build_opener(_Redirects(), _Handler(watchdog))
    request = urllib.request.Request(url, headers=headers)
    try:
        response = opener.open(request, timeout=timeout)
    except urllib.error.HTTPError as error:
        error.close()
        watchdog.check(error)
        raise TransferError(
            f"HTTP {error.code} {error.reason}", status=error.code
        ) from error
    except urllib.error.URLError as error:
        watchdog.check(error)
        raise TransferError(str(error.reason)) from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        watchdog.check(error)
        raise TransferError(str(error) or type(error).__name__) from error
    if watchdog.has_expired:  # in the middle of the headers
        response.close()
        watchdog.check()
    return response


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects to the web, unless they give up encryption."""

    def redirect_request(
        self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        """See the inherited method."""
        old = urllib.parse.urlsplit(req.full_url).scheme.lower()
        new = urllib.parse.urlsplit(newurl).scheme.lower()
        if new == "https" or new == old == "http":
            return super().redirect_request(req, fp, code, msg, headers, newurl)
        fp.close()
        raise TransferError(
            f"the server redirects from {old} to {newurl}, which is not "
            "followed: only https, and http from http, are accepted",
            status=code,
        )


class _Connection(http.client.HTTPConnection):
    """An HTTP connection that a watchdog ends."""

    watchdog: Watchdog

    def connect(self) -> None:
        """See the inherited method."""
        super().connect()
        self.watchdog.watch(self.sock)


class _SecureConnection(http.client.HTTPSConnection, _Connection):
    """An HTTPS connection that a watchdog ends, also in the handshake.

    `HTTPSConnection.connect` calls that of `_Connection` for the connection
    that it encrypts.
    """


class _Handler(urllib.request.HTTPHandler, urllib.request.HTTPSHandler):
    """Opens URLs on connections that a watchdog ends."""

    def __init__(self, watchdog: Watchdog):
        super().__init__()
        self._watchdog = watchdog

    def http_open(self, req: urllib.request.Request) -> Any:
        """See the inherited method."""
        return self.do_open(self._builder(_Connection), req)

    def https_open(self, req: urllib.request.Request) -> Any:
        """See the inherited method."""
        return self.do_open(self._builder(_SecureConnection), req)

    def _builder(self, connection_type: type[_Connection]) -> Any:
        def build(host: str, **options: Any) -> _Connection:
            connection = connection_type(host, **options)
            connection.watchdog = self._watchdog
            return connection

        return build
