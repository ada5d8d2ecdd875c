"""Files that are no backup, are not whole, or are somebody else's: each is refused, and nothing is touched."""

import json
import random
import zipfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest

from metrics.backups import archive
from metrics.backups.archive import DATABASE, MAC, MANIFEST, MEMBERS
from metrics.backups.errors import BackupError
from tests.metrics.product import AT, Product

Members = list[tuple[str, bytes]]


def members(backup: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(backup) as found:
        return {name: found.read(name) for name in found.namelist()}


def rebuilt(backup: Path, change: Callable[[dict[str, bytes]], Members]) -> Path:
    """The same backup with other members."""
    with zipfile.ZipFile(backup.with_name("other.tomo"), "w", zipfile.ZIP_DEFLATED) as other:
        for name, content in change(members(backup)):
            other.writestr(name, content)
    return backup.with_name("other.tomo")


def with_manifest(text: Callable[[str], str]) -> Callable[[dict[str, bytes]], Members]:
    return lambda found: list((found | {MANIFEST: text(found[MANIFEST].decode()).encode()}).items())


HOSTILE: dict[str, Callable[[dict[str, bytes]], Members]] = {
    "one more member": lambda found: [*found.items(), ("../../etc/passwd", b"root")],
    "one member less": lambda found: [(name, found[name]) for name in (DATABASE, MANIFEST)],
    "a path as a name": lambda found: [("/" + name, content) for name, content in found.items()],
    "another database": lambda found: list((found | {DATABASE: found[DATABASE][::-1]}).items()),
    "a longer database": lambda found: list((found | {DATABASE: found[DATABASE] + b"\0"}).items()),
    "an endless database": lambda found: list((found | {DATABASE: bytes(200_000_000)}).items()),
    "an endless manifest": lambda found: list((found | {MANIFEST: b" " * 200_000_000}).items()),
    "an endless signature": lambda found: list((found | {MAC: b"0" * 200_000_000}).items()),
    "another manifest": with_manifest(lambda text: text.replace('"0.1.0"', '"0.1.1"')),
    "no manifest": with_manifest(lambda _text: "[]"),
    "a made-up signature": lambda found: list((found | {MAC: found[MAC][:17] + b"0" * 64 + b"\n"}).items()),
    "no signature": lambda found: list((found | {MAC: b"\xff\xfe"}).items()),
    "nothing": lambda found: [],
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_was_made_up_is_refused_with_the_remedy(product: Product, backup: Path, name: str) -> None:
    before = product.file.read_bytes()
    said = product.refusal("restore", str(rebuilt(backup, HOSTILE[name])))
    assert said.startswith("Nothing was replaced. other.tomo")
    assert said.endswith(": take another one.")
    assert product.file.read_bytes() == before
    assert not list(product.data.glob("*.re*"))


def test_a_twin_of_a_member_is_refused(product: Product, backup: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(backup, "a") as more:
        more.writestr(DATABASE, b"another")
    assert "is damaged" in product.refusal("restore", str(backup))


def test_no_bit_can_flip_and_no_end_be_missing_without_being_seen(product: Product, backup: Path) -> None:
    whole, dice = backup.read_bytes(), random.Random(7)
    with product.entered(), archive.opened(backup) as found:
        expected = b"".join(found.chunks(lambda stage, share: None))
        for number in range(300):
            damaged = bytearray(whole)
            if number % 3:
                damaged[dice.randrange(len(whole))] ^= 1 << dice.randrange(8)
            else:
                del damaged[dice.randrange(len(whole)) :]
            backup.write_bytes(damaged)
            with suppress(BackupError), archive.opened(backup) as again:  # a date, for one, may be another one
                assert b"".join(again.chunks(lambda stage, share: None)) == expected


def test_one_of_another_installation_is_refused_before_anything_in_it_is_looked_at(
    product: Product, backup: Path
) -> None:
    (product.data / "keys" / "activity_key").write_text("ab" * 32)
    said = product.refusal("restore", str(backup))
    assert "belongs to other keys (activity key" in said
    assert said.endswith("import them first with `manage.py import_keys FILE`.")


def test_one_of_a_newer_version_says_that_this_one_must_be_updated(product: Product, backup: Path) -> None:
    newer = backup.with_name("newer.tomo")
    with product.entered(), archive.opened(backup) as found:
        facts = replace(found.manifest.facts, migrations=[*found.manifest.facts.migrations, "metrics.0999_future"])
        archive.write(newer, BytesIO(members(backup)[DATABASE]), facts, AT, 1, lambda stage, share: None)
    assert "with metrics.0999_future): update Tomo Monitor first." in product.refusal("restore", str(newer))


def test_one_that_does_not_hold_what_it_says_is_refused(product: Product, backup: Path) -> None:
    other = backup.with_name("other.tomo")
    with product.entered(), archive.opened(backup) as found:
        facts = replace(found.manifest.facts, rows=found.manifest.facts.rows | {"metrics_server": 2})
        archive.write(other, BytesIO(members(backup)[DATABASE]), facts, AT, 1, lambda stage, share: None)
    assert "does not hold what its manifest says" in product.refusal("restore", str(other))
    assert not list(product.data.glob("*.re*"))


def test_one_whose_database_would_do_something_by_itself_is_refused(product: Product) -> None:
    product.change("CREATE TRIGGER strange AFTER INSERT ON metrics_server BEGIN DELETE FROM auth_user; END")
    assert "strange in the database was not made by Tomo Monitor" in product.refusal("backup")


def test_one_of_the_other_kind_of_database_says_which_setting_to_change(product: Product, backup: Path) -> None:
    other = backup.with_name("other.tomo")
    with product.entered(), archive.opened(backup) as found:
        facts = replace(found.manifest.facts, vendor="postgresql")
        archive.write(other, BytesIO(b""), facts, AT, 1, lambda stage, share: None)
    assert "holds a database of postgresql" in product.refusal("restore", str(other))


@pytest.mark.parametrize("content", [b"", b"no zip", zlib.compress(b"x" * 1000)])
def test_what_is_no_archive_at_all_is_refused(product: Product, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    assert "file is damaged or not a backup" in product.refusal("restore", str(tmp_path / "file"))


def test_a_missing_file_is_named(product: Product, tmp_path: Path) -> None:
    assert "No such file or directory): give the file of a backup" in product.refusal("restore", str(tmp_path / "x"))


def test_the_manifest_tells_everything_that_is_promised(backup: Path) -> None:
    found = json.loads(members(backup)[MANIFEST])
    assert sorted(members(backup)) == MEMBERS
    assert found["facts"]["rows"]["metrics_server"] == 1
    assert found["facts"]["head"][0] == found["facts"]["rows"]["activity_activitylog"]
    assert "metrics.0001_initial" in found["facts"]["migrations"]
