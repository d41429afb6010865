/* layout.c - the layout of every struct of the plugin contract, frozen within a major. If an assertion fails, either undo the change,
 * or, if a field was appended, raise SETUN_ABI_MINOR, teach the loader the new size, and add the field here. */
#include <stddef.h>

#include "setun_plugin.h"

#define SIZE(type, n) _Static_assert(sizeof(type) == (n), "size of " #type)
#define AT(type, field, n) _Static_assert(offsetof(type, field) == (n), #type "." #field)

SIZE(setun_attr_rms_norm, 24);
AT(setun_attr_rms_norm, size, 0);
AT(setun_attr_rms_norm, eps, 4);
AT(setun_attr_rms_norm, groups, 8);
AT(setun_attr_rms_norm, weight_offset, 16);
AT(setun_attr_rms_norm, reserved, 20);

SIZE(setun_attr_rope, 32);
AT(setun_attr_rope, size, 0);
AT(setun_attr_rope, pairing, 4);
AT(setun_attr_rope, heads, 8);
AT(setun_attr_rope, head_dim, 16);
AT(setun_attr_rope, n_dims, 24);

SIZE(setun_attr_kv_write, 24);
AT(setun_attr_kv_write, size, 0);
AT(setun_attr_kv_write, reserved, 4);
AT(setun_attr_kv_write, kv_heads, 8);
AT(setun_attr_kv_write, head_dim, 16);

SIZE(setun_attr_attention, 48);
AT(setun_attr_attention, size, 0);
AT(setun_attr_attention, causal, 4);
AT(setun_attr_attention, heads, 8);
AT(setun_attr_attention, kv_heads, 16);
AT(setun_attr_attention, head_dim, 24);
AT(setun_attr_attention, window, 32);
AT(setun_attr_attention, scale, 40);
AT(setun_attr_attention, softcap, 44);

SIZE(setun_tensor, 96);
AT(setun_tensor, data, 0);
AT(setun_tensor, fmt, 8);
AT(setun_tensor, dim, 16);
AT(setun_tensor, stride_bytes, 48);
AT(setun_tensor, reserved, 80);

SIZE(setun_batch, 72);
AT(setun_batch, size, 0);
AT(setun_batch, n_seqs, 4);
AT(setun_batch, n_rows, 8);
AT(setun_batch, n_out_rows, 16);
AT(setun_batch, token, 24);
AT(setun_batch, seq, 32);
AT(setun_batch, pos, 40);
AT(setun_batch, out_row, 48);
AT(setun_batch, len, 56);
AT(setun_batch, block, 64);

SIZE(setun_machine, 32);
AT(setun_machine, size, 0);
AT(setun_machine, n_workers, 4);
AT(setun_machine, l1d_bytes, 8);
AT(setun_machine, l2_bytes, 16);
AT(setun_machine, l3_bytes, 24);

SIZE(setun_query, 80);
AT(setun_query, size, 0);
AT(setun_query, n_in, 4);
AT(setun_query, n_out, 8);
AT(setun_query, in, 16);
AT(setun_query, out, 24);
AT(setun_query, rows_min, 32);
AT(setun_query, rows_max, 40);
AT(setun_query, attr, 48);
AT(setun_query, machine, 56);
AT(setun_query, why, 64);
AT(setun_query, why_bytes, 72);

SIZE(setun_kernel_plan, 64);
AT(setun_kernel_plan, size, 0);
AT(setun_kernel_plan, n_phases, 4);
AT(setun_kernel_plan, worker_bytes, 8);
AT(setun_kernel_plan, shared_bytes, 16);
AT(setun_kernel_plan, cost_ns, 24);
AT(setun_kernel_plan, choice, 32);

SIZE(setun_call, 64);
AT(setun_call, size, 0);
AT(setun_call, n_in, 4);
AT(setun_call, n_out, 8);
AT(setun_call, in, 16);
AT(setun_call, out, 24);
AT(setun_call, attr, 32);
AT(setun_call, batch, 40);
AT(setun_call, shared, 48);
AT(setun_call, choice, 56);

SIZE(setun_tile, 40);
AT(setun_tile, begin, 0);
AT(setun_tile, end, 8);
AT(setun_tile, phase, 16);
AT(setun_tile, worker, 20);
AT(setun_tile, n_workers, 24);
AT(setun_tile, reserved, 28);
AT(setun_tile, scratch, 32);

