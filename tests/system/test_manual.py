"""The README and the how-to pages, walked as a reader walks them."""

import json
import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

import pytest
from harness import INGLE, ROOT, Ingle, running_ingle

README = (ROOT / "README.md").read_text()


@pytest.fixture(scope="module")
def fresh() -> Iterator[Ingle]:
    with running_ingle() as running:
        running.announcement()
        yield running


def shell(ingle: Ingle, directory: Path, script: str) -> str:
    """Run a script as the README's reader would, with the commands on PATH; return what it prints."""
    environment = {
        "HOME": str(directory), "INGLE_DATA": str(ingle.data_dir), "PATH": f"{INGLE.parent}:{os.environ['PATH']}",
    }  # fmt: skip
    done = subprocess.run(["bash", "-ec", script], cwd=directory, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, script + done.stdout + done.stderr
    return done.stdout


def shown(command: str) -> list[str]:
    """Return the lines that the README shows after a command, up to the next one."""
    lines = README.partition(f"    $ {command}\n")[2].splitlines()
    return [line.strip() for line in takewhile(lambda line: line.startswith("    ") and line[4] != "$", lines)]


def without_figures(line: str) -> str:
    """Return a line with digests, sizes and ids replaced, which differ from run to run."""
    line = re.sub(r"[\w+/=]{12} -> [\w+/=]{12} \([\d,]+ bytes\)", "CODE", line)
    return re.sub(r"\(python3\.11, app\.handler, [\d,]+ bytes\)", "MADE", line)


def test_a_functions_day_is_as_the_readme_shows_it(fresh: Ingle, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples" / "hello", tmp_path / "greet")
    for command in re.findall(r"^    \$ (.+)$", README, re.M):
        if command.startswith("ingle watch"):  # what its reader does meanwhile
            code = tmp_path / "greet" / "app.py"
            code.write_text(code.read_text().replace("Hello", "Good morning"))
            shell(fresh, tmp_path, "ingle deploy greet")
            continue
        told = shell(fresh, tmp_path, command).splitlines()
        wanted = [without_figures(line) for line in shown(command)]
        if "--tail" in command or "--url" in command:  # what follows has ids and times
            told, wanted = told[:1], wanted[:1]
        assert [without_figures(line.strip()) for line in told] == wanted, command


def test_the_aws_cli_does_what_the_readme_says(fresh: Ingle, tmp_path: Path) -> None:
    block = README.partition('    eval "$(ingle env)"')[2].split("\n\n")[0]
    lines = [line for line in block.splitlines()[1:] if "logs tail" not in line]
    script = 'eval "$(ingle env)"\n' + "\n".join(lines)  # of version 1 of the CLI, which the tests have
    script = script.replace("--cli-binary-format raw-in-base64-out ", "").replace(
        "examples/hello", str(ROOT / "examples" / "hello")
    )
    shell(fresh, tmp_path, script.replace("/tmp/first.zip", str(tmp_path / "first.zip")))
    assert json.loads((tmp_path / "out.json").read_text()) == {"message": "Hello, you, from Ingle"}


def test_a_template_is_deployed_as_its_page_shows(fresh: Ingle, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples" / "sam", tmp_path / "examples" / "sam")
    page = (ROOT / "docs" / "how-to" / "deploy-from-sam.md").read_text()
    promised = [
        line[4:] for line in takewhile(bool, page[page.index("    stack sam") :].splitlines()) if "..." not in line
    ]
    command = "ingle deploy examples/sam/template.yaml"
    assert f"    {command}\n" in page
    assert set(promised) <= set(shell(fresh, tmp_path, command).splitlines())
    assert "  created " not in shell(fresh, tmp_path, command)


def test_a_function_gets_secrets_as_their_page_shows(fresh: Ingle, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples" / "hello", tmp_path / "greet")
    page = (ROOT / "docs" / "how-to" / "secrets.md").read_text()
    by_option, by_file = (re.findall(rf"^    ({words} .+)$", page, re.M)[0] for words in ("ingle deploy", "aws lambda"))
    shell(fresh, tmp_path, "ingle deploy greet")
    told = shell(fresh, tmp_path, f"TOKEN=hidden; {by_option}")
    assert "".join(f"    {line}\n" for line in told.splitlines()) in page
    (tmp_path / "vars.json").write_text(re.findall(r'^    (\{"FunctionName".+)$', page, re.M)[0])
    assert shell(fresh, tmp_path, f'eval "$(ingle env)"\n{by_file}') == ""
    variables = fresh.client().get_function_configuration(FunctionName="greet")["Environment"]["Variables"]
    assert variables == {"TOKEN": "..."}


def test_an_installation_is_restored_from_an_archive_and_a_root_key_that_were_kept_apart(tmp_path: Path) -> None:
    with running_ingle() as ingle:
        ingle.deploy("kept", {"app.py": "import os\ndef handler(e, c):\n    return os.environ['WORD']\n"},
                     Environment={"Variables": {"WORD": "sealed"}})  # fmt: skip
        ingle.stop()
        apart = {name: (ingle.data_dir / name).read_bytes() for name in ("keys/root.key", "credentials.json")}
        left_out = {f"data/{name}" for name in ("run", "keys", "credentials.json", "tls")}
        with tarfile.open(tmp_path / "backup.tar.gz", "w:gz") as archive:
            archive.add(ingle.data_dir, "data", filter=lambda entry: None if entry.name in left_out else entry)
        shutil.rmtree(ingle.data_dir)
        with tarfile.open(tmp_path / "backup.tar.gz") as archive:
            archive.extractall(ingle.data_dir.parent, filter="tar")
        (ingle.data_dir / "keys").mkdir(mode=0o700)
        for name, content in apart.items():
            (ingle.data_dir / name).write_bytes(content)
            (ingle.data_dir / name).chmod(0o600)
        ingle.start()
        assert ingle.client().invoke(FunctionName="kept")["Payload"].read() == b'"sealed"'
