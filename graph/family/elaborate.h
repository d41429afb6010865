/* elaborate.h - what the files that turn a model file into a graph share: the state of one elaboration. Internal to graph/.
 *
 * graph.c opens, closes and matches; bind.c fills in the parameters and expect.c checks them; tensors.c finds weights; elaborate.c walks the
 * nodes; ops/ has the ops. Every error is written where it is found, with the position in the model file. */
#ifndef SETUN_ELABORATE_H
#define SETUN_ELABORATE_H
#include "base/base.h"
#include "graph.h"
#include "yaml/expr.h"
#include "yaml/yaml.h"

enum {
    SETUN_MAX_NODES = 65536, /* nodes and turns of repeats, taken or not: 2B4T has 604 */
    SETUN_MAX_INDICES = 8,   /* repeats inside one another */
    SETUN_MAX_TABLES = 64,   /* rope tables: a family has 2 or 4 */
    SETUN_WEIGHT_BUCKETS = 1024
};

/* A parameter, once bound. */
struct setun_param {
    const char             *name;
    setun_expr_value        value;
    const setun_yaml_node  *node;   /* its name */
    const setun_yaml_node  *from;   /* the scalar that gave the value; NULL where a key did */
    enum setun_param_origin origin;
    const char             *key; /* in the pool; see setun_graph_param */
    bool                    real, implied;
};

/* What a value's name means at this point of the walk. */
struct setun_binding {
    const char *name;
    uint32_t    value; /* index into the graph's values */
};

struct setun_elaboration {
    const setun_yaml    *yaml;
    const setun_weights *weights; /* NULL: none */
    const setun_graph_form *form; /* NULL: none. Never together with weights */
    const char          *form_arch;
    setun_graph         *graph;
    setun_error         *error;
    setun_expr_scope     scope;
    setun_pool           pool;    /* parameters' strings */
    setun_pool           scratch; /* strings of the present node */

    const setun_yaml_node *tensors; /* the section, or NULL */
    const setun_yaml_node *ignore;  /* likewise */
    const setun_yaml_node *nodes;   /* the graph section */

    unsigned char        *answers; /* [tensors->n] first answer of has() for an entry that stands `throughout`, in the pool; NULL: none yet */
    struct setun_param   *params;
    size_t                n_params, params_capacity;
    struct { const char *name; int64_t value; const setun_yaml_node *repeat; } indices[SETUN_MAX_INDICES];
    size_t                n_indices;
    struct setun_binding *bindings;
    size_t                n_bindings, bindings_capacity;
    bool                 *used;      /* [n_values] read by some node */
    size_t                used_capacity;
    size_t                n_steps;   /* towards SETUN_MAX_NODES */
    /* Weights by hash of their name: the first of each bucket, and the next of each weight; index + 1, 0 ends. */
    uint32_t              bucket[SETUN_WEIGHT_BUCKETS];
    uint32_t             *next_weight;
    size_t                next_weight_capacity;
    uint32_t             *cache_of_layer; /* [layer] index + 1 of the K cache, 0: not written yet; V follows K */
    size_t                n_layers, layers_capacity;
};

/* "text" of a scalar that must be a plain name (letters, digits, _ and -). */
setun_status setun_read_word(struct setun_elaboration *e, const setun_yaml_node *node, const char *what, const char **out_word);

/* bind.c: the `bind` section into e->params; node may be NULL. Sets e->scope first. */
setun_status setun_bind_parameters(struct setun_elaboration *e, const setun_yaml_node *node);
/* The metadata value under the key that the scalar `node` names, into param->value, key and origin; nothing but the key if there is none. */
setun_status setun_bind_find(struct setun_elaboration *e, const setun_yaml_node *node, bool *out_found, struct setun_param *param);
/* A key, or a list of them: how many, and the first; 0: the error is written. */
size_t setun_bind_keys(struct setun_elaboration *e, const setun_yaml_node *keys, const setun_yaml_node **out_first);
/* Copies the bound parameters into the graph. */
setun_status setun_bind_keep(struct setun_elaboration *e);
/* Sets up e->scope; done by setun_bind_parameters. Whether the `match` section names the weights' kind and architecture. */
setun_status setun_bind_match(const setun_yaml *yaml, const setun_yaml_node *node, const setun_weights *weights, bool *out_matches,
                              setun_error *error);

