"""What an environment chooses about the table."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class DatabaseOptions:
    """Options of the table and its backups.

    Attributes:
        adopted_table: the name of a table to use instead of the stack's own, such as a restored
            one, with the same keys, index and time to live. It is backed up; no other option here
            changes it. docs/operations.md, "Adopt a table".
        encryption_key: the ARN of the KMS key that encrypts the table, which needs a target. None
            is DynamoDB's own key, which costs nothing and can't be lost; a key of the account adds
            an audit trail, and a switch that takes all users away.
        max_read_units: read units a second of the table, and again of its index, above which
            DynamoDB throttles; None is no limit but the account's.
        max_write_units: the same for write units.
        backup_retention_days: how long each daily backup is kept; None makes no backups.
        point_in_time_recovery: whether the table can be restored to any second of the last 35 days.
    """

    adopted_table: str | None = None
    encryption_key: str | None = None
    max_read_units: int | None = None
    max_write_units: int | None = None
    backup_retention_days: int | None = None
    point_in_time_recovery: bool
