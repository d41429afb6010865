/* model_internal.h - the inside of a model. */
#ifndef SETUN_MODEL_INTERNAL_H
#define SETUN_MODEL_INTERNAL_H
#include "cpu/topology.h"
#include "graph.h"
#include "setun/model.h"
#include "weights/weights.h"

enum { SETUN_MODEL_MAX_STOPS = 32 };

struct setun_model {
    setun_weights       *weights;
    setun_graph         *graph;
    setun_tokenizer     *tokenizer;
    const setun_plugins *plugins;
    setun_plugins       *own_plugins; /* NULL when the caller lent its own */
    setun_topology      *topology;
    int32_t              bos;
    int32_t              stops[SETUN_MODEL_MAX_STOPS];
    size_t               n_stops;
};
#endif
