"""Profiles in AWS's files: what is told is changed, what others wrote stays."""

import configparser
import stat
from pathlib import Path

from ingle.cli.profiles import section_of, set_section, update_file

HELD = """# mine
[default]
region = eu-west-1

[profile ingle]
region = old
# a note
output=json
s3 =
  max_queue_size = 7

[profile other]
endpoint_url = http://x
"""


def test_settings_of_a_section_are_changed_and_every_other_line_stays() -> None:
    text = set_section(HELD, section_of("ingle"), {"region": "us-east-1", "endpoint_url": "http://y", "output": None})
    assert text.splitlines() == [
        "# mine", "[default]", "region = eu-west-1", "",
        "[profile ingle]", "# a note", "s3 =", "  max_queue_size = 7", "region = us-east-1", "endpoint_url = http://y", "",
        "[profile other]", "endpoint_url = http://x",
    ]  # fmt: skip
    assert set_section(text, "profile ingle", {"region": "us-east-1", "endpoint_url": "http://y"}) == text


def test_a_section_that_is_not_there_is_added_at_the_end() -> None:
    assert set_section("", "default", {"a": "b"}) == "[default]\na = b\n"
    assert set_section("[x]\ny = z", "a", {"b": "c"}) == "[x]\ny = z\n\n[a]\nb = c\n"
    assert section_of("default") == "default"


def test_a_file_is_made_for_its_user_alone_and_a_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    file = tmp_path / "aws" / "credentials"
    update_file(file, "one", {"a": "1"})
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    link = tmp_path / "link"
    link.symlink_to(file)
    update_file(link, "two", {"b": "2"})
    assert link.is_symlink()
    read = configparser.ConfigParser()
    read.read(file)
    assert {name: dict(read[name]) for name in read.sections()} == {"one": {"a": "1"}, "two": {"b": "2"}}
    assert [path.name for path in file.parent.iterdir()] == ["credentials"]
