"""MWAA's requirements: they resolve under its constraints, and what is packaged needs no more."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from deployment import package_bundles, parity
from solvencia import portfolio
from tests.airflow.test_bundles import PARSE, ROOT, SERVE, imports, run

UV = os.environ.get("UV", str(ROOT / ".venv" / "uv" / "bin" / "uv"))
MWAA = Path(os.environ.get("MWAA_FILES", parity.DEFAULT))
FETCHED = package_bundles.wheels_folder("airflow", ROOT / "build" / "wheels")


def uv(*arguments: str, folder: Path) -> str:
    """Run uv in a folder, with no more of this environment than its cache and its certificates.

    The network is asked only for what no earlier run has left in the cache.
    """
    kept = ("HOME", "UV_", "XDG_CACHE_HOME", "SSL_CERT_", "PATH", "HTTP", "http", "PIP_")
    environment = {name: text for name, text in os.environ.items() if name.startswith(kept)}
    for offline in (["--offline"], []):
        done = subprocess.run(
            [UV, *offline, *arguments],
            env=environment,
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode == 0:
            break
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`dags/` and `plugins/` as MWAA unpacks them, and a new environment of requirements.txt.

    With the wheels that `make package` fetched they alone are installed from; without, the index.
    """
    folder = tmp_path_factory.mktemp("mwaa")
    bundles = folder / "bundles"
    package_bundles.build(bundles, {"airflow": FETCHED} if FETCHED.is_dir() else {}, print)
    for name in ("dags", "plugins"):
        with zipfile.ZipFile(bundles / f"{name}.zip") as bundle:
            bundle.extractall(folder / name)
    text = (bundles / "requirements.txt").read_text()
    plugins = str(folder / "plugins")
    (folder / "requirements.txt").write_text(text.replace(package_bundles.ON_MWAA, plugins))
    uv("venv", "--quiet", "--python", sys.executable, str(folder / "env"), folder=folder)
    # MWAA's image has Airflow before it installs what is required.
    airflow = f"apache-airflow=={parity.pins(ROOT / 'constraints.txt')['apache-airflow']}"
    install = ["pip", "install", "--quiet", "--python", str(folder / "env" / "bin" / "python")]
    uv(*install, airflow, "--requirement", "requirements.txt", folder=folder)
    return folder


def test_everything_imports_from_the_packaged_artefacts_alone(
    settings_in_env: None, clean: Path
) -> None:
    """Every DAG and all that its tasks import comes out of the zips and the new environment."""
    wanted = {*imports(ROOT / "dags"), *imports(ROOT / "plugins")}
    ours = sorted(
        each for each in wanted if each.split(".")[0] in ("solvencia", "solvencia_airflow")
    )
    python = str(clean / "env" / "bin" / "python")

    found = run(clean, PARSE, str(clean / "dags"), *ours, path=("plugins", "dags"), python=python)
    served = run(clean, SERVE, path=("plugins",), python=python)

    stages = {path.stem for path in (ROOT / "dags").glob("*.py")}
    allowed = (f"{clean}{os.sep}", f"{sysconfig.get_path('stdlib')}{os.sep}")
    assert found["faults"] == {}
    assert found["dags"] == sorted(
        f"{stage}_{name}" for stage in stages for name in portfolio.names()
    )
    assert "scorecards" in found["plugins"]
    assert len(ours) >= 20
    files = [*found["files"], *served]
    assert [each for each in files if each and not each.startswith(allowed)] == []


def test_what_is_installed_is_what_the_constraints_pin(clean: Path) -> None:
    """No package of the new environment has another version than constraints.txt says."""
    python = str(clean / "env" / "bin" / "python")
    listed = json.loads(uv("pip", "list", "--format", "json", "--python", python, folder=clean))
    pinned = parity.pins(ROOT / "constraints.txt")

    assert len(listed) >= 150
    assert {each["name"]: each["version"] for each in listed}.items() <= pinned.items()


@pytest.mark.skipif(not MWAA.is_dir(), reason="MWAA's own constraints are not beside this checkout")
def test_the_requirements_resolve_under_mwaas_constraints(tmp_path: Path) -> None:
    """Python 3.12 and MWAA's pins leave one solution: the one that constraints.txt holds."""
    options = ("--quiet", "--no-header", "--no-annotate", "--no-emit-index-url")
    options += ("--python-version", "3.12", "--constraint", str(MWAA / "constraints.txt"))

    solved = uv("pip", "compile", *options, str(ROOT / "locks" / "airflow.in"), folder=tmp_path)
    (tmp_path / "solved.txt").write_text(solved)
    pins = parity.pins(tmp_path / "solved.txt")

    assert {name: text for name, text in pins.items() if name != "pytest"} == parity.pins(
        ROOT / "constraints.txt"
    )
    assert parity.disagreements(MWAA) == []


def test_a_pin_that_mwaa_does_not_have_is_named(tmp_path: Path) -> None:
    """File, package, both versions and the cure."""
    (tmp_path / "constraints.txt").write_text("pyarrow==1.0\n")
    (tmp_path / "not-overridable.txt").write_text("apache-airflow==3.3.1\n")

    found = parity.disagreements(tmp_path)

    assert {each.partition(":")[0] for each in found} == {
        "constraints.txt",
        "locks/airflow.txt",
        "requirements.txt",
    }
    assert all("but MWAA has 1.0: run make lock" in each for each in found)
