/* tuning.c - times of kernels in memory: cases in order, and what the planner asks of them. */
#include "tune/tuning.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "setun/cpu.h"
#include "setun_numerics.h"

enum { CPU_BYTES = 128, MAX_FEATURES = 400, MAX_DIFFERENCE = 2000 };

/* What people call the CPU, without characters that a file's name or a line should not have. */
static void this_cpu(char text[CPU_BYTES])
{
    setun_cpu_model(text, CPU_BYTES);
    for (char *c = text; *c != '\0'; c++)
        if ((unsigned char)*c < 0x20 || (unsigned char)*c > 0x7E || *c == '"' || *c == '\\')
            *c = '?';
}

/* As a file has them: "none" if there are none. */
static void feature_names(uint64_t features, char text[MAX_FEATURES])
{
    if (setun_cpu_names(features, text, MAX_FEATURES) == 0)
        memcpy(text, "none", sizeof("none"));
}

setun_status setun_tuning_create(uint64_t features, setun_tuning **out_tuning, setun_error *error)
{
    setun_tuning *tuning = setun_calloc(1, sizeof(*tuning));
    const time_t now = time(NULL);
    char cpu[CPU_BYTES], names[MAX_FEATURES], date[16] = "1970-01-01";
    struct tm day;
    setun_status status;

    if (tuning == NULL)
        return setun_fail_nomem(error, "tuning", sizeof(*tuning));
    this_cpu(cpu);
    if (gmtime_r(&now, &day) != NULL)
        (void)strftime(date, sizeof(date), "%Y-%m-%d", &day);
    feature_names(features, names);
    tuning->features = setun_pool_strndup(&tuning->pool, names, strlen(names));
    tuning->cpu      = setun_pool_strndup(&tuning->pool, cpu, strlen(cpu));
    tuning->date     = setun_pool_strndup(&tuning->pool, date, strlen(date));
    tuning->version  = SETUN_VERSION;
    tuning->numerics = SETUN_NUMERICS_VERSION;
    if (tuning->cpu == NULL || tuning->features == NULL || tuning->date == NULL)
        status = setun_fail_nomem(error, "tuning", sizeof(cpu));
    else
        status = setun_tuning_compare_here(tuning, error);
    if (status != SETUN_OK) {
        setun_tuning_close(tuning);
        return status;
    }
    *out_tuning = tuning;
    return SETUN_OK;
}

void setun_tuning_close(setun_tuning *tuning)
{
    if (tuning == NULL)
        return;
    setun_pool_free(&tuning->pool);
    free(tuning->cases);
    free(tuning);
}

void setun_tuning_describe(const setun_tuning *tuning, setun_tuning_info *out_info)
{
    *out_info = (setun_tuning_info){.cpu = tuning->cpu, .features = tuning->features, .date = tuning->date, .version = tuning->version, .numerics = tuning->numerics,
                                    .n_cases = tuning->n_cases, .is_for_this = tuning->differences[0] == '\0', .differences = tuning->differences};
    for (size_t i = 0; i < tuning->n_cases; i++)
        out_info->n_times += tuning->cases[i].n_times;
}

int setun_tuning_compare(const setun_tuning_case *a, const setun_tuning_case *b)
{
    int order = strcmp(a->op, b->op);

    if (order == 0)
        order = strcmp(a->shape, b->shape);
    if (order == 0)
        order = (a->threads > b->threads) - (a->threads < b->threads);
    if (order == 0)
        order = (a->node > b->node) - (a->node < b->node);
    return order != 0 ? order : (a->rows > b->rows) - (a->rows < b->rows);
}

