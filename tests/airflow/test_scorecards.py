"""The Scorecards view: who may look, what stands on the pages, and what never leaves S3."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from solvencia import layout
from solvencia.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
PORTFOLIO = "consumer_credit"
GROUP = "solvencia-consumer-credit"
OLD, NEW = (
    "solvencia-consumer-credit-2026-09-aaaaaaaaaaaa",
    "solvencia-consumer-credit-2026-10-bbbbbbbbbbbb",
)
IMAGE = "000000000000.dkr.ecr.us-east-1.amazonaws.com/solvencia-model:1"
PNG = b"\x89PNG\r\n\x1a\nplot"
WHY = "well calibrated <b>& stable</b>"
TURNED_DOWN = {
    "status": "Rejected",
    "mode": "by a person",
    "by": "eva.audit",
    "at": "2026-11-04T09:00:00+00:00",
    "reason": "not before <i>June</i>",
}
REFUSAL = "ks 0.31 is below ks_min 0.35"


def package(sagemaker: Any, version: str, status: str, **metadata: str) -> str:
    """Register one version, as the pipeline does."""
    known = {"version": version, "digest": "d" * 64, "kind": "boosting", "period": version[26:33]}
    created = sagemaker.create_model_package(
        ModelPackageGroupName=GROUP,
        ModelPackageDescription=version,
        ModelApprovalStatus=status,
        InferenceSpecification={
            "Containers": [{"Image": IMAGE, "ModelDataUrl": "s3://solvencia-models/model.tar.gz"}],
            "SupportedContentTypes": ["application/json"],
            "SupportedResponseMIMETypes": ["application/json"],
        },
        CustomerMetadataProperties=known | metadata,
    )
    return str(created["ModelPackageArn"])


def facts(version: str, **changed: Any) -> dict[str, Any]:
    """The facts of a version, as far as the view reads them."""
    return {
        "version": version,
        "portfolio": PORTFOLIO,
        "period": "2026-10",
        "refusals": [],
        "approval": None,
        "champion_before": "",
        "metrics": {
            "auc": 0.8627, "gini": 0.7254, "ks": 0.5706, "brier": 0.0493, "ece": 0.0048,
            "h_measure": 0.17, "psi": None, "rows": 21923, "bads": 1475,
            "bootstrap": {"auc": [0.853, 0.8732]},
            "model": {"digest": "d" * 64, "fingerprint": "f" * 64},
            "plots": ["roc.png"],
        },
        "lineage": {"data_digest": "e" * 64, "code_digest": "c" * 64, "image": IMAGE},
    } | changed  # fmt: skip


@pytest.fixture(scope="module")
def registered(aws: str) -> None:
    """Two versions: one that a person approved and that is live, and a newer one, refused."""
    sagemaker, s3 = boto3.client("sagemaker"), boto3.client("s3")
    bucket = Settings.from_env().model_bucket
    s3.create_bucket(Bucket=bucket)
    sagemaker.create_model_package_group(ModelPackageGroupName=GROUP)
    decision = {
        "approved_by": "rita.risk",
        "approved_at": "2026-10-03T09:00:00+00:00",
        "approval": "by a person",
        "reason": "well calibrated",
    }
    package(sagemaker, OLD, "Approved", auc="0.862700", ks="0.570600", ece="0.004800", **decision)
    package(
        sagemaker,
        NEW,
        "Rejected",
        auc="0.853100",
        ks="0.310000",
        ece="0.009000",
        refusals_count="1",
    )
    for version, changed in (
        (OLD, {"approval": {"reason": WHY}}),
        (NEW, {"refusals": [REFUSAL], "champion_before": OLD, "decisions": [TURNED_DOWN]}),
    ):
        prefix = layout.version_prefix(PORTFOLIO, version)
        for key, body in (
            ("facts.json", json.dumps(facts(version, **changed)).encode()),
            ("evidence/index.html", b"<!DOCTYPE html><title>Pack</title>"),
            ("evaluation/roc.png", PNG),
        ):
            s3.put_object(Bucket=bucket, Key=prefix + key, Body=body)
    s3.put_object(Bucket=bucket, Key="versions/secret.json", Body=b"{}")


@pytest.fixture(scope="module")
def airflow_app(settings_in_env: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Airflow's own web application with the plugin, where nobody is admin by default."""
    given = {
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "False",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "vera:viewer",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(
            tmp_path_factory.mktemp("auth") / "passwords.json"
        ),
        "AIRFLOW__API_AUTH__JWT_SECRET": "a secret of this test only, " * 3,
        "AIRFLOW__API__SECRET_KEY": "another secret of this test only",
    }
    os.environ.update(given)
    from airflow.api_fastapi.app import create_app, purge_cached_app
    from airflow.models.dag import DagModel
    from airflow.models.dagbundle import DagBundleModel
    from airflow.utils.db import initdb
    from airflow.utils.session import create_session

    initdb()
    with create_session() as session:
        session.add(DagBundleModel(name="here"))
        session.flush()
        for dag_id in (f"build_model_{PORTFOLIO}", "build_model_new_cards", f"ingest_{PORTFOLIO}"):
            session.add(DagModel(dag_id=dag_id, bundle_name="here", fileloc="x.py"))
    yield create_app(apps="core")
    purge_cached_app()
    for name in given:
        os.environ.pop(name)


