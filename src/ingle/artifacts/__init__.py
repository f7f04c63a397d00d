"""From uploaded code to sealed chunks and back to a file system."""

from ingle.artifacts.archive import (
    UNZIPPED_LIMIT_BYTES,
    Archive,
    ArchiveError,
    ArchiveTooLargeError,
    Entry,
    read_archive,
)
from ingle.artifacts.chunking import ChunkTamperedError, open_object, open_to_memfd, seal_object
from ingle.artifacts.chunks.contract import ChunkMissingError, ChunkStore
from ingle.artifacts.chunks.files import FileChunks
from ingle.artifacts.chunks.memory import MemoryChunks
from ingle.artifacts.erofs import lay_out_image
from ingle.artifacts.layering import Layers
from ingle.artifacts.manifest import Manifest

__all__ = [
    "UNZIPPED_LIMIT_BYTES",
    "Archive",
    "ArchiveError",
    "ArchiveTooLargeError",
    "ChunkMissingError",
    "ChunkStore",
    "ChunkTamperedError",
    "Entry",
    "FileChunks",
    "Layers",
    "Manifest",
    "MemoryChunks",
    "lay_out_image",
    "open_object",
    "open_to_memfd",
    "read_archive",
    "seal_object",
]
