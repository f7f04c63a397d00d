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
from ingle.artifacts.collection import CollectionPlan, plan_collection
from ingle.artifacts.erofs import lay_out_image
from ingle.artifacts.layering import Layers
from ingle.artifacts.manifest import Manifest
from ingle.artifacts.signature import CodeSignature, describe_publisher, read_signature, sign_archive

__all__ = [
    "UNZIPPED_LIMIT_BYTES",
    "Archive",
    "ArchiveError",
    "ArchiveTooLargeError",
    "ChunkMissingError",
    "ChunkStore",
    "ChunkTamperedError",
    "CodeSignature",
    "CollectionPlan",
    "Entry",
    "FileChunks",
    "Layers",
    "Manifest",
    "MemoryChunks",
    "describe_publisher",
    "lay_out_image",
    "open_object",
    "open_to_memfd",
    "plan_collection",
    "read_archive",
    "read_signature",
    "seal_object",
    "sign_archive",
]
