"""What MWAA gets, unpacked alone: every DAG parses, every import is found, no repository beside."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deployment import package_bundles
from solvencia import portfolio

ROOT = Path(__file__).resolve().parents[2]

# Parses the DAG folder as Airflow does; prints DAGs, faults, plugins, and where modules came from.
PARSE = """
import importlib, json, sys
from airflow.dag_processing.dagbag import DagBag
from airflow.plugins_manager import get_plugin_info
dags, *modules = sys.argv[1:]
bag = DagBag(dag_folder=dags)
plugins = [each["name"] for each in get_plugin_info()]
for module in modules:
    importlib.import_module(module)
files = [getattr(each, "__file__", None) or "" for each in list(sys.modules.values())]
print(json.dumps({
    "dags": sorted(bag.dags), "faults": bag.import_errors, "plugins": plugins, "files": files,
}))
"""
# As MWAA's web server, which has no DAG folder.
SERVE = """
import json, sys
from scorecards.app import create_app
create_app()
print(json.dumps([getattr(each, "__file__", None) or "" for each in list(sys.modules.values())]))
"""


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("bundles")
    package_bundles.build(output, {}, print)
    return output


@pytest.fixture(scope="module")
def mwaa(bundles: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `dags/` and `plugins/`, unpacked from the bundles as MWAA does."""
    folder = tmp_path_factory.mktemp("mwaa")
    for name in ("dags", "plugins"):
        with zipfile.ZipFile(bundles / f"{name}.zip") as bundle:
            bundle.extractall(folder / name)
    return folder


