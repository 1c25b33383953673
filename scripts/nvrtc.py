#!/usr/bin/env python3
"""Compiles CUDA files with nvrtc, with the options that the program uses; needs no GPU.

    scripts/nvrtc.py LIBNVRTC FILE ...

Prints the files that do not compile, and exits with 1 if there are any.
"""
import ctypes, pathlib, sys

ARCHITECTURES = ['compute_80', 'compute_90']


def compiles(nvrtc, file, arch):
    """None, or why not."""
    program, size = ctypes.c_void_p(), ctypes.c_size_t()
    nvrtc.nvrtcCreateProgram(ctypes.byref(program), file.read_bytes(), file.name.encode(), 0, None, None)
    options = (ctypes.c_char_p * 2)(f'--gpu-architecture={arch}'.encode(), b'--std=c++17')
    failed = nvrtc.nvrtcCompileProgram(program, 2, options)
    nvrtc.nvrtcGetProgramLogSize(program, ctypes.byref(size))
    log = ctypes.create_string_buffer(size.value)
    nvrtc.nvrtcGetProgramLog(program, log)
    nvrtc.nvrtcDestroyProgram(ctypes.byref(program))
    return log.value.decode(errors='replace') if failed else None


def main():
    nvrtc, bad = ctypes.CDLL(sys.argv[1]), 0
    files = [pathlib.Path(name) for name in sys.argv[2:]]
    for file in files:
        for arch in ARCHITECTURES:
            why = compiles(nvrtc, file, arch)
            if why is not None:
                bad += 1
                print(f'{file.name} does not compile for {arch}:\n{why}', file=sys.stderr)
    if not bad:
        print(f'{len(files)} modules compile by nvrtc for {" and ".join(ARCHITECTURES)}')
    return 1 if bad else 0


if __name__ == '__main__':
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    sys.exit(main())
