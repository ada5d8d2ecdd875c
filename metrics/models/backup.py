"""The making of a backup: how far it is, and how it ended."""

from django.db import models

from activity.fields import DetailsField


class Backup(models.Model):
    """One run. The file itself stands in the folder of backups, and says by itself what it holds."""

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting for the background process"
        RUNNING = "running", "Running"
        COMPLETE = "complete", "Complete"
        FAILED = "failed", "Failed"

    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    stage = models.CharField(max_length=40, blank=True)
    percent = models.PositiveSmallIntegerField(default=0)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    file = models.CharField(max_length=300, blank=True, help_text="Its name.")
    size_bytes = models.BigIntegerField(null=True)
    explanation = models.CharField(max_length=500, blank=True)
    actor = DetailsField(default=dict, help_text="Who asked for it, as activity.context.Acting.")

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.started_at:%Y-%m-%d %H:%M} {self.state}"

    @property
    def is_running(self) -> bool:
        return self.state in (self.State.WAITING, self.State.RUNNING)

    @property
    def asked_by(self) -> str:
        return str(self.actor.get("name", "system"))
