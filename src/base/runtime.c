/* runtime.c - the options of how a computation is carried out, and what "auto" means on this machine.
 *
 * bf16 pays only where the CPU multiplies it in tiles (AMX, Sapphire Rapids and later); elsewhere it is
 * emulated and slower than f32. The tiles' 8 KiB of state are off in Linux until the process asks for them by
 * arch_prctl (Documentation/arch/x86/xstate.rst), which also fails where the kernel or a hypervisor does not
 * support them. */
#include <lethe/runtime.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#endif

const lethe_option lethe_runtime_options[] = {
    {.name = "seed",
     .type = LETHE_OPTION_UINT64,
     .offset = offsetof(lethe_runtime, seed),
     .value = "1",
     .placeholder = "N",
     .help = "where all random numbers start from; the same seed repeats a run"},
    {.name = "threads",
     .type = LETHE_OPTION_INT,
     .offset = offsetof(lethe_runtime, threads),
     .value = "0",
     .maximum = 4096,
     .placeholder = "N",
     .help = "threads to compute with; 0 takes every CPU that the process may use"},
    {.name = "precision",
     .type = LETHE_OPTION_CHOICE,
     .offset = offsetof(lethe_runtime, precision),
     .value = "auto",
     .choices = "auto|f32|bf16",
     .help = "number format of activations; auto is bf16 where the CPU multiplies it in hardware (AMX), else "
             "f32"},
    {.name = "backend",
     .type = LETHE_OPTION_CHOICE,
     .offset = offsetof(lethe_runtime, backend),
     .value = "auto",
     .choices = "auto|ref",
     .help = "kernels: the fastest of this machine, or the plain C reference on one thread"},
    {.name = "kernels",
     .type = LETHE_OPTION_STRING,
     .offset = offsetof(lethe_runtime, kernels),
     .placeholder = "FILE",
     .help = "take the kernels that 'lethe bench ops --save FILE' measured as fastest here; without it they "
             "follow from the shapes alone"},
    {.name = "compat",
     .type = LETHE_OPTION_CHOICE,
     .offset = offsetof(lethe_runtime, compat),
     .value = "none",
     .choices = "none|official",
     .help =
         "official does as the paper's authors' code does where lethe's default is the corrected form; a run "
         "given by --model hands it on"},
    {.name = "checkpoint-seconds",
     .type = LETHE_OPTION_DOUBLE,
     .offset = offsetof(lethe_runtime, checkpoint_seconds),
     .value = "60",
     .maximum = 1e9,
     .placeholder = "SECONDS",
     .help = "least time between two checkpoints of a running computation"},
    LETHE_OPTIONS_END,
};

lethe_status lethe_runtime_defaults(lethe_runtime *runtime) {
    memset(runtime, 0, sizeof *runtime);
    return lethe_options_defaults(lethe_runtime_options, runtime);
}

static bool has_amx_bf16(void) {
#if defined(__x86_64__)
    enum { REQUEST_PERMISSION = 0x1023, TILE_DATA = 18, AMX_BF16 = 1 << 22, AMX_TILE = 1 << 24 };
    unsigned a, b, c, d;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (d & AMX_BF16) != 0 && (d & AMX_TILE) != 0 &&
           syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) == 0;
#else
    return false;
#endif
}

lethe_precision lethe_precision_resolve(lethe_precision precision) {
    if (precision != LETHE_PRECISION_AUTO)
        return precision;
    return has_amx_bf16() ? LETHE_PRECISION_BF16 : LETHE_PRECISION_F32;
}

const char *lethe_precision_name(lethe_precision precision) {
    static const char *const names[] = {"auto", "f32", "bf16"};
    return names[precision];
}

int lethe_threads_resolve(int threads) {
    if (threads > 0)
        return threads;
    cpu_set_t cpus;
    if (sched_getaffinity(0, sizeof cpus, &cpus) == 0)
        return CPU_COUNT(&cpus);
    long online = sysconf(_SC_NPROCESSORS_ONLN); /* more CPUs than the set holds */
    return online > 0 ? (int)online : 1;
}
