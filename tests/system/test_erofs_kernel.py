"""Our images before the kernel and before fsck.erofs, which know the format better than we do."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from image_trees import SHAPES, expected, image_of, read_back


@pytest.fixture
def image(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "image.erofs"
    path.write_bytes(image_of(SHAPES[request.param]))
    return path


@pytest.fixture
def mounted(image: Path, tmp_path: Path) -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("needs root: only root mounts")
    place = tmp_path / "mounted"
    place.mkdir()
    subprocess.run(["mount", "-t", "erofs", "-o", "ro,loop", image, place], check=True)
    yield place
    subprocess.run(["umount", place], check=True)


@pytest.mark.parametrize(("image", "name"), [(name, name) for name in SHAPES], indirect=["image"])
def test_the_kernel_mounts_an_image_and_shows_the_tree_it_was_made_of(mounted: Path, name: str) -> None:
    assert read_back(mounted) == expected(SHAPES[name])
    for path in (mounted, *mounted.rglob("*")):
        status = path.lstat()
        assert (status.st_uid, status.st_gid, status.st_mtime) == (0, 0, 315_532_800)


@pytest.mark.parametrize("image", SHAPES, indirect=True)
def test_fsck_erofs_finds_nothing_wrong(image: Path) -> None:
    program = shutil.which("fsck.erofs", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/bin:/sbin")
    if program is None:
        pytest.skip("needs fsck.erofs (erofs-utils), which only root can install")
    done = subprocess.run([program, image], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "error" not in (done.stdout + done.stderr).lower().replace("no errors found", "")
