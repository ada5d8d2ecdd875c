"""Why a backup, a restore, a move or an exchange of keys is not done."""


class BackupError(Exception):
    """It cannot be done; the text says why, and what to do."""
