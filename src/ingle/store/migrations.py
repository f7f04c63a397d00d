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
)