@pytest.fixture
def anonymous(airflow_app: Any) -> Any:
    from fastapi.testclient import TestClient

    return TestClient(airflow_app)


@pytest.fixture
def viewer(airflow_app: Any, registered: None) -> Any:
    """A logged-in user with the least of roles."""
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
    from fastapi.testclient import TestClient

    token = get_auth_manager().generate_jwt(SimpleAuthManagerUser(username="vera", role="VIEWER"))
    return TestClient(airflow_app, cookies={"_token": token})


@pytest.mark.parametrize(
    "path",
    [
        "",
        f"{PORTFOLIO}/",
        f"{PORTFOLIO}/{OLD}/",
        f"{PORTFOLIO}/{OLD}/evidence/index.html",
        f"{PORTFOLIO}/{OLD}/facts.json",
        "openapi.json",
        "docs",
    ],
)
def test_nobody_looks_without_logging_in(anonymous, registered, path):
    """An anonymous request meets 401 whatever it asks for, and reads no name of a version."""
    answer = anonymous.get(f"/scorecards/{path}")

    assert answer.status_code == 401
    assert "Log in to Airflow" in answer.text
    assert "solvencia-consumer-credit" not in answer.text


def test_a_forged_token_is_refused(anonymous):
    """A token that Airflow did not sign opens nothing."""
    anonymous.cookies.set("_token", "eyJhbGciOiJIUzUxMiJ9.eyJzdWIiOiJ2ZXJhIn0.AAAA")

    assert anonymous.get("/scorecards/").status_code in (401, 403)


def test_the_list_shows_what_is_live_and_what_is_new(viewer):
    """A portfolio per build_model DAG, with its newest version; one without any says what to do."""
    answer = viewer.get("/scorecards/")

    assert answer.status_code == 200
    assert "consumer credit" in answer.text
    assert "Rejected" in answer.text
    assert "build_model_new_cards</code> run" in answer.text
    assert "Nothing is live" in answer.text


def test_a_portfolio_lists_its_versions(viewer):
    """Versions stand newest first, with metrics, plots, status, and who decided when and why."""
    text = viewer.get(f"/scorecards/{PORTFOLIO}/").text

    assert text.index(f'"row"><a href="/scorecards/{PORTFOLIO}/{NEW}/"') < text.index(
        f'"row"><a href="/scorecards/{PORTFOLIO}/{OLD}/"'
    )
    for each in ("0.8627", "0.5706", "rita.risk", "by a person", "2026-10-03 09:00", "1 rule"):
        assert each in text
    assert "well calibrated" in text
    assert text.count("<svg") == 3
    assert f"{OLD}: 0.8627; {NEW}: 0.8531" in text


