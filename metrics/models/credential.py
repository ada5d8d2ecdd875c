"""How to sign in at a server, and how to know that it is the right one."""

from django.db import models

from metrics import sealing
from metrics.keys import fingerprint
from metrics.models.server import Server


class CredentialKind(models.TextChoices):
    GENERATED = "generated", "A key made by Tomo Monitor"
    KEY = "key", "A private key of yours"
    PASSWORD = "password", "A password"


class Credential(models.Model):
    """A server's secret, sealed for this server's address and user alone. Write-only: nothing ever shows it."""

    server = models.OneToOneField(Server, models.CASCADE, primary_key=True, related_name="credential")
    kind = models.CharField(max_length=10, choices=CredentialKind.choices)
    sealed = models.TextField(editable=False)
    public_key = models.TextField(blank=True, help_text="The key's public half, as authorized_keys takes it.")

    def __str__(self) -> str:
        return f"{self.get_kind_display()} for {self.server}"

    def seal(self, secret: str) -> None:
        self.sealed = sealing.seal(secret, self._place())

    def open(self) -> str:
        """The secret. Raises sealing.Unreadable if it was sealed for another place or with a lost key."""
        return sealing.open_sealed(self.sealed, self._place())

    def _place(self) -> str:
        server = self.server
        return f"credential|{server.pk}|secret|{server.hostname}|{server.port}|{server.username}"


class HostKey(models.Model):
    """A host key that an administrator confirmed: nothing else is signed in to."""

    server = models.ForeignKey(Server, models.CASCADE, related_name="host_keys")
    type = models.CharField(max_length=40)
    key = models.TextField(help_text="The raw public key, base64.")
    accepted_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint("server", "type", name="one_host_key_of_a_type")]

    def __str__(self) -> str:
        return f"{self.type} {self.fingerprint}"

    @property
    def fingerprint(self) -> str:
        """SHA256:…, as ssh-keygen -l prints it."""
        return fingerprint(self.key)
