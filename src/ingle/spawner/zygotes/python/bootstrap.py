"""Starts AWS's Python client, as Lambda's own /var/runtime/bootstrap.py does: the same for every way to start a runtime.

Tools patch the client where that file has it, as `__main__.awslambdaricmain`.
"""

from __future__ import annotations

import os
import site
import sys

import awslambdaric.__main__ as awslambdaricmain


def find_code() -> list[str]:
    """Return where a function's modules are looked for before the runtime's own (execution reference, section 2)."""
    version = "python%d.%d" % sys.version_info[:2]
    layers = ["/opt/python/lib/%s/site-packages" % version, "/opt/python"]
    return [os.environ["LAMBDA_TASK_ROOT"], *filter(os.path.isdir, layers)]


def set_path(code: list[str]) -> None:
    """Put the function's modules first, then the runtime's, then what PYTHONPATH names; nothing twice."""
    named = [path for path in os.environ.get("PYTHONPATH", "").split(":") if path]
    known = [os.environ["LAMBDA_RUNTIME_DIR"], *named, *sys.path]
    sys.path[:] = dict.fromkeys([*code, *filter(os.path.isdir, known)])


def follow_path_files(code: list[str]) -> None:
    """Let .pth files beside a function's modules count, as in Lambda."""
    for folder in code:
        if any(name.endswith(".pth") for name in os.listdir(folder)):
            site.addsitedir(folder)


def main() -> None:
    """Serve events until the environment ends."""
    if os.environ.pop("_INGLE_LOCALE", ""):  # the zygote's, so that an executed Python is in no other mode
        del os.environ["LC_ALL"]
    code = find_code()
    set_path(code)
    follow_path_files(code)
    awslambdaricmain.main([os.environ["LAMBDA_TASK_ROOT"], os.environ["_HANDLER"]])


if __name__ == "__main__":
    main()
