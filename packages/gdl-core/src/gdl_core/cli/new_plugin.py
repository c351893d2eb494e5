"""``gdl new-plugin NAME``: the skeleton of a plugin, which installs, lists and passes the conformance kit as it is."""

import argparse
import keyword
import shutil
import tempfile
from pathlib import Path
from string import Template

from gdl_core import plugins
from gdl_core._version import __version__
from gdl_core.errors import GdlError
from gdl_core.plugins.steps import entries

SKELETON = Path(plugins.__file__).parent / "skeleton"


def run(argv: list[str]) -> int:
    """Write ``gdl-NAME`` and say what to type next."""
    parser = argparse.ArgumentParser(prog="gdl new-plugin", description=__doc__)
    parser.add_argument("name", help="the namespace, a Python identifier in lower case such as hyperbolic")
    parser.add_argument("--path", type=Path, default=Path(), help="the folder to write gdl-NAME into")
    options = parser.parse_args(argv)
    folder = write(options.name, options.path)
    written = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    print(f"Wrote {folder} ({len(written)} files). Next:\n")
    print(f'  cd {folder}\n  pip install -e ".[test]"\n  gdl plugins show {options.name}\n  pytest')
    return 0


def write(name: str, path: Path) -> Path:
    """Write the skeleton of the plugin `name` into ``path/gdl-NAME`` and return that folder.

    Raises:
        GdlError: the name is no identifier or taken, the folder exists, or it cannot be written. Nothing is left then.
    """
    _check_name(name)
    folder = path / f"gdl-{name.replace('_', '-')}"
    if folder.exists():
        raise GdlError(f"{folder} exists already; nothing was written. Choose another name or --path")
    major, minor = __version__.split(".")[:2]
    values = {
        "name": name,
        "package": f"gdl_{name}",
        "distribution": folder.name,
        "api": repr(plugins.GDL_API),
        "core_range": f">={major}.{minor},<{major}.{int(minor) + 2}",
    }
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path, prefix=f".{folder.name}-") as half:  # whole or not at all
            rendered = Path(half) / folder.name
            for template in sorted(SKELETON.rglob("*.tmpl")):
                _render(template, rendered, values)
            shutil.move(rendered, folder)
    except OSError as error:
        raise GdlError(f"The plugin cannot be written to {folder}: {error.strerror or error}") from error
    return folder


def _render(template: Path, folder: Path, values: dict[str, str]) -> None:
    inside = template.relative_to(SKELETON).with_suffix("").as_posix()
    # Tools would read a real .gitignore of the skeleton as core's own, so it has no dot there.
    inside = inside.replace("PACKAGE", values["package"]).replace("gitignore", ".gitignore")
    target = folder / inside
    target.parent.mkdir(parents=True, exist_ok=True)
    text = template.read_text(encoding="utf-8")
    target.write_text(Template(text).substitute(values), encoding="utf-8")


def _check_name(name: str) -> None:
    bare = name.lower().removeprefix("gdl-").removeprefix("gdl_").replace("-", "_")
    if not name.isidentifier() or not name.isascii() or name != bare or keyword.iskeyword(name):
        usable = bare.isidentifier() and bare.isascii() and not keyword.iskeyword(bare)
        hint = f" Did you mean {bare!r}?" if usable and bare != name else ""
        raise GdlError(f"A plugin's name must be a Python identifier in lower case, without 'gdl', got {name!r}.{hint}")
    for entry in entries():
        if entry.name == name:
            dist = entry.dist.name if entry.dist else "another distribution"
            raise GdlError(f"The name {name!r} belongs to {dist}, which is installed here; choose another one")
