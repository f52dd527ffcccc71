"""Build what MWAA, CodeBuild and the notebook instance take.

Run it as `python -m deployment.package_bundles`: same inputs, same bytes. plugins.zip and
notebooks.zip hold the wheels too, so that a private network installs without a way out; they are
fetched once for each lock, by uv's environment's pip. `--without-wheels` leaves them out, for a
network that has such a way.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from deployment import archive
from deployment.package import MEGABYTE, PYTHON, ROOT, PackageFault

Say = Callable[[str], None]
Files = Mapping[str, Path | bytes]

AIRFLOW, NOTEBOOKS = "airflow", "notebooks"  # locks whose wheels are bundled
PIP = ROOT / ".venv" / "uv" / "bin" / "python"
SUFFIXES = frozenset({".py", ".toml", ".sql", ".json", ".html", ".css", ".ipynb"})
PLUGINS_MAX_BYTES = 1_000_000_000  # MWAA's quota
ON_MWAA = "/usr/local/airflow/plugins"
# What the lock holds for tests alone.
TESTS_ONLY = ("iniconfig", "pytest")
# MWAA's image and the notebook instance are Amazon Linux 2023, glibc 2.34.
PLATFORMS = (
    *(f"manylinux_2_{minor}_x86_64" for minor in (34, 31, 28, 27, 26, 24, 17, 12, 5)),
    *(f"manylinux{year}_x86_64" for year in ("2014", "2010", "1")),
)
# The folder's own files are DAGs; what lies beside them is imported, not parsed.
IGNORED = b"solvencia/\nexpectations/\n"


def main(arguments: list[str] | None = None) -> int:
    """Build every bundle into the output folder and write its `checksums.json`."""
    parser = argparse.ArgumentParser(prog="python -m deployment.package_bundles")
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "bundles")
    parser.add_argument("--wheels", type=Path, default=ROOT / "build" / "wheels")
    parser.add_argument("--without-wheels", action="store_true", help="leave the wheels out")
    options = parser.parse_args(arguments)
    try:
        wheels = {}
        if not options.without_wheels:
            for lock in (AIRFLOW, NOTEBOOKS):
                wheels[lock] = fetch_wheels(lock, options.wheels, _say)
        build(options.output, wheels, _say)
    except PackageFault as fault:
        print(f"package: {fault}", file=sys.stderr)
        return 1
    return 0


def build(output: Path, wheels: Mapping[str, Path], say: Say) -> dict[str, Mapping[str, object]]:
    """Build the bundles that have changed; return each one's inputs digest, SHA-256 and bytes.

    `wheels` maps a lock to the folder of its wheels; a lock that is not in it bundles none.
    """
    output.mkdir(parents=True, exist_ok=True)
    record = output / "checksums.json"
    known = json.loads(record.read_text()) if record.exists() else {}
    checksums: dict[str, Mapping[str, object]] = {}
    for name, files in contents(wheels).items():
        target = output / name
        inputs = archive.contents_digest(files)
        entry = known.get(name, {})
        if entry.get("inputs") != inputs or entry.get("sha256") != archive.file_digest(target):
            if name.endswith(".zip"):
                archive.write(target, files)
            else:
                target.write_bytes(archive.content(files[name]))
            entry = {
                "inputs": inputs,
                "sha256": archive.file_digest(target),
                "bytes": target.stat().st_size,
            }
            say(f"package: {name} built, {entry['bytes'] / MEGABYTE:.2f} MB")
        else:
            say(f"package: {name} is up to date")
        checksums[name] = entry
    if (output / "plugins.zip").stat().st_size > PLUGINS_MAX_BYTES:
        raise PackageFault("plugins.zip is above MWAA's quota of 1 GB: require fewer packages")
    record.write_text(json.dumps(checksums, indent=2, sort_keys=True) + "\n")
    return checksums


def contents(wheels: Mapping[str, Path]) -> dict[str, Files]:
    """Return what each bundle holds: path in it -> file or content.

    plugins.zip carries the whole core: MWAA's web server has no DAG folder, and elsewhere the
    plugins come first on `sys.path`, so that a part of it would hide the rest.
    """
    core = _below(ROOT / "include" / "solvencia", "solvencia")
    suites = _below(ROOT / "expectations", "expectations")
    plugins: dict[str, Path | bytes] = {**_below(ROOT / "plugins", ""), **core, **suites}
    plugins[".airflowignore"] = ROOT / "plugins" / ".airflowignore"
    plugins["constraints.txt"] = ROOT / "constraints.txt"
    plugins |= _wheels(wheels, AIRFLOW)
    dags: dict[str, Path | bytes] = {**_below(ROOT / "dags", ""), **core, **suites}
    dags[".airflowignore"] = IGNORED
    image = _below(ROOT / "include" / "solvencia", "include/solvencia")
    image |= {name: ROOT / name for name in ("Dockerfile", ".dockerignore", "locks/model.txt")}
    notebooks: dict[str, Path | bytes] = {**_below(ROOT / "notebooks", ""), **core}
    notebooks["install.sh"] = ROOT / "notebooks" / "install.sh"
    notebooks["requirements.txt"] = ROOT / "locks" / "notebooks.txt"
    notebooks |= _wheels(wheels, NOTEBOOKS)
    return {
        "dags.zip": dags,
        "plugins.zip": plugins,
        "requirements.txt": {"requirements.txt": requirements(is_private=AIRFLOW in wheels)},
        "model-source.zip": image,
        "notebooks.zip": notebooks,
    }


def requirements(*, is_private: bool) -> bytes:
    """Return MWAA's requirements.txt: the pins, under constraints; private: from the wheels."""
    options = [f'--constraint "{ON_MWAA}/constraints.txt"']
    if is_private:
        options += [f'--find-links "{ON_MWAA}/wheels"', "--no-index"]
    pins = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    lines = [*options, *(each for each in pins if each and not each.startswith("#"))]
    return ("\n".join(lines) + "\n").encode()


