"""On PostgreSQL samples and roll-ups are partitioned by time, so that the old ones are dropped instead of deleted."""

from django.db import migrations

from metrics.partitions import convert
from metrics.periods import RESOLUTIONS

MODELS = ("Server", "Filesystem", "Interface", "Temperature", "Container", "Fleet")


def partition(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        with schema_editor.connection.cursor() as cursor:
            for model in MODELS:
                for resolution in RESOLUTIONS:
                    convert(cursor, f"metrics_{model.lower()}metrics{resolution.name}", resolution)


class Migration(migrations.Migration):
    dependencies = [("metrics", "0005_history")]

    operations = [migrations.RunPython(partition, migrations.RunPython.noop)]
