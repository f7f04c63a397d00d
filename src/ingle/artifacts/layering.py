"""Several archives as one tree: the layers of a function, merged for /opt in the order in which it names them.

A name of a later archive replaces the one of an earlier: a file or link takes the place of a whole directory, a directory
that of a file or link; directories of the same name hold the names of both.
"""

from collections.abc import Iterator

from ingle.artifacts.archive import Archive, Entry

_Path = tuple[str, ...]
_EXTENSIONS = "extensions"


class Layers:
    """Checked archives merged; to be laid out as an image like one of them."""

    def __init__(self, archives: list[Archive]) -> None:
        self._sources: dict[_Path, Archive] = {}
        tree: dict[_Path, Entry] = {}
        for archive in archives:
            self._lay_over(tree, archive)
        self.entries = list(tree.values())

    def _lay_over(self, tree: dict[_Path, Entry], archive: Archive) -> None:
        hidden = {entry.path for entry in archive.entries if entry.kind != "directory"}
        leaves = {path for path, entry in tree.items() if entry.kind != "directory"}
        for entry in archive.entries:
            # Who names something below a directory names the directory.
            for depth in range(1, len(entry.path) + (entry.kind == "directory")):
                if entry.path[:depth] in leaves:
                    tree.pop(entry.path[:depth], None)
        for path in list(tree):
            if any(path[:depth] in hidden for depth in range(1, len(path) + 1)):
                del tree[path]
        for entry in archive.entries:
            tree[entry.path] = entry
            self._sources[entry.path] = archive

    def pieces(self, entry: Entry) -> Iterator[bytes]:
        """Yield an entry's content. Raises ArchiveError where it is not what its archive says."""
        return self._sources[entry.path].pieces(entry)

    @property
    def extensions(self) -> list[str]:
        """The names of the executable files directly in `extensions`, in order."""
        return sorted(
            entry.path[1]
            for entry in self.entries
            if len(entry.path) == 2 and entry.path[0] == _EXTENSIONS and entry.kind == "file" and entry.is_executable
        )
