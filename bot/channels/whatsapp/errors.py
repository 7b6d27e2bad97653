"""What Meta's error codes mean for a message that we wanted to send.

The codes are those of Meta's list:
https://developers.facebook.com/documentation/business-messaging/whatsapp/support/error-codes
"""

from __future__ import annotations

from core.errors import ChannelError

#: The person wrote more than 24 hours ago: only a template may be sent.
WINDOW_CLOSED = 131047

#: Another attempt may succeed; the seconds to wait at least.
_AGAIN: dict[int, float] = {
    1: 5.0,  # unknown error of the API
    2: 5.0,  # service down
    4: 60.0,  # too many calls of the app
    80007: 60.0,  # too many calls for the business account
    130429: 5.0,  # throughput of the number
    131000: 5.0,  # unknown error
    131016: 10.0,  # service overloaded
    131056: 30.0,  # too many messages to this one person
    131057: 60.0,  # the number is being maintained or upgraded
    133004: 10.0,  # server temporarily unavailable
}

#: Nothing can be sent until the ministry mends its token, number or account at Meta. Messages are
#: kept and tried again, because none of this is about the message.
_ACCOUNT: dict[int, float] = {
    0: 60.0,  # the token could not be checked
    3: 60.0,  # no permission for the method
    10: 60.0,  # permission removed
    190: 60.0,  # the token has expired
    368: 3600.0,  # account restricted
    131005: 60.0,  # access denied
    131031: 3600.0,  # account locked
    131042: 3600.0,  # payment method
    131045: 300.0,  # the number is not registered
    131048: 3600.0,  # restricted because people marked messages as spam
    131064: 3600.0,  # messaging limit
    133010: 300.0,  # the number is not registered
}


def is_of_the_account(code: int, status: int | None = None) -> bool:
    """Whether the trouble is with our token, number or account, not with the message."""
    return code in _ACCOUNT or 200 <= code < 300 or (status == 401 and code not in _AGAIN)


def channel_error(
    code: int, status: int | None = None, retry_after: float | None = None
) -> ChannelError:
    """The error for an answer of the Graph API.

    `code` is the `error.code` of the answer's JSON (the HTTP status where there was none), `status`
    the HTTP status, `retry_after` what the platform asked us to wait, in seconds. An answer came,
    so the request was not carried out: no error of this function is `uncertain`.
    """
    reason = f"meta_{code}"
    if code == WINDOW_CLOSED:
        return ChannelError(reason, window_closed=True)
    if is_of_the_account(code, status):
        return ChannelError(reason, retry_after=_longer(_ACCOUNT.get(code, 60.0), retry_after))
    if code in _AGAIN:
        return ChannelError(reason, retry_after=_longer(_AGAIN[code], retry_after))
    if status is not None and (status >= 500 or status in (408, 429)):
        return ChannelError(reason, retry_after=retry_after)
    return ChannelError(reason, permanent=True)


def _longer(ours: float, theirs: float | None) -> float:
    return max(ours, theirs or 0.0)
