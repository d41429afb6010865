/* packer.c - a plan of one step for each tensor. */
#include "convert/packer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exec/plan.h"

struct setun_packer {
    const setun_plugins *plugins;
    setun_plugins       *own_plugins; /* NULL: lent */
    setun_topology      *topology;
    setun_team          *team;
    setun_machine        machine;
};

setun_status setun_packer_create(const setun_plugins *plugins, uint32_t n_threads, setun_packer **out_packer, setun_error *error)
{
    setun_packer *packer = setun_calloc(1, sizeof(*packer));
    setun_status status;

    if (packer == NULL)
        return setun_fail_nomem(error, "conversion", sizeof(*packer));
    status = setun_topology_open(NULL, &packer->topology, error);
    if (status == SETUN_OK)
        status = setun_team_create(packer->topology, n_threads, &packer->team, error);
    if (status == SETUN_OK && plugins == NULL)
        status = setun_plugins_open(NULL, &packer->own_plugins, error);
    if (status != SETUN_OK) {
        setun_packer_destroy(packer);
        return status;
    }
    packer->plugins = plugins != NULL ? plugins : packer->own_plugins;
    setun_topology_describe(packer->topology, setun_team_n_threads(packer->team), &packer->machine);
    *out_packer = packer;
    return SETUN_OK;
}

void setun_packer_destroy(setun_packer *packer)
{
    if (packer == NULL)
        return;
    setun_team_destroy(packer->team);
    setun_topology_close(packer->topology);
    setun_plugins_close(packer->own_plugins);
    free(packer);
}

setun_team *setun_packer_team(const setun_packer *packer)
{
    return packer->team;
}

setun_status setun_packer_shape(const setun_packer *packer, const char *fmts, int64_t rows, int64_t columns, setun_packed *packed,
                                setun_error *error)
{
    setun_operand shape;
    setun_status status = setun_operand_shape(packer->plugins, fmts, (int64_t[4]){rows, columns, 1, 1}, &shape, error);

    if (status != SETUN_OK)
        return status;
    for (uint32_t i = 0; i < SETUN_OPERAND_MAX_PARTS; i++) {
        void *old = packed->operand.part[i].data;

        if (i < shape.n && shape.n_bytes[i] > packed->capacity[i]) {
            setun_pages_free(old, packed->capacity[i]);
            old = setun_pages_alloc(shape.n_bytes[i]);
            packed->capacity[i] = old == NULL ? 0 : shape.n_bytes[i];
        }
        shape.part[i].data = old;
        if (i < shape.n && old == NULL)
            status = setun_fail_nomem(error, fmts, shape.n_bytes[i]);
    }
    packed->operand = shape;
    packed->fmts = fmts;
    return status;
}

void setun_packed_free(setun_packed *packed)
{
    for (uint32_t i = 0; i < SETUN_OPERAND_MAX_PARTS; i++)
        if (packed->capacity[i] > 0)
            setun_pages_free(packed->operand.part[i].data, packed->capacity[i]);
    *packed = (setun_packed){.fmts = NULL};
}

/* The cheapest kernel that takes it; NULL with the reason in why. */
static const setun_kernel *find(const setun_packer *packer, const char *op, const setun_packed *in, const setun_packed *out,
                                setun_kernel_ref *out_ref, setun_kernel_plan *out_plan, char *why, size_t why_bytes)
{
    const setun_kernel *found = NULL;
    char fmts[160];

    (void)snprintf(fmts, sizeof(fmts), "%s>%s", in->fmts, out->fmts);
    (void)snprintf(why, why_bytes, "no loaded plugin can %s %s into %s", op, in->fmts, out->fmts);
    for (size_t i = 0; (i = setun_plugins_find_kernel(packer->plugins, i, op, fmts)) < setun_plugins_n_kernels(packer->plugins); i++) {
        static const void *const no_attr[1] = {NULL};
        const setun_kernel_ref ref = setun_plugins_kernel(packer->plugins, i);
        setun_kernel_plan plan = {.size = sizeof(plan)};
        const setun_query query = {.size = sizeof(query), .n_in = in->operand.n, .n_out = out->operand.n, .in = in->operand.part,
                                   .out = out->operand.part, .rows_min = in->operand.part[0].dim[0], .rows_max = in->operand.part[0].dim[0],
                                   .attr = no_attr, .machine = &packer->machine, .why = why, .why_bytes = why_bytes};

        if (!(ref.kernel->flags & SETUN_KERNEL_EXACT) || ref.kernel->plan(&query, &plan) != SETUN_OK)
            continue;
        if (found == NULL || plan.cost_ns < out_plan->cost_ns) {
            found = ref.kernel;
            *out_ref = ref;
            *out_plan = plan;
        }
    }
    return found;
}

bool setun_packer_knows(const setun_packer *packer, const char *op, const char *from, const char *to)
{
    char fmts[160];

    (void)snprintf(fmts, sizeof(fmts), "%s>%s", from, to);
    for (size_t i = 0; (i = setun_plugins_find_kernel(packer->plugins, i, op, fmts)) < setun_plugins_n_kernels(packer->plugins); i++)
        if (setun_plugins_kernel(packer->plugins, i).kernel->flags & SETUN_KERNEL_EXACT)
            return true;
    return false;
}

/* One pass of the finished plan. */
static setun_status run_plan(const setun_packer *packer, setun_plan *plan, setun_error *error)
{
    const size_t n_bytes = setun_plan_arena_bytes(plan);
    void *arena = setun_pages_alloc(n_bytes);

    if (arena == NULL)
        return setun_fail_nomem(error, "scratch for packing weights", n_bytes);
    setun_plan_bind(plan, arena);
    setun_plan_run(plan, packer->team, NULL);
    setun_pages_free(arena, n_bytes);
    return SETUN_OK;
}

setun_status setun_packer_run(const setun_packer *packer, const char *op, const setun_packed *in, const setun_packed *out, setun_error *error)
{
    static const void *const no_attr[1] = {NULL};
    uint32_t in_id[SETUN_OPERAND_MAX_PARTS], out_id[SETUN_OPERAND_MAX_PARTS];
    setun_kernel_ref ref;
    setun_kernel_plan kernel_plan;
    setun_plan *plan;
    char why[256];
    setun_status status;

    if (find(packer, op, in, out, &ref, &kernel_plan, why, sizeof(why)) == NULL)
        return setun_fail(error, SETUN_ERR_UNSUPPORTED, "%s", why);
    status = setun_plan_create(&plan, error);
    if (status != SETUN_OK)
        return status;
    for (uint32_t i = 0; i < in->operand.n && status == SETUN_OK; i++)
        status = setun_plan_add_constant(plan, &in->operand.part[i], in->operand.n_bytes[i], &in_id[i], error);
    for (uint32_t i = 0; i < out->operand.n && status == SETUN_OK; i++)
        status = setun_plan_add_constant(plan, &out->operand.part[i], out->operand.n_bytes[i], &out_id[i], error);
    if (status == SETUN_OK)
        status = setun_plan_add_step(plan, ref, &kernel_plan, no_attr, 1, in_id, in->operand.n, out_id, out->operand.n, op, error);
    if (status == SETUN_OK)
        status = setun_plan_finish(plan, setun_team_n_threads(packer->team), error);
    if (status == SETUN_OK)
        status = run_plan(packer, plan, error);
    setun_plan_destroy(plan);
    return status;
}
