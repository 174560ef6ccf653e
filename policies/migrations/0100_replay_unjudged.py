from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("policies", "0091_window_guards")]

    operations = [
        migrations.AddField(
            model_name="replay",
            name="unjudged",
            field=models.PositiveIntegerField(
                db_default=0,
                default=0,
                help_text="Could not be judged: the facts are gone or lack what is required today, or no answer.",
            ),
        ),
    ]
