"""What the documents say is so: links lead somewhere, commands and settings exist, configuration examples load."""

import re
from pathlib import Path

import click
import pytest

from gatekeeper.cli import cli
from gatekeeper.config import load

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
READER_PAGES = [page for page in PAGES if "decisions" not in page.parts]


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_to_a_file_leads_to_one(page: Path) -> None:
    links = re.findall(r"\]\((?!https?://|#)([^)#\s]+)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", READER_PAGES, ids=name)
def test_every_command_that_is_named_exists_with_its_options(page: Path) -> None:
    blocks = re.findall(r"`([^`\n]+)`", page.read_text()) + re.findall(
        r"^\s*(?:\.venv/bin/)?(gatekeeper .*)$", page.read_text(), re.MULTILINE
    )
    for said in blocks:
        if call := re.fullmatch(r"(?:\.venv/bin/)?gatekeeper((?: [a-z][a-z-]*)+)(.*)", said.strip()):
            _require(call[1].split(), re.findall(r"--[a-z-]+", call[2]), said)


def _require(words: list[str], options: list[str], said: str) -> None:
    command: click.Command = cli
    for word in words:
        if not isinstance(command, click.Group):
            break  # the rest are arguments
        assert word in command.commands, f"`{said}`: there is no command {word}"
        command = command.commands[word]
    known = {option for parameter in command.params for option in parameter.opts} | {"--help", "--config"}
    assert set(options) <= known, f"`{said}`: {set(options) - known} are no options of it"


def test_the_settings_in_the_readme_are_enough(tmp_path: Path) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    config = tmp_path / "gatekeeper.toml"
    config.write_text(re.sub("^   ", "", example, flags=re.MULTILINE).replace("…", "example"))
    assert load(config, {}).product.name == "Acme Cloud"


def test_every_command_has_help_for_itself_and_for_each_option() -> None:
    def walk(command: click.Command, path: str) -> list[str]:
        silent = [] if command.help else [path]
        silent += [f"{path} {p.opts[0]}" for p in command.params if isinstance(p, click.Option) and not p.help]
        for inner in command.commands.values() if isinstance(command, click.Group) else ():
            silent += walk(inner, f"{path} {inner.name}")
        return silent

    assert walk(cli, "gatekeeper") == []
