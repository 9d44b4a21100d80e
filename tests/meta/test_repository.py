"""Rules of this repository that no linter knows. Each failure names the file and what to do about it."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
THIS = Path(__file__).resolve().relative_to(ROOT).as_posix()
LOCKS = ("requirements.lock", "requirements-dev.lock", "requirements-conformance.lock", "requirements-bench.lock")
CACHES = {
    ".git", ".venv", ".venv-conformance", ".venv-bench", ".dnbot", "dist", "__pycache__", ".mypy_cache", ".ruff_cache",
    ".import_linter_cache",
}  # fmt: skip

SOURCE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60
FILE_BYTES_MAX = 256 * 1024

# Longer than SOURCE_LINES_MAX, and why it is still one idea.
LONG_SOURCES: dict[str, str] = {}
# Larger than FILE_BYTES_MAX, and why it is in the repository.
LARGE_FILES: dict[str, str] = {}
# Looks like a key, and where it is published.
PUBLISHED_KEYS = {
    "45d0b3c26f2644f19bfb98b07741b2f5": "MEXC spot v3 documents, signature example",
}


def tracked() -> list[str]:
    """Return the repository's files: what git would commit, or everything but caches where there is no git."""
    command = ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    try:
        listing = subprocess.run(command, capture_output=True, check=True).stdout.decode()
    except (OSError, subprocess.CalledProcessError):
        paths = (path.relative_to(ROOT) for path in ROOT.rglob("*") if path.is_file())
        return sorted(path.as_posix() for path in paths if not CACHES & set(path.parts))
    return sorted(name for name in listing.split("\0") if name and (ROOT / name).is_file())


FILES = tracked()
PYTHON_FILES = [name for name in FILES if name.endswith(".py")]
SOURCES = [name for name in PYTHON_FILES if name.startswith("src/")]


def text_of(name: str) -> str:
    """Return a file's text, or nothing for a binary file."""
    try:
        return (ROOT / name).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


def lines_matching(pattern: str, names: list[str], *, spared: tuple[str, ...] = ()) -> list[str]:
    """Return "file:line: text" for every line that matches, except in the files spared and in this one."""
    search = re.compile(pattern).search
    return [
        f"{name}:{number}: {line.strip()[:160]}"
        for name in names
        if name != THIS and name not in spared
        for number, line in enumerate(text_of(name).splitlines(), 1)
        if search(line)
    ]


# --- what a public file may not contain


@pytest.mark.slow
def test_no_file_names_a_package_registry() -> None:
    """Installing works from any mirror: no package or image registry is named anywhere."""
    hosts = r"(?i:\b(pypi\.org|pythonhosted\.org|registry\.npmjs|proxy\.golang|crates\.io|conda\.anaconda)\b)"
    images = r"(?i:\b(docker\.io|ghcr\.io|quay\.io|gcr\.io|registry\.[a-z0-9-]+\.[a-z]{2,})\b)"
    assert lines_matching(f"{hosts}|{images}", FILES) == []


def test_no_file_names_a_path_of_one_machine() -> None:
    """Nothing depends on where its author works."""
    paths = r"(?<![\w.~-])/(root|work|farm|Users|home/(?!dnbot\b)[a-z]|opt/(pypi|wheels)|tmp/bash)[/\w]"
    assert lines_matching(paths, FILES) == []


@pytest.mark.slow
def test_no_file_holds_a_secret() -> None:
    """No private key, access token or exchange key is in the repository, but for examples that the venues publish."""
    blocks = r"-----BEGIN [A-Z ]*PRIVATE KEY-----"
    tokens = r"\b(AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{30,}|xox[abp]-\w{10,}|mx0v\w{16,})\b"
    assigned = r"(?i:(secret|key|token|password)\w*[\"']?\s*[:=]\s*b?[\"']?[0-9a-f]{32,}\b)"
    found = lines_matching(f"{blocks}|{tokens}|{assigned}", FILES, spared=LOCKS)
    assert [line for line in found if not any(key in line for key in PUBLISHED_KEYS)] == []


@pytest.mark.slow
def test_public_text_speaks_of_the_product_alone() -> None:
    """How the code came about is no business of its readers."""
    tools = r"\b(AI|LLMs?|language models?|Claude|Anthropic|ChatGPT|GPT-\d|Copilot|coding agents?|sub-?agents?)\b"
    papers = r"\.\./shared\b|\bhelper [A-Z]\b|\b(?:my|the|our|your) brief\b|\bseed_specification\b"
    found = lines_matching(f"{tools}|{papers}", FILES)
    # A test may read data that cannot be published, if it skips where that is absent.
    assert [line for line in found if not (line.startswith("tests/") and "../shared" in line)] == []


def test_no_file_is_large() -> None:
    """A file over the limit is listed with its reason, and the list holds nothing else."""
    large = {name for name in FILES if (ROOT / name).stat().st_size > FILE_BYTES_MAX}
    assert large == set(LARGE_FILES)


# --- source


