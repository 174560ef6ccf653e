"""Where second factors are required, what was tried, and what a token carries of them."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

KEPT = """
CREATE FUNCTION policies_token_factor_kept() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $guard$
BEGIN
    IF (NEW.factor_at, NEW.factor) IS DISTINCT FROM (OLD.factor_at, OLD.factor) THEN
        RAISE EXCEPTION 'what a token carries is said when it is made' USING ERRCODE = '42501';
    END IF;
    RETURN NEW;
END $guard$;

CREATE TRIGGER factor_kept BEFORE UPDATE ON policies_apitoken
    FOR EACH ROW EXECUTE FUNCTION policies_token_factor_kept();
"""
UNDO = """
DROP TRIGGER factor_kept ON policies_apitoken;
DROP FUNCTION policies_token_factor_kept();
"""


def revoke(apps, schema_editor):
    """No rule is deleted, and the tables of e-mail addresses that come with the library stay empty."""
    role = schema_editor.quote_name(settings.BERTH.app_role)
    schema_editor.execute(f"REVOKE DELETE, TRUNCATE ON policies_factorrule FROM {role}")
    schema_editor.execute(f"REVOKE INSERT, UPDATE ON account_emailaddress, account_emailconfirmation FROM {role}")


class Migration(migrations.Migration):
    dependencies = [
        ("policies", "0060_limits"),
        ("account", "0009_emailaddress_unique_primary_email"),
        ("mfa", "0003_authenticator_type_uniq"),
    ]

    operations = [
        migrations.CreateModel(
            name="FactorRule",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "purpose",
                    models.CharField(
                        choices=[
                            ("sign_prod", "Sign plans of prod"),
                            ("break_glass", "Break the glass"),
                            ("reveal", "Reveal a secret"),
                            ("mint_token", "Make an API token"),
                        ],
                        max_length=20,
                        unique=True,
                    ),
                ),
                ("required", models.BooleanField()),
                ("max_age_seconds", models.PositiveIntegerField(default=900)),
                (
                    "tokens",
                    models.BooleanField(
                        default=False, help_text="A token made under a second factor counts for as long as it lives."
                    ),
                ),
            ],
            options={
                "ordering": ["pk"],
            },
        ),
        migrations.CreateModel(
            name="FactorTries",
            fields=[
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "wrong_at",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.DateTimeField(), default=list, size=None
                    ),
                ),
                ("totp_step", models.BigIntegerField(default=0)),
            ],
        ),
        migrations.AddField(
            model_name="apitoken",
            name="factor",
            field=models.BigIntegerField(help_text="The factor, as long as it exists.", null=True),
        ),
        migrations.AddField(
            model_name="apitoken",
            name="factor_at",
            field=models.DateTimeField(help_text="When the second factor was entered that it carries.", null=True),
        ),
        migrations.AddField(
            model_name="user",
            name="factors_reset_at",
            field=models.DateTimeField(help_text="Set until the person has read of the reset.", null=True),
        ),
        migrations.AddConstraint(
            model_name="apitoken",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("factor", None), ("factor_at", None)),
                    models.Q(
                        ("factor__isnull", False),
                        ("factor_at__isnull", False),
                        ("factor_at__lte", models.F("created_at")),
                    ),
                    _connector="OR",
                ),
                name="token_factor_entered_before",
            ),
        ),
        migrations.AddConstraint(
            model_name="factorrule",
            constraint=models.CheckConstraint(
                condition=models.Q(("purpose__in", ["sign_prod", "break_glass", "reveal", "mint_token"])),
                name="factor_purpose_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="factorrule",
            constraint=models.CheckConstraint(
                condition=models.Q(("max_age_seconds__gte", 60), ("max_age_seconds__lte", 43200)),
                name="factor_age_sensible",
            ),
        ),
        migrations.AddConstraint(
            model_name="factorrule",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("purpose", "break_glass"), _negated=True),
                    models.Q(("max_age_seconds__lte", 900), ("required", True), ("tokens", False)),
                    _connector="OR",
                ),
                name="factor_break_glass_always_fresh",
            ),
        ),
        migrations.RunSQL(KEPT, UNDO),
        migrations.RunPython(revoke, migrations.RunPython.noop),
    ]
