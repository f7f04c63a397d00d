"""A hook of mkdocs: brings the README and the examples' page, which lie outside of docs/, into the site."""

from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parent.parent
PAGES = {"README.md": "index.md", "examples/README.md": "examples.md"}
"""Each page by its file, and where it stands in the site."""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Add every decision to the site's contents."""
    decisions = sorted(path.name for path in (ROOT / "docs" / "decisions").glob("*.md"))
    config.nav = [*(config.nav or []), {"Decisions": [f"decisions/{name}" for name in decisions]}]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages, with their links as they are from within docs/."""
    for source, place in PAGES.items():
        files.append(File.generated(config, place, content=moved((ROOT / source).read_text())))
    return files


def moved(text: str) -> str:
    """Return a page's text with the links that it needs in docs/."""
    for old, new in {"](examples/README.md": "](examples.md", "](../docs/": "](", "](docs/": "]("}.items():
        text = text.replace(old, new)
    return text
