/* hf_shards.h - the tensors of a Hugging Face folder as its safetensors files hold them: one file or many. Internal to graph/weights. */
#ifndef SETUN_HF_SHARDS_H
#define SETUN_HF_SHARDS_H
#include "weights/reader.h"
#include "weights/safetensors.h"

/* Opens model.safetensors, or else every shard that model.safetensors.index.json names, and lists all tensors sorted by name. */
setun_status setun_hf_read_tensors(setun_weights *weights, setun_st_list *out_list, setun_error *error);
#endif
