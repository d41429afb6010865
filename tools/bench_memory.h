/* bench_memory.h - the memory of this process. */
#ifndef SETUN_TOOLS_BENCH_MEMORY_H
#define SETUN_TOOLS_BENCH_MEMORY_H

/* NAN is what the system does not say. */
typedef struct memory_use {
    double anon_bytes; /* its own: weights, activations, cache */
    double file_bytes; /* of mapped files, the program among them */
    double huge_bytes; /* of anon_bytes: what the system has granted in huge pages */
    double peak_bytes; /* most of both at once since memory_forget_peak, or since it began */
} memory_use;

void memory_read(memory_use *out_use);

/* The peak is counted from now on, where the system allows it. */
void memory_forget_peak(void);
#endif