/* expect.c: whether a value is what the `expect` of its entry {gguf:, ..., expect:, why:} asks for, if there is one; */
setun_status setun_expect_check(struct setun_elaboration *e, const struct setun_param *param, const setun_yaml_node *entry);
/* and the section `require`, which may be NULL. */
setun_status setun_expect_section(struct setun_elaboration *e, const setun_yaml_node *node);

/* origins.c: appends to the error's text which metadata keys went into the expressions of `node`, if any did. Returns status. */
setun_status setun_origins_append(const struct setun_elaboration *e, const setun_yaml_node *node, setun_error *error, setun_status status);
/* setun_yaml_fail with e->error about a value at `node`, whose origins are named. */
__attribute__((format(printf, 3, 4)))
setun_status setun_elaboration_fail(const struct setun_elaboration *e, const setun_yaml_node *node, const char *format, ...);
#ifdef __clang_analyzer__ /* as in base.h: a failure never counts as success */
#define setun_elaboration_fail(...) ((void)(setun_elaboration_fail)(__VA_ARGS__), SETUN_ERR_FORMAT)
#endif
/* setun_expr_scalar, whose errors name the origins of what stands in the expression. */
setun_status setun_elaboration_eval(struct setun_elaboration *e, const setun_yaml_node *node, setun_pool *pool, setun_expr_value *out_value);
/* The kind of file that names are looked up for; false: none, any will do. */
bool setun_bind_source(const struct setun_elaboration *e, enum setun_source *out_source);
/* The first architecture that the `match` section lists for a kind of file; "" if it lists none. */
const char *setun_bind_first_arch(const setun_yaml *yaml, enum setun_source source);

/* sizes.c: a file of sizes (`family: bitnet`), read. Everything but `form` lives in the pool. */
bool         setun_sizes_is(const setun_yaml *yaml);
setun_status setun_sizes_read(const setun_yaml *yaml, const setun_graph_form *wanted, setun_pool *pool, setun_graph_form *out_form,
                              const char **out_family_path, setun_error *error);

/* Once parameters are bound: the form speaks of parameters and weights that the model file has. */
setun_status setun_sizes_check(const struct setun_elaboration *e);

/* tensors.c: checks the `tensors` section, which may be NULL. */
setun_status setun_tensors_check(struct setun_elaboration *e);
/* has(name), ternary(name): whether the weight file has that weight; has it as ternary codes. The error has no position. */
setun_status setun_tensors_ask(struct setun_elaboration *e, const char *function, const char *name, bool *out_answer, setun_error *error);
/* A tensor as a node wants it. `node` is where the model file names it. */
setun_status setun_tensors_use(struct setun_elaboration *e, const setun_yaml_node *node, const char *name, uint32_t rank, const char *want,
                               uint32_t *out_weight);
/* ignore.c: checks the `ignore` section, which may be NULL; */
setun_status setun_ignore_check(struct setun_elaboration *e);
/* and, once the graph is there, that it uses every tensor of the weight file which that section does not name. */
setun_status setun_ignore_unused(struct setun_elaboration *e);

/* elaborate.c: walks the `graph` section. */
setun_status setun_elaborate_nodes(struct setun_elaboration *e);
/* A new value, bound to its name from now on. */
setun_status setun_elaborate_value(struct setun_elaboration *e, const char *name, const setun_yaml_node *node, enum setun_rows rows, int64_t n,
                                   uint32_t *out_value);
#endif