def test_no_source_file_holds_two_ideas() -> None:
    """A source file over the limit is listed with its reason, and the list holds nothing else."""
    long = {name for name in SOURCES if len(text_of(name).splitlines()) > SOURCE_LINES_MAX}
    assert long == set(LONG_SOURCES)


@pytest.mark.slow
def test_no_function_is_longer_than_a_screen() -> None:
    """Every function in src/ can be seen whole."""
    functions = [
        (name, node)
        for name in SOURCES
        for node in ast.walk(ast.parse(text_of(name)))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    assert [
        f"{name}:{node.lineno} {node.name}"
        for name, node in functions
        if (node.end_lineno or 0) - node.lineno >= FUNCTION_LINES_MAX
    ] == []


def test_nothing_is_left_for_later() -> None:
    """What src/ offers, it does."""
    assert lines_matching(r"NotImplementedError|\b(TODO|FIXME|XXX)\b", SOURCES) == []


def test_words_and_decisions_suppress_no_check() -> None:
    """domain/ and strategy/ pass every check as they are."""
    strict = [name for name in SOURCES if name.startswith(("src/dnbot/domain/", "src/dnbot/strategy/"))]
    assert lines_matching(r"#\s*(type:\s*ignore|noqa|ruff:|mypy:|pragma:|fmt:)", strict) == []


def test_elsewhere_a_suppressed_check_is_named_with_its_reason() -> None:
    """Outside domain/ and strategy/ a suppression in src/ names its rule, and says why it is right here."""
    suppressions = lines_matching(r"#\s*(type:\s*ignore|noqa|pragma:\s*no)", SOURCES)
    with_reason = re.compile(r"#\s*(type:\s*ignore\[[\w, -]+\]|noqa:\s*[A-Z]+\d+(,\s*[A-Z]+\d+)*|pragma:.*)\W+\w{2,}")
    assert [line for line in suppressions if not with_reason.search(line)] == []


# --- tests


@pytest.mark.slow
def test_every_test_says_what_holds() -> None:
    """Each test function has a docstring."""
    silent = [
        f"{name}:{node.lineno} {node.name}"
        for name in PYTHON_FILES
        if name.startswith("tests/")
        for node in ast.walk(ast.parse(text_of(name)))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and not ast.get_docstring(node)
    ]
    assert silent == []


def test_tests_are_not_packages() -> None:
    """Test files are imported by path, so that two may have the same name."""
    assert [name for name in FILES if name.startswith("tests/") and name.endswith("__init__.py")] == []


# --- dependencies, migrations, version


def pins(lock: str) -> dict[str, str]:
    """Return package -> version of a lock."""
    found = re.findall(r"^([a-z0-9-]+)(?:\[[a-z,]+\])?==(\S+)", text_of(lock), flags=re.MULTILINE)
    assert found
    return dict(found)


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_holds_hashed_pins_and_names_no_host(lock: str) -> None:
    """Every entry of a lock is one exact version with its hashes; there is no URL, index or path."""
    entries = text_of(lock).replace("\\\n", " ").splitlines()
    entry = re.compile(r"[a-z0-9-]+(?:\[[a-z,]+\])?==[\w.]+( ; [^#]+?)?(\s+--hash=sha256:[0-9a-f]{64})+\s*")
    assert [line[:100] for line in entries if not entry.fullmatch(line)] == []
    assert "://" not in text_of(lock)


@pytest.mark.parametrize("lock", ["requirements-dev.lock", "requirements-bench.lock"])
def test_a_superset_of_the_runtime_lock_repeats_every_pin(lock: str) -> None:
    """What the tests and the benchmarks run on is what users install."""
    runtime, superset = pins("requirements.lock"), pins(lock)
    assert {name: superset.get(name) for name in runtime} == runtime


def test_every_runtime_dependency_has_its_reason() -> None:
    """The first decision record lists the runtime dependencies, all of them and no other."""
    project = tomllib.loads(text_of("pyproject.toml"))["project"]
    declared = {re.split(r"[<>=!~ ;\[]", entry)[0] for entry in project["dependencies"]}
    record = text_of("docs/decisions/0001-dependencies.md")
    assert set(re.findall(r"^\| ([a-z0-9-]+) \|", record, flags=re.MULTILINE)) - {"package", "---"} == declared


@pytest.mark.parametrize(("directory", "suffix"), [("db", ".sql"), ("docs/decisions", ".md")])
def test_numbered_files_count_from_one(directory: str, suffix: str) -> None:
    """Migrations and decisions are numbered 0001, 0002, ... without a gap or a number used twice."""
    names = [Path(name).name for name in FILES if name.startswith(f"{directory}/")]
    assert [name for name in names if not re.fullmatch(rf"\d{{4}}[-_][a-z0-9_-]+{re.escape(suffix)}", name)] == []
    assert [int(name[:4]) for name in sorted(names)] == list(range(1, len(names) + 1))


def test_the_changelog_tells_of_this_version() -> None:
    """The version in the package is one that the changelog describes."""
    version = re.search(r'^__version__ = "(.+)"$', text_of("src/dnbot/__init__.py"), flags=re.MULTILINE)
    assert version
    assert f"\n## {version[1]}" in text_of("CHANGELOG.md")
