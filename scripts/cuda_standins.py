#!/usr/bin/env python3
"""Makes stand-ins for CUDA's libraries to link with, so that a program starts without CUDA.

    scripts/cuda_standins.py CUDARC DIR

CUDARC is the source of the crate cudarc, which declares the functions it calls. DIR/lib gets an archive
for each of CUDA's libraries. Each function in it is a few instructions that jump through a table. The first call fills an
entry of the table: with the function of the real library or, if that is not installed, with one that returns an error code.
"""
import pathlib, re, subprocess, sys, tempfile

# Name, folder of its declarations, file names to try, and the code that is returned when there is none:
# "no device" for the driver, "not initialized" or similar for the others.
LIBRARIES = [
    ('cuda', 'driver', ['libcuda.so.1'], 100),
    ('cublas', 'cublas', ['libcublas.so.13', 'libcublas.so.12', 'libcublas.so'], 1),
    ('cublasLt', 'cublaslt', ['libcublasLt.so.13', 'libcublasLt.so.12', 'libcublasLt.so'], 1),
    ('curand', 'curand', ['libcurand.so.10', 'libcurand.so'], 101),
    ('nvrtc', 'nvrtc', ['libnvrtc.so.13', 'libnvrtc.so.12', 'libnvrtc.so'], 11),
    ('cudnn', 'cudnn', ['libcudnn.so.9', 'libcudnn.so'], 1001),
    ('nccl', 'nccl', ['libnccl.so.2', 'libnccl.so'], 3),
]
DECLARATION = re.compile(r'^ +fn (\w+)\(.*?\)(?: -> ([^;]+))?;', re.MULTILINE)

LOADER = '''
#include <dlfcn.h>
#include <stdio.h>
static const char *const files[] = {%(files)s, 0};
static const struct { const char *name; int text; } functions[] = {%(functions)s};
__attribute__((visibility("hidden"))) void *standin_%(name)s_table[sizeof functions / sizeof *functions];
static long no_library(void) { return %(code)d; }
static const char *no_text(void) { return "%(first)s is not installed"; }
static void *library(void) {
    static void *opened;
    static int asked;
    if (!__atomic_load_n(&asked, __ATOMIC_ACQUIRE)) {
        void *found = 0;
        for (int i = 0; files[i] && !found; i++) found = dlopen(files[i], RTLD_NOW | RTLD_GLOBAL);
        __atomic_store_n(&opened, found, __ATOMIC_RELEASE);
        __atomic_store_n(&asked, 1, __ATOMIC_RELEASE);
    }
    return __atomic_load_n(&opened, __ATOMIC_ACQUIRE);
}
__attribute__((visibility("hidden"))) void *standin_%(name)s_find(unsigned long index) {
    void *from = library(), *found = from ? dlsym(from, functions[index].name) : 0;
    if (from && !found) fprintf(stderr, "%(first)s has no function %%s\\n", functions[index].name);
    if (!found) found = functions[index].text ? (void *)no_text : (void *)no_library;
    __atomic_store_n(&standin_%(name)s_table[index], found, __ATOMIC_RELEASE);
    return found;
}
'''

# Finds a function with every register of the call kept: six of integers, the count of vectors, eight of vectors.
FIND = '''
.text
.hidden standin_{name}_table
.hidden standin_{name}_find
.type standin_{name}_first_call,@function
standin_{name}_first_call:
    .cfi_startproc
    .cfi_def_cfa_offset 16
    pushq %rbp
    .cfi_def_cfa_offset 24
    .cfi_offset %rbp, -24
    movq %rsp, %rbp
    .cfi_def_cfa_register %rbp
    andq $-16, %rsp
    subq $192, %rsp
{save}
    movq 8(%rbp), %rdi
    call standin_{name}_find
    movq %rax, %r11
{restore}
    leave
    .cfi_def_cfa %rsp, 16
    addq $8, %rsp
    jmp *%r11
    .cfi_endproc
.size standin_{name}_first_call, .-standin_{name}_first_call
'''
ENTRY = '''
.globl {function}
.type {function},@function
{function}:
    movq standin_{name}_table+{offset}(%rip), %r11
    testq %r11, %r11
    je 1f
    jmp *%r11
1:  pushq ${index}
    jmp standin_{name}_first_call
.size {function}, .-{function}
'''
REGISTERS = [('movq', f'%{r}', 8 * i) for i, r in enumerate(['rdi', 'rsi', 'rdx', 'rcx', 'r8', 'r9', 'rax', 'r10'])]
REGISTERS += [('movups', f'%xmm{i}', 64 + 16 * i) for i in range(8)]


def declared(path):
    """The functions that a file of bindings declares, and whether each returns text."""
    found = {name: 'c_char' in (result or '') for name, result in DECLARATION.findall(path.read_text())}
    if len(found) < 10:
        sys.exit(f'{path}: only {len(found)} declarations were understood')
    return sorted(found.items())


def build(name, functions, files, code, work, lib):
    quoted = ', '.join(f'"{file}"' for file in files)
    table = ', '.join(f'{{"{function}", {int(text)}}}' for function, text in functions)
    loader = LOADER % dict(name=name, files=quoted, functions=table, code=code, first=files[0])
    save = '\n'.join(f'    {move} {register}, {at}(%rsp)' for move, register, at in REGISTERS)
    restore = '\n'.join(f'    {move} {at}(%rsp), {register}' for move, register, at in REGISTERS)
    entries = [ENTRY.format(name=name, function=function, index=i, offset=8 * i) for i, (function, _) in enumerate(functions)]
    assembly = FIND.format(name=name, save=save, restore=restore) + ''.join(entries) + '.section .note.GNU-stack,"",@progbits\n'
    objects = []
    for suffix, text in [('c', loader), ('S', assembly)]:
        source, target = work / f'{name}.{suffix}', work / f'{name}.{suffix}.o'
        source.write_text(text)
        subprocess.run(['gcc', '-O2', '-fPIC', '-w', '-c', source, '-o', target], check=True)
        objects.append(target)
    archive = lib / f'lib{name}.a'
    archive.unlink(missing_ok=True)
    subprocess.run(['ar', 'crs', archive, *objects], check=True)
    print(f'{archive.name}: {len(functions)} functions')


def main():
    source, target = map(pathlib.Path, sys.argv[1:])
    lib = target / 'lib'
    lib.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        for name, folder, files, code in LIBRARIES:
            functions = declared(source / 'src' / folder / 'sys' / 'mod.rs')
            build(name, functions, files, code, pathlib.Path(work), lib)


if __name__ == '__main__':
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main()
