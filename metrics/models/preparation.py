"""The preparation of a server: how far it came and what it found."""

from django.db import models

from activity.fields import DetailsField
from metrics.models.server import Server


class Preparation(models.Model):
    """One run: scan the host key, wait for it to be confirmed, sign in, read everything once, report."""

    class State(models.TextChoices):
        SCANNING = "scanning", "Asking for the host key"
        CONFIRMING = "confirming", "Waiting for the host key to be confirmed"
        TESTING = "testing", "Signing in and reading"
        COMPLETE = "complete", "Complete"
        FAILED = "failed", "Failed"

    server = models.ForeignKey(Server, models.CASCADE, related_name="preparations")
    state = models.CharField(max_length=10, choices=State.choices, default=State.SCANNING)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    host_keys = DetailsField(default=list, help_text="What the scan saw: [{type, key, fingerprint}].")
    report = DetailsField(default=list, help_text="Part by part: [{part, seen, remedy}].")
    reason = models.CharField(max_length=20, blank=True)
    explanation = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.server} {self.state}"

    @property
    def is_running(self) -> bool:
        return self.state in (self.State.SCANNING, self.State.TESTING)
