"""How the link looks on the wire: its targets, and the statuses that stand for an error."""

DERIVE_SIGNING_KEY, ACCEPT_EVENT, SNAPSHOT = b"/derive-signing-key", b"/accept-event", b"/snapshot"
COUNT_EVENTS, COUNT_LOGS, REPORT_DISK = b"/count-events", b"/count-logs", b"/report-disk"
SESSION_ENDED, QUEUE_FULL, EVENT_NOT_KEPT = 410, 429, 507

DELIVER, DELIVER_AND_KEEP = b"/deliver", b"/deliver-and-keep"
APPLY, REFRESH, PROVISIONED_LEVELS = b"/apply", b"/refresh", b"/provisioned-levels"
DELIVERY_REFUSED = 503
