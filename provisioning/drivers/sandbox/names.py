"""How the things of one environment are called in Postgres, Valkey and Vault. Pure; nothing is created here."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

_DATABASE_NAME_PART = 48  # env_ + 48 + _ + 8 stays below the 63 bytes of a Postgres identifier


@dataclass(frozen=True)
class Names:
    """The names of one environment. `short` is what people recognise in a list."""

    environment: str
    label: str

    @property
    def pk(self) -> UUID:
        return UUID(self.environment)

    @property
    def id8(self) -> str:
        return self.environment.replace("-", "")[:8]

    @property
    def short(self) -> str:
        return f"env-{self.label}-{self.id8}"

    @property
    def database(self) -> str:
        """Database and role share this name."""
        return f"env_{self.label.replace('-', '_')[:_DATABASE_NAME_PART]}_{self.id8}"

    @property
    def key_prefix(self) -> str:
        return f"env:{self.environment}:"

    @property
    def vault_path(self) -> str:
        return f"env/{self.label}-{self.id8}"
