"""How the link looks on the wire: its targets."""

GRANT, GIVE_CREDENTIALS = b"/grant", b"/give-credentials"
KEEP_LOGS, REPORT_TEMPLATE = b"/keep-logs", b"/report-template"
