"""Driver of Berth's own sandbox: databases, cache users, Vault roles, processes and routes on one machine."""
