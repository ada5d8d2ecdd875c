"""The keys, exported under a passphrase and imported again."""

import json
import stat
from pathlib import Path

import pytest

from activity.types import ActivityType
from tests.activity.kinds import proves
from tests.metrics.product import SECRET, Product

PASSPHRASE = "correct horse battery"


@pytest.fixture
def passphrase(tmp_path: Path) -> str:
    """The argument that gives it."""
    (tmp_path / "passphrase").write_text(PASSPHRASE + "\n")
    return f"--passphrase-file={tmp_path / 'passphrase'}"


@pytest.fixture
def exported(product: Product, tmp_path: Path, passphrase: str) -> Path:
    product.manage("export_keys", str(tmp_path / "keys.json"), passphrase)
    return tmp_path / "keys.json"


def keys(product: Product) -> dict[str, str]:
    return {path.name: path.read_text() for path in (product.data / "keys").iterdir()}


@proves(ActivityType.KEYS_EXPORTED)
def test_the_file_is_for_its_owner_alone_and_shows_no_key(product: Product, exported: Path) -> None:
    assert stat.S_IMODE(exported.stat().st_mode) == 0o600
    assert not [key for key in keys(product).values() if key.strip() in exported.read_text()]


def test_a_new_installation_takes_the_keys_and_then_the_backup(
    product: Product, backup: Path, exported: Path, passphrase: str, tmp_path: Path
) -> None:
    new = Product(tmp_path / "new", product._blocker)
    new.manage("import_keys", str(exported), passphrase)
    assert keys(new) == keys(product)
    new.manage("restore", str(backup))
    new.manage("migrate", "--database=queue")  # as a start does
    assert new.left()["secrets"] == [SECRET]


@proves(ActivityType.KEYS_IMPORTED)
def test_the_keys_that_were_there_are_kept(product: Product, exported: Path, passphrase: str) -> None:
    (product.data / "keys" / "secret_key").write_text("x" * 64)
    before = keys(product)
    product.manage("import_keys", str(exported), passphrase)
    (kept,) = product.data.glob("keys.replaced-*")
    assert {path.name: path.read_text() for path in kept.iterdir()} == before
    assert stat.S_IMODE((product.data / "keys").stat().st_mode) == 0o700
    assert product.left()["last"] == "keys_imported"


def test_the_same_keys_change_nothing(product: Product, exported: Path, passphrase: str) -> None:
    assert "in place already" in product.manage("import_keys", str(exported), passphrase)
    assert not list(product.data.glob("keys.replaced-*"))


def test_another_passphrase_opens_nothing(product: Product, exported: Path, tmp_path: Path) -> None:
    before = keys(product)
    (tmp_path / "wrong").write_text("incorrect horse battery")
    said = product.refusal("import_keys", str(exported), f"--passphrase-file={tmp_path / 'wrong'}")
    assert "The passphrase does not open it" in said
    assert keys(product) == before


@pytest.mark.parametrize("change", [{"format": "another"}, {"salt": "%"}, {"sealed": 7}], ids=str)
def test_a_file_that_is_none_is_refused(product: Product, exported: Path, passphrase: str, change: object) -> None:
    exported.write_text(json.dumps(json.loads(exported.read_text()) | change))  # type: ignore[operator]
    assert "is not a file of exported keys" in product.refusal("import_keys", str(exported), passphrase)


def test_a_short_passphrase_is_refused(product: Product, tmp_path: Path) -> None:
    (tmp_path / "short").write_text("elevenchars\n")
    said = product.refusal("export_keys", str(tmp_path / "keys.json"), f"--passphrase-file={tmp_path / 'short'}")
    assert "give 12 characters or more" in said
    assert not (tmp_path / "keys.json").exists()


def test_an_export_never_replaces_a_file(product: Product, exported: Path, passphrase: str) -> None:
    before = exported.read_bytes()
    assert "File exists): give another name." in product.refusal("export_keys", str(exported), passphrase)
    assert exported.read_bytes() == before
