"""`manage.py add_server`: add and prepare a server from the command line."""

import sys
from argparse import ArgumentParser
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from metrics import authorized_keys, keys, preparation, servers
from metrics.management.commands._arguments import as_command, told
from metrics.models import Preparation, Server, Tag
from metrics.servers import Secret


class Command(BaseCommand):
    help = "Adds a server, confirms its host key, tests the connection; from then on it is polled."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="how it is called everywhere")
        parser.add_argument("--hostname", required=True, help="host name or IP address")
        parser.add_argument("--port", type=int, default=22)
        parser.add_argument("--user", default="tomo", help="the account to sign in with (default: tomo)")
        parser.add_argument("--site", default="", help="whose pollers reach it (default: the home site)")
        parser.add_argument("--tag", action="append", default=[], help="may be given several times")
        credential = parser.add_mutually_exclusive_group(required=True)
        credential.add_argument("--key", type=Path, help="a private key's file")
        credential.add_argument("--password-stdin", action="store_true", help="read the password from standard input")
        credential.add_argument("--generate-key", action="store_true", help="make an ed25519 key and print its line")
        parser.add_argument("--passphrase-stdin", action="store_true", help="read the key's passphrase likewise")
        host_key = parser.add_mutually_exclusive_group()
        host_key.add_argument("--accept-host-key", metavar="SHA256:…", help="the server's fingerprint, as you know it")
        host_key.add_argument(
            "--trust-on-first-use", action="store_true", help="accept whatever host key the server shows now"
        )

    def handle(self, **options: Any) -> None:
        with as_command():
            server = self._added(options)
            if options["generate_key"]:
                self.stdout.write(
                    "Put one of these lines into the account's authorized_keys.\nRestricted to the probe:"
                )
                self.stdout.write(authorized_keys.restricted(server.credential.public_key))
                self.stdout.write(f"With a shell:\n{authorized_keys.simple(server.credential.public_key)}")
            if options["accept_host_key"] or options["trust_on_first_use"]:
                self._prepare(server, options["accept_host_key"])
            else:
                self.stdout.write(f"{server.name} is added. Prepare it on its page: its host key is not confirmed yet.")

    def _added(self, options: dict[str, Any]) -> Server:
        server = Server(
            name=options["name"],
            hostname=options["hostname"],
            port=options["port"],
            username=options["user"],
            site=options["site"],
        )
        try:
            server.full_clean()
            for tag in options["tag"]:
                Tag._meta.get_field("name").clean(tag, None)
            secret = self._secret(options)
        except ValidationError as wrong:
            raise CommandError(told(wrong)) from None
        except (keys.WrongKey, UnicodeDecodeError, OSError) as wrong:
            raise CommandError(f"--key: {wrong}") from None
        return servers.add(server, secret, options["tag"], datetime.now(UTC))

    def _secret(self, options: dict[str, Any]) -> Secret:
        if options["generate_key"]:
            return Secret.generated()
        if options["password_stdin"]:
            password = sys.stdin.readline().rstrip("\n")
            if not password:
                raise CommandError("--password-stdin: there is nothing on standard input.")
            return Secret.from_password(password)
        passphrase = sys.stdin.readline().rstrip("\n") if options["passphrase_stdin"] else ""
        try:
            return Secret.from_key(options["key"].read_text(), passphrase)
        except keys.NeedsPassphrase as wrong:
            raise CommandError(f"--key: {wrong} Give it by --passphrase-stdin.") from None

    def _prepare(self, server: Server, fingerprint: str | None) -> None:
        """Scan, confirm, sign in, report; each step is told as it happens."""
        self.stdout.write(f"Asking {server.hostname} for its host key …")
        begun = preparation.begin(server, datetime.now(UTC))
        preparation.scan(begun.pk, datetime.now(UTC))
        begun.refresh_from_db()
        self._raise_if_failed(begun)
        for key in begun.host_keys:
            self.stdout.write(f"  {key['type']} {key['fingerprint']}")
        shown = [key["fingerprint"] for key in begun.host_keys]
        if fingerprint and fingerprint not in shown:
            raise CommandError(
                f"The server shows no host key with {fingerprint}: {server.name} is added, not prepared."
            )
        preparation.confirm(begun, fingerprint or shown[0], datetime.now(UTC))
        self.stdout.write(f"Signing in as {server.username} …")
        preparation.test(begun.pk, datetime.now(UTC))
        begun.refresh_from_db()
        self._raise_if_failed(begun)
        for part in begun.report:
            self.stdout.write(f"  {'yes' if part['seen'] else 'no ':3} {part['part']:32} {part['remedy']}".rstrip())
        self.stdout.write(f"{server.name} is prepared and will be polled.")

    def _raise_if_failed(self, begun: Preparation) -> None:
        if begun.state == Preparation.State.FAILED:
            raise CommandError(f"{begun.explanation} The server is added; prepare it on its page when that is mended.")
