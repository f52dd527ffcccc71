"""Build the Lambda zips: same inputs, same bytes; nothing to do where no input has changed.

Run it as `python -m deployment.package`. It needs the standard library, and uv when a lock changed.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from deployment import archive

Say = Callable[[str], None]

ROOT = Path(__file__).resolve().parent.parent
MEGABYTE = 1_000_000
PLATFORM = "x86_64-manylinux_2_28"
PYTHON = "3.12"

# Parts of the wheels that no Lambda runs: tests, type stubs, headers, compilers, other front ends.
UNNEEDED_FOLDERS = frozenset({"tests", "__pycache__", "include", "f2py", "bin", "spark"})
UNNEEDED_SUFFIXES = (".pyi", ".pyc", ".a", ".pxd", ".lock")
UNNEEDED_NAMES = frozenset({"RECORD", "INSTALLER", "REQUESTED", "direct_url.json", ".gitignore"})


class PackageFault(RuntimeError):
    """A zip cannot be built, or breaks one of Lambda's limits; the message says what to do."""


@dataclass(frozen=True)
class Recipe:
    """What one Lambda's zip is made of; limits in bytes."""

    name: str
    lock: str | None
    zipped_max: int
    unpacked_max: int
    folders: tuple[str, ...] = ()  # of the repository, taken whole


RECIPES = (
    Recipe("clean", "locks/lambda.txt", 50 * MEGABYTE, 250 * MEGABYTE),
    Recipe("format", "locks/lambda.txt", 50 * MEGABYTE, 250 * MEGABYTE),
    Recipe("batches", None, 1 * MEGABYTE, 5 * MEGABYTE),
    Recipe("score", None, 1 * MEGABYTE, 5 * MEGABYTE),
    Recipe("decisions", None, 1 * MEGABYTE, 5 * MEGABYTE),
    Recipe("site", None, 1 * MEGABYTE, 5 * MEGABYTE, folders=("web",)),
)


def main(arguments: list[str] | None = None) -> int:
    """Build every zip into the output folder and write its `checksums.json`."""
    parser = argparse.ArgumentParser(prog="python -m deployment.package", description=__doc__)
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "dist")
    parser.add_argument(
        "--wheels", type=Path, default=ROOT / "build" / "wheels", help="where packages are kept"
    )
    parser.add_argument(
        "--uv",
        default=os.environ.get("UV", str(ROOT / ".venv" / "uv" / "bin" / "uv")),
        help="the uv binary that fetches wheels (default: $UV, else .venv/uv/bin/uv)",
    )
    options = parser.parse_args(arguments)
    try:
        build_all(options.output, options.wheels, options.uv, lambda line: print(line, flush=True))
    except PackageFault as fault:
        print(f"package: {fault}", file=sys.stderr)
        return 1
    return 0


def build_all(output: Path, wheels: Path, uv: str, say: Say) -> dict[str, Mapping[str, object]]:
    """Build what has changed; return each zip's inputs digest, SHA-256 and sizes in bytes."""
    output.mkdir(parents=True, exist_ok=True)
    record = output / "checksums.json"
    known = json.loads(record.read_text()) if record.exists() else {}
    checksums: dict[str, Mapping[str, object]] = {}
    for recipe in RECIPES:
        target = output / f"{recipe.name}.zip"
        sources = dict(source_files(recipe))
        inputs = _inputs_digest(recipe, sources)
        entry = known.get(target.name, {})
        if entry.get("inputs") == inputs and entry.get("sha256") == archive.file_digest(target):
            say(f"package: {target.name} is up to date")
            checksums[target.name] = entry
            continue
        bundled = dict(_wheel_files(_install(recipe, wheels, uv, say))) if recipe.lock else {}
        unpacked = archive.write(target, {**bundled, **sources})
        entry = {
            "inputs": inputs,
            "sha256": archive.file_digest(target),
            "bytes": target.stat().st_size,
            "bytes_unpacked": unpacked,
        }
        _check_limits(recipe, target, unpacked)
        say(
            f"package: {target.name} built, {entry['bytes'] / MEGABYTE:.2f} MB zipped, "
            f"{unpacked / MEGABYTE:.1f} MB unpacked"
        )
        checksums[target.name] = entry
    record.write_text(json.dumps(checksums, indent=2, sort_keys=True) + "\n")
    return checksums


