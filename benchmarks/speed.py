"""Measure inference, training and `detect` beside every installed library.

    python benchmarks/speed.py inference --models B0 D0 --batches 1 8
    python benchmarks/speed.py training --models B0 --batches 8
    python benchmarks/speed.py detect --models D0 --photo photo.jpg
    python benchmarks/speed.py growth
    python benchmarks/speed.py report

One process for each backend and one for the runtimes take turns, in a new
random order each round and after a pause in which the machine is idle. A turn
is one run that is discarded and three that are measured. malloc keeps freed
memory in all processes (the same environment variables); otherwise a library
would be charged for memory that it returned to the system earlier. Results are
appended to a JSON Lines file, from which `report` writes the tables of
`docs/results.md` and the plot. Libraries that are not installed are skipped.
"""

import argparse
import json
import os
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile
import time

import psutil
import speed_report

HERE = pathlib.Path(__file__).parent
BACKENDS = ("torch", "jax", "tensorflow")
MALLOC = {
    "MALLOC_MMAP_THRESHOLD_": "4294967296",
    "MALLOC_TRIM_THRESHOLD_": "4294967296",
    "MALLOC_TOP_PAD_": "268435456",
    "MALLOC_ARENA_MAX": "1",
}
QUIET_SECONDS, QUIET_SHARE, PATIENCE = 0.12, 20.0, 15.0


def main():
    """Measure, or write the report."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "task", choices=["inference", "training", "detect", "growth", "report"]
    )
    parser.add_argument("--models", nargs="+")
    parser.add_argument("--batches", nargs="+", type=int, default=[1, 8])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--size", type=int)
    parser.add_argument("--photo")
    parser.add_argument("--only", nargs="+", help="parts of names to measure")
    parser.add_argument("--results", default="speed.jsonl")
    args = parser.parse_args()
    if args.task == "report":
        speed_report.write(_read(args.results))
        return
    all_detectors = [f"D{i}" for i in (*range(8), "7x")]
    grows = args.task == "growth"
    models = args.models or (all_detectors if grows else ["B0", "D0"])
    with tempfile.TemporaryDirectory() as folder:
        for model in models:
            for batch in [1] if grows else args.batches:
                rows = _measure(args, model, batch, folder)
                with open(args.results, "a") as file:
                    file.writelines(json.dumps(row) + "\n" for row in rows)


def candidates(task, model):
    """Return pairs of a process and the name of a candidate."""
    is_detector = model.startswith("D")
    peer = "effdet" if is_detector else "timm"
    ours = [(backend, "ours") for backend in BACKENDS]
    keras = [
        (backend, "keras.applications")
        for backend in BACKENDS
        if not is_detector
    ]
    if task == "growth":
        return [("torch", "ours"), ("torch", peer)]
    if task == "detect":
        return [(b, name) for b in BACKENDS for name in ("network", "detect")]
    if task == "training":
        remat = [(backend, "ours remat") for backend in BACKENDS]
        return [*ours, *remat, *keras, ("torch", peer)]
    return [
        *ours,
        *[(backend, "ours bfloat16") for backend in BACKENDS],
        *keras,
        *[(b, "zeromodels") for b in BACKENDS if not is_detector],
        ("torch", peer),
        ("torch", f"{peer} bfloat16"),
        ("runtime", "ORT-peer"),
        ("runtime", "ORT-ours"),
        ("runtime", "OpenVINO-ours"),
        ("runtime", "OpenVINO-ours bfloat16"),
    ]


def _measure(args, model, batch, folder):
    """Measure one model with one batch size."""
    task = "inference" if args.task == "growth" else args.task
    names = [
        pair
        for pair in candidates(args.task, model)
        if not args.only or any(part in " ".join(pair) for part in args.only)
    ]
    workers = {}

    def start(process):
        if process not in workers:
            workers[process] = _Worker(
                process, task, model, batch, args, folder
            )
        return workers[process]

    if any(process == "runtime" for process, _ in names):
        start("tensorflow").ask({"make": "write-ours"})
        start("torch").ask({"make": "write-peer"})
    made = []
    for process, name in names:
        reply = start(process).ask({"make": name})
        if "error" in reply:
            print(f"{process} {name}: skipped, {reply['error']}", flush=True)
        else:
            made.append((process, name))
    times = {pair: [] for pair in made}
    for _ in range(args.rounds):
        for pair in random.sample(made, len(made)):
            is_quiet = _wait_for_quiet()
            reply = workers[pair[0]].ask({"run": pair[1]})
            times[pair] += [(x, is_quiet) for x in reply["seconds"]]
    peaks = {name: x.ask({"peak": 1})["peak"] for name, x in workers.items()}
    for worker in workers.values():
        worker.stop()
    rows = []
    for (process, name), samples in times.items():
        seconds = sorted(x for x, _ in samples)
        row = {
            "task": args.task,
            "model": model,
            "batch": batch,
            "size": args.size,
            "process": process,
            "name": name,
            "median": statistics.median(seconds),
            "least": seconds[0],
            "most": seconds[-1],
            "rounds": len(seconds),
            "quiet": sum(quiet for _, quiet in samples),
            "peak": peaks[process],
            "date": time.strftime("%Y-%m-%d"),
        }
        rows.append(row)
        print(
            f"{args.task} {model} batch {batch} {process} {name}: "
            f"{1000 * row['median']:.1f} ms "
            f"({1000 * seconds[0]:.1f} to {1000 * seconds[-1]:.1f})",
            flush=True,
        )
    return rows


class _Worker:
    def __init__(self, process, task, model, batch, args, folder):
        command = [sys.executable, str(HERE / "speed_worker.py")]
        command += ["--task", task, "--model", model, "--batch", str(batch)]
        command += ["--folder", folder]
        command += ["--size", str(args.size)] if args.size else []
        command += ["--photo", args.photo] if args.photo else []
        backend = process if process in BACKENDS else "tensorflow"
        path = f"{HERE.parent}:{os.environ.get('PYTHONPATH', '')}"
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={
                **os.environ,
                **MALLOC,
                "KERAS_BACKEND": backend,
                "TF_CPP_MIN_LOG_LEVEL": "3",
                "PYTHONPATH": path,
            },
        )

    def ask(self, request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        return json.loads(line) if line else {"error": "the process ended"}

    def stop(self):
        self.process.stdin.close()
        self.process.wait()


def _wait_for_quiet():
    """Wait until the machine is idle; return whether it became idle."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if psutil.cpu_percent(QUIET_SECONDS) < QUIET_SHARE:
            return True
    return False


def _read(path):
    """Return the newest row of each measurement."""
    rows = {}
    for line in pathlib.Path(path).read_text().splitlines():
        row = json.loads(line)
        key = ("task", "model", "batch", "size", "process", "name")
        rows[tuple(row[x] for x in key)] = row
    return list(rows.values())


if __name__ == "__main__":
    main()
