#!/usr/bin/env python3
"""Runs a program of this machine on an emulated processor with AMX (Sapphire Rapids), under Linux in Bochs.

    scripts/amx_machine.py [--into target/amx-machine] [--add FILE ...] [--timeout MINUTES] -- COMMAND [ARGUMENT ...]

COMMAND is a line of a shell in which every FILE is in the working directory, with the shared libraries that it needs:

    scripts/amx_machine.py --add target/release/sibert -- ./sibert devices

Prints what the command prints and exits with its status. The first call fetches Linux, busybox and the source of Bochs from
Debian (31 MB, checked by SHA-256), mends Bochs (amx_machine/bochs.patch says what), and builds it in the folder, in some minutes.
It needs no root, changes nothing outside the folder, and needs a C++ compiler, make, patch, binutils and dpkg-deb. Linux is up
after about a minute; `serial` in the folder has its messages.

Bochs interprets one core, at some ten million instructions a second. It says nothing about speed.
"""
import argparse, hashlib, os, pathlib, shlex, shutil, struct, subprocess, sys, time, urllib.request

HERE = pathlib.Path(__file__).resolve().parent / 'amx_machine'
MIRRORS = ['http://deb.debian.org/debian', 'http://snapshot.debian.org/archive/debian/20261129T000000Z']
BOCHS = ('pool/main/b/bochs/bochs_3.0+dfsg.orig.tar.xz', '78f6c73d4a6472d5130a87ab9dc306d02c7c71ed8e25b3a8ef642e2a7acd282b')
LINUX = ('pool/main/l/linux-signed-amd64/linux-image-6.1.0-50-cloud-amd64_6.1.176-1_amd64.deb',
         'efe19f605b6f54a8352e68d85a629abb2d30b72a085faef603a9152590baa791')
BUSYBOX = ('pool/main/b/busybox/busybox-static_1.37.0-6+b9_amd64.deb',
           '598a3fd92bdafc34cd81196b2952ad36e910e47a4ecf162f8ce5e8e262598e53')
OPTIONS = ['--with-nogui', '--enable-cpu-level=6', '--enable-x86-64', '--enable-avx', '--enable-evex', '--enable-amx',
           '--enable-all-optimizations', '--disable-docbook']

MEMORY = 1 << 30
PARAMETERS, COMMAND_LINE, KERNEL, FILES = 0x90000, 0x91000, 0x100000, 0x8000000
# Linux finds no fast strings in Bochs and leaves `rep movsb` aside, but would still take a short one for fast (580, FSRM): then
# memmove runs past its end.
ARGUMENTS = ('console=ttyS0 earlyprintk=serial,ttyS0,115200 rdinit=/init nokaslr acpi=off pci=off nolapic noapic mitigations=off '
             'tsc=reliable tsc_early_khz=50000 clearcpuid=580 random.trust_cpu=on')
BEGIN, END = 'amx-machine begins', 'amx-machine ended with '


def stop(message):
    sys.exit(f'amx_machine.py: {message}')


def fetch(folder, file, digest):
    """The file of Debian's archive, from the folder or from a mirror."""
    path = folder / pathlib.PurePath(file).name
    if not path.exists():
        path.write_bytes(download(file))
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != digest:
        stop(f'{path} has the SHA-256 {found}, expected {digest}; remove it to fetch it again')
    return path


def download(file):
    """The file's contents, from the first mirror that has it."""
    for mirror in MIRRORS:
        print(f'fetching {mirror}/{file}', file=sys.stderr)
        try:
            with urllib.request.urlopen(f'{mirror}/{file}', timeout=60) as answer:
                return answer.read()
        except OSError as error:
            print(f'  {error}', file=sys.stderr)
    stop(f'none of the mirrors has {file}')


def unpack(package, member):
    """One file of a Debian package."""
    files = subprocess.run(['dpkg-deb', '--fsys-tarfile', package], check=True, capture_output=True).stdout
    return subprocess.run(['tar', '-xO', f'./{member}'], input=files, check=True, capture_output=True).stdout


