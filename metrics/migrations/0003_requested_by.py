from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('metrics', '0002_apps'),
    ]

    operations = [
        migrations.AddField(
            model_name='serverstate',
            name='requested_by',
            field=models.CharField(blank=True, help_text='Id of the request that asked for the next poll.', max_length=40),
        ),
    ]
