/* cpu.c - the brand string of CPUID, and the instruction set that the kernels were chosen for. */
#include "engine/cpu.h"
#include "engine/native/native.h"
#include <lethe/runtime.h>
#include <stdio.h>
#include <string.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#if defined(__x86_64__)
/* The brand string: three CPUID leaves of 16 characters each (Intel SDM, CPUID 80000002H to 80000004H). */
void lethe__cpu_name(char text[LETHE__CPU_TEXT]) {
    unsigned words[13] = {0};
    for (unsigned leaf = 0; leaf < 3; leaf++)
        if (!__get_cpuid(0x80000002u + leaf, &words[4 * leaf], &words[4 * leaf + 1], &words[4 * leaf + 2],
                         &words[4 * leaf + 3]))
            break;
    const char *brand = (const char *)words;
    brand += strspn(brand, " ");
    snprintf(text, LETHE__CPU_TEXT, "%s", brand[0] != 0 ? brand : "x86-64");
}
#else
void lethe__cpu_name(char text[LETHE__CPU_TEXT]) {
    snprintf(text, LETHE__CPU_TEXT, "not x86-64");
}
#endif

const char *lethe__cpu_isa(void) {
    bool has_amx = lethe_precision_resolve(LETHE_PRECISION_AUTO) == LETHE_PRECISION_BF16;
    return has_amx ? "amx" : lethe__row_kernels_choose()->name;
}
