/* bench_internal.h - one case of a measurement: an op at one size with its operands, and the kernels that compete in it. Internal. */
#ifndef SETUN_BENCH_INTERNAL_H
#define SETUN_BENCH_INTERNAL_H
#include "check/target.h"
#include "exec/plan.h"
#include "setun/bench.h"

enum { SETUN_BENCH_MAX_COPIES = 4096 };

/* The rows of a pass: to whom they belong and what is cached before them. Zero-initialise. */
typedef struct setun_bench_rows {
    setun_batch     batch;    /* its arrays are those below */
    int64_t         n_blocks; /* blocks of each cache */
    int32_t        *ids;      /* the memory of all arrays: token, seq, pos, out_row [rows], len [seqs], blocks [seqs][blocks of one] */
    const int32_t **block;    /* [seqs] */
} setun_bench_rows;

/* An op at one size. Zero-initialise; setun_bench_case_free. */
typedef struct setun_bench_case {
    const char       *op;      /* pattern of the kernels */
    uint32_t          n_in, n_out;
    int64_t           in_dim[SETUN_CHECK_INS][4], out_dim[SETUN_CHECK_OUTS][4];
    double            in_part[SETUN_CHECK_INS], out_part[SETUN_CHECK_OUTS]; /* how much of an operand counts as read or written by a call, 0..1 */
    uint32_t          streamed; /* bit i: input i comes from memory if the case does */
    int               weight;   /* input that is a matrix of weights; -1: none */
    double            ops;      /* arithmetic of a call, 2 for a multiplication with its addition; 0: not counted */
    const void       *attr;     /* of the op: attrs, or the caller's; NULL: none */
    uint32_t          n_ops;   /* of a pattern of several, whose attributes are chain_attr; 0: it is one op */
    const void       *chain_attr[SETUN_PATTERN_OPS];
    union {
        setun_attr_rms_norm  rms_norm;
        setun_attr_rope      rope;
        setun_attr_kv_write  kv_write;
        setun_attr_attention attention;
    } attrs;
    setun_bench_rows  rows_of;  /* the batch; n_rows 0: the op has none */
    setun_bench_shape shape;
    int64_t           rows;
    int64_t           vocab;    /* token ids are below it; 0: the op reads none */
    unsigned          from;     /* one of SETUN_BENCH_* */
    uint64_t          copies_bytes; /* of what is streamed, when it comes from memory */
} setun_bench_case;

/* `rows` rows in one sequence, or one in each of as many, behind `depth` positions that are cached already. SETUN_ERR_NOMEM. */
setun_status setun_bench_rows_make(int64_t rows, bool one_sequence, int64_t depth, int64_t vocab, setun_bench_rows *out_rows, setun_error *error);
void         setun_bench_case_free(setun_bench_case *c);

/* What a measurement by name knows of an op: ops.c. NULL: an op that cannot be timed. */
typedef struct setun_bench_op setun_bench_op;
const setun_bench_op *setun_bench_op_find(const char *name);
const char           *setun_bench_op_names(void); /* "linear, rms_norm ..." for messages */
/* The case of an op at a size; from and copies_bytes are the caller's. */
setun_status setun_bench_op_case(const setun_bench_op *op, const setun_bench_shape *shape, int64_t rows, int64_t depth,
                                 setun_bench_case *out_case, setun_error *error);
/* The same of a pattern of several ops, as its kernels write it; the case may not be moved. SETUN_ERR_NOT_FOUND: none is loaded. */
setun_status setun_bench_pattern_case(const setun_plugins *plugins, const char *pattern, const setun_bench_shape *shape, int64_t rows,
                                      setun_bench_case *out_case, setun_error *error);
const setun_bench_shape *setun_bench_pattern_shapes(const char *pattern, size_t *out_n);
/* Sizes to take where none are given, [*out_n]: those of BitNet b1.58 2B4T. */
const setun_bench_shape *setun_bench_op_shapes(const setun_bench_op *op, size_t *out_n);

/* One input in one format, in as many copies as a case needs; kernels that read the same format share it. */
typedef struct setun_bench_stream {
    uint32_t            index;    /* of the input */
    char                fmt[SETUN_CHECK_FMT_BYTES];
    char                with[SETUN_CHECK_FMT_BYTES]; /* K: the format of V, which is written with it; V: that of K; else "" */
    setun_check_operand operand;  /* the first copy */
    size_t              n_bytes;  /* of one copy */
    uint32_t            n_copies;
    unsigned char      *pages;    /* [n_copies - 1] further copies, one after the other, each at a multiple of 4096 */
    size_t              copy_stride_bytes;
} setun_bench_stream;

/* The inputs of a case, shared by its kernels. Zero-initialise. */
typedef struct setun_bench_streams {
    setun_bench_stream *items;
    size_t              n, capacity;
} setun_bench_streams;

/* One kernel in one case. Zero-initialise. */
typedef struct setun_bench_entry {
    setun_kernel_ref    ref;
    setun_check_target  target;
    uint32_t            stream[SETUN_CHECK_INS]; /* indices into the list of streams */
    setun_check_operand out[SETUN_CHECK_OUTS];
    setun_check_operand *spare_out;  /* [(n_calls - 1) * n_out] outputs of the calls that read further copies */
    uint32_t            n_spare;
    setun_plan         *plan;        /* a call for each copy, or several of one that is short */
    const setun_batch  *batch;       /* the case's; NULL: none */
    uint32_t            n_calls;
    void               *arena;
    size_t              arena_bytes;
    double              bytes;       /* read and written by a call, as far as they count */
    double              read_bytes;  /* read only */
    double              weight_bytes; /* of the matrix of weights */
    double              cost_ns;     /* the kernel's own estimate */
    char                declined[200]; /* "": it competes */
} setun_bench_entry;

