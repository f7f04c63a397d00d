"""The schema's history: each entry takes the database one step further and is never changed afterwards."""

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE functions (
            account TEXT NOT NULL, region TEXT NOT NULL, name TEXT NOT NULL, document BLOB NOT NULL,
            PRIMARY KEY (account, region, name)
        ) WITHOUT ROWID""",
        """CREATE TABLE log_groups (
            account TEXT NOT NULL, region TEXT NOT NULL, name TEXT NOT NULL, id TEXT NOT NULL UNIQUE,
            created_ms INTEGER NOT NULL, wrapped_key BLOB NOT NULL, PRIMARY KEY (account, region, name)
        ) WITHOUT ROWID""",
    ),
    (
        """CREATE TABLE layers (
            account TEXT NOT NULL, region TEXT NOT NULL, name TEXT NOT NULL, document BLOB NOT NULL,
            PRIMARY KEY (account, region, name)
        ) WITHOUT ROWID""",
    ),
    (
        """CREATE TABLE event_source_mappings (
            account TEXT NOT NULL, region TEXT NOT NULL, uuid TEXT NOT NULL, document BLOB NOT NULL,
            PRIMARY KEY (account, region, uuid)
        ) WITHOUT ROWID""",
    ),
    ("CREATE TABLE session_keys (created_ms INTEGER PRIMARY KEY, wrapped_key BLOB NOT NULL)",),
    (
        """CREATE TABLE code_signing_configs (
            account TEXT NOT NULL, region TEXT NOT NULL, id TEXT NOT NULL, document BLOB NOT NULL,
            PRIMARY KEY (account, region, id)
        ) WITHOUT ROWID""",
    ),
    (
        "ALTER TABLE log_groups ADD COLUMN settings BLOB NOT NULL DEFAULT '{}'",
        """CREATE TABLE log_streams (
            group_id TEXT NOT NULL, name TEXT NOT NULL, created_ms INTEGER NOT NULL, PRIMARY KEY (group_id, name)
        ) WITHOUT ROWID""",
    ),
    ("CREATE TABLE installation (id TEXT NOT NULL)",),
)

QUEUE_MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE event_keys (
            id TEXT PRIMARY KEY, account TEXT NOT NULL, region TEXT NOT NULL, function TEXT NOT NULL,
            wrapped_key BLOB NOT NULL
        ) WITHOUT ROWID""",
        """CREATE TABLE events (
            id INTEGER PRIMARY KEY AUTOINCREMENT, account TEXT NOT NULL, region TEXT NOT NULL, function TEXT NOT NULL,
            qualifier TEXT, request_id TEXT NOT NULL, accepted_ms INTEGER NOT NULL, due_ms INTEGER NOT NULL,
            failures INTEGER NOT NULL, refusals INTEGER NOT NULL, key_id TEXT NOT NULL REFERENCES event_keys (id),
            sealed BLOB NOT NULL
        )""",
        "CREATE INDEX events_by_due_time ON events (account, region, function, due_ms)",
        "CREATE INDEX events_by_age ON events (accepted_ms)",
        "CREATE INDEX events_by_key ON events (key_id)",
    ),
    ("CREATE TABLE installation (id TEXT NOT NULL)",),
)
"""The database of queued events, which is written far more often than the other and kept apart from it."""
