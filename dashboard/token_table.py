"""The table of tokens, as the page and the command show it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from dashboard import tokens
from dashboard.models import ApiToken, ApiTokenQuerySet

STATES = {"": "valid", "owner_inactive": "owner deactivated"}  # what is not here is called as it is
ENDING = timedelta(days=7)


@dataclass(frozen=True)
class TokenRow:
    """A token with its state in words, how long it is still valid (None: without end), and its uses in this minute."""

    token: ApiToken
    state: str
    left: timedelta | None
    uses: int

    @property
    def is_valid(self) -> bool:
        return self.state == STATES[""]

    @property
    def is_ending(self) -> bool:
        """Whether its owner should think of the next one."""
        return self.is_valid and self.left is not None and self.left < ENDING

    @property
    def can_be_revoked(self) -> bool:
        """Also while its owner is deactivated, who may come back."""
        return self.state in STATES.values()


def token_rows(shown: ApiTokenQuerySet, at: datetime) -> list[TokenRow]:
    """Those that are valid first, each by name."""
    rows = [_row(token, at) for token in shown.select_related("owner", "tag")]
    return sorted(rows, key=lambda row: not row.is_valid)


def _row(token: ApiToken, at: datetime) -> TokenRow:
    ended, left = token.ended(at), token.expires_at - at if token.expires_at else None
    return TokenRow(token, STATES.get(ended, ended), left, tokens.uses_in_minute(token, at))