def build_bochs(folder):
    """Bochs, mended."""
    patch = (HERE / 'bochs.patch').read_bytes()
    program, built = folder / 'bochs', folder / 'bochs.built'
    wanted = hashlib.sha256(patch + ' '.join([*BOCHS, *OPTIONS]).encode()).hexdigest()
    if program.exists() and built.exists() and built.read_text() == wanted:
        return program
    source = folder / 'source'
    shutil.rmtree(source, ignore_errors=True)
    source.mkdir()
    subprocess.run(['tar', '-xf', fetch(folder, *BOCHS), '-C', source, '--strip-components=1'], check=True)
    subprocess.run(['patch', '--quiet', '-p1'], input=patch, cwd=source, check=True)
    print(f'building Bochs; {folder}/build.log grows meanwhile', file=sys.stderr)
    with (folder / 'build.log').open('w') as log:
        for command in (['./configure', *OPTIONS, 'CXXFLAGS=-O2'], ['make', f'-j{os.cpu_count()}', 'bochs']):
            if subprocess.run(command, cwd=source, stdout=log, stderr=log).returncode:
                stop(f'{command[0]} failed: see {folder}/build.log')
    shutil.copy2(source / 'bochs', program)
    shutil.rmtree(source)
    built.write_text(wanted)
    return program


def libraries(program):
    """The shared libraries of a program, with the loader, by their paths."""
    listed = subprocess.run(['ldd', program], capture_output=True, text=True).stdout
    return [word for line in listed.splitlines() for word in line.split() if word.startswith('/')]


def archive(entries):
    """A cpio archive of (path, mode, contents)."""
    out = bytearray()
    for inode, (path, mode, contents) in enumerate([*entries, ('TRAILER!!!', 0, b'')], 1):
        name = path.encode() + b'\0'
        fields = [inode, mode, 0, 0, 1, 0, len(contents), 0, 0, 0, 0, len(name), 0]
        for part in (b'070701' + b''.join(b'%08x' % field for field in fields) + name, contents):
            out += part + bytes(-len(part) % 4)
    return bytes(out)


def initial_files(folder, added, command):
    """What the machine finds at its start: busybox, the files and the libraries they need."""
    files = {'init': (HERE / 'init.sh').read_bytes(), 'job/command': command.encode() + b'\n',
             'bin/busybox': unpack(fetch(folder, *BUSYBOX), 'usr/bin/busybox')}
    for path in added:
        files[f'job/{path.name}'] = path.read_bytes()
        files |= {library.lstrip('/'): pathlib.Path(library).read_bytes() for library in libraries(path)}
    folders = {str(parent) for name in files for parent in pathlib.PurePosixPath(name).parents} - {'.'}
    entries = [(name, 0o040755, b'') for name in sorted(folders | {'proc', 'sys', 'dev', 'tmp'})]
    entries.append(('bin/sh', 0o120777, b'busybox'))
    return archive(entries + [(name, 0o100755, contents) for name, contents in files.items()])


def kernel_and_parameters(image, files):
    """The part of a bzImage that runs in protected mode, and the page of parameters with the command line behind it."""
    header = image[0x1f1:0x202 + image[0x201]]
    start = (image[0x1f1] + 1) * 512
    page = bytearray(COMMAND_LINE - PARAMETERS)
    page[0x1f1:0x1f1 + len(header)] = header
    page[0x210] = 0xff # an unknown loader
    page[0x218:0x220] = struct.pack('<II', FILES, len(files))
    page[0x228:0x22c] = struct.pack('<I', COMMAND_LINE)
    memory = [(0, 0x9f000), (0x100000, MEMORY - 0x100000)]
    page[0x1e8] = len(memory)
    for i, (address, size) in enumerate(memory):
        page[0x2d0 + 20 * i:0x2e4 + 20 * i] = struct.pack('<QQI', address, size, 1)
    return image[start:], bytes(page) + ARGUMENTS.encode() + b'\0'