def source_files(recipe: Recipe) -> Iterator[tuple[str, Path]]:
    """Yield path in the zip and source: handler, the core modules it reaches, portfolios."""
    handler = ROOT / "lambdas" / recipe.name / "handler.py"
    core = ROOT / "include"
    yield "handler.py", handler
    reached: dict[str, Path] = {"solvencia/__init__.py": core / "solvencia" / "__init__.py"}
    queue = [handler]
    while queue:
        for path in _core_imports(queue.pop(), core):
            name = path.relative_to(core).as_posix()
            if name not in reached:
                reached[name] = path
                queue.append(path)
    yield from reached.items()
    for folder in recipe.folders:
        yield from ((f"{folder}/{path.name}", path) for path in (ROOT / folder).iterdir())
    for pattern in ("*.toml", "*.sql"):
        for path in (core / "solvencia" / "portfolios").rglob(pattern):
            if path.name != "words.toml" or "solvencia/words.py" in reached:
                yield path.relative_to(core).as_posix(), path


def _core_imports(module: Path, core: Path) -> Iterator[Path]:
    """Yield the files of the `solvencia` modules that a module imports, wherever it does."""
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        for name in names:
            base = core.joinpath(*name.split("."))
            if name.split(".")[0] == "solvencia":
                found = (base.with_suffix(".py"), base / "__init__.py")
                yield from (path for path in found if path.is_file())


def _inputs_digest(recipe: Recipe, sources: Mapping[str, Path]) -> str:
    digest = hashlib.sha256(Path(__file__).read_bytes() + Path(archive.__file__).read_bytes())
    if recipe.lock:
        digest.update((ROOT / recipe.lock).read_bytes())
    for name in sorted(sources):
        digest.update(name.encode() + b"\0" + sources[name].read_bytes() + b"\0")
    return digest.hexdigest()


def _install(recipe: Recipe, cache: Path, uv: str, say: Say) -> Path:
    """Return a folder of the lock's packages for Lambda's platform, fetched once for each lock."""
    lock = ROOT / str(recipe.lock)
    key = hashlib.sha256(lock.read_bytes() + PLATFORM.encode() + PYTHON.encode()).hexdigest()[:16]
    folder = cache / key
    if folder.is_dir():
        return folder
    if shutil.which(uv) is None:
        raise PackageFault(f"no uv at {uv}: run `make setup`, or name one with --uv or UV=")
    say(f"package: fetching the wheels of {recipe.lock} for {PLATFORM}")
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as temporary:
        command = [uv, "pip", "install", "--quiet", "--target", temporary, "--no-deps"]
        command += ["--python-platform", PLATFORM, "--python-version", PYTHON]
        command += ["--only-binary", ":all:", "--require-hashes", "--requirement", str(lock)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode:
            raise PackageFault(f"uv could not install {recipe.lock}:\n{done.stderr.strip()}")
        Path(temporary).rename(folder)
        Path(temporary).mkdir()  # what the context manager removes
    return folder


def _wheel_files(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in folder.rglob("*"):
        inside = path.relative_to(folder)
        if (
            path.is_file()
            and path.name not in UNNEEDED_NAMES
            and not path.name.endswith(UNNEEDED_SUFFIXES)
            and not UNNEEDED_FOLDERS.intersection(inside.parts[:-1])
        ):
            yield inside.as_posix(), path


def _check_limits(recipe: Recipe, target: Path, unpacked: int) -> None:
    for size, limit, what in (
        (target.stat().st_size, recipe.zipped_max, "zipped"),
        (unpacked, recipe.unpacked_max, "unpacked"),
    ):
        if size > limit:
            target.unlink()
            raise PackageFault(
                f"{target.name} is {size / MEGABYTE:.1f} MB {what}, above the limit of "
                f"{limit / MEGABYTE:.0f} MB: bundle fewer packages, or strip more of them"
            )


if __name__ == "__main__":
    raise SystemExit(main())
