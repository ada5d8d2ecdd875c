"""Servers that are made up, in a demo."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("metrics", "0008_costs")]

    operations = [
        migrations.AlterField(
            model_name="server",
            name="transport",
            field=models.CharField(
                choices=[("ssh", "SSH"), ("local", "Local shell"), ("demo", "Made up")],
                default="ssh",
                editable=False,
                max_length=5,
            ),
        ),
    ]
