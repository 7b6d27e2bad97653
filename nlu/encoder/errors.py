"""Errors of the encoder room. Messages are for the operator: what is wrong, and the mend."""

from __future__ import annotations

from core.errors import ConfigError

MEND = "run `make setup` or `natiq model build`"


class ModelError(ConfigError):
    """A served model is missing, damaged, of an unknown version, or cannot be made.

    The message ends with the mend when building the model (again) is the mend.
    """

    @classmethod
    def unusable(cls, problem: str) -> ModelError:
        """An error whose mend is to build the model (again)."""
        return cls(f"{problem}; {MEND}")
