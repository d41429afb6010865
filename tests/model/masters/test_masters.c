/* test_masters.c - one model in many forms.
 *
 * Where the forms hold the same numbers, the logits are the same bytes: masters of any type, and codes with the mean itself as an F32 scale
 * that multiplies. A scale stored as its inverse comes back as 1 / (1 / mean), each division rounded, and one in BF16 has 8 bits: other
 * numbers, unless the mean is a power of two. Each of these gives the bytes of the model whose multiplying F32 scales are what comes back,
 * and is compared with the masters within a bound. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "logits.h"
#include "setun/inspect.h"
#include "small.h"

enum { N_IDS = 24, N_SEEDS = 3 };

static void make_ids(int32_t ids[N_IDS])
{
    ids[0] = 258;
    for (int i = 1; i < N_IDS; i++)
        ids[i] = (i * 37 + 11) % 256;
}

static matrix run_form(const struct small_model *model, const struct form *form)
{
    int32_t ids[N_IDS];
    char folder[64];
    matrix got;

    make_ids(ids);
    folder_make(folder);
    small_write(model, form, folder);
    got = logits_of(folder, ids, N_IDS, 2);
    folder_remove(folder);
    cr_assert_eq(got.n_columns, SMALL_VOCAB);
    cr_assert_gt(largest_magnitude(&got), 0.01, "%s: no logits worth comparing", form->name);
    return got;
}

static bool same_bytes(const matrix *a, const matrix *b)
{
    return memcmp(a->data, b->data, a->n_rows * a->n_columns * sizeof(float)) == 0;
}

/* Every form gives the bytes of the first one. */
static void expect_same(const struct small_model *model, const struct form *forms, size_t n_forms)
{
    matrix expected = run_form(model, &forms[0]);

    for (size_t i = 1; i < n_forms; i++) {
        matrix got = run_form(model, &forms[i]);

        cr_expect(same_bytes(&got, &expected), "%s is not %s: largest difference %g", forms[i].name, forms[0].name,
                  largest_difference(&got, &expected));
        matrix_free(&got);
    }
    matrix_free(&expected);
}

/* Means that are powers of two: all forms are the same numbers. */
Test(masters, exact_in_every_form)
{
    static const struct form forms[] = {
        {.name = "BF16 masters"},
        {.name = "F16 masters", .type = SMALL_F16},
        {.name = "F32 masters", .type = SMALL_F32},
        {.name = "packed, F32 scale", .packed = true, .type = SMALL_F32},
        {.name = "packed, BF16 scale", .packed = true},
        {.name = "packed, F16 scale", .packed = true, .type = SMALL_F16},
        {.name = "packed, F32 scale that divides", .packed = true, .type = SMALL_F32, .divides = true},
        {.name = "packed, BF16 scale that divides", .packed = true, .divides = true},
        {.name = "masters, untied", .untied = true},
        {.name = "packed, untied, divides", .packed = true, .divides = true, .untied = true},
        {.name = "masters in 3 shards", .n_shards = 3},
        {.name = "packed in 2 shards", .packed = true, .n_shards = 2},
        {.name = "packed in 7 shards, divides, untied", .packed = true, .divides = true, .untied = true, .n_shards = 7},
        {.name = "F32 masters in 1 shard, untied", .type = SMALL_F32, .untied = true, .n_shards = 1},
    };
    struct small_model model;

    small_create(&model, 1, true);
    expect_same(&model, forms, sizeof(forms) / sizeof(forms[0]));
    small_destroy(&model);
}

/* Any masters: what holds the same numbers. */
Test(masters, same_numbers_same_bytes)
{
    static const struct form forms[] = {
        {.name = "BF16 masters"},
        {.name = "F32 masters", .type = SMALL_F32},
        {.name = "packed, F32 scale", .packed = true, .type = SMALL_F32},
        {.name = "masters, untied", .untied = true},
        {.name = "masters in 4 shards", .n_shards = 4},
        {.name = "packed, F32 scale, untied, in 3 shards", .packed = true, .type = SMALL_F32, .untied = true, .n_shards = 3},
    };
    static const struct form dividing[] = {
        {.name = "the inverse's inverse multiplies", .packed = true, .type = SMALL_F32, .inverted_twice = true},
        {.name = "the inverse divides", .packed = true, .type = SMALL_F32, .divides = true},
        {.name = "the inverse divides, untied, in 2 shards", .packed = true, .type = SMALL_F32, .divides = true, .untied = true, .n_shards = 2},
    };
    static const struct form dividing_bf16[] = {
        {.name = "the BF16 inverse's inverse multiplies", .packed = true, .inverted_twice = true},
        {.name = "the BF16 inverse divides", .packed = true, .divides = true},
    };

    for (uint64_t seed = 10; seed < 10 + N_SEEDS; seed++) {
        struct small_model model;

        small_create(&model, seed, false);
        expect_same(&model, forms, sizeof(forms) / sizeof(forms[0]));
        expect_same(&model, dividing, sizeof(dividing) / sizeof(dividing[0]));
        expect_same(&model, dividing_bf16, sizeof(dividing_bf16) / sizeof(dividing_bf16[0]));
        small_destroy(&model);
    }
}

