# The firmware of the machine: from the reset of the processor to the 32-bit entry of Linux, which Bochs has put into memory with
# its parameters, as Documentation/arch/x86/boot.rst of Linux asks. The last 64 KiB below 4 GiB and below 1 MiB.
    .code16
    .globl _start
_start:
    cli
    lgdtl %cs:table
    movl %cr0, %eax
    orb $1, %al
    movl %eax, %cr0
    ljmpl $0x10, $protected + 0xf0000

    .code32
protected:
    movl $0x18, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %fs
    movl %eax, %gs
    movl %eax, %ss
    movl $PARAMETERS, %esi
    xorl %ebx, %ebx
    xorl %ebp, %ebp
    xorl %edi, %edi
    movl $PARAMETERS, %esp
    movl $KERNEL, %eax
    jmp *%eax

    .balign 8
segments:
    .quad 0, 0
    .quad 0x00cf9b000000ffff # 0x10: code, all of 4 GiB
    .quad 0x00cf93000000ffff # 0x18: data
table:
    .word table - segments - 1
    .long segments + 0xf0000

    .org 0xfff0
    .code16
    jmp _start
    .org 0x10000, 0
