from __future__ import annotations

import json
import shutil
import socket
import tarfile
import time
import urllib.error
import urllib.request
from contextlib import contextmanager

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import fill_channels, run_container

from solvencia import explain, features, gate, lineage, model
from solvencia.clean import clean
from solvencia.container.__main__ import main


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def serving(base):
    port = free_port()
    process = run_container(
        base, "serve", SAGEMAKER_BIND_HOST="127.0.0.1", SAGEMAKER_BIND_TO_PORT=str(port)
    )
    try:
        for _ in range(200):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/ping", timeout=2).close()
                break
            except OSError:
                assert process.poll() is None, process.communicate()[1]
                time.sleep(0.1)
        yield port, process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def post(port: int, body: bytes, kind: str = "application/json"):
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/invocations", body, {"Content-Type": kind}
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


@pytest.fixture(scope="module")
def server(trained):
    with serving(trained[0]) as (port, _):
        yield port


@pytest.fixture
def body(consumer_credit, application):
    return {"fingerprint": consumer_credit.fingerprint, "applications": [application]}


def test_training_leaves_a_portable_model(trained):
    """The job writes text and JSON only, prints its metrics, and names no machine."""
    base, out = trained

    files = {each.name for each in (base / "model").rglob("*") if each.is_file()}
    assert {"booster.txt", "model.json", "scorecard.json"} <= files
    known = {"booster.txt", "model.json", "network.json", "provenance.json", "scorecard.json"}
    assert files <= known
    for text in ("validation:auc=0.", "validation:ks=0.", "train:ece=0.", "trees on"):
        assert text in out
    for kind in ("scorecard", "boosting"):
        assert f"challenger:{kind}: auc=0." in out
    assert str(base) not in (base / "model" / "model.json").read_text()


def test_the_artefact_says_what_code_and_libraries_made_it(trained):
    """The training's own digests travel with the model."""
    base, _ = trained

    found = json.loads((base / "model" / "provenance.json").read_text())
    assert found == lineage.describe_image("consumer_credit")
    assert found["code_digest"] == lineage.code_digest("consumer_credit")


def test_training_does_not_depend_on_the_parts(trained, splits, tmp_path):
    """Another cut of the rows, an empty object among them, and other threads: the same model."""
    fill_channels(tmp_path, splits, rounds_max="60", networks="1", num_threads="2")
    folder = tmp_path / "input" / "data" / "train"
    shutil.rmtree(folder)
    folder.mkdir()
    whole = pa.table(splits["train"])
    pq.write_table(whole, folder / "part-0000.parquet")
    required = pa.schema([each.with_nullable(False) for each in whole.schema])
    pq.write_table(required.empty_table(), folder / "part-0001.parquet")

    process = run_container(tmp_path, "train")
    process.communicate(timeout=60)

    assert process.returncode == 0
    assert model.load(tmp_path / "model").digest == model.load(trained[0] / "model").digest


def test_the_server_scores_as_the_core(server, trained, body, consumer_credit, application):
    """An endpoint's answer holds the model's PD, points and its four leading reasons."""
    status, answer = post(server, json.dumps(body).encode())

    loaded = model.load(trained[0] / "model")
    columns = {name: np.array([value]) for name, value in application.items()}
    matrix = features.build(consumer_credit, clean(consumer_credit, columns).columns)
    values, _ = explain.contributions(loaded, matrix)
    ranked = explain.rank(consumer_credit, loaded.features, values[0])
    (score,) = answer["scores"]
    assert status == 200
    assert answer["model"] == {
        "digest": loaded.digest,
        "period": "2026-10",
        "fingerprint": consumer_credit.fingerprint,
        "code": lineage.code_digest("consumer_credit"),
    }
    assert score["pd"] == loaded.predict(matrix)[0]
    assert 200 < score["points"] < 900
    assert [each["code"] for each in score["reasons"]] == [each.code for each in ranked]
    assert len(score["reasons"]) == 4


def test_a_batch_is_scored_as_each_alone(server, body, application):
    """Several applications in one call get the scores they get alone, in order."""
    late = application | {"past_due_90_days_count": 4, "monthly_income_usd": None}
    _, both = post(server, json.dumps(body | {"applications": [application, late]}).encode())

    for place, each in enumerate((application, late)):
        _, alone = post(server, json.dumps(body | {"applications": [each]}).encode())
        assert alone["scores"] == [both["scores"][place]]

    assert both["scores"][0] != both["scores"][1]


