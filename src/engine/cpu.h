/* cpu.h - which CPU this is. */
#ifndef LETHE_ENGINE_CPU_H
#define LETHE_ENGINE_CPU_H

enum { LETHE__CPU_TEXT = 64 };

/* "Intel(R) Xeon(R) Platinum 8481C" */
void lethe__cpu_name(char text[LETHE__CPU_TEXT]);

/* The widest instruction set that lethe's kernels use here: "amx", "avx512", "avx2" or "baseline". */
const char *lethe__cpu_isa(void);

#endif
