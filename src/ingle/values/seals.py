"""The seals of anonymous memory that nobody changes any more (memfd_create(2))."""

import fcntl

ALL_SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
