"""The error tree. Each error says what to do next: mend the input, set a setting, retry, give up.

Rooms derive their own errors from these; the command line turns `InputError` and `ConfigError`
into exit status 2 with the message alone, never a traceback.
"""

from __future__ import annotations


class NatiqError(Exception):
    """Base of every error that Natiq raises on purpose."""


class ConfigError(NatiqError):
    """A setting is missing or wrong. The message names the setting and the mend."""


class InputError(NatiqError):
    """Input from a person or a file is wrong. The message names the place and the mend."""


class NotFoundError(NatiqError):
    """A record that was asked for does not exist (or is not the asker's to see)."""


class ConflictError(NatiqError):
    """The record is not in a state that allows this; nothing was changed."""


class StaleLeaseError(NatiqError):
    """The lease was taken over by somebody else; the work done under it is thrown away."""


class ChannelError(NatiqError):
    """A channel could not deliver.

    Args:
        reason: short machine word for logs and the desk, without addresses or message text.
        retry_after: seconds the platform asked us to wait, when it said so.
        permanent: True when trying again cannot help (blocked by the user, message refused).
        uncertain: True when the request may have been carried out (no answer came).
        window_closed: True when the platform takes a free text only after the person wrote again.
    """

    def __init__(
        self,
        reason: str,
        *,
        retry_after: float | None = None,
        permanent: bool = False,
        uncertain: bool = False,
        window_closed: bool = False,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after = retry_after
        self.permanent = permanent
        self.uncertain = uncertain
        self.window_closed = window_closed
