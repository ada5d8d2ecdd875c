"""Private keys as people have them become one form; what cannot be used says what to do."""

import subprocess
from pathlib import Path

import pytest

from metrics import keys, ssh

PHRASE = "correct horse"
KINDS = {
    "ed25519": ("-t", "ed25519"),
    "ecdsa-256": ("-t", "ecdsa", "-b", "256"),
    "ecdsa-521": ("-t", "ecdsa", "-b", "521"),
    "rsa-2048": ("-t", "rsa", "-b", "2048"),
}
PUTTY = "PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\nComment: mine\nPublic-Lines: 2\nAAAA\n"


def keygen(folder: Path, *options: str, phrase: str = "") -> Path:
    path = folder / "key"
    subprocess.run(["ssh-keygen", "-q", *options, "-N", phrase, "-C", "somebody", "-f", path], check=True)
    return path


def public_half(path: Path) -> str:
    """Type and key, by ssh-keygen."""
    return " ".join(path.with_suffix(".pub").read_text().split()[:2])


@pytest.mark.parametrize("options", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("form", ["RFC4716", "PKCS8", "PEM"])
@pytest.mark.parametrize("phrase", ["", PHRASE])
def test_keys_of_every_kind_and_form_are_read(tmp_path: Path, options: tuple[str, ...], form: str, phrase: str) -> None:
    path = keygen(tmp_path, *options, "-m", form, phrase=phrase)
    private, public = keys.parse(path.read_text(), phrase)
    assert public == f"{public_half(path)} tomo-monitor"
    assert ssh.private_key(private).get_base64() == public.split()[1]
    assert "ENCRYPTED" not in private


@pytest.mark.parametrize("form", ["RFC4716", "PKCS8", "PEM"])
@pytest.mark.parametrize(
    ("phrase", "says"), [("", "enter its passphrase"), ("wrong", "The passphrase does not open this key")]
)
def test_an_encrypted_key_needs_its_passphrase(tmp_path: Path, form: str, phrase: str, says: str) -> None:
    path = keygen(tmp_path, "-t", "rsa", "-b", "2048", "-m", form, phrase=PHRASE)
    with pytest.raises(keys.NeedsPassphrase, match=says):
        keys.parse(path.read_text(), phrase)


@pytest.mark.parametrize("form", ["RFC4716", "PEM"])
def test_a_passphrase_that_is_not_needed_does_no_harm(tmp_path: Path, form: str) -> None:
    path = keygen(tmp_path, "-t", "ecdsa", "-m", form)
    assert keys.parse(path.read_text(), PHRASE)[1].startswith(public_half(path))


def test_line_ends_and_blanks_of_a_pasted_key_do_no_harm(tmp_path: Path) -> None:
    path = keygen(tmp_path, "-t", "ed25519")
    pasted = "\r\n  " + path.read_text().replace("\n", "\r\n").rstrip()
    assert keys.parse(pasted)[1].startswith(public_half(path))


@pytest.mark.filterwarnings("ignore:SSH DSA keys are deprecated")
@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("-t", "rsa", "-b", "1024"), "An RSA key needs 2048 bits or more"),
        (("-t", "dsa"), "Keys of this type are not used any more"),
    ],
)
def test_weak_keys_are_refused(tmp_path: Path, options: tuple[str, ...], says: str) -> None:
    with pytest.raises(keys.WrongKey, match=says):
        keys.parse(keygen(tmp_path, *options).read_text())


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (PUTTY, "puttygen key.ppk -O private-openssh"),
        ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI me@here", "public half of a key"),
        ("ecdsa-sha2-nistp256 AAAAE2VjZHNh me@here", "public half of a key"),
        ("", "no private key"),
        ("hunter2", "no private key"),
        ("\x00\x01\u202e" * 50, "no private key"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n", "copy the whole file"),
        ("-----BEGIN RSA PRIVATE KEY-----\n!!!!\n-----END RSA PRIVATE KEY-----", "copy the whole file"),
        ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", "copy the whole file"),
        ("-----BEGIN PRIVATE KEY-----\n" + "A" * 30_000, "no private key"),
    ],
)
def test_what_is_no_private_key_says_what_to_give(text: str, says: str) -> None:
    with pytest.raises(keys.WrongKey, match=says):
        keys.parse(text)


@pytest.mark.parametrize("length", range(100, 400, 37))
def test_a_cut_key_is_refused(tmp_path: Path, length: int) -> None:
    text = keygen(tmp_path, "-t", "ed25519").read_text()
    with pytest.raises(keys.WrongKey):
        keys.parse(text[: min(length, len(text) - 45)])


def test_a_generated_key_is_one_that_openssh_reads(tmp_path: Path) -> None:
    private, public = keys.generate()
    path = tmp_path / "key"
    path.touch(mode=0o600)
    path.write_text(private)
    shown = subprocess.run(["ssh-keygen", "-y", "-f", path], check=True, capture_output=True, text=True).stdout
    assert shown.split()[:2] == public.split()[:2]
    assert keys.generate() != (private, public)


def test_a_fingerprint_is_the_one_of_ssh_keygen(tmp_path: Path) -> None:
    path = keygen(tmp_path, "-t", "ecdsa")
    shown = subprocess.run(["ssh-keygen", "-lf", path], check=True, capture_output=True, text=True).stdout
    assert keys.fingerprint(public_half(path).split()[1]) == shown.split()[1]
