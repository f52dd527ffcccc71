"""The root of every fault that only a person can cure."""

from __future__ import annotations


class PermanentFault(ValueError):
    """A fault that a retry cannot cure: the data, the code or the configuration must change."""
