"""Servers out of a file: read whole, told entry by entry, added only on request."""

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from metrics.importing import WrongFile, entries
from metrics.models import Server
from metrics.models.credential import CredentialKind
from tests.dashboard import fleet

pytestmark = pytest.mark.django_db

YAML = """
servers:
  - name: web-01
    hostname: 192.0.2.1
    port: 2222
    user: root
    tags: [a, b]
    notes: The first.
    key: id
  - name: db-01
"""
CSV = "\ufeffname,hostname,port,user,tags,notes,key\nweb-01,192.0.2.1,2222,root,a;b,The first.,id\ndb-01,,,,,,\n"
SSH_CONFIG = """
# mine
Host web-01
    HostName 192.0.2.1
    Port=2222
    User root
    User ignored
    IdentityFile id
host db-01 *.example.org !x
Match host another
    Port 9
Host *
    ServerAliveInterval 5
    User tomo
"""


def imported(folder: Path, name: str, text: str, *options: str) -> str:
    """What the command prints; its error at the end."""
    (folder / name).write_text(text)
    out = StringIO()
    try:
        call_command("import_servers", folder / name, *options, stdout=out)
    except CommandError as wrong:
        out.write(f"ERROR {wrong}")
    return out.getvalue()


def told(folder: Path, name: str, text: str) -> dict[str, str]:
    """The verdict on each entry, by name."""
    (folder / name).write_text(text)
    return {entry.name: entry.verdict for entry in entries(folder / name, (folder / name).read_text())}


@pytest.mark.parametrize(("name", "text"), [("f.yaml", YAML), ("f.yml", YAML), ("f.csv", CSV), ("config", SSH_CONFIG)])
def test_every_format_gives_the_same_servers(tmp_path: Path, keys_folder: Path, name: str, text: str) -> None:
    (tmp_path / "id").write_text((keys_folder / "id").read_text())
    imported(tmp_path, name, text, "--yes")
    web, db = Server.objects.get(name="web-01"), Server.objects.get(name="db-01")
    assert (web.address, web.credential.kind) == ("root@192.0.2.1:2222", CredentialKind.KEY)
    assert (db.address, db.credential.kind) == ("tomo@db-01:22", CredentialKind.GENERATED)
    if name != "config":
        assert ([tag.name for tag in web.tags.all()], web.notes) == (["a", "b"], "The first.")


def test_without_yes_nothing_is_changed(tmp_path: Path) -> None:
    said = imported(tmp_path, "f.csv", "name,hostname\nweb-01,192.0.2.1\n")
    assert "web-01 (tomo@192.0.2.1:22): can be added" in said
    assert "A dry run: nothing was changed" in said
    assert not Server.objects.exists()


def test_with_yes_each_server_is_told_with_its_line(tmp_path: Path) -> None:
    said = imported(tmp_path, "f.csv", "name\na\nb\n", "--yes")
    assert "2 added" in said
    for server in Server.objects.all():
        assert f"# {server.name}\nrestrict,command=" in said
        assert server.credential.public_key in said
    assert "PRIVATE" not in said


def test_a_second_import_leaves_alone_what_is_there(tmp_path: Path) -> None:
    fleet.pending("a")
    said = imported(tmp_path, "f.csv", "name,hostname\na,192.0.2.99\nb,\n", "--yes")
    assert "a: is there already" in said
    assert "1 added" in said
    assert Server.objects.get(name="a").hostname == "192.0.2.1"


def test_an_import_says_which_site_a_server_belongs_to(tmp_path: Path) -> None:
    imported(tmp_path, "f.csv", "name,site\na,frankfurt\nb,\nc,Frankfurt 2\n", "--yes")
    assert list(Server.objects.values_list("name", "site")) == [("a", "frankfurt"), ("b", "")]


def test_bad_entries_are_told_and_the_good_ones_added(tmp_path: Path) -> None:
    said = imported(tmp_path, "f.csv", "name,hostname\ngood,192.0.2.1\nbad,-oProxyCommand\n", "--yes")
    assert "bad: hostname: Enter a host name" in said
    assert said.endswith("ERROR Some entries have errors: see above.")
    assert [server.name for server in Server.objects.all()] == ["good"]


