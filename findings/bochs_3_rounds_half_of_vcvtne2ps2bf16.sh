#!/usr/bin/env bash
# Bochs 3.0: vcvtne2ps2bf16 makes the upper half of its result from memory behind its first operand.
#
# Guess:     `vcvtne2ps2bf16 zmm0, zmm1, zmm2` puts the 16 numbers of zmm2 into the lower half of zmm0 and those of zmm1 into the
#            upper half, as Intel's manual defines it and processors do.
# Behaviour: for the upper half Bochs goes on counting, and reads elements 16 to 31 of zmm1, which has 16: what its compiler has put
#            behind it. (cpu/avx/avx512_bf16.cc, VCVTNE2PS2BF16_MASK_VphHpsWpsR: op1.vmm32u(n), n from 16 on.) A kernel in bfloat16
#            that is right on a processor is wrong there.
# Seen:      lower 4000, upper 4000 for zmm1 = 1 and zmm2 = 2; a processor has 3f80, a one, in the upper half
# Versions:  Bochs 3.0 (source of Debian 13), gcc 12, Linux, x86-64.
#
# Needs a C++ compiler, make, binutils, curl and xz; builds for several minutes in a temporary folder, or takes the program that
# BOCHS names. The machine has no system: its firmware is the test. Fails if the behaviour changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

if [ -z "${BOCHS:-}" ]; then
    curl -sSfO http://deb.debian.org/debian/pool/main/b/bochs/bochs_3.0+dfsg.orig.tar.xz
    echo "78f6c73d4a6472d5130a87ab9dc306d02c7c71ed8e25b3a8ef642e2a7acd282b  bochs_3.0+dfsg.orig.tar.xz" | sha256sum -c --quiet
    tar -xf bochs_3.0+dfsg.orig.tar.xz
    (cd bochs-3.0 && ./configure --with-nogui --enable-x86-64 --enable-avx --enable-evex --disable-docbook CXXFLAGS=-O2 &&
        make -j"$(nproc)" bochs) >build.log 2>&1 || { tail -n 20 build.log >&2; exit 1; }
    BOCHS=$work/bochs-3.0/bochs
fi

cat >test.S <<'ASM'
    .code16
    .globl _start
_start:
    lgdtl %cs:table
    movl %cr0, %eax
    orb $3, %al
    andb $0xfb, %al         # numbers without emulation
    movl %eax, %cr0
    ljmpl $8, $protected + 0xf0000
    .code32
protected:
    movl $16, %eax
    movl %eax, %ds
    movl %eax, %ss
    movl $0x8000, %esp
    movl %cr4, %eax
    orl $0x40600, %eax      # OSXSAVE, and the instructions of SSE
    movl %eax, %cr4
    xorl %ecx, %ecx
    xorl %edx, %edx
    movl $0xe7, %eax
    xsetbv                  # vectors of 512 bits
    vbroadcastss one + 0xf0000, %zmm1
    vbroadcastss two + 0xf0000, %zmm2
    vcvtne2ps2bf16 %zmm2, %zmm1, %zmm0
    vmovdqu32 %zmm0, 0x1000
    movl $lower + 0xf0000, %esi
    movw 0x1000, %bx
    call say
    movl $upper + 0xf0000, %esi
    movw 0x1020, %bx
    call say
    movl $end + 0xf0000, %esi
    movw $0x8900, %dx       # Bochs ends when it reads this word
0:  lodsb
    outb %al, %dx
    jmp 0b
say: # the text at esi, then bx in hexadecimal, on port 0xe9
    lodsb
    testb %al, %al
    jz 1f
    outb %al, $0xe9
    jmp say
1:  movl $4, %ecx
2:  rolw $4, %bx
    movb %bl, %al
    andb $15, %al
    addb $'0', %al
    cmpb $'9', %al
    jbe 3f
    addb $'a' - '9' - 1, %al
3:  outb %al, $0xe9
    loop 2b
    ret
one: .float 1
two: .float 2
lower: .asciz "lower "
upper: .asciz ", upper "
end: .ascii "Shutdown"
    .balign 8
segments: .quad 0, 0x00cf9b000000ffff, 0x00cf93000000ffff
table: .word 23
    .long segments + 0xf0000
    .org 0xfff0
    .code16
    jmp _start
    .org 0x10000, 0
ASM
as --32 -o test.o test.S
ld -m elf_i386 -Ttext 0 --oformat binary -o test.rom test.o
head -c 512 /dev/zero >screen.rom
cat >bochsrc <<'RC'
cpu: model=sapphire_rapids, reset_on_triple_fault=0
memory: guest=32, host=32
romimage: file=test.rom
vgaromimage: file=screen.rom
pci: enabled=0
port_e9_hack: enabled=1
display_library: nogui
log: bochs.log
panic: action=fatal
RC
timeout 60 "$BOCHS" -q -f bochsrc </dev/null >said 2>&1 || true
found=$(grep -a -o 'lower [0-9a-f]*, upper [0-9a-f]*' said) || { tail -n 5 said bochs.log >&2; exit 1; }
echo "$found; a processor: lower 4000, upper 3f80"
[ "$found" != "lower 4000, upper 3f80" ] || { echo "the behaviour has changed: Bochs is right" >&2; exit 1; }
