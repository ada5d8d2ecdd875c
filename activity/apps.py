from django.apps import AppConfig
from django.db.models.signals import post_migrate


class ActivityConfig(AppConfig):
    name = "activity"
    verbose_name = "Activity"

    def ready(self) -> None:
        from activity import receivers, triggers  # noqa: F401  (connects the signals)

        post_migrate.connect(triggers.ensure, sender=self)
