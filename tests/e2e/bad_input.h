/* bad_input.h - the table of bad inputs: each is one damaged file or one impossible request, and the error that it must give. */
#ifndef SETUN_TEST_BAD_INPUT_H
#define SETUN_TEST_BAD_INPUT_H
#include <stddef.h>

enum damage {
    DAMAGE_NONE,
    DAMAGE_REMOVE,        /* the file is missing */
    DAMAGE_TRUNCATE,      /* only its first `at` bytes are there */
    DAMAGE_REPLACE_ALL,   /* its text is `to` */
    DAMAGE_REPLACE,       /* the first `from` in it becomes `to`; a file without `from` fails the test */
    DAMAGE_BYTES,         /* n_to bytes `to` stand at byte `at` */
    DAMAGE_APPEND,        /* `to` follows its end */
    DAMAGE_HEADER,        /* model.safetensors: `from` in the JSON header becomes `to`, and the header's length is set right */
    DAMAGE_DATA,          /* model.safetensors: n_to bytes `to` stand at byte `at` of the data of tensor `from` */
    DAMAGE_FOLDER         /* a folder of that name stands in its place */
};

typedef struct bad_model {
    const char *name; /* of the case */
    const char *file; /* of the model folder */
    enum damage damage;
    const char *from, *to;
    size_t      n_to; /* 0: strlen(to) */
    size_t      at;
    const char *expected; /* part of the error line */
} bad_model;

/* A graph file: models/bitnet.yaml with `from` replaced by `to`, or `to` alone where from is NULL. */
typedef struct bad_graph {
    const char *name, *from, *to, *expected;
} bad_graph;

/* A command line. "@" at the start of an argument stands for an empty folder. */
typedef struct bad_request {
    const char *name;
    const char *argv[12];
    const char *input; /* of stdin */
    size_t      n_input;
    int         exit_code;
    const char *expected;
} bad_request;

extern const bad_model   bad_models[];
extern const size_t      n_bad_models;
extern const bad_graph   bad_graphs[];
extern const size_t      n_bad_graphs;
extern const bad_request bad_requests[];
extern const size_t      n_bad_requests;

/* Makes the folder `folder` a model like models/fable with the damage done; files without damage are links. */
void bad_model_make(const char *folder, const bad_model *bad);

/* Removes what bad_model_make put into the folder. */
void bad_model_clear(const char *folder);
#endif
