"""Servers that are broken or hostile: nothing of theirs is accepted."""

import contextlib
import io
import json
import threading
import time
import urllib.request

import pytest

from keras_efficient import weights
from keras_efficient.weights import connections
from keras_efficient.weights import download
from keras_efficient.weights import transfer
from tests.marks import on_one_backend
from tests.weights import file_server
from tests.weights.test_download import CONTENT
from tests.weights.test_download import SHA256
from tests.weights.test_download import cache
from tests.weights.test_download import entry_at
from tests.weights.test_download import names_in
from tests.weights.test_download import part_of

__all__ = ["cache"]
pytestmark = on_one_backend

NO_HASH = {}


def head(status, *headers):
    return "\r\n".join([f"HTTP/1.1 {status}", *headers, "", ""]).encode()


@contextlib.contextmanager
def fetching(answer, **entry):
    """Fetch from a server that answers with any bytes; yield the error."""
    with file_server.answering(answer) as url:
        with pytest.raises(weights.DownloadError) as caught:
            weights.fetch(entry_at(f"{url}/weights.h5", **entry))
        yield caught.value


def reason_of(answer, **entry):
    with fetching(answer, **entry) as error:
        (reason,) = error.reasons.values()
    return reason


@pytest.mark.parametrize("file_hash", [NO_HASH, None])
@pytest.mark.parametrize(
    "content_range",
    ["bytes 0-999/700001", "bytes 500-1499/700001", "nonsense", None],
)
def test_part_that_was_not_requested_is_refused(
    cache, file_hash, content_range
):
    def answer(request, send):
        assert "Range:" not in request
        fields = [f"Content-Range: {content_range}"] if content_range else []
        send(head("206 Partial Content", "Content-Length: 1000", *fields))
        send(CONTENT[:1000])

    reason = reason_of(answer, file_hash=file_hash)
    assert reason.startswith("the server sent the range")
    assert "although the whole file was requested" in reason
    assert names_in(cache) == []


@pytest.mark.parametrize("file_hash", [NO_HASH, None])
@pytest.mark.parametrize(
    "content_range",
    ["bytes 0-{last}/{size}", "bytes {next}-{last}/{size}", "", "bytes */9"],
)
def test_other_part_than_the_requested_one_starts_again(
    cache, file_hash, content_range
):
    """The wrong bytes are the right number of bytes."""
    part_of(cache, CONTENT[:500_000])
    ranges = []

    def answer(request, send):
        ranges.append("Range: bytes=500000-" in request)
        if not ranges[-1]:
            send(head("200 OK", f"Content-Length: {len(CONTENT)}") + CONTENT)
            return
        stated = content_range.format(
            last=len(CONTENT) - 1, size=len(CONTENT), next=500_001
        )
        size = len(CONTENT) - 500_000
        send(
            head(
                "206 Partial Content",
                f"Content-Length: {size}",
                f"Content-Range: {stated}",
            )
            + b"x" * size
        )

    with file_server.answering(answer) as url:
        note = {"url": f"{url}/weights.h5", "validator": '"1"'}
        (cache / "weights.h5.part.json").write_text(json.dumps(note))
        entry = entry_at(f"{url}/weights.h5", file_hash=file_hash)
        path = weights.fetch(entry)
    assert path.read_bytes() == CONTENT
    assert ranges == [True, False]


def test_short_part_is_not_the_end_of_the_file(cache):
    """A server may send less than the requested range; the rest follows."""
    asked = []

    def answer(request, send):
        start = 0
        if "Range: bytes=" in request:
            start = int(request.split("Range: bytes=")[1].split("-")[0])
        asked.append(start)
        end = min(start + 300_000, len(CONTENT))
        fields = [f"Content-Length: {end - start}", 'ETag: "1"']
        if start:
            stated = f"bytes {start}-{end - 1}/{len(CONTENT)}"
            fields.append(f"Content-Range: {stated}")
            send(head("206 Partial Content", *fields))
        else:
            send(head("200 OK", f"Content-Length: {len(CONTENT)}", *fields[1:]))
        send(CONTENT[start:end])

    with file_server.answering(answer) as url:
        entry = entry_at(f"{url}/weights.h5", file_hash=NO_HASH)
        path = weights.fetch(entry)
    assert path.read_bytes() == CONTENT
    assert asked == [0, 300_000, 600_000]


@pytest.mark.parametrize("status", ["204 No Content", "203 Changed"])
def test_other_success_is_not_a_file(cache, status):
    answer = lambda request, send: send(head(status, "Content-Length: 0"))
    reason = reason_of(answer, file_hash=NO_HASH)
    assert reason == f"HTTP {status} without a file"


