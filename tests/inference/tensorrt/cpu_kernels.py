"""The package's CUDA sources, compiled by a C++ compiler and run on the CPU: what a test without a GPU can know.

Blocks run one after the other; a block's threads one after the other too, or as real threads with barriers where a
kernel synchronises. The two instructions that convert FP16 are replaced by the compiler's own type.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from aoi_app.inference.runtimes.tensorrt.gpu.kernels import Define, source

COMPILER = shutil.which("g++") or shutil.which("clang++")

# C's headers only: those of C++ take the compiler most of a second, and there are dozens of kernels.
_PRELUDE = r"""
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
struct Index { int x, y, z; };
static thread_local Index blockIdx, threadIdx;
static pthread_barrier_t whole_block;
#define __global__
#define __device__
#define __constant__ static const
#define __shared__ static
#define __launch_bounds__(n)
struct alignas(16) float4 { float x, y, z, w; };
static inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
template <class To, class From> static To bits(From value) {
    To out;
    memcpy(&out, &value, sizeof out);
    return out;
}
static inline unsigned __float_as_uint(float v) { return bits<unsigned>(v); }
static inline float __uint_as_float(unsigned v) { return bits<float>(v); }
static inline int __float2int_rn(float v) { return (int)lrintf(v); }
static inline unsigned atomicAdd(unsigned* at, unsigned by) { return __atomic_fetch_add(at, by, __ATOMIC_RELAXED); }
static inline unsigned atomicAnd(unsigned* at, unsigned bits) { return __atomic_fetch_and(at, bits, __ATOMIC_RELAXED); }
static inline unsigned atomicOr(unsigned* at, unsigned bits) { return __atomic_fetch_or(at, bits, __ATOMIC_RELAXED); }
static inline int __popc(unsigned value) { return __builtin_popcount(value); }
static inline int __ffs(unsigned value) { return __builtin_ffs((int)value); }
static inline void __syncthreads() { pthread_barrier_wait(&whole_block); }
template <class T> static inline T max(T a, T b) { return a < b ? b : a; }
template <class T> static inline T min(T a, T b) { return b < a ? b : a; }
"""

_CONVERSIONS = {
    'asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(value));': "_Float16 h = value; memcpy(&bits, &h, 2);",
    'asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(*at));': "_Float16 h; memcpy(&h, at, 2); value = h;",
}

_RUNNER = r"""
struct Thread { Index block, thread; void** a; pthread_t id; };
static void* one(void* given) {
    const Thread* self = (const Thread*)given;
    void** a = self->a;
    blockIdx = self->block;
    threadIdx = self->thread;
    KERNEL(ARGUMENTS_OF(a));
    return nullptr;
}
extern "C" int run(int columns, int rows, int threads, int at_once, void** a) {
    static Thread team[1024];
    if (threads > 1024 || (at_once && pthread_barrier_init(&whole_block, nullptr, threads))) return 1;
    for (int y = 0; y < rows; ++y)
        for (int x = 0; x < columns; ++x) {
            for (int t = 0; t < threads; ++t) {
                team[t] = {{x, y, 0}, {t, 0, 0}, a, {}};
                if (!at_once) one(&team[t]);
                // Those that have begun wait for one that cannot: there is nothing to go back to.
                else if (pthread_create(&team[t].id, nullptr, one, &team[t])) abort();
            }
            for (int t = 0; at_once && t < threads; ++t) pthread_join(team[t].id, nullptr);
        }
    return at_once ? pthread_barrier_destroy(&whole_block) : 0;
}
"""


@functools.cache
def _library(name: str, kernel: str, defines: tuple[tuple[str, str], ...]) -> ctypes.CDLL:
    text = source(name)
    for instruction, plain in _CONVERSIONS.items():
        text = text.replace(instruction, plain)
    assert "asm(" not in text
    match = re.search(rf"(?:DECODE|{kernel})\(((?:const Batch\* ?b)[^)]*)\)", _active(text, dict(defines)))
    assert match, f"no kernel {kernel} in {name}"
    parameters = re.sub(r"\bOUTPUTS\b", "u64 *keys, float4 *boxes, int *classes, unsigned *counters", match[1])
    types = [re.sub(r"\w+$", "", p.strip()) for p in parameters.split(",")]
    values = ", ".join(f"({t})a[{i}]" for i, t in enumerate(types))
    runner = _RUNNER.replace("ARGUMENTS_OF(a)", values).replace("KERNEL", kernel)
    # A user's own: another's may not be written to, nor should it be run.
    folder = Path(tempfile.gettempdir()) / f"aoi-cpu-kernels-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    code = _PRELUDE + text + runner
    target = folder / f"{hashlib.sha256((code + repr(defines)).encode()).hexdigest()[:16]}.so"
    if not target.exists():
        draft = target.with_suffix(f".{os.getpid()}.cpp")
        draft.write_text(code)
        macros = [f"-D{k}={v}" for k, v in defines]
        made = draft.with_suffix(".so")
        options = ("-std=c++20", "-O1", "-ffp-contract=off", "-w", "-shared", "-fPIC", "-pthread")
        subprocess.run([str(COMPILER), *options, *macros, str(draft), "-o", str(made)], check=True)
        made.replace(target)
        draft.unlink()
    return ctypes.CDLL(str(target))


def _active(text: str, defines: Mapping[str, str]) -> str:
    """Return the branch of decode.cu for the form that is defined; other sources have only one kernel."""
    form = next((key for key in defines if key.startswith("FORM_")), None)
    if form is None:
        return text
    start = re.search(rf"#(?:if|elif)[^\n]*defined\({form}\)", text)
    assert start, f"no branch for {form}"
    return text[start.end() :]


def run_kernel(
    name: str,
    kernel: str,
    defines: Mapping[str, Define],
    grid: tuple[int, int],
    threads: int,
    addresses: Sequence[int],
) -> None:
    """Run a kernel on host memory.

    Parameters
    ----------
    grid
        Blocks in x and y.
    addresses
        Host addresses, one a parameter.
    """
    if "THREADS" in defines:  # real threads are dear; 40 are more than one warp
        defines, threads = {**defines, "THREADS": 40}, 40
    library = _library(name, kernel, tuple(sorted((k, str(v)) for k, v in defines.items())))
    pointers = (ctypes.c_void_p * len(addresses))(*addresses)
    assert library.run(grid[0], grid[1], threads, int("__syncthreads" in source(name)), pointers) == 0