/* The first case that does not come before `key`. */
static size_t lower_bound(const setun_tuning *tuning, const setun_tuning_case *key)
{
    size_t low = 0, high = tuning->n_cases;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;

        if (setun_tuning_compare(&tuning->cases[middle], key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* A copy in the tuning's own memory. */
static bool copy_case(setun_tuning *tuning, const setun_tuning_case *from, setun_tuning_case *to)
{
    *to = *from;
    to->op    = setun_pool_strndup(&tuning->pool, from->op, strlen(from->op));
    to->shape = setun_pool_strndup(&tuning->pool, from->shape, strlen(from->shape));
    to->times = setun_pool_alloc(&tuning->pool, (from->n_times + 1) * sizeof(*to->times));
    if (to->op == NULL || to->shape == NULL || to->times == NULL)
        return false;
    for (size_t i = 0; i < from->n_times; i++) {
        to->times[i].ns     = from->times[i].ns;
        to->times[i].kernel = setun_pool_strndup(&tuning->pool, from->times[i].kernel, strlen(from->times[i].kernel));
        if (to->times[i].kernel == NULL)
            return false;
    }
    return true;
}

setun_status setun_tuning_add(setun_tuning *tuning, const setun_tuning_case *c, bool replace, setun_error *error)
{
    const size_t at = lower_bound(tuning, c);
    const bool known = at < tuning->n_cases && setun_tuning_compare(&tuning->cases[at], c) == 0;
    setun_tuning_case copy;

    if (known && !replace)
        return SETUN_OK;
    if (!copy_case(tuning, c, &copy) || !setun_grow(&tuning->cases, &tuning->capacity, tuning->n_cases + 1, sizeof(*tuning->cases)))
        return setun_fail_nomem(error, "tuning", sizeof(copy));
    if (!known) {
        memmove(tuning->cases + at + 1, tuning->cases + at, (tuning->n_cases - at) * sizeof(*tuning->cases));
        tuning->n_cases++;
    }
    tuning->cases[at] = copy;
    return SETUN_OK;
}

static const setun_tuning_time *time_of(const setun_tuning_case *c, const char *kernel)
{
    for (size_t i = 0; i < c->n_times; i++)
        if (strcmp(c->times[i].kernel, kernel) == 0)
            return &c->times[i];
    return NULL;
}

bool setun_tuning_find(const setun_tuning *tuning, const char *op, const char *shape, int64_t rows_min, int64_t rows_max, uint32_t threads,
                       const char *kernel, double *out_ns)
{
    const setun_tuning_case key = {.op = op, .shape = shape, .threads = threads, .node = SETUN_TUNING_ALL_NODES, .rows = rows_min};
    double sum = 0;
    size_t n = 0;

    if (tuning == NULL)
        return false;
    for (size_t i = lower_bound(tuning, &key); i < tuning->n_cases; i++) {
        const setun_tuning_case *c = &tuning->cases[i];
        const setun_tuning_time *t;

        if (strcmp(c->op, op) != 0 || strcmp(c->shape, shape) != 0 || c->threads != threads || c->node != SETUN_TUNING_ALL_NODES ||
            (c->rows > rows_max && n > 0))
            break;
        t = time_of(c, kernel);
        if (t == NULL)
            continue;
        sum += (double)t->ns / (double)c->rows;
        n++;
    }
    if (n > 0)
        *out_ns = sum / (double)n * (double)rows_max;
    return n > 0;
}

/* ---- what it is of, and what is here ---- */

static bool has_word(const char *words, const char *word, size_t length)
{
    for (const char *at = words; *at != '\0'; at += strspn(at, " ")) {
        const size_t n = strcspn(at, " ");

        if (n == length && memcmp(at, word, n) == 0)
            return true;
        at += n;
    }
    return false;
}

/* Behind what stands in the text: "; with avx2 fma, not in effect here". */
static void add_words(char text[MAX_DIFFERENCE], const char *with, const char *words, const char *but_these, const char *what)
{
    size_t used = strlen(text), n = 0;

    for (const char *at = words; *at != '\0'; at += strspn(at, " ")) {
        const size_t length = strcspn(at, " ");

        if (!has_word(but_these, at, length) && !has_word("none", at, length)) {
            if (n++ == 0)
                used += (size_t)snprintf(text + used, MAX_DIFFERENCE - used, "%s%s", used > 0 ? "; " : "", with);
            used += (size_t)snprintf(text + used, MAX_DIFFERENCE - used, " %.*s", (int)length, at);
        }
        at += length;
    }
    if (n > 0)
        (void)snprintf(text + used, MAX_DIFFERENCE - used, ", %s", what);
}

/* In words, "" if there is nothing: "of that CPU, this is another; of numerics 2, expected 1". It has room: a text of a file is 400 long at most. */
static void find_differences(const setun_tuning *tuning, uint64_t features, char text[MAX_DIFFERENCE])
{
    char cpu[CPU_BYTES], names[MAX_FEATURES];
    size_t used = 0;

    text[0] = '\0';
    this_cpu(cpu);
    feature_names(features, names);
    if (strcmp(tuning->cpu, cpu) != 0)
        used += (size_t)snprintf(text, MAX_DIFFERENCE, "of %s, this is %s", tuning->cpu, cpu);
    if (tuning->numerics != SETUN_NUMERICS_VERSION)
        (void)snprintf(text + used, MAX_DIFFERENCE - used, "%sof numerics %lld, expected %d", used > 0 ? "; " : "", (long long)tuning->numerics,
                       SETUN_NUMERICS_VERSION);
    add_words(text, "with", tuning->features, names, "not in effect here");
    add_words(text, "without", names, tuning->features, "in effect here");
}

bool setun_tuning_is_for(const setun_tuning *tuning, uint64_t features)
{
    char text[MAX_DIFFERENCE];

    find_differences(tuning, features, text);
    return text[0] == '\0';
}

setun_status setun_tuning_compare_here(setun_tuning *tuning, setun_error *error)
{
    char text[MAX_DIFFERENCE];
    uint64_t features;
    const setun_status status = setun_cpu_detect(getenv("SETUN_CPU"), &features, error);

    if (status != SETUN_OK)
        return status;
    find_differences(tuning, features, text);
    tuning->differences = setun_pool_strndup(&tuning->pool, text, strlen(text));
    return tuning->differences == NULL ? setun_fail_nomem(error, "tuning", sizeof(text)) : SETUN_OK;
}

/* ---- keys ---- */

void setun_tuning_pack_shape(int64_t n, const char *fmts, char text[SETUN_TUNING_SHAPE_BYTES])
{
    (void)snprintf(text, SETUN_TUNING_SHAPE_BYTES, "%lld %.64s", (long long)n, strchr(fmts, '>') != NULL ? strchr(fmts, '>') + 1 : fmts);
}

void setun_tuning_shape(const setun_graph *graph, const setun_graph_node *node, char text[SETUN_TUNING_SHAPE_BYTES])
{
    const setun_graph_weight *matrix = NULL;
    int64_t n = 0;

    for (uint32_t i = 0; i < node->n_in; i++) {
        if (node->in[i].kind == SETUN_OPERAND_WEIGHT && graph->weights[node->in[i].index].dim[0] > 1)
            matrix = &graph->weights[node->in[i].index];
        if (node->in[i].kind == SETUN_OPERAND_VALUE && n == 0)
            n = graph->values[node->in[i].index].n;
    }
    (void)snprintf(text, SETUN_TUNING_SHAPE_BYTES, "%lld", (long long)n);
    if (matrix != NULL) {
        (void)snprintf(text, SETUN_TUNING_SHAPE_BYTES, "%lldx%lld", (long long)matrix->dim[0], (long long)matrix->dim[1]);
    } else if (strcmp(node->op, "rms_norm") == 0) {
        const setun_attr_rms_norm *a = node->attr;

        if (a->groups != 1)
            (void)snprintf(text, SETUN_TUNING_SHAPE_BYTES, "%lldx%lld", (long long)a->groups, (long long)(n / a->groups));
    } else if (strcmp(node->op, "rope") == 0) {
        const setun_attr_rope *a = node->attr;

        (void)snprintf(text, SETUN_TUNING_SHAPE_BYTES, "%lldx%lld/%lld %s", (long long)a->heads, (long long)a->head_dim, (long long)a->n_dims,
                       a->pairing == SETUN_ROPE_HALF ? "half" : "interleaved");
    } else if (strcmp(node->op, "kv_write") == 0) {
        const setun_attr_kv_write *a = node->attr;

        (void)snprintf(text, SETUN_TUNING_SHAPE_BYTES, "%lldx%lld", (long long)a->kv_heads, (long long)a->head_dim);
    } else if (strcmp(node->op, "attention") == 0) {
        const setun_attr_attention *a = node->attr;

        const int length = snprintf(text, SETUN_TUNING_SHAPE_BYTES, "%lld/%lldx%lld", (long long)a->heads, (long long)a->kv_heads,
                                    (long long)a->head_dim);

        if (a->window > 0)
            (void)snprintf(text + length, SETUN_TUNING_SHAPE_BYTES - (size_t)length, " window %lld", (long long)a->window);
    }
}

/* ---- where it lies ---- */

setun_status setun_tuning_home(char *out_path, size_t path_bytes, setun_error *error)
{
    char cpu[CPU_BYTES], name[CPU_BYTES], mask[24] = "", file[CPU_BYTES + 64];
    uint64_t all, features;
    size_t n = 0, length;
    setun_status status = setun_cpu_detect(NULL, &all, error);

    if (status == SETUN_OK)
        status = setun_cpu_detect(getenv("SETUN_CPU"), &features, error);
    if (status != SETUN_OK)
        return status;
    if (features != all)
        (void)snprintf(mask, sizeof(mask), "-cpu-%llx", (unsigned long long)features);
    this_cpu(cpu);
    for (const char *c = cpu; *c != '\0'; c++) {
        if (isalnum((unsigned char)*c))
            name[n++] = (char)tolower((unsigned char)*c);
        else if (n > 0 && name[n - 1] != '-')
            name[n++] = '-';
    }
    while (n > 0 && name[n - 1] == '-')
        n--;
    name[n] = '\0';
    (void)snprintf(file, sizeof(file), "setun/tuned/%s%s.yaml", n > 0 ? name : "unknown", mask);
    length = setun_user_path("XDG_CACHE_HOME", ".cache", file, out_path, path_bytes);
    if (length == 0)
        return setun_fail(error, SETUN_ERR_NOT_FOUND, "no folder for measured times: set XDG_CACHE_HOME or HOME");
    if (length >= path_bytes)
        return setun_fail(error, SETUN_ERR_INVALID, "the path of the file of measured times is longer than %zu characters", path_bytes - 1);
    return SETUN_OK;
}
