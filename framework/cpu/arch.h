/* arch.h - what one arch_*.c tells about the machine it runs on; CMake compiles the one of the target. Internal. */
#ifndef SETUN_CPU_ARCH_H
#define SETUN_CPU_ARCH_H
#include <stddef.h>
#include <stdint.h>

/* Features whose instructions the CPU has and whose registers the operating system saves, no cap applied. Cheap enough to call again. */
uint64_t setun_arch_features(void);

/* Features whose instructions the CPU has, whatever the operating system saves; where the hardware cannot be asked, the same. */
uint64_t setun_arch_hardware(void);

/* Asks the operating system for those of `features` that a process must ask for (AMX). Returns the features without the denied ones. */
uint64_t setun_arch_permit(uint64_t features);

/* Model name of the CPU as the hardware or the operating system gives it; false if neither does. Terminated when true. */
int setun_arch_model(char *text, size_t n_bytes);
#endif
