"""Starts torch with less memory: imported before anything else in a child whose own work needs little.

Starting torch touches 70 MB of machine code, of which a merge uses a fifth. Code that nobody wrote to may be forgotten
by the system at any time; what is used again comes back from the file's cache.
"""

import contextlib
import ctypes
import importlib.util
import re
from pathlib import Path

MAPS = Path("/proc/self/smaps")
MADV_DONTNEED = 4
# A mapped library's code: where it lies, and how much of it is no longer what is in the file.
CODE = re.compile(
    rb"^([0-9a-f]+)-([0-9a-f]+) r-xp [^\n]*\.so[^\n]*\n(?:[A-Z][^\n]*\n)*?Anonymous: +(\d+) kB", re.MULTILINE
)


def start_torch_leanly() -> None:
    """Load the libraries of a torch without CUDA; give back what their start touched before Python's side starts."""
    spec = importlib.util.find_spec("torch")
    if spec is None or spec.origin is None or not MAPS.exists():
        return
    libraries = Path(spec.origin).parent / "lib"
    if (libraries / "libtorch_cuda.so").exists():
        return  # beside what CUDA needs, this is nothing
    with contextlib.suppress(OSError):  # then torch loads them, and says what is wrong
        ctypes.CDLL(str(libraries / "libtorch_global_deps.so"), ctypes.RTLD_GLOBAL)
        ctypes.CDLL(str(libraries / "libtorch_python.so"))
    give_back_library_code()


def give_back_library_code() -> None:
    """Let the system forget all code of libraries that this process has touched."""
    if not MAPS.exists():
        return
    madvise = ctypes.CDLL(None).madvise
    madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    for first, after, changed in CODE.findall(MAPS.read_bytes()):
        if int(changed) == 0:
            start, end = int(first, 16), int(after, 16)
            madvise(start, end - start, MADV_DONTNEED)
