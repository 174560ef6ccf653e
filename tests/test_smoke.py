def test_app_role_is_not_owner(demo):
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("select current_user")
        assert cursor.fetchone() == ("berth_app",)