/* Forms with other numbers stay near the masters. An inverse costs a scale at most an ulp (2^-23), BF16 at most 2^-8 of itself. What comes
 * out moves by about as much, and where an activation lies next to a boundary of its int8 rounding, by a step of that: 1 / 127 of the row's
 * largest value, a share of which reaches the logits. Hence 2 % and 10 % of the largest logit. */
Test(masters, other_numbers_stay_near)
{
    static const struct {
        struct form form;
        double      bound;
    } cases[] = {
        {{.name = "the F32 inverse divides", .packed = true, .type = SMALL_F32, .divides = true}, 0.02},
        {{.name = "the BF16 inverse divides", .packed = true, .divides = true}, 0.1},
        {{.name = "BF16 scale", .packed = true}, 0.1},
    };
    static const struct form masters = {.name = "BF16 masters"};

    for (uint64_t seed = 20; seed < 20 + N_SEEDS; seed++) {
        struct small_model model;
        matrix expected;

        small_create(&model, seed, false);
        expected = run_form(&model, &masters);
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
            matrix got = run_form(&model, &cases[i].form);
            const double share = largest_difference(&got, &expected) / largest_magnitude(&expected);

            cr_log_info("%s: %.3g of the largest logit", cases[i].form.name, share);
            cr_expect(share <= cases[i].bound, "seed %llu: %s: %g of the largest logit", (unsigned long long)seed, cases[i].form.name, share);
            cr_expect(i == 0 || share > 0, "%s: scales of 8 bits changed nothing", cases[i].form.name);
            matrix_free(&got);
        }
        matrix_free(&expected);
        small_destroy(&model);
    }
}

/* The comparisons above would be worth nothing if the head, the scales or the convention were not read at all. */
Test(masters, another_head_or_convention_shows)
{
    static const struct form tied = {.name = "masters"}, other = {.name = "another head", .other_head = true},
                             packed = {.name = "packed", .packed = true, .type = SMALL_F32};
    struct small_model model;
    matrix a, b, c;

    small_create(&model, 30, true);
    a = run_form(&model, &tied);
    b = run_form(&model, &other);
    cr_expect(!same_bytes(&a, &b), "lm_head was ignored");
    for (int i = 0; i < model.n; i++)
        model.tensor[i].mean *= 2; /* of what is written; the codes stay */
    c = run_form(&model, &packed);
    cr_expect(!same_bytes(&a, &c), "the scales were ignored");
    matrix_free(&a);
    matrix_free(&b);
    matrix_free(&c);
    small_destroy(&model);
}

/* What `setun model show` says of masters is what they become. */
Test(masters, statistics_of_masters)
{
    static const struct form forms[] = {{.name = "BF16 masters"}, {.name = "packed", .packed = true, .type = SMALL_F32}};
    struct small_model model;

    small_create(&model, 40, false);
    for (size_t f = 0; f < 2; f++) {
        setun_inspection_summary summary;
        setun_inspection *inspection;
        setun_model *opened;
        setun_error error = {""};
        char folder[64];
        size_t n_linear = 0;

        folder_make(folder);
        small_write(&model, &forms[f], folder);
        cr_assert_eq(setun_model_open(folder, NULL, &opened, &error), SETUN_OK, "%s", error.text);
        cr_assert_eq(setun_inspection_create(opened, &inspection, &error), SETUN_OK, "%s", error.text);
        setun_inspection_describe(inspection, &summary);
        cr_assert_eq(summary.n_tensors, SMALL_TENSORS - 1, "%zu", summary.n_tensors);
        for (size_t i = 0; i < summary.n_tensors; i++) {
            setun_tensor_statistics statistics;
            setun_tensor_info info;
            const struct small_tensor *tensor = NULL;
            uint64_t count[3] = {0};

            setun_inspection_tensor(inspection, i, &info);
            cr_assert_eq(setun_inspection_read(inspection, i, &statistics, &error), SETUN_OK, "%s", error.text);
            for (int j = 0; j < model.n; j++)
                if (strcmp(model.tensor[j].name, info.name) == 0)
                    tensor = &model.tensor[j];
            cr_assert(tensor != NULL, "%s", info.name);
            cr_expect_eq(info.master, tensor->linear && f == 0, "%s", info.name);
            cr_expect_eq(statistics.ternary, tensor->linear, "%s", info.name);
            cr_expect_eq(statistics.dense, !tensor->linear || f == 0, "%s", info.name);
            if (!tensor->linear)
                continue;
            n_linear++;
            for (int j = 0; j < tensor->rows * tensor->columns; j++)
                count[tensor->t[j] + 1]++;
            cr_expect_eq(statistics.n_minus, count[0], "%s", info.name);
            cr_expect_eq(statistics.n_zero, count[1], "%s", info.name);
            cr_expect_eq(statistics.n_plus, count[2], "%s", info.name);
            cr_expect_eq(statistics.n_bad, 0, "%s", info.name);
            cr_expect_eq(statistics.scale, tensor->mean, "%s: %g, not %g", info.name, (double)statistics.scale, (double)tensor->mean);
        }
        cr_assert_eq(n_linear, 7 * SMALL_LAYERS);
        setun_inspection_destroy(inspection);
        setun_model_close(opened);
        folder_remove(folder);
    }
    small_destroy(&model);
}
