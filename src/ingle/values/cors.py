"""Cross-origin settings of a function URL (API reference, section 11); what was not given is None."""

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Cors:
    """Which origins may call, how, and what they may see."""

    allow_credentials: bool | None = None
    allow_headers: tuple[str, ...] | None = None
    allow_methods: tuple[str, ...] | None = None
    allow_origins: tuple[str, ...] | None = None
    expose_headers: tuple[str, ...] | None = None
    max_age: int | None = None
