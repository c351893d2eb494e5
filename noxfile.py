# /// script
# requires-python = ">=3.11"
# dependencies = ["nox[uv]>=2026.4"]
# ///
"""Everything that is run on the project. `nox` alone runs what CI runs; `nox --list` says what else there is.

Wheels are tested, never the checkout: each session makes its own environment from the wheels, leaves the checkout and
imports what it installed. A folder with a pyproject.toml under packages/ (ours) or tests/plugins/ (a stranger's plugin)
is picked up without a change here. constraints.txt pins the versions; `lowest` takes the declared floors instead.
"""

import ast
import atexit
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import nox

ROOT = Path(__file__).parent
PACKAGES = sorted(path.parent.name for path in ROOT.glob("packages/*/pyproject.toml"))
STRANGERS = sorted(path.parent.name for path in ROOT.glob("tests/plugins/*/pyproject.toml"))
DIST = ROOT / "dist"
RESULTS = ROOT / ".nox" / "results"
CONSTRAINTS = ROOT / "constraints.txt"
PEERS = ("torch_geometric==2.8.1",)
NAME = re.compile(r"[A-Za-z0-9._-]+")

# Imports every public name of a package: what it misses, the package did not declare.
PUBLIC_NAMES = """
import importlib, sys
for package in map(importlib.import_module, sys.argv[1:]):
    print(package.__name__, len([getattr(package, name) for name in package.__all__]), "public names")
"""

nox.needs_version = ">=2026.4"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.sessions = [
    *("clean", "lint", "contracts", "isolation", "failures", "alone", "together", "lowest", "types", "docs", "demo"),
    "summary",
]
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # the environments are used many times
# Threads that wait by spinning starve each other on a busy machine: the demo then takes twenty times as long.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


# --- environments -----------------------------------------------------------------------------------------------------