def wheels_folder(name: str, cache: Path) -> Path:
    """Return the folder of a lock's wheels, which is there once they are fetched."""
    key = hashlib.sha256((_wanted(name) + PYTHON + "".join(PLATFORMS)).encode()).hexdigest()[:16]
    return cache / f"{name}-{key}"


def fetch_wheels(name: str, cache: Path, say: Say) -> Path:
    """Return a folder of a lock's wheels for Amazon Linux 2023, fetched once for each lock."""
    wanted, folder = _wanted(name), wheels_folder(name, cache)
    if folder.is_dir():
        return folder
    if shutil.which(str(PIP)) is None:
        raise PackageFault(f"no pip at {PIP}: run `make setup` first")
    count = wanted.count("==")
    say(f"package: fetching {count} wheels of locks/{name}.txt (once for each lock; minutes)")
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as temporary:
        lock = Path(temporary) / "lock.txt"
        lock.write_text(wanted, encoding="utf-8")
        fetched = Path(temporary) / "wheels"
        command = [str(PIP), "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
        command += ["--no-deps", "--require-hashes", "--only-binary", ":all:"]
        command += ["--implementation", "cp", "--python-version", PYTHON]
        command += [option for each in PLATFORMS for option in ("--platform", each)]
        command += ["--dest", str(fetched), "--requirement", str(lock)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode:
            raise PackageFault(f"pip could not fetch the wheels:\n{done.stderr.strip()[-2000:]}")
        fetched.rename(folder)
    return folder


def _wanted(name: str) -> str:
    lines = (ROOT / "locks" / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    return "\n".join(_locked(lines)) + "\n"


def _locked(lines: Iterable[str]) -> Iterator[str]:
    """Yield the lines of a lock, but for the packages of TESTS_ONLY and their hashes."""
    is_kept = True
    for line in lines:
        if line and not line[0].isspace():
            is_kept = line.partition("==")[0] not in TESTS_ONLY
        if is_kept:
            yield line


def _wheels(wheels: Mapping[str, Path], lock: str) -> dict[str, Path | bytes]:
    """Return the wheels of a lock that are to be bundled."""
    found = sorted(wheels[lock].glob("*.whl")) if lock in wheels else ()
    return {f"wheels/{each.name}": each for each in found}


def _below(folder: Path, prefix: str) -> dict[str, Path | bytes]:
    """Return the source files below a folder, a portfolio in the making left out."""
    return {
        (Path(prefix) / path.relative_to(folder)).as_posix(): path
        for path in folder.rglob("*")
        if path.suffix in SUFFIXES
        and not {"__pycache__", ".draft"}.intersection(path.relative_to(folder).parts)
    }


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