def test_a_version_shows_facts_refusals_plots_and_its_pack(viewer):
    """Whoever decides finds everything on the version's page."""
    text = viewer.get(f"/scorecards/{PORTFOLIO}/{NEW}/").text

    for each in (REFUSAL, "0.8530 to 0.8732", "e" * 64, f"promote_{PORTFOLIO}", "21,923"):
        assert each in text
    base = f"/scorecards/{PORTFOLIO}/{NEW}"
    for each in ("evidence/index.html", "evidence/fairness_report.html", "evaluation/roc.png"):
        assert f'"{base}/{each}"' in text
    assert f'"/scorecards/{PORTFOLIO}/{OLD}/"' in text


def test_a_decision_that_changed_no_status_is_listed(viewer):
    """A promotion that was turned down stands on the page, its reason as text."""
    text = viewer.get(f"/scorecards/{PORTFOLIO}/{NEW}/").text

    assert "No decision on this version stands" in text
    assert "<td>eva.audit</td>" in text
    assert "not before &lt;i&gt;June&lt;/i&gt;" in text


def test_an_approval_is_quoted_whole_and_as_text(viewer):
    """The reason comes from the facts, as the registry takes few characters; no tag survives."""
    text = viewer.get(f"/scorecards/{PORTFOLIO}/{OLD}/").text

    assert "well calibrated &lt;b&gt;&amp; stable&lt;/b&gt;" in text
    for each in ("rita.risk", "2026-10-03 09:00 UTC", "by a person"):
        assert each in text


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("evidence/index.html", "text/html; charset=utf-8"),
        ("evaluation/roc.png", "image/png"),
        ("facts.json", "application/json"),
    ],
)
def test_files_come_from_s3_and_run_nothing(viewer, path, kind):
    """A file of a version has its own type, and a policy that forbids scripts and fetches."""
    answer = viewer.get(f"/scorecards/{PORTFOLIO}/{OLD}/{path}")

    assert answer.status_code == 200
    assert answer.headers["content-type"] == kind
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "sandbox" in policy
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "path",
    [
        "evidence/%2e%2e/%2e%2e/%2e%2e/secret.json",
        "%2e%2e/secret.json",
        "evidence/..%2f..%2f..%2fsecret.json",
        "evidence%2f%2e%2e%2ffacts.json",
        "evidence//index.html",
        "evidence/.hidden.html",
        "evidence/index.html%00.png",
        "evidence/tool.js",
        "artefact/model.tar.gz",
        "evidence/absent.html",
        "evidence/",
        "approval.json",
    ],
)
def test_nothing_else_leaves_the_bucket(viewer, path):
    """Only files below a version's evidence and evaluation are sent."""
    assert viewer.get(f"/scorecards/{PORTFOLIO}/{OLD}/{path}").status_code == 404


@pytest.mark.parametrize("portfolio", ["german_loans", "%2e%2e", "ingest_consumer_credit"])
def test_a_portfolio_that_is_not_readable_is_not_there(viewer, portfolio):
    """Without a build_model DAG that the user may read there is no page and no file."""
    assert viewer.get(f"/scorecards/{portfolio}/").status_code == 404
    assert viewer.get(f"/scorecards/{portfolio}/{OLD}/facts.json").status_code == 404


def test_every_page_forbids_scripts(viewer):
    """The pages need no script and no foreign address, and the policy says so."""
    for path in ("", f"{PORTFOLIO}/", f"{PORTFOLIO}/{OLD}/", "nowhere/"):
        answer = viewer.get(f"/scorecards/{path}")

        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "script" not in answer.headers["content-security-policy"]
        assert "<script" not in answer.text
        assert "http://" not in answer.text
        assert "https://" not in answer.text


def test_aws_out_of_reach_is_said_with_the_next_step(viewer, monkeypatch):
    """A fault of AWS is a page that names it, not a stack trace."""
    from scorecards import app

    def refuse(service: str) -> Any:
        return boto3.client(service, endpoint_url="http://127.0.0.1:9")

    from scorecards.registry import Registry

    broken = Registry(Settings.from_env(), refuse)
    monkeypatch.setattr(app, "registry", lambda: broken)

    answer = viewer.get("/scorecards/")

    assert answer.status_code == 502
    assert "AWS did not answer as expected" in answer.text
    assert "sagemaker:ListModelPackages" in answer.text