def run(
    mwaa: Path, program: str, *arguments: str, path: tuple[str, ...], python: str = sys.executable
) -> Any:
    """Run a program that sees only these folders of `mwaa`; return what its last line says."""
    done = subprocess.run(
        [python, "-c", program, *arguments],
        env={
            "PATH": os.defpath,
            "HOME": str(mwaa),
            "AIRFLOW_HOME": str(mwaa / "home"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DAGS_FOLDER": str(mwaa / "dags"),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(mwaa / "plugins"),
            "PYTHONPATH": os.pathsep.join(str(mwaa / each) for each in path),
            **{
                name: value
                for name, value in os.environ.items()
                if name.startswith(("SOLVENCIA_", "AWS_DEFAULT_REGION"))
            },
        },
        cwd=mwaa,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def imports(folder: Path) -> Iterator[str]:
    """Yield the modules of ours that the files below a folder import, inside functions too."""
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                yield node.module
                inside = [Path(*node.module.split("."), f"{each.name}.py") for each in node.names]
                yield from (
                    ".".join(each.with_suffix("").parts)
                    for each in inside
                    if any((ROOT / room / each).is_file() for room in ("include", "plugins"))
                )
            elif isinstance(node, ast.Import):
                yield from (each.name for each in node.names)


def test_every_dag_parses_from_the_bundles_alone(settings_in_env: None, mwaa: Path) -> None:
    """No import fails, the view is found, and nothing comes from the repository's folders."""
    wanted = {*imports(ROOT / "dags"), *imports(ROOT / "plugins")}
    ours = sorted(
        each for each in wanted if each.split(".")[0] in ("solvencia", "solvencia_airflow")
    )

    found = run(mwaa, PARSE, str(mwaa / "dags"), *ours, path=("plugins", "dags"))

    stages = {path.stem for path in (ROOT / "dags").glob("*.py")}
    assert found["faults"] == {}
    assert found["dags"] == sorted(
        f"{stage}_{name}" for stage in stages for name in portfolio.names()
    )
    assert "scorecards" in found["plugins"]
    assert [each for each in found["files"] if is_of_repository(each)] == []


def test_a_dag_parses_without_the_plugins_copy_of_the_core(
    settings_in_env: None, bundles: Path, tmp_path: Path
) -> None:
    """dags.zip is whole but for the operators: its own core and its suites serve it."""
    with (
        zipfile.ZipFile(bundles / "dags.zip") as dags,
        zipfile.ZipFile(bundles / "plugins.zip") as plugins,
    ):
        names = set(dags.namelist())
        shared = [each for each in names if each.startswith(("solvencia/", "expectations/"))]

        assert {f"expectations/{name}/prepared.json" for name in portfolio.names()} <= names
        assert {each: dags.read(each) for each in shared} == {
            each: plugins.read(each) for each in shared
        }


def test_the_view_serves_without_a_dag_folder(settings_in_env: None, mwaa: Path) -> None:
    """The web server's process builds the pages' application from plugins.zip alone."""
    files = run(mwaa, SERVE, path=("plugins",))

    assert any(each.startswith(str(mwaa / "plugins" / "scorecards")) for each in files)
    assert [each for each in files if is_of_repository(each)] == []


def test_two_builds_give_the_same_bytes(bundles: Path, tmp_path: Path) -> None:
    """Bundles built again from nothing have the digests of the first ones, and no file is newer."""
    first = json.loads((bundles / "checksums.json").read_text())
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    (wheels / "one-1-py3-none-any.whl").write_bytes(b"PK")

    again = package_bundles.build(tmp_path / "again", {}, print)
    airflow = package_bundles.build(tmp_path / "airflow", {"airflow": wheels}, print)
    notebooks = package_bundles.build(tmp_path / "notebooks", {"notebooks": wheels}, print)

    assert again == first
    assert {each for each in first if airflow[each] != first[each]} == {
        "plugins.zip",
        "requirements.txt",
    }
    assert {each for each in first if notebooks[each] != first[each]} == {"notebooks.zip"}


def test_unchanged_bundles_are_left_alone(bundles: Path) -> None:
    """A second build writes no bundle; one that was tampered with is built again."""
    whole = (bundles / "dags.zip").read_bytes()
    (bundles / "dags.zip").write_bytes(whole[:-1])
    said: list[str] = []

    package_bundles.build(bundles, {}, said.append)

    assert [each for each in said if "up to date" not in each] == [
        f"package: dags.zip built, {len(whole) / 1e6:.2f} MB"
    ]
    assert (bundles / "dags.zip").read_bytes() == whole


def test_the_notebooks_find_all_that_they_import_beside_them(bundles: Path, tmp_path: Path) -> None:
    """Unpacked alone, every module of a cell is ours and there, or of a package of the lock."""
    with zipfile.ZipFile(bundles / "notebooks.zip") as bundle:
        bundle.extractall(tmp_path)
    lock = (tmp_path / "requirements.txt").read_text()
    sources = [
        "".join(cell["source"])
        for path in tmp_path.glob("*.ipynb")
        for cell in json.loads(path.read_text())["cells"]
        if cell["cell_type"] == "code"
    ]
    sources += [path.read_text() for path in tmp_path.glob("*.py")]

    missing = set()
    for name in {each for text in sources for each in imported(text)}:
        base = tmp_path.joinpath(*name.split("."))
        is_ours = base.with_suffix(".py").is_file() or base.is_dir()
        package = name.partition(".")[0]
        if not (is_ours or package in sys.stdlib_module_names or f"\n{package}==" in f"\n{lock}"):
            missing.add(name)

    assert len(sources) > 4
    assert missing == set()
    assert (tmp_path / "install.sh").is_file()


def imported(text: str) -> Iterator[str]:
    """Yield the modules that a source imports, submodules as far as their names tell."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def test_requirements_of_a_private_network_name_no_index(bundles: Path) -> None:
    """They install from the wheels in plugins.zip, under the constraints in it."""
    private = package_bundles.requirements(is_private=True).decode().splitlines()
    public = (bundles / "requirements.txt").read_text().splitlines()
    with zipfile.ZipFile(bundles / "plugins.zip") as plugins:
        constraints = plugins.read("constraints.txt")

    assert private[:3] == [
        '--constraint "/usr/local/airflow/plugins/constraints.txt"',
        '--find-links "/usr/local/airflow/plugins/wheels"',
        "--no-index",
    ]
    assert [public[0], *public[1:]] == [private[0], *private[3:]]
    assert constraints == (ROOT / "constraints.txt").read_bytes()


def test_the_image_source_holds_what_the_model_target_copies(bundles: Path) -> None:
    """Each COPY of the model image's stages finds its source in the zip."""
    dockerfile = (ROOT / "Dockerfile").read_text().partition("FROM packages AS airflow")[0]
    copied = [
        line.split()[1]
        for line in dockerfile.splitlines()
        if line.startswith("COPY ") and "--from" not in line
    ]
    with zipfile.ZipFile(bundles / "model-source.zip") as source:
        names = source.namelist()

    assert copied == ["locks/model.txt", "include/solvencia"]
    assert all(
        any(name == each or name.startswith(f"{each}/") for name in names) for each in copied
    )
    assert "include/solvencia/container/__main__.py" in names
    assert {"Dockerfile", ".dockerignore"} <= set(names)


def is_of_repository(file: str) -> bool:
    """Whether a module's file lies in this repository, outside its environments."""
    return file.startswith(f"{ROOT}{os.sep}") and not file.startswith(f"{ROOT / '.venv'}{os.sep}")