@pytest.mark.parametrize(
    "fields", [["Content-Length: 3000"], [], ["Transfer-Encoding: chunked"]]
)
def test_bytes_are_limited(cache, monkeypatch, fields):
    """The file has at most 2000 bytes, by its number of parameters."""
    monkeypatch.setattr(download, "BYTES_PER_PARAMETER", 0)
    monkeypatch.setattr(download, "EXTRA_BYTES", 2000)

    def answer(request, send):
        send(head("200 OK", *fields))
        for _ in range(40):
            chunk = b"x" * 500
            if "chunked" in "".join(fields):
                chunk = b"1f4\r\n" + chunk + b"\r\n"
            send(chunk)

    reason = reason_of(answer)
    expected = (
        "the server offers 3,000 bytes, but the file has at most 2,000"
        if fields == ["Content-Length: 3000"]
        else "the server sent more than 2,000 bytes"
    )
    assert reason == expected
    assert names_in(cache) == []


def test_bytes_of_any_url_are_limited(cache, monkeypatch):
    assert download._resolve("https://a/b").max_bytes == transfer.MAX_BYTES
    entry = entry_at("https://a/b")
    limit = download._resolve(entry).max_bytes
    # 16 bytes for each parameter is what checkpoints have.
    assert 16 * entry.num_params < limit < 64 * entry.num_params


def trickle(send, *, every=0.02, byte=b"x"):
    while True:
        send(byte)
        time.sleep(every)


@pytest.mark.parametrize(
    "beginning",
    [
        b"HTTP/1.1 200 OK\r\nX-Slow: ",
        head("200 OK", "Content-Length: 1000000"),
        head("200 OK"),
        head("200 OK", "Transfer-Encoding: chunked") + b"5;extension=",
        b"",
    ],
    ids=["headers", "body", "body without length", "chunk", "status"],
)
def test_trickling_server_does_not_hold_the_process(
    cache, monkeypatch, beginning
):
    monkeypatch.setattr(transfer, "STALL_SECONDS", 0.3)

    def answer(request, send):
        send(beginning)
        trickle(send)

    begin = time.monotonic()
    reason = reason_of(answer)
    assert time.monotonic() - begin < 3
    assert reason.startswith("the server sent nearly nothing for 0.3 s")


def test_total_time_is_limited(cache, monkeypatch):
    """The server is fast enough in every period, but never ends."""
    monkeypatch.setattr(transfer, "MAX_SECONDS", 0.4)
    monkeypatch.setattr(transfer, "STALL_BYTES", 1)

    def answer(request, send):
        send(head("200 OK"))
        trickle(send, byte=CONTENT[:100])

    reason = reason_of(answer)
    assert reason.startswith("the download took too long in total")


def test_slow_server_that_makes_progress_is_not_interrupted(cache, monkeypatch):
    monkeypatch.setattr(transfer, "STALL_SECONDS", 0.8)
    monkeypatch.setattr(transfer, "STALL_BYTES", 50_000)

    def answer(request, send):
        send(head("200 OK", f"Content-Length: {len(CONTENT)}"))
        for start in range(0, len(CONTENT), 100_000):
            send(CONTENT[start : start + 100_000])
            time.sleep(0.15)

    with file_server.answering(answer) as url:
        path = weights.fetch(entry_at(f"{url}/weights.h5"))
    assert path.read_bytes() == CONTENT


def test_what_a_slow_server_sent_is_resumed(cache, monkeypatch):
    monkeypatch.setattr(transfer, "STALL_SECONDS", 0.2)
    is_slow, is_over = True, threading.Event()

    def answer(request, send):
        if is_slow:
            send(head("200 OK", f"Content-Length: {len(CONTENT)}"))
            send(CONTENT[:300_000])
            is_over.wait(30)
            return
        assert "Range: bytes=300000-" in request
        last = len(CONTENT) - 1
        send(
            head(
                "206 Partial Content",
                f"Content-Length: {len(CONTENT) - 300_000}",
                f"Content-Range: bytes 300000-{last}/{len(CONTENT)}",
            )
        )
        send(CONTENT[300_000:])

    with file_server.answering(answer) as url:
        entry = entry_at(f"{url}/weights.h5")
        with pytest.raises(weights.DownloadError, match="nearly nothing"):
            weights.fetch(entry)
        is_over.set()
        is_slow = False
        assert weights.fetch(entry).read_bytes() == CONTENT


@pytest.mark.parametrize(
    "location", ["ftp://127.0.0.1/a", "file:///etc/hosts", "data:,abc"]
)
def test_redirects_stay_in_the_web(cache, location):
    def answer(request, send):
        send(head("302 Found", f"Location: {location}", "Content-Length: 0"))

    reason = reason_of(answer, file_hash=NO_HASH)
    assert "redirect" in reason.lower()
    assert names_in(cache) == []


