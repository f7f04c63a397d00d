"""A function's directory as a zip: the same bytes for the same files, so that its SHA-256 says whether code changed."""

import fnmatch
import io
import os
import stat
import zipfile
from pathlib import Path

IGNORE_FILE = ".ingleignore"
_ALWAYS_IGNORED = (
    "__pycache__", "*.pyc", "*~", ".git", ".gitignore", ".hg", ".svn", ".venv", "venv", ".env", ".mypy_cache",
    ".pytest_cache", ".ruff_cache", ".DS_Store", ".idea", ".vscode", ".aws-sam", IGNORE_FILE,
)  # fmt: skip
_STORED_LIMIT_BYTES = 40 << 20
"""Lambda takes 50 MB of zip; up to here nothing is compressed, which takes more time than it saves on one machine."""


def read_ignored(directory: Path) -> tuple[str, ...]:
    """Return the patterns of what stays out of a directory's zip: the usual ones and those of its `.ingleignore`."""
    try:
        lines = (directory / IGNORE_FILE).read_text().splitlines()
    except FileNotFoundError:
        return _ALWAYS_IGNORED
    own = (line.strip() for line in lines)
    return (*_ALWAYS_IGNORED, *(line.strip("/") for line in own if line and not line.startswith("#")))


def is_ignored(parts: tuple[str, ...], patterns: tuple[str, ...]) -> bool:
    """Say whether one of the patterns stands for a path below the directory, or for a directory that it lies in.

    A pattern with a slash is about paths from the top, one without about names anywhere.
    """
    for depth in range(1, len(parts) + 1):
        path, name = "/".join(parts[:depth]), parts[depth - 1]
        if any(fnmatch.fnmatchcase(path if "/" in one else name, one) for one in patterns):
            return True
    return False


def zip_directory(directory: Path, packages: Path | None = None) -> bytes:
    """Return a zip of what lies in a directory, and of its packages that lie elsewhere; links are followed. Raises OSError.

    Of two files of one name the directory's counts.
    """
    files = dict(_files_of(packages)) if packages is not None else {}
    return _zip_files(sorted((files | dict(_files_of(directory))).items()) if files else _files_of(directory))


def _files_of(directory: Path) -> list[tuple[str, Path]]:
    patterns = read_ignored(directory)
    files: list[tuple[str, Path]] = []
    for folder, folders, names in os.walk(directory, followlinks=True):
        inside = Path(folder).relative_to(directory).parts
        folders[:] = sorted(
            name for name in folders if not is_ignored((*inside, name), patterns) and not _leads_back(folder, name)
        )
        kept = (name for name in sorted(names) if not is_ignored((*inside, name), patterns))
        files += [("/".join((*inside, name)), Path(folder, name)) for name in kept]
    return files


def _leads_back(folder: str, name: str) -> bool:
    """Say whether a link leads to a directory that it lies in itself."""
    path = Path(folder, name)
    return path.is_symlink() and Path(folder).resolve().is_relative_to(path.resolve())


def _zip_files(files: list[tuple[str, Path]]) -> bytes:
    """Return a zip of files by the names that they shall have in it."""
    found = [(name, path, path.stat()) for name, path in files]
    is_large = sum(about.st_size for _, _, about in found) > _STORED_LIMIT_BYTES
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, path, about in found:
            entry = zipfile.ZipInfo(name)
            entry.external_attr = (stat.S_IFREG | (0o755 if about.st_mode & stat.S_IXUSR else 0o644)) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED if is_large else zipfile.ZIP_STORED
            archive.writestr(entry, path.read_bytes())
    return buffer.getvalue()