def test_versions_beyond_a_page_are_found(viewer, monkeypatch):
    """Pages link to one another, and a version of any page has its own."""
    from scorecards import app, registry

    for module in (app, registry):
        monkeypatch.setattr(module, "VERSIONS_MAX", 1)

    first, second, none = (
        viewer.get(f"/scorecards/{PORTFOLIO}/?page={page}") for page in (1, 2, 3)
    )

    row = '<th scope="row"><a href="/scorecards/{}/{}/">'
    assert row.format(PORTFOLIO, NEW) in first.text
    assert row.format(PORTFOLIO, OLD) not in first.text
    assert "?page=2" in first.text
    assert row.format(PORTFOLIO, OLD) in second.text
    assert "page 2 of 2" in second.text
    assert none.status_code == 404
    assert viewer.get(f"/scorecards/{PORTFOLIO}/{OLD}/").status_code == 200


def test_aws_is_asked_again_after_a_few_seconds_only():
    """Within the time a value is remembered by its key; after it, it is read anew."""
    from scorecards.registry import CACHE_SECONDS, Recent

    asked: list[str] = []
    recent, brief = Recent(60), Recent(0)
    for cache in (recent, recent, brief, brief):
        cache.get("a", lambda: asked.append("a"))
    recent.get("b", lambda: asked.append("b"))

    assert asked == ["a", "a", "a", "b"]
    assert CACHE_SECONDS <= 10


def test_a_plot_has_a_point_for_each_version_within_its_frame():
    """Higher values stand higher, the oldest on the left; marks and texts tell versions apart."""
    from scorecards import charts

    chart = charts.draw("AUC", [("a", 0.80, "refused"), ("b", 0.86, ""), ("c", 0.84, "live")])

    assert chart
    first, second, third = chart.points
    assert first.x < second.x < third.x <= charts.WIDTH
    assert 0 <= second.y < third.y < first.y <= charts.HEIGHT
    assert [each.kind for each in chart.points] == ["refused", "", "live"]
    assert first.text == "a: 0.8000"
    assert chart.low < 0.80 < 0.86 < chart.high
    assert charts.draw("AUC", []) is None


def test_a_missing_setting_is_named(viewer, monkeypatch):
    """A web server without the deployment's settings says which one it lacks."""
    from scorecards import app

    app.registry.cache_clear()
    monkeypatch.delenv("SOLVENCIA_STACK")

    answer = viewer.get("/scorecards/")

    assert answer.status_code == 500
    assert "SOLVENCIA_STACK is not set" in answer.text


def test_loading_the_plugin_is_cheap():
    """Every process of Airflow loads it: FastAPI and boto3 wait for the first request."""
    code = """
import json, sys
import airflow.plugins_manager
before = set(sys.modules)
import scorecards_plugin
print(json.dumps(sorted(set(sys.modules) - before)))
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT / "plugins")},
        check=True,
    )

    loaded = set(json.loads(done.stdout.splitlines()[-1]))
    assert loaded == {"scorecards_plugin"}


def test_airflow_finds_one_plugin_and_no_other_file():
    """The ignore file keeps what is only imported from being loaded as a plugin."""
    code = """
import json
from airflow import plugins_manager
plugins, errors = plugins_manager._get_plugins()
print(json.dumps([sorted(each.name for each in plugins), errors]))
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT / "include")},
        check=True,
    )

    names, errors = json.loads(done.stdout.splitlines()[-1])
    assert errors == {}
    assert names.count("scorecards") == 1


def test_the_view_needs_little_of_the_core():
    """MWAA's web server has plugins.zip alone: of ours, settings, layout and faults do."""
    code = """
import json, sys
import scorecards.app
print(json.dumps([each for each in sys.modules if each.startswith("solvencia")]))
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": f"{ROOT / 'plugins'}{os.pathsep}{ROOT / 'include'}"},
        check=True,
    )

    assert set(json.loads(done.stdout.splitlines()[-1])) == {
        "solvencia",
        "solvencia.faults",
        "solvencia.layout",
        "solvencia.settings",
    }
