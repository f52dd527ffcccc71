"""What `make run` shows of a task that failed."""

from __future__ import annotations

from local.run import essence

LOG = [
    "::group::Pre Execute",
    "Found credentials in environment variables.",
    "Task failed with exception\n    GateRefused: the model is registered as Rejected:\n- auc 0.6",
    "::group::Post Execute",
    "Found endpoint for sns via: environment_global.",
]


def test_the_fault_alone_is_shown():
    """Neither what came before the exception nor what came after it."""
    assert essence(LOG) == [
        "GateRefused: the model is registered as Rejected:",
        "- auc 0.6",
    ]


def test_a_log_without_an_exception_shows_its_end():
    """A task that was killed has no exception: its last twelve lines are all there is."""
    assert essence([f"line {each}" for each in range(30)]) == [
        f"line {each}" for each in range(18, 30)
    ]
