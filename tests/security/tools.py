"""`make security`: what programs can find without running plugcontrol.

    python -m tests.security.tools [step …]
    python -m tests.security.tools --accept "invented for tests" tests/

Each step passes, fails, or did not run: a service that cannot be reached has found nothing, and its step is never
counted as passed. The exit code is 1 where a step failed; with --strict also where one did not run.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import secrets as random
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import defaultdict
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[2]
KNOWN_SECRETS = Path(__file__).with_name("known_secrets.toml")
#: What is delivered, in Python.
PACKAGES = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["root_packages"]
DELIVERED = (*PACKAGES, "manage.py")
PATIENCE_S = 300


class Verdict(StrEnum):
    PASSED = "passed"
    FAILED = "FAILED"
    NOT_RUN = "NOT RUN"


class Outcome(NamedTuple):
    """`words`: one sentence; `findings`: a line each."""

    verdict: Verdict
    words: str
    findings: Sequence[str] = ()


def _judged(findings: Sequence[str], nothing: str, something: str) -> Outcome:
    if findings:
        return Outcome(Verdict.FAILED, f"{len(findings)} {something}", findings)
    return Outcome(Verdict.PASSED, nothing)


def _run(*command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """A tool of the virtual environment, or of the machine where there is none of that name."""
    beside = Path(sys.executable).parent / command[0]
    program = str(beside) if beside.exists() else command[0]
    environment = os.environ | variables
    return subprocess.run(
        [program, *command[1:]], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=PATIENCE_S
    )


def _read(result: subprocess.CompletedProcess[str]) -> Any:
    """Its standard output as JSON, None where there is none."""
    try:
        return json.loads(result.stdout)
    except ValueError:
        return None


def _last_line(result: subprocess.CompletedProcess[str]) -> str:
    lines = (result.stderr or result.stdout).strip().splitlines()
    return lines[-1].strip() if lines else f"exit code {result.returncode}"


def _files(*patterns: str) -> list[str]:
    """Files that are, or would be, committed; paths from the root."""
    listed = _run("git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns)
    if listed.returncode != 0:  # an unpacked archive
        return [str(path.relative_to(ROOT)) for pattern in patterns or ("*",) for path in ROOT.rglob(pattern)]
    return sorted({name for name in listed.stdout.splitlines() if (ROOT / name).is_file()})


# ---- Django's own checks


def deploy() -> Outcome:
    """Django's checks for production, with the settings of an installation behind TLS."""
    with tempfile.TemporaryDirectory(prefix="plugcontrol-security-") as folder:
        production = {
            "ENV_FILE": os.devnull,
            "DATA_DIR": folder,
            "PUBLIC_URL": "https://charge.example.org",
            "DEBUG": "0",
            "SECRET_KEY": random.token_hex(32),
        }
        without = dict.fromkeys(("DATABASE_URL", "REDIS_URL", "ALLOWED_HOSTS"), "")
        command = ("manage.py", "check", "--deploy", "--fail-level", "WARNING")
        result = _run("python", *command, **without, **production)
    if result.returncode == 0:
        return Outcome(Verdict.PASSED, "Django's checks for production find nothing")
    return Outcome(Verdict.FAILED, "Django's checks for production complain", result.stderr.strip().splitlines())


# ---- packages


