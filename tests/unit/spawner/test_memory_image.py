"""A process's image, and processes that become it."""

import json
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="images are made on x86-64 alone")


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What two processes tell that became the same third one, and what the zygote tells of a stranger's image."""
    script = Path(__file__).parents[2] / "support" / "forks_of_one_zygote.py"
    run = subprocess.run(
        [sys.executable, script, tmp_path_factory.mktemp("names")], capture_output=True, text=True, check=True
    )
    return [json.loads(line) for line in run.stdout.splitlines()]


def test_a_copy_goes_on_with_the_memory_of_its_template(told: list[dict[str, Any]]) -> None:
    for number, copy in enumerate(told[:2]):
        assert copy["numbers"] == sum(range(50_000))
        assert copy["left"] == f"copy {number}"
    assert told[0]["secret"] == told[1]["secret"]


def test_a_copy_knows_its_own_process_id_and_can_have_threads_signals_and_files(told: list[dict[str, Any]]) -> None:
    for copy in told[:2]:
        assert copy["pid"] != copy["template"]
        assert copy["heard"] == [10]
        assert copy["position"] > 0


def test_copies_differ_in_all_that_is_random(told: list[dict[str, Any]]) -> None:
    for one, other in zip(told[0]["fresh"], told[1]["fresh"], strict=True):
        assert one != other


def test_an_image_of_another_zygotes_fork_is_not_taken(told: list[dict[str, Any]]) -> None:
    assert told[2] == {"became a stranger's": False}
