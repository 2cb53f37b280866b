"""What surrounds the code: the wheel, the image, the locks, make, and the world in which tests run."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import tomllib
import zipfile
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import create_engine, inspect, text

import gatekeeper
from tests.kit.postgres import Postgres

ROOT = Path(__file__).parent.parent
LOCKS = ["requirements.lock", "requirements-dev.lock", "requirements-build.lock"]


def pins(lock: str) -> dict[str, str]:
    return dict(re.findall(r"^([\w.-]+)==([^\s;]+)", (ROOT / lock).read_text(), re.MULTILINE))


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile as (INSTRUCTION, arguments), continuations joined and comments left out."""
    lines = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n", " ", "\n".join(lines))
    words = [line.split(maxsplit=1) for line in joined.splitlines() if line.strip()]
    return [(instruction, arguments.strip()) for instruction, arguments in words]


def of(instruction: str) -> list[str]:
    return [arguments for name, arguments in instructions() if name == instruction]


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.Path:
    """The wheel of this checkout, as the Dockerfile builds it."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder]
    run = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, f"{run.stderr}\n`make test` installs hatchling from requirements-build.lock"
    (path,) = folder.glob("*.whl")
    return zipfile.Path(path)


def files_below(path: Path | zipfile.Path) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for child in path.iterdir():
        if child.is_dir() and child.name != "__pycache__":
            found |= {f"{child.name}/{name}": content for name, content in files_below(child).items()}
        elif child.is_file():
            found[child.name] = child.read_bytes()
    return found


@pytest.mark.parametrize("folder", ["templates", "config"])
def test_the_wheel_carries_what_lies_beside_the_package(wheel: zipfile.Path, folder: str) -> None:
    carried = files_below(wheel / "gatekeeper" / f"_{folder}")

    assert carried
    assert carried == files_below(ROOT / folder)


def test_the_wheel_carries_the_command_the_licence_and_the_types(wheel: zipfile.Path) -> None:
    facts = wheel / f"gatekeeper-{gatekeeper.__version__}.dist-info"

    assert "gatekeeper = gatekeeper.__main__:main" in (facts / "entry_points.txt").read_text()
    assert (facts / "licenses" / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
    assert (wheel / "gatekeeper" / "py.typed").exists()


def test_the_image_is_built_in_one_stage_and_shipped_in_another() -> None:
    build, shipped = of("FROM")
    (base,) = of("ARG")

    assert (build, shipped) == ("${PYTHON} AS build", "${PYTHON}")
    assert re.fullmatch(r"PYTHON=python:\d+\.\d+-slim-\w+", base), "a named, slim release, never `latest`"


def test_the_image_runs_as_a_numbered_person_who_is_not_root() -> None:
    (person,) = of("USER")

    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", person)


def test_the_image_starts_the_product_without_a_shell() -> None:
    assert [json.loads(line) for line in of("ENTRYPOINT")] == [["gatekeeper"]]
    assert [json.loads(line) for line in of("CMD")] == [["run"]]
    assert of("STOPSIGNAL") == ["SIGTERM"]


def test_the_image_keeps_its_state_in_exactly_one_place() -> None:
    (volumes,) = of("VOLUME")
    settings = dict(setting.split("=", 1) for setting in of("ENV")[-1].split())
    (folder,) = json.loads(volumes)

    assert settings["GATEKEEPER__STATE__FOLDER"] == folder
    assert settings["GATEKEEPER__DATABASE__URL"] == f"sqlite:///{folder}/gatekeeper.db"


def test_the_image_installs_nothing_without_its_hash() -> None:
    installs = [part for line in of("RUN") for part in line.split("&&") if "pip" in part and "install" in part]

    assert len(installs) == 3
    assert [part for part in installs if "--require-hashes" not in part and "--no-index" not in part] == []


def test_the_image_knows_whether_it_is_alive_with_nothing_but_python() -> None:
    (check,) = of("HEALTHCHECK")
    program, *arguments = json.loads(check.split("CMD", 1)[1])
    with socket.create_server(("127.0.0.1", 0)) as server:
        arguments[-1] = arguments[-1].replace("8402", str(server.getsockname()[1]))
        answers = {}
        for status in (200, 503):
            with subprocess.Popen([sys.executable, *arguments], stderr=subprocess.DEVNULL) as probe:
                connection, _ = server.accept()
                with connection:
                    assert connection.recv(1000).startswith(b"GET /livez HTTP/1.1\r\n")
                    connection.sendall(b"HTTP/1.1 %d -\r\nContent-Length: 0\r\n\r\n" % status)
                answers[status] = probe.wait(10)

    assert program == "python"
    assert answers == {200: 0, 503: 1}


@pytest.mark.parametrize("lock", LOCKS)
def test_every_line_of_a_lock_is_a_pin_with_hashes(lock: str) -> None:
    requirements = (ROOT / lock).read_text().replace("\\\n", " ").splitlines()

    assert requirements
    assert [
        line for line in requirements if not re.fullmatch(r"[\w.-]+==[^\s;]+( ;[^#]+?)?( +--hash=sha256:[0-9a-f]{64})+", line)
    ] == []


def test_the_locks_agree_so_that_tests_run_on_what_is_shipped() -> None:
    shipped, tested, building = (pins(lock) for lock in LOCKS)

    assert shipped.items() <= tested.items()
    assert {name: tested[name] for name in building.keys() & tested.keys()} == {
        name: building[name] for name in building.keys() & tested.keys()
    }


def test_the_locks_hold_what_the_project_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    shipped, tested, building = (pins(lock) for lock in LOCKS)

    def names(requirements: list[str]) -> set[str]:
        return {re.split(r"[\[<>=~! ]", requirement)[0] for requirement in requirements}

    assert names(project["project"]["dependencies"]) <= shipped.keys()
    assert names(project["dependency-groups"]["dev"]) <= tested.keys()
    assert names(project["build-system"]["requires"]) <= building.keys()


@pytest.mark.parametrize(("version", "told"), [((3, 10), "is 3.10"), (None, "there is no")], ids=["too old", "missing"])
def test_make_says_which_python_it_needs(tmp_path: Path, version: tuple[int, int] | None, told: str) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    python = tmp_path / "python"
    if version is not None:
        python.write_text(
            f'#!/bin/sh\nexec "{sys.executable}" -c "import sys; sys.version_info = {version}; exec(sys.argv[1])" "$2"\n'
        )
        python.chmod(0o755)

    run = subprocess.run(
        ["make", "demo", f"PYTHON={python}"], check=False, cwd=tmp_path, capture_output=True, text=True,
        env={"PATH": os.environ["PATH"]},
    )  # fmt: skip

    assert run.returncode != 0
    assert "gatekeeper needs Python 3.11 or newer" in run.stderr + run.stdout
    assert told in run.stderr + run.stdout


def test_tests_run_far_from_utc() -> None:
    assert time.timezone == 4 * 3600, "this machine lacks the time zone database: install tzdata"
    assert time.daylight


def test_tests_see_no_settings_of_the_machine() -> None:
    kept = {"GATEKEEPER_PEERS", "GATEKEEPER_STRIPE_WORLD"}

    assert [name for name in os.environ if name.startswith("GATEKEEPER_") and name not in kept] == []
    assert [name for name in os.environ if name.upper().endswith("_PROXY")] == []


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_tests_cannot_leave_this_machine(family: socket.AddressFamily, kind: socket.SocketKind) -> None:
    address = {socket.AF_INET: "192.0.2.1", socket.AF_INET6: "2001:db8::1"}[family]

    with socket.socket(family, kind) as away:
        with pytest.raises(RuntimeError, match="tests talk to"):
            away.connect((address, 9))
        with pytest.raises(RuntimeError, match="tests talk to"):
            away.sendto(b"x", (address, 9))


def test_tests_look_up_no_names() -> None:
    with pytest.raises(RuntimeError, match="localhost"):
        socket.getaddrinfo("api.stripe.com", 443)
    with pytest.raises(socket.gaierror):
        socket.getaddrinfo("mail.invalid", 25)
    assert socket.getaddrinfo("localhost", 25)


@pytest.mark.parametrize("turn", ["one test", "the next"])
def test_a_test_that_asks_for_a_database_gets_an_empty_one(database_url: str, turn: str) -> None:
    engine = create_engine(database_url)

    with engine.begin() as connection:
        before = inspect(connection).get_table_names()
        connection.execute(text("CREATE TABLE left_behind (id INTEGER)"))
    engine.dispose()

    assert before == []


def test_a_database_can_be_a_copy_of_another(postgres: Postgres) -> None:
    original = postgres.create()
    with closing(psycopg.connect(postgres.url(original).replace("+psycopg", ""), autocommit=True)) as connection:
        connection.execute("CREATE TABLE kept (id INTEGER)")

    copy = postgres.create(template=original)

    with closing(psycopg.connect(postgres.url(copy).replace("+psycopg", ""))) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)


@pytest.mark.parametrize(
    ("peers", "outcome"), [("", "1 skipped"), ("required", "1 error")], ids=["a person's machine", "where they are required"]
)
def test_a_missing_peer_skips_its_test_or_fails_it_where_peers_are_required(tmp_path: Path, peers: str, outcome: str) -> None:
    (tmp_path / "test_page.py").write_text("import pytest\n@pytest.mark.peer('chromium')\ndef test_page(): pass\n")

    assert outcome in pytest_on(tmp_path, GATEKEEPER_PEERS=peers)


def test_a_peer_that_nobody_knows_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "test_page.py").write_text("import pytest\n@pytest.mark.peer('chromiun')\ndef test_page(): pass\n")

    assert "no peer is named 'chromiun'" in pytest_on(tmp_path)


def pytest_on(folder: Path, **environment: str) -> str:
    """What pytest prints of the tests in a folder, in our test world but on a machine without any program."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "tests.conftest",
        "-c",
        ROOT / "pyproject.toml",
        "--rootdir",
        folder,
        folder,
    ]
    without = {**os.environ, "PATH": str(folder), "CI": "", **environment}
    run = subprocess.run(command, check=False, cwd=ROOT, env=without, capture_output=True, text=True)
    return run.stdout + run.stderr
