"""How sites and hosts may be called, and the names of the poller processes there. Pure.

A name like frankfurt or eu-west1 has in each of its parts a letter, so that "poll-2" is the second poller of the home
site and "poll-frankfurt@b-2" the second one of host b for Frankfurt, and nothing else.
"""

import re
from collections.abc import Sequence

PART = r"(?![0-9]+(?:-|\Z))[a-z0-9]+"
SLUG = rf"\A{PART}(?:-{PART})*\Z"
LONGEST = 24
RULE = f"at most {LONGEST} small letters, digits and dashes; each part between dashes has a letter"


def slug(text: str) -> str:
    """A site's or host's name; "" is the home site, or the first host. Raises ValueError."""
    if text and (len(text) > LONGEST or not re.match(SLUG, text)):
        raise ValueError
    return text


def poller_names(site: str, node: str, pollers: int) -> Sequence[str]:
    """What the poller processes of a host are called: each is a django-q2 cluster of its own."""
    first = "poll" + (f"-{site}" if site else "") + (f"@{node}" if node else "")
    return [first, *(f"{first}-{number}" for number in range(2, pollers + 1))]


def local_name(node: str) -> str:
    """The hostname of the server that a host itself is: the pollers there alone can poll it."""
    return node or "localhost"
