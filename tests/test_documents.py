"""What the documents point at is there."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parent.parent
LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")


def tracked() -> set[str]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(listed.stdout.split())


def test_every_link_leads_to_a_file_that_is_kept() -> None:
    files = tracked()
    broken = [
        f"{page}: {link}"
        for page in files
        if page.endswith(".md")
        for link in LINK.findall((ROOT / page).read_text())
        if not link.startswith(("http://", "https://"))
        and str((ROOT / page).parent.joinpath(link).resolve().relative_to(ROOT.resolve())) not in files
    ]
    assert not broken


def test_the_readmes_targets_are_the_makefiles() -> None:
    named = set(re.findall(r"^make (\w+)", (ROOT / "README.md").read_text(), re.MULTILINE))
    assert named
    assert named <= set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def test_every_command_of_the_product_is_described() -> None:
    own = {path.stem for path in ROOT.glob("*/management/commands/[a-z]*.py")}
    headings = re.findall(r"^## (.+)$", (ROOT / "docs/commands.md").read_text(), re.MULTILINE)
    described = {name for heading in headings for name in heading.split(" and ")}
    assert own <= described
