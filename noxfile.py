"""Compatibility matrix, bill of materials and release files.

    nox                 # the matrix; the table is in docs/compatibility.md
    nox -p 3.12         # the cells of one Python
    nox -s dist         # wheel and sdist, compared with a second build
    nox -s sbom         # bill of materials of the package in an environment

Interpreters are searched for on the `PATH`; uv downloads missing ones if it
can. A cell whose interpreter or packages cannot be had is reported as such.
"""

import datetime
import hashlib
import json
import os
import pathlib
import shutil
import sys
import tarfile
import zipfile

import nox
from nox.command import CommandFailed

ROOT = pathlib.Path(__file__).parent
sys.path.insert(0, str(ROOT))

from tests.compatibility import report  # noqa: E402

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "uv"

DIST = ROOT / "dist"
RESULTS = ROOT / ".nox" / "compatibility"
RESOLUTIONS = {"lowest": "lowest-direct", "newest": "highest"}
# Files that every wheel contains.
NEEDED = (
    "keras_efficient/py.typed",
    "keras_efficient/weights/weights_manifest.json",
    ".dist-info/licenses/LICENSE",
    ".dist-info/licenses/NOTICE",
    ".dist-info/entry_points.txt",
)
# Two builds, which must not depend on permissions of files and variables.
BUILD_ENVIRONMENTS = (
    (0o022, {"TZ": "UTC", "LC_ALL": "C", "PYTHONHASHSEED": "1"}),
    (0o077, {"TZ": "Asia/Tokyo", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "2"}),
)


@nox.session(python=report.PYTHONS)
@nox.parametrize("versions", report.VERSIONS)
@nox.parametrize("backend", report.BACKENDS)
def compatibility(session: nox.Session, backend: str, versions: str) -> None:
    """Check the lowest or newest supported versions on one backend."""
    name = f"{session.python}-{backend}-{versions}"
    try:
        result = check_cell(session, backend, versions)
    finally:
        # Environments with PyTorch need several gigabytes.
        shutil.rmtree(session.virtualenv.location, ignore_errors=True)
    result["date"] = datetime.date.today().isoformat()
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(result, indent=1))
    if result["status"] == "failed":
        session.error(result["reason"])
    if result["status"] != "passed":
        session.skip(result["reason"])


def check_cell(session: nox.Session, backend: str, versions: str) -> dict:
    """Install the packages of a cell and run the smoke test.

    Args:
        session: The session.
        backend: Name of the backend.
        versions: `"lowest"` or `"newest"`.

    Returns:
        A dict with `status`, and `reason` or `python` and `versions`.
    """
    folder = new_folder(session)
    requirements, path = folder / "requirements.txt", folder / "result.json"
    message = session.run(
        *("uv", "pip", "compile", "pyproject.toml", "--quiet"),
        *("--extra", backend, "--resolution", RESOLUTIONS[versions]),
        *("--only-binary", ":all:", "--python-version", str(session.python)),
        *("--prerelease", "disallow", "--no-header"),
        *("--output-file", str(requirements)),
        silent=True,
        success_codes=(0, 1),
    )
    if not requirements.exists() or not requirements.read_text():
        return {"status": "not available", "reason": explain(message)}
    try:
        session.install("--no-deps", "-r", str(requirements))
        session.install("--no-deps", ".")
        session.run(
            *("python", "-P", "tests/compatibility/smoke.py", str(path)),
            env={
                "KERAS_BACKEND": backend,
                "KERAS_HOME": str(folder / "keras"),
                "TF_CPP_MIN_LOG_LEVEL": "3",
                # Programs run a few times: compiling them takes longer.
                "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
            },
        )
    except CommandFailed:
        if not path.exists():
            return {"status": "failed", "reason": "installation or import"}
    result = json.loads(path.read_text())
    reason = result.pop("failure")
    status = "failed" if reason else "passed"
    return {"status": status, "reason": reason, **result}


def explain(message: str) -> str:
    """Return the first sentence of uv's explanation.

    Args:
        message: Output of uv.

    Returns:
        A string in one line.
    """
    text = " ".join(message.replace("╰─▶", "").split())
    return text.partition("Because ")[2].partition(", we can")[0] or text


@nox.session(venv_backend="none")
def compatibility_report(session: nox.Session) -> None:
    """Print the table of the matrix, and write it into the documentation."""
    session.run(
        *(sys.executable, "-m", "tests.compatibility.report", str(RESULTS)),
        external=True,
    )


