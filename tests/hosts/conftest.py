"""These tests are for the guest of scripts/test_hosts.py: they use its units, its ordinary user and its reboot."""

import os

collect_ignore_glob = [] if "INGLE_GUEST" in os.environ else ["test_*.py"]
