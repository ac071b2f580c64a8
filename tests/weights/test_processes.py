"""Several processes that download one file, and processes that are killed."""

import json
import os
import socket
import subprocess
import sys
import threading
import time

import pytest

from keras_efficient import weights
from tests.marks import on_one_backend
from tests.weights import file_server
from tests.weights.test_download import CONTENT
from tests.weights.test_download import SHA256
from tests.weights.test_download import cache
from tests.weights.test_download import entry_at
from tests.weights.test_download import names_in
from tests.weights.test_servers import head

__all__ = ["cache"]
pytestmark = on_one_backend

FETCH = """
import dataclasses, json, sys
from keras_efficient import weights
from keras_efficient.weights import manifest

entry = dataclasses.replace(
    manifest.entries()[0],
    file_name="weights.h5",
    urls=(sys.argv[1],),
    hash=json.loads(sys.argv[2]),
)
print("ready", flush=True)
sys.stdin.readline()
print(weights.fetch(entry))
"""


@pytest.fixture
def processes():
    """Start processes that fetch a file once they are told to."""
    started = []

    def start(url, file_hash):
        process = subprocess.Popen(
            [sys.executable, "-c", FETCH, url, json.dumps(file_hash)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        started.append(process)
        assert process.stdout.readline() == "ready\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def begin(process):
    process.stdin.write("\n")
    process.stdin.flush()


@pytest.mark.parametrize("file_hash", [{"sha256": SHA256}, {}])
def test_four_processes_share_one_download(cache, processes, file_hash):
    requests = []

    def answer(request, send):
        """Send slowly enough that all processes ask for the file."""
        requests.append(request)
        send(head("200 OK", f"Content-Length: {len(CONTENT)}", 'ETag: "1"'))
        for start in range(0, len(CONTENT), 100_000):
            send(CONTENT[start : start + 100_000])
            time.sleep(0.1)

    with file_server.answering(answer) as url:
        running = [processes(f"{url}/weights.h5", file_hash) for _ in range(4)]
        for process in running:
            begin(process)
        outputs = [process.communicate(timeout=60) for process in running]
    assert [process.returncode for process in running] == [0] * 4, outputs
    assert (cache / "weights.h5").read_bytes() == CONTENT
    assert len(requests) == 1
    assert names_in(cache) == ["weights.h5"]
    text = "".join(output for output, _ in outputs)
    assert text.count("Downloading weights.h5") == 1
    waiting = "Another process downloads weights.h5; waiting for it."
    assert 1 <= text.count(waiting) <= 3


@pytest.mark.parametrize("file_hash", [{"sha256": SHA256}, {}])
def test_killed_download_is_resumed(cache, processes, file_hash):
    """A waiting process goes on where the killed one was."""
    asked = []
    is_killed = threading.Event()

    def answer(request, send):
        is_first = "Range:" not in request
        asked.append(request)
        if is_first:
            send(head("200 OK", f"Content-Length: {len(CONTENT)}", 'ETag: "1"'))
            send(CONTENT[:600_000])
            is_killed.wait(60)
            return
        start = int(request.split("Range: bytes=")[1].split("-")[0])
        stated = f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}"
        send(
            head(
                "206 Partial Content",
                f"Content-Length: {len(CONTENT) - start}",
                f"Content-Range: {stated}",
                'ETag: "1"',
            )
        )
        send(CONTENT[start:])

    with file_server.answering(answer) as url:
        first = processes(f"{url}/weights.h5", file_hash)
        begin(first)
        part = cache / "weights.h5.part"
        wait_until(lambda: part.exists() and part.stat().st_size > 100_000)
        second = processes(f"{url}/weights.h5", file_hash)
        begin(second)
        first.kill()
        is_killed.set()
        output, errors = second.communicate(timeout=60)
    assert second.returncode == 0, errors
    assert "Resuming weights.h5" in output
    assert (cache / "weights.h5").read_bytes() == CONTENT
    assert names_in(cache) == ["weights.h5"]
    assert len(asked) == 2 and "Range: bytes=0-" not in asked[1]


def wait_until(is_true):
    end = time.monotonic() + 30
    while not is_true():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_one_error_without_network(cache):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/weights.h5"
        with pytest.raises(weights.DownloadError) as caught:
            weights.fetch(entry_at(url))
    lines = str(caught.value).splitlines()
    assert lines[0] == "weights.h5 could not be downloaded. Tried:"
    assert lines[1].startswith(f"- {url}: ") and "refused" in lines[1]
    assert lines[2].startswith("Download the file yourself to ")
    assert len(lines) == 3
