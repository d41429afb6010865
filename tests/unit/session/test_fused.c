/* test_fused.c - kernels that do several ops at once, and steps that every thread does for itself, leave every bit of the logits alone: on
 * fable, on any number of threads and rows. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "session/session_internal.h"

enum { N_ROWS = 24 };

typedef struct rows {
    float *logits; /* [N_ROWS][vocab] */
    size_t vocab;
} rows;

static setun_status keep(void *context, size_t i, const float *logits, setun_error *error)
{
    rows *r = context;

    (void)error;
    memcpy(r->logits + i * r->vocab, logits, r->vocab * sizeof(float));
    return SETUN_OK;
}

/* All rows' logits, in passes of `at_once` rows. */
static void eval(setun_session *session, size_t at_once, rows *out)
{
    setun_row row[N_ROWS];
    setun_error error = {""};
    int32_t seq;

    cr_assert_eq(setun_sequence_open(session, &seq, &error), SETUN_OK, "%s", error.text);
    for (size_t i = 0; i < N_ROWS; i++)
        row[i] = (setun_row){(int32_t)((i * 104729 + 12345) % out->vocab), seq, 1};
    memset(out->logits, 0, N_ROWS * out->vocab * sizeof(float));
    for (size_t i = 0; i < N_ROWS; i += at_once) {
        rows part = {out->logits + i * out->vocab, out->vocab};

        cr_assert_eq(setun_session_eval(session, row + i, N_ROWS - i < at_once ? N_ROWS - i : at_once, keep, &part, &error), SETUN_OK, "%s",
                     error.text);
    }
    setun_sequence_close(session, seq);
}

Test(fused, changes_no_bit, .timeout = 300)
{
    static const uint32_t threads[] = {1, 2, 4};
    static const size_t at_once[] = {1, 3, N_ROWS};
    enum { SCALAR = 2 };
    static const char *const backends[] = {NULL, "avx2", [SCALAR] = "scalar"};
    setun_model *model;
    setun_session *session;
    setun_error error = {""};
    rows expected = {0}, found = {0};
    setun_session_options plain = {.n_threads = 1, .context = 64, .chunk = N_ROWS, .backends = "scalar", .no_fuse = true,
                                   .no_replicate = true};

    cr_assert_eq(setun_model_open("fable", NULL, &model, &error), SETUN_OK, "%s", error.text);
    expected.vocab = found.vocab = (size_t)setun_model_vocab(model);
    expected.logits = malloc(N_ROWS * expected.vocab * sizeof(float));
    found.logits = malloc(N_ROWS * found.vocab * sizeof(float));
    cr_assert_eq(setun_session_create(model, &plain, &session, &error), SETUN_OK, "%s", error.text);
    eval(session, N_ROWS, &expected);
    setun_session_destroy(session);
    for (size_t t = 0; t < SETUN_COUNT(threads); t++)
        for (size_t b = 0; b < SETUN_COUNT(backends); b++)
            for (unsigned way = 0; way < 4; way++) {
                const setun_session_options options = {.n_threads = threads[t], .context = 64, .chunk = N_ROWS, .backends = backends[b],
                                                       .no_fuse = way & 1, .no_replicate = way >> 1};
                setun_status status;

                if (b == SCALAR && (way != 0 || threads[t] != 2))
                    continue; /* slow, and its kernels have no fused ones */
                status = setun_session_create(model, &options, &session, &error);
                if (status == SETUN_ERR_NOT_FOUND)
                    continue; /* this machine has not that backend */
                cr_assert_eq(status, SETUN_OK, "%s", error.text);
                for (size_t a = 0; a < SETUN_COUNT(at_once); a++) {
                    eval(session, at_once[a], &found);
                    cr_assert(memcmp(found.logits, expected.logits, N_ROWS * found.vocab * sizeof(float)) == 0,
                              "%u threads, backend %s, %zu rows at once,%s%s: other bits", threads[t], backends[b] == NULL ? "any" : backends[b],
                              at_once[a], way & 1 ? "" : " fused", way >> 1 ? "" : " replicated");
                }
                setun_session_destroy(session);
            }
    free(expected.logits);
    free(found.logits);
    setun_model_close(model);
}

/* ---- linears with what follows them ---- */

/* Steps of the plans of all three phases. */
typedef struct steps {
    int n_linear_add, n_gate_up, n_add, n_relu2; /* relu2: alone, or with mul and more */
} steps;

static setun_status count(void *context, const setun_planned_step *step, setun_error *error)
{
    steps *s = context;

    (void)error;
    s->n_linear_add += strcmp(step->op, "linear+add") == 0;
    s->n_gate_up += strcmp(step->op, "linear+linear+relu2+mul") == 0;
    s->n_add += strcmp(step->op, "add") == 0;
    s->n_relu2 += strncmp(step->op, "relu2", 5) == 0;
    return SETUN_OK;
}

