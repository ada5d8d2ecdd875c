"""How far a backup or a restore is: a stage, and how much of it is done."""

from collections.abc import Callable

Tell = Callable[[str, float], None]  # the stage, and its share from 0 to 1

COPYING, CHECKING, WRITING, READING = "Copying the database", "Checking the copy", "Writing", "Reading it back"
UNPACKING, FOLLOWING = "Unpacking", "Following the activity log"
MAKING, MOVING = "Making the tables", "Moving"

_SHARES = {COPYING: (0, 15), CHECKING: (15, 20), WRITING: (20, 85), READING: (85, 99)}


def percent(stage: str, share: float) -> int:
    """Of the whole making of a backup."""
    begins, ends = _SHARES[stage]
    return int(begins + (ends - begins) * min(max(share, 0.0), 1.0))
