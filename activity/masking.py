"""What sounds like a secret, and what is shown in its place. Pure."""

import math
import re
from typing import Any

from activity.plain import text

SECRET_NAME = re.compile(r"pass(word|phrase)?|secret|token|private|api_?key|authorization|cookie", re.IGNORECASE)
OWN_TOKEN = re.compile(r"tomo_[0-9]{1,18}_[A-Za-z0-9_-]{43}", re.ASCII)
MASK = "••••••"


def masked(details: Any, name: str = "") -> Any:
    """The details, with everything under a name that sounds like a secret replaced, and the product's own tokens
    wherever they stand; JSON has no NaN."""
    if details and SECRET_NAME.search(name):
        return MASK
    match details:
        case dict():
            return {text(str(key)): masked(value, str(key)) for key, value in details.items()}
        case list() | tuple():
            return [masked(value) for value in details]
        case str():
            return OWN_TOKEN.sub(MASK, text(details))
        case float() if not math.isfinite(details):
            return None
        case _:
            return details