@nox.session(default=False)
def sbom(session: nox.Session) -> None:
    """Write the bill of materials in CycloneDX's format to `dist/`.

    Arguments are extras: `nox -s sbom -- jax export`.
    """
    session.install("cyclonedx-bom>=7")
    environment = new_folder(session) / "environment"
    python = create_environment(session, environment)
    extras = f"[{','.join(session.posargs)}]" if session.posargs else ""
    install_into(session, python, f".{extras}")
    statement = "import keras_efficient as k; print(k.__version__)"
    version = output_of(session, str(python), "-c", statement)
    DIST.mkdir(exist_ok=True)
    path = DIST / f"keras_efficient-{version}.cdx.json"
    session.run(
        *("cyclonedx-py", "environment", str(python)),
        *("--pyproject", "pyproject.toml", "--mc-type", "library"),
        *("--output-reproducible", "--output-file", str(path)),
    )
    # The version in pyproject.toml is dynamic, which the tool leaves out.
    content = json.loads(path.read_text())
    content["metadata"]["component"].update(
        version=version, purl=f"pkg:pypi/keras-efficient@{version}"
    )
    path.write_text(json.dumps(content, indent=2))
    session.log(f"{path.name}: {len(content['components'])} components")


@nox.session(default=False)
def dist(session: nox.Session) -> None:
    """Build wheel and sdist twice, compare, check and install them."""
    session.install("build")
    seconds = output_of(session, "git", "log", "-1", "--format=%ct")
    folder = new_folder(session)
    builds = []
    for number, (mask, environment) in enumerate(BUILD_ENVIRONMENTS, 1):
        source, target = folder / f"source{number}", folder / str(number)
        usual = os.umask(mask)
        export_head(session, source)
        session.run(
            *("python", "-m", "build", "--quiet", "--installer", "uv"),
            *("--outdir", str(target), str(source)),
            env={"SOURCE_DATE_EPOCH": seconds, **environment},
        )
        os.umask(usual)
        builds.append({path.name: digest(path) for path in target.iterdir()})
    if builds[0] != builds[1]:
        session.error(f"the builds differ: {builds[0]} and {builds[1]}")
    (wheel,) = (folder / "1").glob("*.whl")
    check_wheel(session, wheel)
    try_wheel(session, wheel, folder)
    DIST.mkdir(exist_ok=True)
    for name, value in sorted(builds[0].items()):
        shutil.copy(folder / "1" / name, DIST / name)
        session.log(f"{value}  {name}")
    lines = [f"{value}  {name}\n" for name, value in sorted(builds[0].items())]
    (DIST / "SHA256SUMS").write_text("".join(lines))


def export_head(session: nox.Session, folder: pathlib.Path) -> None:
    """Write the files of the last commit to a folder."""
    folder.mkdir(parents=True)
    archive = folder.with_suffix(".tar")
    session.run(
        *("git", "archive", "--output", str(archive), "HEAD"), external=True
    )
    with tarfile.open(archive) as file:
        file.extractall(folder, filter="data")


def check_wheel(session: nox.Session, wheel: pathlib.Path) -> None:
    """Raise an error if a wheel lacks a file or contains others."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    missing = [x for x in NEEDED if not any(name.endswith(x) for name in names)]
    allowed = ("keras_efficient/", f"{wheel.stem.rsplit('-', 3)[0]}.dist-info/")
    foreign = [name for name in names if not name.startswith(allowed)]
    if missing or foreign:
        session.error(f"{wheel.name} lacks {missing} and contains {foreign}")


def try_wheel(
    session: nox.Session, wheel: pathlib.Path, folder: pathlib.Path
) -> None:
    """Install a wheel in a new environment and run the program outside."""
    python = create_environment(session, folder / "environment")
    install_into(session, python, f"keras-efficient[jax] @ {wheel.as_uri()}")
    empty = folder / "empty"
    empty.mkdir()
    program = str(python.with_name("keras-efficient"))
    statement = "import keras_efficient as k; print(k.__file__, k.__version__)"
    # `list` reads the list of published weights in the wheel.
    for command in (
        (program, "--help"),
        (program, "list"),
        (str(python), "-c", statement),
    ):
        with session.chdir(empty):
            session.run(*command, env={"KERAS_BACKEND": "jax"}, external=True)


def create_environment(
    session: nox.Session, folder: pathlib.Path
) -> pathlib.Path:
    """Create an environment and return its interpreter."""
    interpreter = session.virtualenv.interpreter or sys.executable
    session.run(
        *("uv", "venv", "--quiet", "--python", interpreter, str(folder)),
        external=True,
    )
    is_windows = sys.platform == "win32"
    return folder / ("Scripts/python.exe" if is_windows else "bin/python")


def install_into(
    session: nox.Session, python: pathlib.Path, requirement: str
) -> None:
    """Install a package in an environment."""
    session.run(
        *("uv", "pip", "install", "--quiet", "--python", str(python)),
        requirement,
        external=True,
    )


def new_folder(session: nox.Session) -> pathlib.Path:
    """Return an empty folder within the environment of a session."""
    folder = pathlib.Path(session.create_tmp()).resolve()
    shutil.rmtree(folder)
    folder.mkdir()
    return folder


def output_of(session: nox.Session, *command: str) -> str:
    """Return what a command prints."""
    return session.run(*command, silent=True, external=True).strip()


def digest(path: pathlib.Path) -> str:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
