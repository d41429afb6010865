/* model_tools.h - the commands of `setun model`. */
#ifndef SETUN_TOOLS_MODEL_TOOLS_H
#define SETUN_TOOLS_MODEL_TOOLS_H
#include "io.h"
#include "setun/inspect.h"

int model_show(int argc, char **argv);
int model_check(int argc, char **argv);
int model_plot(int argc, char **argv);
int model_pull(int argc, char **argv);
int model_convert(int argc, char **argv);
int model_synth(int argc, char **argv);

/* A setun_convert_progress that draws the bar and stops at Ctrl-C or kill. */
bool model_write_progress(void *context, const char *stage, uint64_t done, uint64_t total);

/* Ends a command that wrote a model: its exit code, the error reported. */
int model_write_end(setun_status status, const setun_error *error);

/* The path's last component, or the path where it ends with a slash. */
const char *base_name(const char *path);

/* "256 x 768" of n dims; "scalar" of none. */
const char *shape_text(uint32_t n_dims, const int64_t *dim, char out[96]);

/* A token as it can be shown: quoted, what is no character or would steer a terminal as '?'. "(none)" for an id without one. */
const char *token_text(const setun_tokenizer *tokenizer, int32_t id, char out[80]);

/* {"id": 1, "text": "<s>"}; text is null where it is not UTF-8 or there is no such token. */
json_t *json_token(const setun_tokenizer *tokenizer, int32_t id);
#endif
