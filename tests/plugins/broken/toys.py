"""Small broken plugins, one per way of being broken, made from one table as real wheels.

``python toys.py FOLDER`` writes the wheels, for ``pip install --no-deps FOLDER/*.whl``; `install` unpacks them into a
folder for PYTHONPATH, which is what an installer does with a pure wheel.
"""

import base64
import hashlib
import sys
import textwrap
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

# Every toy says that it was imported: what a disabled or rejected plugin must not do.
LOG = """
import os

if os.environ.get("TOY_LOG"):
    with open(os.environ["TOY_LOG"], "a") as log:
        log.write(__name__ + "\\n")
"""

HEALTHY = """
from gdl_core.plugins import Component, hookimpl

GDL_API = (1, 0)

@hookimpl
def gdl_components():
    yield Component("layer", "identity", "{package}.layer:Identity", "Returns its input.")
"""


@dataclass(frozen=True)
class Toy:
    """A distribution with one plugin, the status it must get, and words that its reason must contain."""

    key: str
    status: str
    reason: tuple[str, ...]
    plugin: str = HEALTHY
    entry: str = ""  # the entry point's name; the key by default
    init: str = ""
    requires: str = "gdl-core"
    imported: bool = True  # whether finding out needs running its code

    @property
    def distribution(self) -> str:
        return f"gdl-toy-{self.key.replace('_', '-')}"

    @property
    def package(self) -> str:
        return f"gdl_toy_{self.key}"

    @property
    def name(self) -> str:
        return self.entry or self.key

    def files(self) -> dict[str, str]:
        info = f"{self.package}-0.1.0.dist-info"
        return {
            f"{self.package}/__init__.py": LOG + self.init,
            f"{self.package}/_plugin.py": LOG + self.plugin.replace("{package}", self.package),
            f"{self.package}/layer.py": "class Identity:\n    pass\n",
            f"{info}/METADATA": (
                f"Metadata-Version: 2.1\nName: {self.distribution}\nVersion: 0.1.0\nRequires-Dist: {self.requires}\n"
            ),
            f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: toys\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            f"{info}/entry_points.txt": f"[gdl.plugins]\n{self.name} = {self.package}._plugin\n",
        }


TOYS = (
    Toy("healthy", "loaded", ()),
    # The ten of research/architecture.md, appendix C.
    Toy(
        "import_error",
        "failed",
        ("ModuleNotFoundError", "not_there", "gdl_toy_import_error/_plugin.py line"),
        plugin="import not_there\n" + HEALTHY,
    ),
    Toy("no_api", "incompatible", ("has no GDL_API", "(1, 0)"), HEALTHY.replace("GDL_API = (1, 0)", "")),
    Toy("future_api", "incompatible", ("API 2.0", "core has 1."), HEALTHY.replace("(1, 0)", "(2, 0)")),
    Toy(
        "misspelt",
        "failed",
        ("no hook 'gdl_componentz'", "Did you mean 'gdl_components'"),
        HEALTHY.replace("gdl_components", "gdl_componentz"),
    ),
    Toy(
        "unknown_argument",
        "failed",
        ("gdl_components takes no argument", "'registry'"),
        HEALTHY.replace("gdl_components()", "gdl_components(registry)"),
    ),
    Toy("twin_a", "conflict", ("gdl-toy-twin-a 0.1.0", "gdl-toy-twin-b"), entry="twin", imported=False),
    Toy("twin_b", "conflict", ("gdl-toy-twin-a 0.1.0", "gdl-toy-twin-b"), entry="twin", imported=False),
    Toy(
        "lost_target",
        "failed",
        ("lost_target/identity", "has no 'Identitty'", "Did you mean 'Identity'"),
        HEALTHY.replace(":Identity", ":Identitty"),
    ),
    Toy(
        "heavy",
        "failed",
        ("gdl_toy_heavy/__init__.py line", "imports torch", "lazy"),
        init="import torch\n",
        imported=False,
    ),
    Toy(
        "bad_name",
        "failed",
        ("'not-an-identifier'", "identifier"),
        entry="not-an-identifier",
        imported=False,
    ),
    Toy(
        "half_way",
        "failed",
        ("RuntimeError: half-way", "gdl_toy_half_way/_plugin.py line"),
        HEALTHY + "    raise RuntimeError('half-way')\n",
    ),
    # And two more ways that were seen in other projects.
    Toy(
        "future_core",
        "incompatible",
        ("requires gdl-core>=99", "this is gdl-core"),
        requires="gdl-core>=99",
        imported=False,
    ),
    Toy("exits", "failed", ("SystemExit",), plugin="raise SystemExit(3)\n"),
)


def write_wheel(toy: Toy, folder: Path) -> Path:
    """Write the wheel of a toy and return its path."""
    path = folder / f"{toy.package}-0.1.0-py3-none-any.whl"
    record = []
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in toy.files().items():
            data = textwrap.dedent(text).encode()
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            record.append(f"{name},sha256={digest},{len(data)}")
            archive.writestr(name, data)
        name = f"{toy.package}-0.1.0.dist-info/RECORD"
        archive.writestr(name, "\n".join([*record, f"{name},,", ""]))
    return path


def install(toys: Iterable[Toy], folder: Path) -> Path:
    """Unpack the wheels of `toys` into ``folder/site`` and return it, for PYTHONPATH."""
    site = folder / "site"
    site.mkdir(parents=True)
    for toy in toys:
        with zipfile.ZipFile(write_wheel(toy, folder)) as archive:
            archive.extractall(site)
    return site


if __name__ == "__main__":
    for each in TOYS:
        write_wheel(each, Path(sys.argv[1]))