@pytest.mark.parametrize(
    "old, new, is_followed",
    [
        ("https://a/b", "http://a/b", False),
        ("https://a/b", "HTTP://a/b", False),
        ("https://a/b", "ftp://a/b", False),
        ("https://a/b", "file:///b", False),
        ("https://a/b", "https://c/d", True),
        ("http://a/b", "https://a/b", True),
        ("http://a/b", "http://c/d", True),
    ],
)
def test_redirects_keep_the_encryption(old, new, is_followed):
    arguments = (
        urllib.request.Request(old), io.BytesIO(), 302, "Found", {}, new
    )  # fmt: skip
    handler = connections._Redirects()
    if is_followed:
        assert handler.redirect_request(*arguments).full_url == new
        return
    with pytest.raises(connections.TransferError, match="is not followed"):
        handler.redirect_request(*arguments)


def test_redirect_to_another_host_is_followed(cache):
    def answer(request, send):
        if request.startswith("GET /there "):
            send(head("200 OK", f"Content-Length: {len(CONTENT)}") + CONTENT)
        else:
            send(head("302 Found", "Location: /there", "Content-Length: 0"))

    with file_server.answering(answer) as url:
        path = weights.fetch(entry_at(f"{url}/weights.h5"))
    assert path.read_bytes() == CONTENT


def test_mirror_of_another_scheme_is_refused(cache, monkeypatch):
    monkeypatch.setenv(download.MIRROR_VARIABLE, "ftp://127.0.0.1:1/a")
    with file_server.serving() as server:
        with pytest.raises(weights.DownloadError, match="scheme 'ftp' is none"):
            weights.fetch(entry_at(f"{server.url}/none"))


@pytest.mark.parametrize(
    "status",
    [
        "404 Not\x1b[2J\x1b]0;title\x07 Found\x9b31m \x08\x7f" + "x" * 5000,
        "206 P\x1b[31m",
        "299 P\x1b[31m",
    ],
)
def test_text_of_the_server_is_cleaned(cache, status):
    def answer(request, send):
        send(
            b"HTTP/1.1 "
            + status.encode("latin-1")
            + b"\r\nContent-Range: \x1b[31mred\x1b[0m\r\n"
            + b"Content-Length: 0\r\n\r\n"
        )

    with fetching(answer) as error:
        (reason,) = error.reasons.values()
        assert len(reason) <= 300
        assert all(x.isprintable() or x == "\n" for x in str(error))
        assert "[2J" not in reason and "title" not in reason
        assert "[31m" not in reason


def test_text_that_is_not_http_is_cleaned(cache):
    answer = lambda request, send: send(b"SSH-2.0-\x1b[31m\x07\x1b]0;a\r\n")
    with fetching(answer) as error:
        assert all(x.isprintable() or x == "\n" for x in str(error))


@pytest.mark.parametrize(
    "text, expected",
    [
        ("plain text", "plain text"),
        ("a\r\nb\tc", "a b c"),
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b]8;;https://a\x07link\x1b]8;;\x07", "link"),
        ("\x9b31mred", "red"),
        ("a\u202eb\u2028c\u200bd", "a b c d"),
        ("Grüße 日本", "Grüße 日本"),
        ("x" * 301, "x" * 297 + "..."),
    ],
)
def test_printable(text, expected):
    assert connections.printable(text) == expected


@pytest.mark.parametrize(
    "name", ["weights.h5", "weights.pth", "weights.tar.gz"]
)
def test_error_page_is_not_weights(cache, name):
    """Without a hash, the beginning of the file shows its kind."""
    page = b"<!DOCTYPE html><html>Log in to use this network</html>"
    with file_server.serving() as server:
        server.files["/weights.h5"] = page
        entry = entry_at(
            f"{server.url}/weights.h5", file_hash=NO_HASH, file_name=name
        )
        with pytest.raises(weights.DownloadError, match="another kind of file"):
            weights.fetch(entry)
        assert not (cache / name).exists()
        # One that an earlier version has accepted is replaced.
        (cache / "weights.h5").write_bytes(page)
        server.files["/weights.h5"] = CONTENT
        entry = entry_at(f"{server.url}/weights.h5", file_hash=NO_HASH)
        assert weights.fetch(entry).read_bytes() == CONTENT


def test_url_without_a_hash_is_announced(cache, caplog):
    with file_server.serving() as server:
        server.files["/any.bin"] = b"any"
        weights.fetch(f"{server.url}/any.bin")
        weights.fetch(f"{server.url}/any.bin")
    assert caplog.messages[0] == (
        "any.bin has no published hash; pass `file_hash` to check it."
    )
    assert len(caplog.messages) == 2
    assert SHA256 not in caplog.text