def packages() -> Outcome:
    """Python packages, those for development too, against the Python Packaging Advisory Database."""
    vulnerable: list[str] = []
    unknown: list[str] = []
    asked = 0
    for name in ("requirements.txt", "requirements-dev.txt"):
        command = ("--disable-pip", "--require-hashes", "--requirement", name, "--progress-spinner", "off")
        try:
            result = _run("pip-audit", *command, "--vulnerability-service", "pypi", "--format", "json")
        except subprocess.TimeoutExpired:
            return Outcome(Verdict.NOT_RUN, f"the service of vulnerabilities did not answer within {PATIENCE_S} s")
        report = _read(result)
        if report is None:
            return Outcome(Verdict.NOT_RUN, f"pip-audit could not ask: {_last_line(result)}")
        for package in report["dependencies"]:
            asked += 1
            if "skip_reason" in package:  # the service has no word on it: an index without vulnerabilities answers so
                unknown.append(package["skip_reason"])
            vulnerable += [f"{package['name']} {package['version']}: {hole['id']}" for hole in package.get("vulns", ())]
    if vulnerable:
        return Outcome(Verdict.FAILED, "packages with known holes", sorted(set(vulnerable)))
    if unknown:
        words = f"of {asked} packages the index in use knows no vulnerabilities of {len(unknown)}, so nothing is shown"
        return Outcome(Verdict.NOT_RUN, words, sorted(set(unknown))[:3])
    return Outcome(Verdict.PASSED, f"no known hole in {asked} packages")


def npm() -> Outcome:
    """npm packages: none is delivered; those that tests talk to, against npm's advisories."""
    if shutil.which("npm") is None:
        return Outcome(Verdict.NOT_RUN, "npm is not installed")
    vulnerable: list[str] = []
    locks = _files("*package-lock.json")
    for lock in locks:
        result = _run("npm", "audit", "--json", "--package-lock-only", "--prefix", str((ROOT / lock).parent))
        report = _read(result) or {}
        if "vulnerabilities" not in report:
            reason = report.get("message") or _last_line(result)
            return Outcome(Verdict.NOT_RUN, f"npm could not ask for advisories: {reason.split(' - ')[0]}")
        vulnerable += [f"{lock}: {name}, {hole['severity']}" for name, hole in report["vulnerabilities"].items()]
    return _judged(vulnerable, f"no known hole below {', '.join(locks)}", "packages with known holes")


# ---- the source


def bandit() -> Outcome:
    """Bandit on what is delivered, from medium severity on. `# noqa: S608 - reason` holds for its B608 too."""
    result = _run("bandit", "--quiet", "--recursive", "-ll", "--format", "json", *DELIVERED)
    report = _read(result)
    if report is None:
        return Outcome(Verdict.FAILED, f"bandit ended with {_last_line(result)}")
    findings = [
        f"{found['filename']}:{found['line_number']}: {found['test_id']} {found['issue_text']}"
        for found in report["results"]
        if not _is_excused(found)
    ]
    findings += [f"{error['filename']}: {error['reason']}" for error in report["errors"]]
    lines = report["metrics"]["_totals"]["loc"]
    return _judged(findings, f"bandit finds nothing in {lines:,} lines", "findings of bandit")


def _is_excused(found: dict[str, Any]) -> bool:
    lines = (ROOT / found["filename"]).read_text().splitlines()
    twin = "S" + found["test_id"].removeprefix("B")
    return any(re.search(rf"# noqa: (?:\w+, )*{twin}\b", lines[number - 1]) for number in found["line_range"])


def ruff() -> Outcome:
    """ruff's rules for security, and that each exception in what is delivered has its reason beside it."""
    result = _run("ruff", "check", "--select", "S", "--output-format", "concise", "--quiet", ".")
    findings = result.stdout.splitlines() or ([_last_line(result)] if result.returncode else [])
    for name in _files("*.py"):
        if name.startswith(("tests/", "bench/")):
            continue
        for number, line in enumerate((ROOT / name).read_text().splitlines(), start=1):
            excuse = re.search(r"# (?:noqa: [^#]*\bS\d|nosec)", line)
            if excuse and not re.search(r"# (?:noqa: [A-Z0-9, ]+|nosec [A-Z0-9]+) - \S", line):
                findings.append(f"{name}:{number}: an exception without a reason")
    return _judged(findings, "ruff's rules S find nothing", "findings of ruff's rules S")


