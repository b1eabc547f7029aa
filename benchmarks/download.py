"""How fast an adapter version comes out of Graft, beside nginx sending the same bytes.

Run: `python benchmarks/download.py [--gb 1 4] [--rounds 7]`. It needs `nginx` and `curl` (Debian: `apt-get install
nginx-light curl`). For each size it registers an adapter whose weights have that many GB (10^9 bytes, random) in a
Graft of its own (SQLite, files on disk), starts the web process with the command that the launcher starts it with, and
an nginx with one process, `sendfile`, no access log, whose files are Graft's own blob, and the zip as Graft made it.
curl fetches each into /dev/null by turns: Graft with a real token over REST, then nginx, then the next. Every byte is
in the page cache before. Given are the fastest rounds and the medians, and what Graft reaches of nginx's speed; the
fastest say more where other programs use the machine. Then the processor time that each server spends on a GB, which
does not depend on them. `peak` is the web process's largest resident set so far, which must not grow with the size.
"""

import argparse
import json
import os
import re
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from adapters.models import AdapterVersion

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
DIGESTS = ("weights_root", "arch_digest", "tokenizer_digest", "chat_template_digest", "leaves_sha256")
BLOCK = 16_000_000
START_SECONDS = 60
NGINX = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/nginx.log; {user}
events {{ worker_connections 64; }}
http {{
  access_log off; sendfile on; tcp_nopush on; default_type application/octet-stream;
  client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
  uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
  server {{ listen 127.0.0.1:{port}; location / {{ root {files}; }} }}
}}
"""


@dataclass(frozen=True)
class Server:
    """A running server: its process, and where it answers."""

    process: "subprocess.Popen[bytes]"
    url: str

    def peak_mb(self) -> float:
        """The largest resident set that the process had."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024  # type: ignore[index]

    def cpu_seconds(self) -> float:
        """The processor time that the process has used, threads and kernel included."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def write_adapter(folder: Path, size: int) -> None:
    """An adapter with one large tensor of random bytes."""
    folder.mkdir()
    rows = size // 32
    header = {"base_model.model.layers.0.q_proj.lora_A.weight": {"dtype": "F32", "shape": [rows, 8]}}
    header["base_model.model.layers.0.q_proj.lora_A.weight"]["data_offsets"] = [0, rows * 32]
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with (folder / "adapter_model.safetensors").open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        left = rows * 32
        while left:
            file.write(os.urandom(min(BLOCK, left)))
            left -= min(BLOCK, left)
    (folder / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "r": 8}))


def make_workspace() -> str:
    """The workspace `bench` with a base revision; gives a token for it."""
    from adapters.models import BaseModel
    from finetune_app.accounts.access import workspace_access
    from finetune_app.accounts.models import Membership, Role, User, Workspace
    from finetune_app.accounts.services.create_token import create_token

    workspace = Workspace.objects.create(slug="bench", name="Bench")
    user = User.objects.create_user("bench")
    Membership.objects.create(workspace=workspace, user=user, role=Role.VIEWER)
    BaseModel.objects.create(workspace=workspace, name="base").revisions.create(
        number=1,
        **dict.fromkeys(
            ("weights_root", "arch_digest", "tokenizer_digest", "chat_template_digest", "leaves_sha256"), "0"
        ),
        files=[],
        architecture="None",
        parameters=0,
        dtype="float32",
        linear_modules=[],
        source="made by the benchmark",
    )
    return create_token(workspace_access(user, "bench"), name="bench")[1]


def register(folder: Path, size: int) -> "AdapterVersion":
    """The next version of the adapter `large`, with weights of `size` bytes."""
    from adapters.manifest import Lineage
    from adapters.models import BaseRevision
    from adapters.services.register_version import register_version

    base = BaseRevision.objects.get()
    write_adapter(folder, size)
    lineage = Lineage(
        job=1, dataset="rows", dataset_version=1, dataset_sha256="0" * 64, config={}, libraries={}, seed=1
    )
    try:
        return register_version(
            workspace=base.base_model.workspace,
            adapter_name="large",
            base_revision=base,
            folder=folder,
            lineage=lineage,
            source_key=str(size),
            created_by=None,
        )
    finally:
        shutil.rmtree(folder)


@contextmanager
def running(command: list[str], url: str, *, answers: str) -> Iterator[Server]:
    """The server while the block runs, once `answers` does."""
    process = subprocess.Popen(command, cwd=ROOT)
    try:
        until = time.monotonic() + START_SECONDS
        while True:
            try:
                with urllib.request.urlopen(f"{url}{answers}", timeout=5):
                    break
            except OSError:
                if process.poll() is not None or time.monotonic() > until:
                    sys.exit(f"{command[0]} does not start")
                time.sleep(0.1)
        yield Server(process, url)
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def graft() -> Iterator[Server]:
    """The web process, as the launcher starts it."""
    from launcher.home import Home
    from launcher.plan import plan
    from launcher.variables import read_variables

    environment = read_variables()
    [web] = [process for process in plan(environment, Home(environment.graft_home)) if process.name == "web"]
    with running(
        [sys.executable, *web.command], f"http://127.0.0.1:{environment.port}", answers="/health/live"
    ) as found:
        yield found


@contextmanager
def nginx(folder: Path, files: Path, port: int) -> Iterator[Server]:
    """An nginx that serves `files`."""
    config = folder / "nginx.conf"
    user = "user root;" if os.geteuid() == 0 else ""
    config.write_text(NGINX.format(folder=folder, files=files, port=port, user=user))
    (files / "ready").write_text("yes")
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    with running(
        [program, "-p", str(folder), "-c", str(config)], f"http://127.0.0.1:{port}", answers="/ready"
    ) as found:
        yield found


def fetch(url: str, token: str, size: int) -> float:
    """Bytes per second that curl sees; all of them must come."""
    command = ["curl", "--silent", "--show-error", "--fail", "--noproxy", "*", "--output", "/dev/null"]
    command += ["--header", f"Authorization: Bearer {token}", "--write-out", "%{size_download} %{time_total}", url]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=600)
    came, seconds = done.stdout.split()
    if int(came) != size:
        sys.exit(f"{url}: {came} bytes came, not {size}")
    return size / float(seconds)


@dataclass(frozen=True)
class Side:
    """One of the two servers, and a download from it that gives its bytes per second."""

    server: Server
    fetch: Callable[[], float]


def by_turns(what: str, rounds: int, gigabytes: float, ours: Side, theirs: Side) -> None:
    """Measure and print one line; the first round, which warms up, is left out."""
    speeds: dict[Side, list[float]] = {ours: [], theirs: []}
    for side in speeds:
        side.fetch()
    before = {side: side.server.cpu_seconds() for side in speeds}
    for _ in range(rounds):
        for side, found in speeds.items():
            found.append(side.fetch() / 1e6)
    best, middle = ({side: choose(found) for side, found in speeds.items()} for choose in (max, statistics.median))
    cpu = {side: (side.server.cpu_seconds() - before[side]) / rounds / gigabytes * 1e3 for side in speeds}
    print(
        f"{what}: fastest {best[ours]:,.0f} MB/s, nginx {best[theirs]:,.0f}: {best[ours] / best[theirs]:.0%}; "
        f"median {middle[ours]:,.0f}, nginx {middle[theirs]:,.0f}: {middle[ours] / middle[theirs]:.0%}; "
        f"processor {cpu[ours]:.0f} ms a GB, nginx {cpu[theirs]:.0f}",
        flush=True,
    )


def measure(gigabytes: list[float], rounds: int, folder: Path) -> None:
    """All sizes."""
    from finetune_app.storage.blobs import local_path
    from launcher.ports import free_port

    token = make_workspace()
    files = folder / "files"
    files.mkdir()
    with graft() as ours, nginx(folder, files, free_port()) as theirs:
        print(f"web process at rest: peak {ours.peak_mb():.0f} MB")
        for gigabyte in gigabytes:
            version = register(folder / "adapter", int(gigabyte * 1e9))
            weights = next(file for file in version.manifest["files"] if file["path"].endswith(".safetensors"))
            (files / "weights").unlink(missing_ok=True)
            (files / "weights").symlink_to(local_path(weights["sha256"]) or "")
            address = f"{ours.url}/api/v1/adapters/large/versions/{version.number}"
            with (
                urllib.request.urlopen(
                    urllib.request.Request(f"{address}/download", headers={"Authorization": f"Bearer {token}"})
                ) as answer,
                (files / "zip").open("wb") as file,
            ):
                shutil.copyfileobj(answer, file, BLOCK)
            for what, path, name, size in (
                ("file", f"files/{weights['path']}", "weights", weights["size"]),
                ("zip", "download", "zip", version.archive_size),
            ):
                by_turns(
                    f"{gigabyte:g} GB, {what}",
                    rounds,
                    size / 1e9,
                    Side(ours, partial(fetch, f"{address}/{path}", token, size)),
                    Side(theirs, partial(fetch, f"{theirs.url}/{name}", token, size)),
                )
            print(f"{gigabyte:g} GB: web process peak {ours.peak_mb():.0f} MB", flush=True)


def main() -> None:
    """Read the options, prepare a Graft of its own, measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gb", type=float, nargs="+", default=[1, 4])
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        from launcher.ports import free_port

        os.environ |= {"GRAFT_HOME": str(folder / "home"), "PORT": str(free_port()), "HOST": "127.0.0.1"}
        os.environ["DJANGO_SETTINGS_MODULE"] = "finetune_app.settings"
        for variable in ("DATABASE_URL", "STORAGE_URL", "REDIS_URL"):
            os.environ.pop(variable, None)
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0)
        measure(options.gb, options.rounds, folder)


if __name__ == "__main__":
    main()
