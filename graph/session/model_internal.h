/* model_internal.h - the inside of a model. */
#ifndef SETUN_MODEL_INTERNAL_H
#define SETUN_MODEL_INTERNAL_H
#include "base/base.h"
#include "cpu/topology.h"
#include "graph.h"
#include "setun/model.h"
#include "weights/weights.h"

struct setun_model {
    setun_weights       *weights;
    setun_graph         *graph;
    setun_tokenizer     *tokenizer;
    const setun_plugins *plugins;
    setun_plugins       *own_plugins; /* NULL when the caller lent its own */
    setun_topology      *topology;
};

enum { SETUN_MODEL_MAX_FOLDERS = 32 };

/* The folders that hold models and family files, in the order of search: SETUN_MODEL_PATH, the user's (setun_model_home),
 * <prefix>/share/setun/models of this library, the install's. Zero-initialise; the strings live in the pool. */
typedef struct setun_model_folders {
    setun_pool pool;
    size_t     n;
    char      *folder[SETUN_MODEL_MAX_FOLDERS];
} setun_model_folders;

/* SETUN_ERR_NOMEM. */
setun_status setun_model_folders_list(setun_model_folders *folders, setun_error *error);

/* The path that `name` stands for, into out_path[path_bytes]: a path as it is, or a name found in one of the folders, with or without the
 * ending of its file. SETUN_ERR_NOT_FOUND: the error lists where it looked, and the nearest name; SETUN_ERR_INVALID: no room for the path. */
setun_status setun_model_find(const setun_model_folders *folders, const char *name, char *out_path, size_t path_bytes, setun_error *error);
/* The file of sizes that a name or a path means: a path if there is a slash in it or it ends in .yaml, else <name>.yaml in the folders where
 * models are found. In the pool. SETUN_ERR_NOT_FOUND: the error names the nearest one, too. */
setun_status setun_model_find_sizes(const char *name, setun_pool *pool, const char **out_path, setun_error *error);
#endif