/* Makes the operands and the plan of a kernel. A kernel that does not take the case gets its reason in `declined`. */
setun_status setun_bench_entry_make(const setun_plugins *plugins, const setun_bench_case *c, const setun_machine *machine, setun_team *team,
                                    setun_bench_streams *streams, setun_kernel_ref ref, setun_bench_entry *entry, setun_error *error);
void         setun_bench_entry_free(setun_bench_entry *entry);
void         setun_bench_streams_free(setun_bench_streams *streams);
/* Frees all but input `kept`, which the same case with other rows has, too; no entry may be left. -1: all. */
void         setun_bench_streams_forget(setun_bench_streams *streams, int kept);
uint64_t     setun_bench_entry_hash(const setun_bench_entry *entry);

/* Fills input i of a case, in formats that a route of pack kernels or a kv_write leads to: input.c. SETUN_ERR_UNSUPPORTED: nothing does. */
setun_status setun_bench_input_make(const setun_plugins *plugins, const setun_bench_case *c, const setun_check_target *target, uint32_t i,
                                    setun_check_operand *out_operand, setun_error *error);

/* Timings of one entry in rounds. */
typedef struct setun_bench_timing {
    double      *seconds;  /* [rounds] of one call, in the order of the rounds */
    double      *ratios;   /* [rounds] the first entry's over this one's, or NULL */
    uint32_t     passes;   /* runs of the plan in one timing */
    setun_spread spread;   /* of the seconds */
    setun_spread ratio;    /* of the ratios, and of one round each: what else the machine did met both */
} setun_bench_timing;

/* Seconds of n runs of an entry's plan. */
double setun_bench_time(setun_bench_entry *entry, setun_team *team, uint32_t n);
/* All entries that compete, in turns: 1, 2, 3, 1, 2, 3 ..., each timing at least `seconds` long. Sorts what was measured. */
void   setun_bench_time_entries(setun_bench_entry *entries, setun_bench_timing *timings, size_t n, setun_team *team, uint32_t rounds,
                                double seconds);

/* So much memory that no cache holds a part of it worth speaking of: more than 8 times the last cache, within reason. */
size_t setun_bench_uncached_bytes(const setun_topology *topology);

/* Memory that a team reads in several ways: machine_read.c. Both are borrowed for as long as it lives. */
typedef struct setun_bench_reader setun_bench_reader;
setun_status setun_bench_reader_open(const setun_topology *topology, setun_team *team, setun_bench_reader **out_reader, setun_error *error);
void         setun_bench_reader_close(setun_bench_reader *reader); /* NULL: nothing */
size_t       setun_bench_reader_bytes(const setun_bench_reader *reader); /* of all its buffers, which are resident */
/* All ways in turns, so many times: what begins with read_ in *limits is set, by the fastest reading of all. */
void         setun_bench_read(setun_bench_reader *reader, uint32_t rounds, setun_machine_limits *limits);

/* One kernel that computes in registers: machine.c. It must stay where it was opened, and the plugins loaded. */
typedef struct setun_bench_int8 {
    setun_bench_case    c;
    setun_bench_streams streams;
    setun_bench_entry   entry;
    setun_team         *team;
    int64_t             rows;
} setun_bench_int8;
setun_status setun_bench_int8_open(const setun_plugins *plugins, const setun_machine *machine, setun_team *team, setun_kernel_ref ref,
                                   setun_bench_int8 *int8, setun_error *error);
double       setun_bench_int8_time(const setun_bench_int8 *int8, double seconds); /* operations a second; 0: the kernel declined */
void         setun_bench_int8_close(setun_bench_int8 *int8); /* zeroed or opened */

/* One more instruction set; the best of them is int8_ops_s. */
void setun_bench_limits_add(setun_machine_limits *limits, const char *kernel, double ops_s);

/* What is measured once is kept, by machine and number of threads: machine_cache.c. The path is "" if the environment names no folder. */
void setun_machine_cache_path(char *out_path, size_t n_bytes);
/* The machine in words: what the limits depend on, besides the number of threads. Never longer than fits. */
setun_status setun_machine_describe(char *out_text, size_t n_bytes, setun_error *error);
/* False: there is no entry, or the file is not understood; then *note is why, "" if there simply is none. */
bool setun_machine_cache_load(const char *path, const char *machine, uint32_t n_threads, setun_machine_limits *out_limits, char *note,
                              size_t note_bytes);
/* Puts an entry into the file, in the place of an older one; others stay if the file can be understood. */
setun_status setun_machine_cache_store(const char *path, const char *machine, const setun_machine_limits *limits, setun_error *error);

/* setun_machine_measure with a team that is there; what is not asked for stays 0. */
setun_status setun_bench_machine(const setun_plugins *plugins, const setun_topology *topology, setun_team *team, bool reading, bool arithmetic,
                                 setun_machine_limits *out_limits, setun_error *error);
#endif