SIZE(setun_kernel, 80);
AT(setun_kernel, size, 0);
AT(setun_kernel, flags, 4);
AT(setun_kernel, name, 8);
AT(setun_kernel, pattern, 16);
AT(setun_kernel, fmts, 24);
AT(setun_kernel, cpu, 32);
AT(setun_kernel, k_max, 40);
AT(setun_kernel, acc_bits, 48);
AT(setun_kernel, reserved, 52);
AT(setun_kernel, plan, 56);
AT(setun_kernel, units, 64);
AT(setun_kernel, run, 72);

SIZE(setun_format, 40);
AT(setun_format, size, 0);
AT(setun_format, align, 4);
AT(setun_format, name, 8);
AT(setun_format, row_group, 16);
AT(setun_format, reserved, 20);
AT(setun_format, layout, 24);
AT(setun_format, offset, 32);

SIZE(setun_plugin, 72);
AT(setun_plugin, magic, 0);
AT(setun_plugin, abi_major, 4);
AT(setun_plugin, abi_minor, 6);
AT(setun_plugin, size, 8);
AT(setun_plugin, build, 12);
AT(setun_plugin, cpu, 16);
AT(setun_plugin, name, 24);
AT(setun_plugin, version, 32);
AT(setun_plugin, kernels, 40);
AT(setun_plugin, formats, 48);
AT(setun_plugin, enter, 56);
AT(setun_plugin, leave, 64);

/* Values that plugins were compiled with. */
#define IS(name, value) _Static_assert((name) == (value), #name)
IS(SETUN_MAGIC, 0x314E5453u);
IS(SETUN_ABI_MAJOR, 1);
IS(SETUN_KERNEL_EXACT, 1);
IS(SETUN_BUILD_PLAIN, 0);
IS(SETUN_BUILD_ASAN, 1);
IS(SETUN_BUILD_TSAN, 2);
IS(SETUN_ROPE_HALF, 0);
IS(SETUN_ROPE_INTERLEAVED, 1);
IS(SETUN_CPU_SSE41, UINT64_C(1) << 0);
IS(SETUN_CPU_POPCNT, UINT64_C(1) << 1);
IS(SETUN_CPU_AVX2, UINT64_C(1) << 2);
IS(SETUN_CPU_FMA, UINT64_C(1) << 3);
IS(SETUN_CPU_F16C, UINT64_C(1) << 4);
IS(SETUN_CPU_BMI2, UINT64_C(1) << 5);
IS(SETUN_CPU_AVX_VNNI, UINT64_C(1) << 6);
IS(SETUN_CPU_AVX_VNNI_INT8, UINT64_C(1) << 7);
IS(SETUN_CPU_AVX512, UINT64_C(1) << 8);
IS(SETUN_CPU_AVX512_VNNI, UINT64_C(1) << 9);
IS(SETUN_CPU_AVX512_VBMI, UINT64_C(1) << 10);
IS(SETUN_CPU_AVX512_BF16, UINT64_C(1) << 11);
IS(SETUN_CPU_AVX512_FP16, UINT64_C(1) << 12);
IS(SETUN_CPU_GFNI, UINT64_C(1) << 13);
IS(SETUN_CPU_AMX_TILE, UINT64_C(1) << 14);
IS(SETUN_CPU_AMX_INT8, UINT64_C(1) << 15);
IS(SETUN_CPU_AMX_BF16, UINT64_C(1) << 16);
IS(SETUN_CPU_NEON, UINT64_C(1) << 32);
IS(SETUN_CPU_DOTPROD, UINT64_C(1) << 33);
IS(SETUN_CPU_I8MM, UINT64_C(1) << 34);
IS(SETUN_CPU_FP16, UINT64_C(1) << 35);
IS(SETUN_CPU_SVE, UINT64_C(1) << 36);
IS(SETUN_OK, 0);
IS(SETUN_ERR_INVALID, -1);
IS(SETUN_ERR_UNSUPPORTED, -2);
IS(SETUN_ERR_NOMEM, -3);
IS(SETUN_ERR_IO, -4);
IS(SETUN_ERR_FORMAT, -5);
IS(SETUN_ERR_NOT_FOUND, -6);
IS(SETUN_ERR_NUMERIC, -7);
IS(SETUN_ERR_FULL, -8);
IS(SETUN_ERR_INTERRUPTED, -9);
SIZE(setun_status, 4);
