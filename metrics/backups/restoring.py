"""Restoring: into an empty place, checked there, and only then in the place of what is there."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.db import DatabaseError, connection, connections
from django.db.migrations.loader import MigrationLoader

from activity import anchors, locks, verification
from activity.record import record
from activity.types import ActivityType
from metrics.backups import archive, facts, files, fingerprints, vendors
from metrics.backups.archive import Manifest
from metrics.backups.errors import BackupError
from metrics.backups.instead import instead
from metrics.backups.progress import CHECKING, FOLLOWING, Tell

RUNNING = "Tomo Monitor runs with the data in {}: stop it first."


@dataclass(frozen=True)
class Accepted:
    """What somebody who restores knows of and takes as it is."""

    lost_credentials: bool = False
    broken_log: bool = False


@dataclass(frozen=True)
class Restored:
    """What is in place now, and where the database that was there is; "" if there was none."""

    manifest: Manifest
    replaced: str


def restore(path: Path, at: datetime, tell: Tell, accepted: Accepted) -> Restored:
    """Replace the database by the one of a backup. Raises BackupError, and then nothing was replaced."""
    with alone(), archive.opened(path) as found:
        vendor, manifest = vendors.own(), found.manifest
        _check_belongs(manifest, accepted)
        found.verify(tell)
        before, kept = _head(), vendor.aside(at)
        scratch = vendor.unpack(found, tell)
        try:
            with instead(NAME=scratch):
                _check(manifest, tell)
                _bring_up_to_date(accepted, tell)
                _record(path, manifest, before, kept, at)
            _empty_queue()
            with anchors.set_aside(at):
                vendor.replace(scratch, kept)
        except BaseException:
            vendor.discard(scratch)
            raise
        anchors.drop(at)
    return Restored(manifest, kept)


@contextmanager
def alone() -> Iterator[None]:
    """While the product does not run, and nothing else works on its database as a whole. Raises BackupError."""
    product = locks.take_product()
    if product is None:
        raise BackupError(RUNNING.format(settings.DATA_DIR))
    with product, files.alone():
        yield


def _check_belongs(manifest: Manifest, accepted: Accepted) -> None:
    """For this kind of database, for a version that is known here, with keys that are here."""
    if manifest.facts.vendor != connection.vendor:
        raise BackupError(
            f"It holds a database of {manifest.facts.vendor}, and TOMO_DATABASE_URL names one of {connection.vendor}:"
            " change the setting, then try again."
        )
    if unknown := set(manifest.facts.migrations) - _known_migrations():
        raise BackupError(
            f"It was made by a newer version ({manifest.version}, with {min(unknown)}): update Tomo Monitor first."
        )
    here = fingerprints.of_credential_keys()
    lost = sorted(key_id for key_id, key in manifest.credential_keys.items() if here.get(key_id) != key)
    if lost and not accepted.lost_credentials:
        raise BackupError(
            f"The credential keys that belong to it are not here ({', '.join(lost)}): import them with `manage.py"
            " import_keys FILE`, or give --without-credentials and enter every credential again."
        )


def _known_migrations() -> set[str]:
    return {f"{app}.{name}" for app, name in MigrationLoader(None).disk_migrations}


def _head() -> tuple[int, str] | None:
    """Of the log that is there now, if it can be read."""
    try:
        with connection.cursor() as cursor:
            return facts.head(cursor)
    except DatabaseError:
        return None
    finally:
        connection.close()


def _check(manifest: Manifest, tell: Tell) -> None:
    """What was unpacked is whole, and is what the manifest says."""
    tell(CHECKING, 0.0)
    vendors.own().check()
    with connection.cursor() as cursor:
        found = facts.read(cursor, connection.vendor)
    if found != manifest.facts:
        raise BackupError("The database in the backup does not hold what its manifest says: take another one.")


def _bring_up_to_date(accepted: Accepted, tell: Tell) -> None:
    """Migrated to this version, without sessions, tokens and queue, its log followed row by row."""
    call_command("migrate", database="default", verbosity=0, interactive=False)
    with connection.cursor() as cursor:
        facts.empty(cursor, connection.vendor)
        newest = max(facts.head(cursor)[0], 1)
    verdict = verification.verify(tell=lambda _rows, last_id: tell(FOLLOWING, last_id / newest))
    if not verdict.is_whole and not accepted.broken_log:
        raise BackupError(
            f"The activity log in the backup does not verify ({verdict.explanation}): take an older backup, or give"
            " --broken-log to take it as it is."
        )


def _record(path: Path, manifest: Manifest, before: tuple[int, str] | None, kept: str, at: datetime) -> None:
    details = {
        "file": str(path),
        "made_at": manifest.made_at,
        "version": manifest.version,
        "rows": sum(manifest.facts.rows.values()),
        "head_before": before,
        "head_after": manifest.facts.head,
        "replaced": kept,
    }
    message = f"Backup {path.name} of {manifest.made:%Y-%m-%d %H:%M} UTC restored"
    record(ActivityType.BACKUP_RESTORED, message, details=details, at=at)


def _empty_queue() -> None:
    """What waits speaks of the rows of the database that goes. It is deleted as it lies, never unpickled."""
    queue = connections[settings.QUEUE_DATABASE]
    if settings.QUEUE_DATABASE != "default":
        with queue.cursor() as cursor:
            facts.empty(cursor, queue.vendor)
        queue.close()