def take_over_pip_settings() -> None:
    """uv does not read pip's configuration; a build of torch that pip would find beside the index must be found."""
    for python in (sys.executable, "python3", "python"):
        done = subprocess.run([python, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            break
    else:
        return
    for line in done.stdout.splitlines():
        key, _, value = line.partition("=")
        option, values = key.rpartition(".")[2], ast.literal_eval(value).split()
        if option == "find-links":
            os.environ.setdefault("UV_FIND_LINKS", ",".join(values))
        elif option == "index-url":
            os.environ.setdefault("UV_DEFAULT_INDEX", values[0])


def project(name: str) -> Path:
    """The folder of a distribution of ours or of a stranger."""
    return next(path for path in (ROOT / "packages" / name, ROOT / "tests" / "plugins" / name) if path.is_dir())


def pyproject(name: str) -> dict:
    return tomllib.loads((project(name) / "pyproject.toml").read_text())


def wheel(name: str, extras: str = "") -> str:
    (path,) = DIST.glob(f"{name.replace('-', '_')}-*.whl")
    return f"{name}{extras} @ {path.as_uri()}"


def test_requirements(name: str) -> list[str]:
    """What the tests of a package need beyond what it declares: its dependency group `test`."""
    return pyproject(name).get("dependency-groups", {}).get("test", ["gdl-core[testing]"])


def install(session: nox.Session, *requirements: str, constraints: Path = CONSTRAINTS) -> None:
    session.install("-c", str(constraints), *requirements)
    check = ["uv", "pip", "check"] if session.venv_backend == "uv" else ["python", "-m", "pip", "check"]
    session.run(*check, external=True, silent=True)
    share_bytecode(Path(session.virtualenv.location))


def share_bytecode(environment: Path) -> None:
    """Link what the environment before compiled: torch takes 11 s, and uv puts the same files everywhere.

    Python compares the size and time of the source, so that another version is compiled again. Our own packages are
    left out: wheels that are built twice may have equal times.
    """
    compiled = ROOT.glob(".nox/*/lib/python*/site-packages/torch/__pycache__")
    others = [path.parents[1] for path in sorted(compiled, key=os.path.getmtime) if environment not in path.parents]
    for site in environment.glob("lib/python*/site-packages") if others else ():
        for folder, _, files in os.walk(others[-1]):
            inside = os.path.relpath(folder, others[-1])
            place = site / inside
            if place.name != "__pycache__" or not place.parent.is_dir() or inside.startswith("gdl_"):
                continue
            place.mkdir(exist_ok=True)
            for name in {*files} - {*os.listdir(place)}:
                os.link(os.path.join(folder, name), place / name)


def leave(session: nox.Session) -> Path:
    """Go to an empty folder outside the checkout, so that nothing of it can be imported by accident."""
    folder = Path(tempfile.mkdtemp(prefix="gdl-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    session.chdir(folder)
    session.env.update({"GDL_CACHE_DIR": str(folder / "cache"), "OMP_NUM_THREADS": "1", "MPLBACKEND": "agg"})
    return folder


def pytest(session: nox.Session, *arguments: str | Path, workers: int = 0, **environ: str) -> None:
    """Run tests against what is installed, and leave their counts for `summary`."""
    name = re.sub(r"\W+", "-", f"{session.name}-{len(list(RESULTS.glob('*.xml')))}")
    command = ["pytest", "-c", ROOT / "pyproject.toml", "--rootdir", ROOT, "-p", "no:cacheprovider", "-q"]
    command += ["--durations=10", f"--junit-xml={RESULTS / name}.xml"]
    if workers:
        command += ["-n", str(workers), "--dist", "worksteal"]  # one file, the kit's, is half of all
    session.run(*map(str, [*command, *arguments, *session.posargs]), env=environ)


def distributions(*names: str) -> str:
    return " ".join(sorted(names))


# --- building and reading ---------------------------------------------------------------------------------------------


@nox.session(venv_backend="none")
def clean(session: nox.Session) -> None:
    """Forget the counts of the run before."""
    shutil.rmtree(RESULTS, ignore_errors=True)


@nox.session
def wheels(session: nox.Session) -> None:
    """Build an sdist of every package, and the wheel from that sdist, into dist/."""
    shutil.rmtree(DIST, ignore_errors=True)
    install(session, "build", "hatchling")
    for name in (*PACKAGES, *STRANGERS):
        build = ["python", "-m", "build", "--no-isolation", "--outdir", str(DIST), str(project(name))]
        session.run(*build, silent=True)
    session.log(f"dist/: {', '.join(sorted(path.name for path in DIST.glob('*.whl')))}")


@nox.session
def lint(session: nox.Session) -> None:
    """Format and style."""
    install(session, "ruff")
    session.run("ruff", "format", "--check", ".")
    session.run("ruff", "check", ".")


@nox.session(requires=["wheels"])
def contracts(session: nox.Session) -> None:
    """Who may import whom: the layers of core, plugins apart from each other, no torch where it must be light."""
    install(session, "import-linter")
    session.install("--no-deps", *map(wheel, PACKAGES))
    between = leave(session) / "importlinter.ini"
    between.write_text(contracts_between())
    for config in (ROOT / ".importlinter", between):
        session.run("lint-imports", "--no-cache", "--no-logo", "--config", str(config))


def contracts_between() -> str:
    """The contracts that grow with packages/; .importlinter holds the layers inside core."""
    modules = [name.replace("-", "_") for name in PACKAGES]
    plugins = [module for module in modules if module != "gdl_core"]
    heavy = ("torch", "numpy", "scipy", "numba", "triton", "lightning", "matplotlib")
    lines = [
        "[importlinter]",
        "include_external_packages = True",
        *("root_packages =", *modules),
        "[importlinter:contract:plugins]",
        "name = plugins stand on core and not on each other",
        "type = layers",
        *("layers =", " | ".join(plugins), "gdl_core"),
        "[importlinter:contract:light]",
        "name = what lists plugins imports nothing heavy",
        "type = forbidden",
        *("source_modules =", *(f"{module}._plugin" for module in modules), "gdl_core.plugins", "gdl_core.cli"),
        *("forbidden_modules =", *heavy),
        # inside the hook that only the conformance kit and the gallery call
        *("ignore_imports =", *(f"{module}._plugin -> {module}._cases" for module in modules)),
        "unmatched_ignore_imports_alerting = none",
        "",
    ]
    return "\n".join(line if "=" in line or line.startswith("[") else f"    {line}" for line in lines)


@nox.session(requires=["wheels"])
def types(session: nox.Session) -> None:
    """pyright on the sources of every package, with all extras installed."""
    install(session, *everything(), "pyright[nodejs]")
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pyright"]
    config = RESULTS.parent / "pyrightconfig.json"
    sources = [
        os.path.relpath(project(name) / "src", config.parent) for name in PACKAGES
    ]  # pyright skips absolute ones
    config.write_text(json.dumps(settings | {"include": sources, "extraPaths": sources}))
    python = str(Path(session.bin) / "python")
    session.run("pyright", "--warnings", "--project", str(config), "--pythonpath", python)


# --- testing ----------------------------------------------------------------------------------------------------------


def everything(*strangers: str) -> list[str]:
    """Every package of ours with all its extras, and the named plugins of strangers."""
    found = []
    for name in (*PACKAGES, *strangers):
        extras = ",".join(sorted(pyproject(name)["project"].get("optional-dependencies", {})))
        found.append(wheel(name, f"[{extras}]" if extras else ""))
    return [*found, "pytest-xdist"]


@nox.session(requires=["wheels"])
@nox.parametrize("package", PACKAGES, ids=PACKAGES)
def alone(session: nox.Session, package: str) -> None:
    """One package with core and nothing else: first as declared, then with what its tests need."""
    names = {"gdl-core", package}
    install(session, *map(wheel, names))
    leave(session)
    session.run("python", "-c", PUBLIC_NAMES, package.replace("-", "_"))
    install(session, *map(wheel, names), *test_requirements(package), "pytest-xdist")
    tests = (ROOT / "tests" / "test_installed.py", project(package) / "tests")
    pytest(session, *tests, workers=2, GDL_INSTALLED=distributions(*names))


@nox.session(requires=["wheels"])
def together(session: nox.Session) -> None:
    """All packages, all extras and a stranger's plugin: what only several show, and every conformance line.

    Of each component the kit takes the first case, which is enough to see one plugin disturb another; `alone` has all.
    """
    install(session, *everything(*STRANGERS), "hatchling")
    leave(session)
    elsewhere = ("test_failures.py", "test_isolation.py", "test_docs.py", "parity")
    tests = [ROOT / "tests", *(f"--ignore={ROOT / 'tests' / name}" for name in elsewhere)]
    tests += sorted(ROOT.glob("packages/*/tests/**/test_conformance.py"))
    kit = ("-p", "gdl_core.testing.pytest_plugin", "--gdl-first-case")
    pytest(session, *kit, *tests, workers=2, GDL_INSTALLED=distributions(*PACKAGES, *STRANGERS))


@nox.session(requires=["wheels"])
def parity(session: nox.Session) -> None:
    """Layer by layer against the peers, with copied weights. Not part of CI: no test that must pass needs a peer."""
    install(session, *everything(), *PEERS)
    leave(session)
    pytest(session, ROOT / "tests" / "parity", workers=2)


@nox.session(requires=["wheels"])
def failures(session: nox.Session) -> None:
    """Broken plugins beside healthy ones; and with every plugin of ours, strict mode finds nothing to complain of."""
    install(session, *map(wheel, (*PACKAGES, *STRANGERS)), "pytest-xdist")
    leave(session)
    session.run("gdl", "plugins", env={"GDL_STRICT_PLUGINS": "1"})
    pytest(session, ROOT / "tests" / "test_failures.py", workers=2)


@nox.session(requires=["wheels"])
def isolation(session: nox.Session) -> None:
    """What is light stays light, without any extra installed."""
    install(session, *map(wheel, PACKAGES), "pytest")
    leave(session)
    pytest(session, ROOT / "tests" / "test_isolation.py")


@nox.session(requires=["wheels"])
@nox.parametrize("package", PACKAGES, ids=PACKAGES)
def lowest(session: nox.Session, package: str) -> None:
    """The lowest versions that a package declares, all but torch: its tests less the slow ones and the kit."""
    names = {"gdl-core", package}
    folder = leave(session)
    constraints = folder / "floors.txt"
    constraints.write_text(floors(names))
    requirements = (*map(wheel, names), *test_requirements(package), "pytest-xdist")
    install(session, *requirements, constraints=constraints)
    ignored = [f"--ignore={path}" for path in project(package).glob("tests/**/test_conformance.py")]
    pytest(session, project(package) / "tests", *ignored, "-m", "not slow", workers=2)


def floors(names: set[str]) -> str:
    """`name==floor` of every declared dependency, and torch of constraints.txt: older ones have no CPU build."""
    found = {}
    for name in sorted(names):
        table = pyproject(name)["project"]
        extras = table.get("optional-dependencies", {}).values()
        for requirement in (*table["dependencies"], *(item for extra in extras for item in extra)):
            dependency = NAME.match(requirement)[0]
            floor = re.search(r">=\s*([\w.]+)", requirement)
            if floor is None:
                raise ValueError(f"{name}: {requirement!r} declares no floor (>=).")
            if not dependency.startswith("gdl-"):
                found.setdefault(dependency, set()).add(floor[1])
    torch = re.search(r"^torch==.*$", CONSTRAINTS.read_text(), re.MULTILINE)[0]
    lines = [f"{name}=={max(values, key=version)}" for name, values in sorted(found.items()) if name != "torch"]
    return "\n".join([torch, *lines, ""])


def version(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(".")))


@nox.session(requires=["wheels"])
def docs(session: nox.Session) -> None:
    """Every example in a docstring, and every command and Python block of the Markdown pages."""
    install(session, *everything(*STRANGERS))
    leave(session)
    modules = [name.replace("-", "_") for name in (*PACKAGES, *STRANGERS)]
    pytest(session, "--doctest-modules", ROOT / "tests" / "test_docs.py", "--pyargs", *modules, workers=2)


# --- using ------------------------------------------------------------------------------------------------------------


@nox.session(requires=["wheels"])
def demo(session: nox.Session) -> None:
    """Train on real images, audit, draw: the main job, in an environment of its own. Writes to runs/."""
    install(session, wheel("gdl-core", "[train]"), wheel("gdl-grids"), wheel("gdl-groups"))
    start = time.perf_counter()
    session.run("python", str(ROOT / "examples" / "demo.py"), *session.posargs)
    session.log(f"demo: {time.perf_counter() - start:.0f} s after installation")


@nox.session(requires=["wheels"])
def bench(session: nox.Session) -> None:
    """Every benchmarks/*.py (or those named), with the peers that its header declares, into benchmarks/results/.

    A peer whose requirements contradict ours stands under `tool.gdl.undeclared`, with all that it needs: that goes into
    an environment of its own, where none of it is checked. Where it does not install, our columns are filled alone.
    """
    for path in sorted(ROOT.glob("benchmarks/*.py")):
        if session.posargs and path.stem not in session.posargs:
            continue
        header = nox.project.load_toml(path, missing_ok=True)
        install(session, *everything(), *header.get("dependencies", []))
        undeclared = header.get("tool", {}).get("gdl", {}).get("undeclared", [])
        if not undeclared:
            measure(session, "python", path)
            continue
        alone = Path(tempfile.mkdtemp(prefix="gdl-"))
        atexit.register(shutil.rmtree, alone, ignore_errors=True)
        try:
            session.install("--no-deps", "--target", str(alone), *undeclared)
        except nox.command.CommandFailed:
            session.warn(f"{path.name}: {', '.join(undeclared)} did not install; the peer's columns stay empty")
            shutil.rmtree(alone)
        measure(session, "python", path, site=alone)


def measure(
    session: nox.Session, python: str, path: Path, *options: str, suffix: str = "", site: Path | None = None
) -> None:
    """Run a benchmark and keep its table, headed by what it ran on. What lies in `site` is imported before the rest."""
    about = (
        "import torch; print(torch.__version__, torch.cuda.get_device_name() if torch.cuda.is_available() else 'CPU')"
    )
    about = session.run(python, "-c", about, silent=True).strip()
    command = " ".join(["python", f"benchmarks/{path.name}", *options])
    machine = f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, PyTorch {about}"
    head = f"{time.strftime('%Y-%m-%d')}, {machine}: `{command}`"
    found = {} if site is None else {"PYTHONPATH": str(site)}
    table = session.run(python, str(path), *options, silent=True, env={"OMP_WAIT_POLICY": None, **found})
    print(table)
    (ROOT / "benchmarks" / "results" / f"{path.stem}{suffix}.md").write_text(f"{head}\n\n{table}")


@nox.session(venv_backend="none")
def gpu(session: nox.Session) -> None:
    """Tests marked `gpu`, the kit and the benchmarks on a CUDA machine, with the torch of this very interpreter.

    Needs the wheels in dist/ (build them anywhere: `nox -s wheels`) and the dependencies; installs nothing.
    """
    probe = "import torch, sys; sys.exit(not torch.cuda.is_available())"
    if subprocess.run([sys.executable, "-c", probe], capture_output=True, check=False).returncode:
        session.skip("this interpreter has no torch that sees a CUDA device")
    folder = leave(session)
    for path in DIST.glob("*.whl"):
        shutil.unpack_archive(path, folder / "site", "zip")
    session.env["PYTHONPATH"] = str(folder / "site")
    kit = sorted(ROOT.glob("packages/*/tests/**/test_conformance.py"))
    options = ["-c", ROOT / "pyproject.toml", "--rootdir", ROOT, "-p", "no:cacheprovider", "-q"]
    run = [sys.executable, "-m", "pytest", *options]
    session.run(*map(str, [*run, "-m", "gpu", ROOT / "packages", ROOT / "tests"]))
    session.run(*map(str, [*run, *kit]))
    for path in sorted(ROOT.glob("benchmarks/*.py")):
        if '"--device"' in path.read_text():
            measure(session, sys.executable, path, "--device", "cuda", suffix="-cuda")


@nox.session(venv_backend="none")
def summary(session: nox.Session) -> None:
    """The counts of every session that ran tests, and their sum in the last line."""
    total = dict.fromkeys(("passed", "failed", "skipped"), 0)
    for path in sorted(RESULTS.glob("*.xml"), key=lambda path: path.stat().st_mtime):
        suite = ElementTree.parse(path).getroot().find("testsuite")
        failed = int(suite.get("failures")) + int(suite.get("errors"))
        skipped = int(suite.get("skipped"))
        counts = {"passed": int(suite.get("tests")) - failed - skipped, "failed": failed, "skipped": skipped}
        print(
            f"{path.stem:<24}", *(f"{count:>6} {word}" for word, count in counts.items()), f"{suite.get('time'):>9} s"
        )
        total = {word: total[word] + count for word, count in counts.items()}
    print(", ".join(f"{count} {word}" for word, count in total.items()))
    if not total["passed"] or total["failed"]:
        session.error("no test ran" if not total["passed"] else "some tests failed")


take_over_pip_settings()