def test_other_rules_conflict(server, body):
    """A caller with another portfolio is told so with 409."""
    status, answer = post(server, json.dumps(body | {"fingerprint": "other"}).encode())

    assert status == 409
    assert "deploy both from the same release" in answer["error"]


@pytest.mark.parametrize(
    ("change", "field", "reason"),
    [
        ({"debt_ratio": "lots"}, "debt_ratio", "not a number"),
        ({"debt_ratio": [0.4, 0.5]}, "debt_ratio", "not a number"),
        ({"debt_ratio": -1}, "debt_ratio", "below 0"),
        ({"past_due_90_days_count": None}, "past_due_90_days_count", "missing"),
        ({"age_years": 50}, "age_years", "unknown field"),
    ],
)
def test_a_bad_application_is_refused(server, body, application, change, field, reason):
    """A row that cleaning refuses gets 400 with the field and the reason."""
    applications = [application, application | change]
    status, answer = post(server, json.dumps(body | {"applications": applications}).encode())

    assert status == 400
    assert answer["problems"] == {f"applications[1].{field}": reason}


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"{", 400),
        (b"[]", 400),
        (b'{"fingerprint": NaN}', 400),
        (b"\xff", 400),
        (b"[" * 200_000, 400),
    ],
)
def test_a_malformed_body_is_refused(server, raw, status):
    """What is no JSON object gets 400 with an error, never a score or a 500."""
    found, answer = post(server, raw)

    assert found == status
    assert set(answer) == {"error"}


@pytest.mark.parametrize("applications", [None, [], {}, "text", [3]])
def test_malformed_applications_are_refused(server, body, applications):
    """Applications are a list of one or more objects."""
    status, answer = post(server, json.dumps(body | {"applications": applications}).encode())

    assert status == 400
    assert "applications" in answer["error"]


def test_only_json_is_served(server, body):
    """Another content type gets 415; a charset parameter does not matter."""
    raw = json.dumps(body).encode()

    assert post(server, raw, "text/csv")[0] == 415
    assert post(server, raw, "application/json; charset=utf-8")[0] == 200


def test_termination_answers_what_is_under_way(trained, body):
    """After SIGTERM a request already begun is answered, and the process ends with 0."""
    raw = json.dumps(body).encode()
    head = (
        "POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(raw)}\r\n\r\n"
    ).encode()
    with serving(trained[0]) as (port, process):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as caller:
            caller.sendall(head + raw[:20])
            time.sleep(0.3)
            process.terminate()
            time.sleep(0.3)
            caller.sendall(raw[20:])
            answer = caller.recv(65536)
        status = process.wait(timeout=10)

    assert answer.startswith(b"HTTP/1.1 200")
    assert status == 0


@pytest.mark.parametrize("has_train", [False, True])
def test_evaluation_writes_metrics_report_and_plots(
    trained, consumer_credit, monkeypatch, tmp_path, has_train
):
    """The job leaves metrics.json with the model's identity, and the files it names.

    Without the input `train`, as by hand, drift is null.
    """
    base = tmp_path / "evaluated"
    shutil.copytree(trained[0], base)
    if has_train:
        shutil.copytree(base / "input" / "data" / "train", base / "processing" / "input" / "train")
    folder = base / "processing" / "input" / "model"
    folder.mkdir(parents=True)
    with tarfile.open(folder / "model.tar.gz", "w:gz") as archive:
        for each in (base / "model").iterdir():
            archive.add(each, each.name)
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(base))

    status = main(["evaluate"])

    output = base / "processing" / "output"
    metrics = json.loads((output / "metrics.json").read_text())
    assert status == 0
    assert set(metrics) == {
        "auc", "auc_low", "auc_high", "gini", "ks", "brier", "ece", "rows", "bads", "model",
        "plots", "h_measure", "lift_10", "bootstrap", "psi", "csi", "fairness", "report",
        "calibration_line", "challengers", "champion", "drift", "gate", "leakage", "monotone",
        "reduction", "refusals", "reject_inference", "code_digest",
    }  # fmt: skip
    assert metrics["model"] == {
        "digest": model.load(base / "model").digest,
        "period": "2026-10",
        "portfolio": "consumer_credit",
        "fingerprint": consumer_credit.fingerprint,
        "kind": model.load(base / "model").kind,
    }
    assert metrics["auc"] > 0.7
    assert metrics["refusals"] == gate.refusals(metrics, consumer_credit)
    assert all((output / name).stat().st_size for name in metrics["plots"])
    assert (metrics["psi"] is not None) == has_train
    assert (output / metrics["report"]).read_text().startswith("<!DOCTYPE html>")
    assert json.loads((output / "report.json").read_text())["model"] == metrics["model"]


