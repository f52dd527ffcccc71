"""Settings refuse a value that means nothing, before a run starts with it."""

import pytest

from solvencia.settings import InvalidSetting, Settings


@pytest.fixture
def deployed(monkeypatch):
    for name in ("SOLVENCIA_STACK", "SOLVENCIA_ACCOUNT", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, "x")
    monkeypatch.delenv("SOLVENCIA_APPROVAL", raising=False)
    return monkeypatch


def test_a_person_approves_unless_the_deployment_says_otherwise(deployed):
    """Automatic approval is a setting that someone must have made."""
    assert Settings.from_env().approval == "manual"
    deployed.setenv("SOLVENCIA_APPROVAL", "automatic")
    assert Settings.from_env().approval == "automatic"


def test_a_misspelt_approval_is_refused(deployed):
    """A typing error must not become an approval by nobody."""
    deployed.setenv("SOLVENCIA_APPROVAL", "Automatic ")

    with pytest.raises(InvalidSetting, match="use automatic or manual"):
        Settings.from_env()
