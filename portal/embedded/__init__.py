"""The servers of one machine (Postgres, Valkey, OpenBao) and the supervisor behind `manage.py up`.

Nothing here imports Django or a domain app; with DATABASE_URL, REDIS_URL and VAULT_ADDR no server is started.
"""
