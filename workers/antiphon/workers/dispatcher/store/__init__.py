"""Where a dispatcher keeps its calls: SQLite or PostgreSQL, one code for both."""

from antiphon.workers.dispatcher.store.database import StoreError
from antiphon.workers.dispatcher.store.rows import NewCall, StoredEvent, StoredWorker
from antiphon.workers.dispatcher.store.store import Store

__all__ = ["NewCall", "Store", "StoreError", "StoredEvent", "StoredWorker"]
