"""Writes templates/locale/gatekeeper.pot anew, brings every catalogue up to it, and says what each language lacks.

    PYTHONPATH=. python docs/make_words.py

A changed text is a new one: its old translations are not guessed at, and stay in the file as obsolete entries.
"""

import sys
from pathlib import Path

from babel.messages.frontend import CommandLineInterface
from babel.messages.pofile import read_po

from gatekeeper.wording.languages import FILES, faults, missing

FOLDER = Path("templates/locale")
TEXTS = FOLDER / "gatekeeper.pot"
_EXTRACT = [
    "-F",
    "babel.toml",
    "-c",
    "NOTE:",
    "--project",
    "gatekeeper",
    "--add-location",
    "file",
    "--sort-output",
    "--no-wrap",
]
_HEADER = "# The texts of gatekeeper, written by make words (babel.toml)."
_UPDATE = ["-D", "gatekeeper", "--no-fuzzy-matching", "--no-wrap", "--ignore-pot-creation-date"]
_SHOWN = 10


def main() -> int:
    run = CommandLineInterface().run
    run(["pybabel", "-q", "extract", *_EXTRACT, "--header-comment", _HEADER, "-o", str(TEXTS), "."])
    catalogues = sorted(FOLDER.parent.glob(FILES))
    if catalogues:
        run(["pybabel", "-q", "update", *_UPDATE, "-i", str(TEXTS), "-d", str(FOLDER)])
    with TEXTS.open("rb") as file:
        texts = read_po(file)
    lacking = {path.parts[-3]: missing(path, texts) for path in catalogues}
    for language, gaps in lacking.items():
        print(f"{language}: {len(gaps)} of {len(texts)} texts are not translated", *gaps[:_SHOWN], sep="\n  ")
    unsound = list(faults(FOLDER.parent))
    print(*unsound, sep="\n")
    return 1 if unsound or any(lacking.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