@pytest.mark.parametrize(
    ("entry", "verdict"),
    [
        ("{name: x, port: 70000}", "port: A port is a whole number from 1 to 65535."),
        ("{name: x, port: abc}", "port: “abc” value must be an integer."),
        ("{name: x, port: [1]}", "port: "),
        ("{name: x, user: 'a b'}", "username: A user name starts with"),
        ("{name: x, hostname: 169.254.169.254}", "metadata service"),
        ("{name: x, tags: ['a b']}", "A tag is made of letters"),
        ("{name: x, tags: {a: b}}", "A tag is made of letters"),
        ("{name: x, key: missing}", "key: "),
        ("{name: x, key: ~nobody-here/id}", "key: "),
        ("{name: x, key: public}", "key: This is the public half of a key"),
        ("{name: x, key: binary}", "key: "),
        ("{name: x, password: hunter2}", "password is not a field; there are name, hostname"),
        ("{name: '<script>'}", "name: A name starts with a letter or digit"),
        ("{name: [1]}", "name: "),
        ("{hostname: 192.0.2.1}", "name: This field cannot be blank."),
        ("{name: x, 1: 2}", "1 is not a field"),
    ],
)
def test_a_bad_entry_says_why(tmp_path: Path, keys_folder: Path, entry: str, verdict: str) -> None:
    (tmp_path / "public").write_text((keys_folder / "id.pub").read_text())
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00key")
    [found] = told(tmp_path, "f.yaml", f"- {entry}").values()
    assert verdict in found
    assert "hunter2" not in found


def test_it_tells_how_far_it_is(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text("name\na\nb\n")
    told = StringIO()
    call_command("import_servers", tmp_path / "f.csv", "--yes", stdout=StringIO(), stderr=told)
    assert told.getvalue() == "Checking …\nAdding …\n"


def test_a_name_that_stands_twice_is_added_once(tmp_path: Path) -> None:
    said = imported(tmp_path, "f.csv", "name,hostname\na,192.0.2.1\na,192.0.2.2\n", "--yes")
    assert "a: the name stands twice in the file" in said
    assert [server.hostname for server in Server.objects.all()] == ["192.0.2.1"]


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("f.yaml", "a: [", "This is not YAML"),
        ("f.yaml", "- name: 2026-99-99", "This is not YAML"),
        ("f.yaml", "!!python/object/apply:os.system [id]", "This is not YAML"),
        ("f.yaml", "just text", "The file holds a list of servers"),
        ("f.yaml", "- a\n- b", "The file holds a list of servers"),
        ("f.yaml", "", "The file holds a list of servers"),
        ("f.yaml", "[]", "There is no server in the file"),
        ("f.csv", "", "The first line names the columns: name, hostname"),
        ("f.csv", "host,address\na,b\n", "The first line names the columns"),
        ("f.csv", "name\n", "There is no server in the file"),
        ("f.csv", "name\n" + "".join(f"n{n}\n" for n in range(10_001)), "split it"),
        ("config", "Host *\n  User x\n", "There is no server in the file"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(tmp_path: Path, name: str, text: str, why: str) -> None:
    with pytest.raises(WrongFile, match=why):
        entries(tmp_path / name, text)


def test_a_file_that_is_not_there_or_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00")
    for name in ("missing.csv", "binary.csv"):
        with pytest.raises(CommandError, match=name):
            call_command("import_servers", tmp_path / name)


def test_ssh_config_is_understood_as_ssh_does(tmp_path: Path) -> None:
    text = "User first\nHost web-*\n  Port 2222\n  User second\nHost web-01\n  HostName 192.0.2.1\nHost *\n  Port 22\n"
    (found,) = entries(tmp_path / "config", text)
    assert found.server
    assert (found.server.hostname, found.server.port, found.server.username) == ("192.0.2.1", 2222, "first")


def test_a_server_behind_another_host_is_not_added_as_if_it_were_not(tmp_path: Path) -> None:
    (found,) = entries(tmp_path / "config", "Host inner\n  HostName 192.0.2.1\n  ProxyJump outer\n")
    assert "ProxyJump" in found.error


@pytest.mark.parametrize("line", ["Include other", "Match exec 'touch /tmp/x'"])
def test_what_would_read_or_run_something_else_is_refused(tmp_path: Path, line: str) -> None:
    with pytest.raises(WrongFile, match="is not followed"):
        entries(tmp_path / "config", f"{line}\nHost web-01\n  HostName 192.0.2.1\n")