static steps planned(setun_model *model, const setun_session_options *options)
{
    steps s = {0};
    setun_error error = {""};

    cr_assert_eq(setun_session_list_plan(model, options, count, &s, &error), SETUN_OK, "%s", error.text);
    return s;
}

/* Whether a backend that is there has kernels with such names. */
static bool has_kernels(const setun_model *model, const char *prefix, const char *backend)
{
    for (size_t i = 0; i < setun_plugins_n_kernels(model->plugins); i++) {
        const setun_kernel_ref ref = setun_plugins_kernel(model->plugins, i);

        if (strncmp(ref.kernel->name, prefix, strlen(prefix)) == 0 && (backend == NULL || strcmp(ref.plugin->name, backend) == 0))
            return true;
    }
    return false;
}

/* Where there are such kernels, other tests of the bits go through them: they are in the plans, of each packing, and only if they may. */
Test(fused, linears_are_planned_with_what_follows)
{
    enum { PHASES = 3, LAYERS = 5 };
    static const char *const backends[] = {NULL, "avx2", "avx512"};
    static const char *const with[] = {"linear_add_i8row_tern5r16k96_", "linear_add_i8row_tern2r16k16_"};
    static const char *const others[] = {"*i8row_tern2r16k16_*", "*i8row_tern5r16k96_*"};
    setun_model *model;
    setun_error error = {""};

    cr_assert_eq(setun_model_open("fable", NULL, &model, &error), SETUN_OK, "%s", error.text);
    for (size_t b = 0; b < SETUN_COUNT(backends); b++)
        for (size_t o = 0; o < SETUN_COUNT(others); o++) {
            char avoid[200];
            setun_session_options options = {.n_threads = 2, .context = 64, .chunk = 64, .backends = backends[b], .avoid = avoid};
            steps s;

            if (!has_kernels(model, with[o], backends[b]))
                continue;
            /* Kernels of the same packing for other CPUs, and of lookup tables, have no such form. */
            (void)snprintf(avoid, sizeof(avoid), "%s,*_tern14*,*_tern27*,*_tern243*,*avx512_*,*tern5*avx512vnni_*", others[o]);
            s = planned(model, &options);
            cr_expect_geq(s.n_linear_add, 2 * PHASES, "%s without %s: steps of several layers are alike", backends[b], others[o]);
            cr_expect_gt(s.n_gate_up, 0);
            options.no_fuse = true;
            s = planned(model, &options);
            cr_expect_eq(s.n_linear_add + s.n_gate_up, 0);
            cr_expect(s.n_add > 0 && s.n_relu2 > 0);
            options.no_fuse = false;
            options.avoid = "linear_add_*";
            s = planned(model, &options);
            cr_expect(s.n_linear_add == 0 && s.n_add > 0);
            options.avoid = "linear_linear_*";
            s = planned(model, &options);
            cr_expect(s.n_gate_up == 0 && s.n_relu2 > 0);
        }
    setun_model_close(model);
}

/* Of a pass of one row. */
static uint32_t barriers(setun_model *model, const setun_session_options *options)
{
    setun_session *session;
    setun_error error = {""};
    uint32_t n;

    cr_assert_eq(setun_session_create(model, options, &session, &error), SETUN_OK, "%s", error.text);
    n = setun_plan_n_barriers(setun_session_plan_for(session, 1)->plan);
    setun_session_destroy(session);
    return n;
}

/* What a layer of a pass of one row needs: after q, k and v; kv_write; attention; its output; gate and up; down. */
Test(fused, six_barriers_a_layer_in_decode)
{
    enum { LAYERS = 5, MOST = 6 };
    setun_model *model;
    setun_error error = {""};

    cr_assert_eq(setun_model_open("fable", NULL, &model, &error), SETUN_OK, "%s", error.text);
    for (uint32_t n_threads = 2; n_threads <= 4; n_threads++) {
        setun_session_options options = {.n_threads = n_threads, .context = 64, .chunk = N_ROWS};
        const uint32_t less = barriers(model, &options);
        uint32_t more, fused;

        options.no_replicate = true;
        fused = barriers(model, &options);
        options.no_fuse = true;
        more = barriers(model, &options);
        if (has_kernels(model, "linear_add_", NULL))
            cr_assert_leq(fused + 3 * LAYERS, more, "%u threads: two additions and one product a layer", n_threads);
        cr_assert_leq(less, MOST * LAYERS + 1, "%u threads: %u barriers", n_threads, less);
        cr_assert_gt(more, 2 * less, "%u threads: %u barriers, and %u without sparing any", n_threads, less, more);
    }
    setun_model_close(model);
}
