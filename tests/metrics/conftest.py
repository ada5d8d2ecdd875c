"""Products of a test's own, with all that can be lost."""

from pathlib import Path
from typing import Any

import pytest

from tests.metrics.product import Product


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory, django_db_setup: None, django_db_blocker: Any) -> Product:
    """What the products of the tests are copies of, with a backup in its folder."""
    product = Product(tmp_path_factory.mktemp("filled"), django_db_blocker)
    product.fill()
    product.backup()
    return product


@pytest.fixture
def product(filled: Product, tmp_path: Path) -> Product:
    return filled.copy(tmp_path)


@pytest.fixture
def backup(product: Product) -> Path:
    """The one that it has."""
    return next(product.backups.glob("*.tomo"))