def firmware(folder):
    """The machine's first instructions; of its screen nothing."""
    (folder / 'vga.rom').write_bytes(bytes(512))
    rom, object_file = folder / 'boot.rom', folder / 'boot.o'
    symbols = ['--defsym', f'PARAMETERS={PARAMETERS}', '--defsym', f'KERNEL={KERNEL}']
    subprocess.run(['as', '--32', *symbols, '-o', object_file, HERE / 'boot.S'], check=True)
    subprocess.run(['ld', '-m', 'elf_i386', '-Ttext', '0', '--oformat', 'binary', '-o', rom, object_file], check=True)


def configure(folder, added, command):
    """Writes all that Bochs reads."""
    firmware(folder)
    files = initial_files(folder, added, command)
    if FILES + len(files) > MEMORY // 2:
        stop(f'the files have {len(files) >> 20} MiB, more than the machine holds')
    name = LINUX[0].split('linux-image-')[1].split('_')[0]
    kernel, parameters = kernel_and_parameters(unpack(fetch(folder, *LINUX), f'boot/vmlinuz-{name}'), files)
    images = {'kernel': (kernel, KERNEL), 'parameters': (parameters, PARAMETERS), 'files': (files, FILES)}
    lines = [f'memory: guest={MEMORY >> 20}, host={MEMORY >> 20}', 'pci: enabled=0', 'clock: sync=none',
             'cpu: model=sapphire_rapids, count=1, ips=50000000, reset_on_triple_fault=0',
             'romimage: file=boot.rom', 'vgaromimage: file=vga.rom', 'com1: enabled=1, mode=file, dev=serial',
             'display_library: nogui', 'log: bochs.log', 'panic: action=fatal', 'error: action=ignore', 'info: action=ignore']
    for i, (image, (contents, address)) in enumerate(images.items(), 1):
        (folder / image).write_bytes(contents)
        lines.append(f'optramimage{i}: file={image}, address={address:#x}')
    (folder / 'bochsrc').write_text('\n'.join(lines) + '\n')


def follow(process, serial, deadline):
    """Prints what the command prints on the serial line until the machine says that it has ended; its status, or None."""
    rest, begun = '', False
    with serial.open(errors='replace', newline='') as output:
        while True:
            ended = process.poll() is not None or time.monotonic() > deadline
            rest += output.read()
            *lines, rest = rest.replace('\r', '').split('\n')
            for line in lines:
                if line.startswith(END):
                    return int(line.removeprefix(END))
                if begun:
                    print(line, flush=True)
                begun = begun or line == BEGIN
            if ended:
                return None
            time.sleep(0.2)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--into', type=pathlib.Path, default=pathlib.Path('target/amx-machine'), help='the folder of the machine')
    parser.add_argument('--add', type=pathlib.Path, action='append', default=[], help='a file for the working directory')
    parser.add_argument('--timeout', type=float, default=120, help='minutes until the machine is stopped')
    parser.add_argument('command', nargs='+', help='what its shell runs')
    args = parser.parse_args()
    missing = [tool for tool in ('c++', 'make', 'patch', 'as', 'ld', 'dpkg-deb', 'tar', 'xz', 'ldd') if not shutil.which(tool)]
    if missing:
        stop(f'needs {", ".join(missing)}; on Debian: apt-get install build-essential dpkg xz-utils')
    for path in args.add:
        if not path.is_file():
            stop(f'{path} is not a file')
    folder = args.into
    folder.mkdir(parents=True, exist_ok=True)
    folder = folder.resolve()
    program = build_bochs(folder)
    print('starting Linux', file=sys.stderr)
    command = args.command[0] if len(args.command) == 1 else shlex.join(args.command)
    configure(folder, args.add, command)
    serial = folder / 'serial'
    serial.write_bytes(b'')
    with (folder / 'bochs.out').open('w') as out:
        process = subprocess.Popen([program, '-q', '-f', 'bochsrc'], cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    try:
        status = follow(process, serial, time.monotonic() + 60 * args.timeout)
    finally:
        process.kill()
        process.wait()
    if status is None:
        stop(f'the machine stopped before the command ended; {folder}/serial and bochs.log have its last words')
    return status


if __name__ == '__main__':
    sys.exit(main())