def break_channel(base, splits):
    shutil.rmtree(base / "input" / "data" / "validation")


def break_column(base, splits):
    columns = {name: each for name, each in splits["train"].items() if name != "debt_ratio"}
    pq.write_table(pa.table(columns), base / "input" / "data" / "train" / "part-0000.parquet")


def break_time(base, splits):
    pq.write_table(
        pa.table(splits["test"]), base / "input" / "data" / "train" / "part-0000.parquet"
    )


def break_config(**given):
    def write(base, splits):
        (base / "input" / "config" / "hyperparameters.json").write_text(json.dumps(given))

    return write


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (break_channel, "channel 'validation' holds no .parquet object: run the clean stage"),
        (break_column, "channel 'train' has no column debt_ratio"),
        (break_time, "of 2024-04 or later, which period 2026-10 keeps for the test"),
        (break_config(period="2026-10"), "portfolio is missing"),
        (break_config(portfolio="loans", period="2026-10"), "no portfolio 'loans': there are"),
        (break_config(portfolio="consumer_credit", period="2026"), "'2026' is not a period"),
        (
            break_config(portfolio="consumer_credit", period="2026-10", leaves="3", seed="x"),
            "leaves is unknown: use learning_rate, num_leaves",
        ),
        (lambda base, splits: shutil.rmtree(base / "input" / "config"), "No such file"),
    ],
)
def test_a_failed_job_says_why(tmp_path, splits, monkeypatch, fault, expected):
    """A job that cannot train ends with 1 and a reason with the next step in output/failure."""
    fill_channels(tmp_path, splits)
    fault(tmp_path, splits)
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(tmp_path))

    status = main(["train"])

    reason = (tmp_path / "output" / "failure").read_text()
    assert status == 1
    assert reason.startswith("train failed: ")
    assert expected in reason
    assert len(reason) <= 1024
    assert not (tmp_path / "model" / "model.json").exists()


def test_a_failure_keeps_applicants_values(tmp_path, splits, monkeypatch, capfd):
    """A library's error is placed but not quoted, as it may hold what an applicant gave."""
    fill_channels(tmp_path, splits)
    rows = len(splits["train"]["application_id"])
    secret = splits["train"] | {"debt_ratio": np.array(["secret-77"] * rows, dtype=object)}
    for place, name in enumerate(("part-0000.parquet", "part-0001.parquet")):
        table = pa.table(secret).slice(place * 100, 100)
        pq.write_table(table, tmp_path / "input" / "data" / "train" / name)
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(tmp_path))

    status = main(["train"])

    reason = (tmp_path / "output" / "failure").read_text()
    assert status == 1
    assert "ValueError in build (line" in reason
    assert "secret-77" not in reason + capfd.readouterr().err


def test_an_altered_model_does_not_serve(trained, tmp_path, monkeypatch):
    """A server whose artefact was changed ends before it listens, with the reason."""
    shutil.copytree(trained[0] / "model", tmp_path / "model")
    for path in (tmp_path / "model").glob("[!m]*.*"):
        path.write_text(path.read_text() + "\n")

    process = run_container(tmp_path, "serve")
    process.communicate(timeout=30)

    assert process.returncode == 1
    assert "do not match the digest" in (tmp_path / "output" / "failure").read_text()


@pytest.mark.parametrize("argv", [[], ["deploy"], ["train", "now"]])
def test_an_unknown_verb_lists_the_known(argv, capsys):
    """Anything but one known verb prints the usage and ends with 2."""
    assert main(argv) == 2
    assert "train|serve|evaluate" in capsys.readouterr().err