class Construct(NamedTuple):
    """Something that is dangerous unless one knows why: where it may stand, and the reason."""

    pattern: str
    suffix: str
    allowed: dict[str, str] = {}


CONSTRUCTS = {
    "HTML that nothing escapes": Construct(
        r"mark_safe|SafeString\(|SafeText\(|\b__html__|\|\s*safe\b|autoescape\s+off", "py html"
    ),
    "a view without CSRF protection": Construct(
        r"csrf_exempt",
        "py",
        {"plugcontrol/hints.py": "answers every method with the same sentence and changes nothing"},
    ),
    "text that becomes code": Construct(r"(?<![.\w])(?:eval|exec|compile|__import__)\(", "py"),
    "objects from bytes": Construct(r"\bpickle\b|\bmarshal\b|\bshelve\b|\bdill\b|yaml\.(?:unsafe_)?load", "py"),
    "a shell": Construct(r"shell\s*=\s*True|os\.system\(|os\.popen\(|create_subprocess_shell", "py"),
    "another program": Construct(
        r"\bsubprocess\b|create_subprocess_exec|os\.(?:exec|spawn)",
        "py",
        {"screens/overview/trial.py": "starts the simulator for the trial, with words of our own"},
    ),
    "SQL past the ORM": Construct(
        r"\.raw\((?=[^)])|\.extra\(|\bRawSQL\(",
        "py",
        {
            "transactions/meter_values.py": "a join with a list of keys; names are our own, values are parameters",
            "stations/keys.py": "a list of keys as one parameter",
        },
    ),
    "a connection to elsewhere": Construct(
        r"\burllib\.request\b|\bhttp\.client\b|\burlopen\(|(?m:^\s*import requests\b)|\bhttpx\b|\baiohttp\b|\bftplib\b"
        r"|\bsmtplib\b|\bcreate_connection\(|\bopen_connection\(|\bsend_mail\(",
        "py",
        {
            "plugcontrol/management/commands/doctor.py": "asks whether our own server listens on our own port",
            "simulator/files.py": "stations fetch files; the server does not import the simulator",
        },
    ),
    "certificates that nobody checks": Construct(r"verify\s*=\s*False|CERT_NONE|check_hostname\s*=\s*False", "py"),
    "a script that writes HTML or code": Construct(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function\(",
        "js",
        {"static/js/copy.js": "puts back what the button held before"},
    ),
    "something loaded from elsewhere": Construct(
        r"<(?:script|link|img|iframe)\b[^>]*(?:src|href)\s*=\s*[\"']?(?:https?:)?//|@import\s+url\(\s*[\"']?https?:",
        "html css js",
    ),
}


def constructs() -> Outcome:
    """What is dangerous in each kind of file of ours, less what is listed with its reason."""
    findings: list[str] = []
    used: set[tuple[str, str]] = set()
    for name in _files():
        path = Path(name)
        if path.parts[0] not in {*DELIVERED, "templates", "static"} or "vendor" in path.parts:
            continue
        text = (ROOT / name).read_text() if path.suffix in (".py", ".html", ".js", ".css") else ""
        for what, construct in CONSTRUCTS.items():
            if path.suffix[1:] not in construct.suffix.split():
                continue
            for match in re.finditer(construct.pattern, text):
                if name in construct.allowed:
                    used.add((what, name))
                else:
                    line = text.count("\n", 0, match.start()) + 1
                    findings.append(f"{name}:{line}: {what}: {match[0]}")
    listed = {(what, name) for what, construct in CONSTRUCTS.items() for name in construct.allowed}
    findings += [f"{name}: listed for nothing: {what}" for what, name in sorted(listed - used)]
    return _judged(findings, f"no unlisted construct of {len(CONSTRUCTS)} kinds", "dangerous constructs")


# ---- secrets


def _secrets_found() -> dict[str, dict[str, str]]:
    """{file: {SHA-1 of what looks like a secret: kind and line}}, of all that is or would be committed."""
    named = [
        name for name in _files() if not re.search(r"\.(?:lock|mo|png|svg|ico|woff2)$|^requirements.*\.txt$", name)
    ]
    named = [name for name in named if ROOT / name != KNOWN_SECRETS and "package-lock" not in name]
    found: dict[str, dict[str, str]] = {}
    result = _run("detect-secrets", "--cores", str(os.cpu_count() or 1), "scan", "--no-verify", *named)
    for name, rows in json.loads(result.stdout)["results"].items():
        found[name] = {row["hashed_secret"]: f"{row['type']}, line {row['line_number']}" for row in rows}
    return found


def _known_secrets() -> dict[str, dict[str, list[str]]]:
    """{reason: {file: SHA-1 of each}}"""
    return tomllib.loads(KNOWN_SECRETS.read_text()) if KNOWN_SECRETS.exists() else {}


def secrets() -> Outcome:
    """What looks like a key or password in the tree, less what known_secrets.toml explains."""
    known: dict[str, set[str]] = defaultdict(set)
    for files in _known_secrets().values():
        for name, hashes in files.items():
            known[name] |= set(hashes)
    found = _secrets_found()
    findings = [
        f"{name}: {where}" for name, rows in found.items() for sha1, where in rows.items() if sha1 not in known[name]
    ]
    return _judged(findings, f"nothing looks like a secret but {sum(map(len, known.values()))} explained", "secrets")


def accept_secrets(reason: str, files_of: str) -> None:
    """Write down that what looks like a secret below `files_of` is none; forget what is not found any more."""
    found = _secrets_found()
    explained: dict[str, dict[str, list[str]]] = defaultdict(dict)
    for former, files in _known_secrets().items():
        for name, hashes in files.items():
            if kept := [sha1 for sha1 in hashes if found.get(name, {}).pop(sha1, None)]:
                explained[former][name] = kept
    for name, rows in found.items():
        if rows and name.startswith(files_of):
            explained[reason][name] = sorted({*explained[reason].get(name, ()), *rows})
            print(*(f"{name}: {where}: {reason}" for where in rows.values()), sep="\n")
    lines = ["# What looks like a secret and is none: by reason and file, the SHA-1 that detect-secrets gives it.", ""]
    for why in sorted(explained):
        lines.append(f'["{why}"]')
        lines += [f'"{name}" = {json.dumps(sorted(hashes))}' for name, hashes in sorted(explained[why].items())]
        lines.append("")
    KNOWN_SECRETS.write_text("\n".join(lines))


STEPS: dict[str, Callable[[], Outcome]] = {
    step.__name__: step for step in (deploy, packages, npm, bandit, ruff, constructs, secrets)
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="make security", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("steps", nargs="*", metavar="step", help=", ".join(STEPS))
    parser.add_argument("--strict", action="store_true", help="fail where a step did not run")
    parser.add_argument(
        "--accept", nargs=2, metavar=("REASON", "FOLDER"), help="explain what looks like a secret there"
    )
    options = parser.parse_args()
    if strange := set(options.steps) - STEPS.keys():
        parser.error(f"no such step: {', '.join(sorted(strange))}")
    if options.accept:
        accept_secrets(*options.accept)
        return 0
    verdicts: dict[Verdict, list[str]] = defaultdict(list)
    for name in options.steps or STEPS:
        began = time.monotonic()
        outcome = STEPS[name]()
        verdicts[outcome.verdict].append(name)
        print(f"{name:<11} {outcome.verdict:<8} {time.monotonic() - began:5.1f} s  {outcome.words}", flush=True)
        for finding in outcome.findings:
            print(f"    {finding}")
    print("; ".join(f"{verdict}: {', '.join(names)}" for verdict, names in verdicts.items()))
    return int(bool(verdicts[Verdict.FAILED] or (options.strict and verdicts[Verdict.NOT_RUN])))


if __name__ == "__main__":
    sys.exit(main())
