"""Names of the table's index and attributes.

The function's code (backend/api/runtime/items.py) says them again; tests hold the two together.
"""

from typing import Final

STATUS_INDEX: Final = "status"
STATUS_INDEX_KEY: Final = "status_shard"
TIME_TO_LIVE: Final = "expires_at"
