"""What an environment chooses about the table."""

import re
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class DatabaseOptions:
    """Options of the table and its backups.

    Attributes:
        adopted_table: The name of a table to use instead of the stack's own, such as a restored
            one. It needs the same keys, index and time to live. Of the other options, only
            `encryption_key` and `backup_retention_days` apply to it (docs/operations.md, "Adopt a
            table").
        encryption_key: The ARN of the KMS key that encrypts the table; it needs a target. None uses
            DynamoDB's own key, which is free and can't be lost. A key of the account adds an audit
            trail, but whoever disables it makes all users unreadable.
        max_read_units: The read units a second above which DynamoDB throttles. The limit applies to
            the table and, separately, to its index. None leaves only the account's limit.
        max_write_units: The same for write units.
        backup_retention_days: How long each daily backup is kept. None makes no backups.
        point_in_time_recovery: Whether the table can be restored to any second of the last 35 days.
    """

    adopted_table: str | None = None
    encryption_key: str | None = None
    max_read_units: int | None = None
    max_write_units: int | None = None
    backup_retention_days: int | None = None
    point_in_time_recovery: bool

    def __post_init__(self) -> None:
        """Refuse what DynamoDB or AWS Backup would refuse only during a deployment."""
        for name in ("max_read_units", "max_write_units", "backup_retention_days"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} must be 1 or more, or None; not {value}.")
        if self.adopted_table and not re.fullmatch(r"[A-Za-z0-9_.-]{3,255}", self.adopted_table):
            raise ValueError(
                f"adopted_table can't be {self.adopted_table!r}: use the table's name, not its ARN."
            )
