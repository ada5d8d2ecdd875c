"""The log becomes a chain: rows that are there are numbered without gaps, in their order, and sealed."""

import activity.fields
import activity.models
import activity.types
from django.db import migrations, models


def seal(apps, schema_editor):
    from activity import chain

    table = "activity_activitylog"
    previous = chain.START
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(f"SELECT id FROM {table} ORDER BY id")
        for number, (row_id,) in enumerate(cursor.fetchall(), start=1):
            cursor.execute(f"UPDATE {table} SET id = %s, previous = %s WHERE id = %s", [number, previous, row_id])
            cursor.execute(f"SELECT {', '.join(chain.STORED)} FROM {table} WHERE id = %s", [number])
            previous = chain.mac(chain.content(cursor.fetchone()))
            cursor.execute(f"UPDATE {table} SET mac = %s WHERE id = %s", [previous, number])


class Migration(migrations.Migration):

    dependencies = [
        ('activity', '0002_kinds_of_apps'),
    ]

    operations = [
        migrations.CreateModel(
            name='Flood',
            fields=[
                ('source', models.CharField(max_length=255, primary_key=True, serialize=False)),
                ('minute', models.BigIntegerField(help_text='Since the epoch.')),
                ('written', models.PositiveIntegerField(default=0)),
                ('left_out', models.PositiveIntegerField(default=0)),
                ('last', activity.fields.DetailsField(default=dict, help_text='What was left out last, as record() was given it.')),
            ],
        ),
        migrations.CreateModel(
            name='PrunedSegment',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('first_id', models.BigIntegerField()),
                ('last_id', models.BigIntegerField()),
                ('previous', models.CharField(help_text='The mac of the row before the stretch.', max_length=64)),
                ('mac', models.CharField(help_text='The mac of the last row of the stretch.', max_length=64)),
                ('kept', models.BigIntegerField()),
                ('kept_digest', models.CharField(max_length=64)),
                ('pruned_at', models.DateTimeField()),
                ('signature', models.CharField(max_length=64)),
            ],
        ),
        migrations.CreateModel(
            name='Verification',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField()),
                ('state', models.CharField(max_length=20)),
                ('rows', models.BigIntegerField(help_text='How many rows were found whole.')),
                ('last_id', models.BigIntegerField(help_text='Up to which row.')),
                ('explanation', models.CharField(blank=True, max_length=500)),
                ('seconds', models.FloatField()),
            ],
            options={
                'ordering': ('-id',),
            },
        ),
        migrations.RemoveIndex(
            model_name='activitylog',
            name='activity_by_type',
        ),
        migrations.RemoveIndex(
            model_name='activitylog',
            name='activity_by_server',
        ),
        migrations.RemoveIndex(
            model_name='activitylog',
            name='activity_by_user',
        ),
        migrations.RemoveIndex(
            model_name='activitylog',
            name='activity_by_time',
        ),
        migrations.AddField(
            model_name='activitylog',
            name='mac',
            field=models.CharField(default='', help_text='HMAC-SHA256 of the row, `previous` included.', max_length=64),
        ),
        migrations.AddField(
            model_name='activitylog',
            name='previous',
            field=models.CharField(default='', help_text='The mac of the row before.', max_length=64),
        ),
        migrations.AlterField(
            model_name='activitylog',
            name='activity_type',
            field=models.CharField(choices=activity.models.activity_types, max_length=40),
        ),
        migrations.AlterField(
            model_name='activitylog',
            name='details',
            field=activity.fields.DetailsTextField(default=dict),
        ),
        migrations.RunPython(seal, migrations.RunPython.noop),
        migrations.AddIndex(
            model_name='activitylog',
            index=models.Index(fields=['-timestamp', '-id'], name='activity_by_time'),
        ),
        migrations.AddIndex(
            model_name='activitylog',
            index=models.Index(fields=['activity_type', '-timestamp', '-id'], name='activity_by_type'),
        ),
        migrations.AddIndex(
            model_name='activitylog',
            index=models.Index(fields=['actor_name', '-timestamp', '-id'], name='activity_by_actor'),
        ),
        migrations.AddIndex(
            model_name='activitylog',
            index=models.Index(fields=['origin', '-timestamp', '-id'], name='activity_by_origin'),
        ),
        migrations.AddIndex(
            model_name='activitylog',
            index=models.Index(condition=models.Q(('server_id__isnull', False)), fields=['server_id', '-timestamp', '-id'], name='activity_by_server'),
        ),
        migrations.AddIndex(
            model_name='activitylog',
            index=models.Index(condition=models.Q(('app_id__isnull', False)), fields=['app_id', '-timestamp', '-id'], name='activity_by_app'),
        ),
        migrations.AddIndex(
            model_name='activitylog',
            index=models.Index(condition=models.Q(('user_id__isnull', False)), fields=['user_id', '-timestamp', '-id'], name='activity_by_user'),
        ),
        migrations.AddIndex(
            model_name='activitylog',
            index=models.Index(condition=models.Q(('source_ip__isnull', False)), fields=['source_ip', '-timestamp', '-id'], name='activity_by_address'),
        ),
        migrations.AddIndex(
            model_name='activitylog',
            index=models.Index(condition=models.Q(('result', activity.types.Result['FAILURE'])), fields=['-timestamp', '-id'], name='activity_failures'),
        ),
        migrations.AddIndex(
            model_name='prunedsegment',
            index=models.Index(fields=['first_id'], name='segment_by_first'),
        ),
    ]
