"""The estimate: it follows the templates and the table, and names what has no price."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from deployment import cost, templates
from deployment.environment_file import Environment


def totals(capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, float]:
    """Return each line's dollars by its first word."""
    assert cost.main(list(options)) == 0
    rows = capsys.readouterr().out.splitlines()[1:]
    return {row.split()[0]: float(row.split()[-1]) for row in rows if row[-1].isdigit()}


def test_two_instances_for_each_portfolio_are_billed_all_month(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """One portfolio: 2 instances, 730 hours, 0.115 dollars; the sum is that of the lines."""
    found = totals(capsys, "--env", "trial")
    together = found.pop("together")

    assert found["endpoints:"] == pytest.approx(2 * 730 * 0.115)
    # Lines are rounded to cents; two are called Lambda.
    assert together == pytest.approx(sum(found.values()), abs=0.2)


def test_the_estimate_follows_the_parameters() -> None:
    """Airflow, a notebook and no endpoints of the network each change their own line."""
    options = cost._parser().parse_args([])
    load = cost.Load(**{name: getattr(options, name) for name in cost.Load.__dataclass_fields__})
    prices = cost.Prices(cost.PRICES)
    given = {"Airflow": "true", "Notebook": "true", "InterfaceEndpoints": "false"}

    plain = {line.what for line in cost.lines(cost.values(Environment()), prices, load, options)}
    found = {
        line.what
        for line in cost.lines(cost.values(Environment(parameters=given)), prices, load, options)
    }

    assert {each.split(":")[0] for each in found - plain} == {
        "Airflow on MWAA",
        "Airflow",
        "notebook",
    }
    assert {each.split(":")[0] for each in plain - found} == {"private endpoints"}


def test_counts_are_those_of_the_templates() -> None:
    """Endpoints and alarms are counted, not written down."""
    text = (templates.INFRA / "network.yaml").read_text()

    assert cost.endpoints(is_airflow=True) == text.count("VpcEndpointType: Interface")
    assert cost.endpoints(is_airflow=True) - cost.endpoints(is_airflow=False) == 3
    assert cost.alarms(2) - cost.alarms(1) > 0


def test_firewall_and_flow_logs_are_billed_while_they_are_on() -> None:
    """The web ACL, its five rules and its requests cost by the month; off, they cost nothing."""
    options = cost._parser().parse_args([])
    load = cost.Load(**{name: getattr(options, name) for name in cost.Load.__dataclass_fields__})
    prices = cost.Prices(cost.PRICES)
    off = Environment(parameters={"Firewall": "false", "FlowLogDays": "0"})

    found = {
        each.what: each for each in cost.lines(cost.values(Environment()), prices, load, options)
    }
    without = {each.what for each in cost.lines(cost.values(off), prices, load, options)}

    assert found["web ACL of the firewall"].total_usd == 5.0
    assert found["rules of the firewall"].total_usd == 5.0
    assert found["requests through the firewall"].total_usd == pytest.approx(
        load.scores / 1e6 * 0.60
    )
    assert found.keys() - without == {
        "web ACL of the firewall",
        "rules of the firewall",
        "requests through the firewall",
        "flow logs, taken in",
    }


def test_a_missing_price_is_named_with_its_file(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """No size is guessed at: the message says where its price belongs."""
    (tmp_path / "prices.toml").write_text(cost.PRICES.read_text().replace("ml.m5.large", "other"))

    assert cost.main(["--prices", str(tmp_path / "prices.toml")]) == 1
    assert 'prices.toml: [hours] has no "sagemaker.ml.m5.large"' in capsys.readouterr().err


def test_date_and_source_of_the_prices_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """An estimate says how old its prices are."""
    known = tomllib.loads(cost.PRICES.read_text())

    cost.main([])

    assert f"Prices of {known['region']}, {known['as_of']}" in capsys.readouterr().out
