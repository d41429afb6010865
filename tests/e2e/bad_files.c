/* bad_files.c - damaged model folders, and the error line that each must give. */
#include "bad_input.h"

#define WEIGHTS "model.safetensors"
#define BYTES(text) .to = text, .n_to = sizeof(text) - 1

const bad_model bad_models[] = {
    /* the folder */
    {.name = "no config", .file = "config.json", .damage = DAMAGE_REMOVE, .expected = "config.json"},
    {.name = "no weights", .file = WEIGHTS, .damage = DAMAGE_REMOVE, .expected = "model.safetensors"},
    {.name = "no tokenizer", .file = "tokenizer.json", .damage = DAMAGE_REMOVE, .expected = "tokenizer.json"},
    {.name = "weights are a folder", .file = WEIGHTS, .damage = DAMAGE_FOLDER, .expected = "model.safetensors: expected a regular file"},
    {.name = "config is a folder", .file = "config.json", .damage = DAMAGE_FOLDER, .expected = "config.json: expected a regular file"},
    {.name = "tokenizer is a folder", .file = "tokenizer.json", .damage = DAMAGE_FOLDER, .expected = "tokenizer.json"},

    /* model.safetensors: the header's length */
    {.name = "empty weights", .file = WEIGHTS, .damage = DAMAGE_TRUNCATE, .at = 0, .expected = "model.safetensors: byte 0:"},
    {.name = "half a length", .file = WEIGHTS, .damage = DAMAGE_TRUNCATE, .at = 5, .expected = "model.safetensors: byte 0:"},
    {.name = "no header", .file = WEIGHTS, .damage = DAMAGE_TRUNCATE, .at = 8, .expected = "model.safetensors: byte 0:"},
    {.name = "half a header", .file = WEIGHTS, .damage = DAMAGE_TRUNCATE, .at = 4000, .expected = "header inside the file's 4000 bytes"},
    {.name = "no data", .file = WEIGHTS, .damage = DAMAGE_TRUNCATE, .at = 9816, .expected = "model.safetensors: byte"},
    {.name = "last byte missing", .file = WEIGHTS, .damage = DAMAGE_TRUNCATE, .at = 3064989, .expected = "data_offsets: expected an end inside"},
    {.name = "one byte more", .file = WEIGHTS, .damage = DAMAGE_APPEND, .to = "x", .expected = "expected the end of the file after the last tensor"},
    {.name = "header of 2^63 bytes", .file = WEIGHTS, .damage = DAMAGE_BYTES, BYTES("\0\0\0\0\0\0\0\x80"), .expected = "found a length of 9223372036854775808"},
    {.name = "header of 2^64-1 bytes", .file = WEIGHTS, .damage = DAMAGE_BYTES, BYTES("\xff\xff\xff\xff\xff\xff\xff\xff"), .expected = "found a length of 18446744073709551615"},
    {.name = "header of 0 bytes", .file = WEIGHTS, .damage = DAMAGE_BYTES, BYTES("\0\0\0\0\0\0\0\0"), .expected = "found a length of 0"},
    {.name = "header as long as the file", .file = WEIGHTS, .damage = DAMAGE_BYTES, BYTES("\x9e\xc4\x2e\0\0\0\0\0"), .expected = "model.safetensors: byte 0:"},
    {.name = "header too long by one", .file = WEIGHTS, .damage = DAMAGE_BYTES, BYTES("\x51"), .expected = "model.safetensors: byte"},
    {.name = "not JSON", .file = WEIGHTS, .damage = DAMAGE_BYTES, .at = 8, BYTES("["), .expected = "byte 8: expected '{'"},
    {.name = "bit flipped in a quote", .file = WEIGHTS, .damage = DAMAGE_BYTES, .at = 9, BYTES("\x20"), .expected = "expected JSON"},
    {.name = "bit flipped in a name", .file = WEIGHTS, .damage = DAMAGE_HEADER, .from = "model.norm.weight", .to = "model.nosm.weight", .expected = "model.norm"},
    {.name = "NUL in the header", .file = WEIGHTS, .damage = DAMAGE_BYTES, .at = 60, BYTES("\0"), .expected = "model.safetensors: byte"},

    /* model.safetensors: what the header says */
    {.name = "2^60 elements", .file = WEIGHTS, .damage = DAMAGE_HEADER, .from = "\"shape\":[4096,256]", .to = "\"shape\":[1152921504606846976,256]", .expected = "shape:"},
    {.name = "dimensions whose product wraps to the right size", .file = WEIGHTS, .damage = DAMAGE_HEADER, .from = "\"shape\":[4096,256]", .to = "\"shape\":[4611686018427387904,4,1048576]", .expected = "shape:"},
    {.name = "dimension beyond 64 bits", .file = WEIGHTS, .damage = DAMAGE_HEADER, .from = "\"shape\":[4096,256]", .to = "\"shape\":[99999999999999999999,256]", .expected = "model.safetensors: byte"},
    {.name = "negative dimension", .file = WEIGHTS, .damage = DAMAGE_HEADER, .from = "\"shape\":[4096,256]", .to = "\"shape\":[-4096,-256]", .expected = "shape: expected an integer of at least 0"},
    {.name = "fractional dimension", .file = WEIGHTS, .damage = DAMAGE_HEADER, .from = "\"shape\":[4096,256]", .to = "\"shape\":[4096.5,256]", .expected = "shape: expected an integer"},
    {.name = "dimension of 0", .file = WEIGHTS, .damage = DAMAGE_HEADER, .from = "\"shape\":[4096,256]", .to = "\"shape\":[0,256]", .expected = "data_offsets: expected 0 bytes"},
    {.name = "too many dimensions", .file = WEIGHTS, .damage = DAMAGE_HEADER, .from = "\"shape\":[4096,256]", .to = "\"shape\":[4096,1,1,1,1,1,1,1,1,256]", .expected = "shape: expected at most"},
    {.name = "shape is a number", .file = WEIGHTS, .damage = DAMAGE_HEADER, .from = "\"shape\":[4096,256]", .to = "\"shape\":1048576", .expected = "shape: expected an array"},
    {.name = "transposed embedding", .file = WEIGHTS, .damage = DAMAGE_HEADER, .from = "\"shape\":[4096,256]", .to = "\"shape\":[256,4096]", .expected = "embed_tokens"},
    {.name = "unknown type", .file = WEIGHTS, .damage = DAMAGE_HEADER, .from = "\"dtype\":\"BF16\"", .to = "\"dtype\":\"BF17\"", .expected = "dtype: expected a type of the safetensors format, found \"BF17\""},
    {.name = "type of another size", .file = WEIGHTS, .damage = DAMAGE_HEADER, .from = "\"dtype\":\"BF16\"", .to = "\"dtype\":\"F32\"", .expected = "data_offsets: expected 4194304 bytes"},
    {.name = "type that no kernel reads", .file = WEIGHTS, .damage = DAMAGE_HEADER, .from = "\"dtype\":\"BF16\"", .to = "\"dtype\":\"I16\"", .expected = "found I16"},
    {.name = "offset beyond the file", .file = WEIGHTS, .damage = DAMAGE_HEADER, .from = "[0,2097152]", .to = "[9000000000,9002097152]", .expected = "data_offsets: expected an end inside"},
    {.name = "negative offset", .file = WEIGHTS, .damage = DAMAGE_HEADER, .from = "[0,2097152]", .to = "[-2,2097150]", .expected = "data_offsets: expected 0 <= begin"},
    {.name = "offsets the wrong way round", .file = WEIGHTS, .damage = DAMAGE_HEADER, .from = "[0,2097152]", .to = "[2097152,0]", .expected = "data_offsets: expected 0 <= begin"},
    {.name = "overlapping tensors", .file = WEIGHTS, .damage = DAMAGE_HEADER, .from = "[2097152,2097664]", .to = "[2097150,2097662]", .expected = "they overlap"},
    {.name = "misaligned tensor", .file = WEIGHTS, .damage = DAMAGE_HEADER, .from = "[2097152,2097664]", .to = "[2097153,2097665]", .expected = "multiple of 2"},
    {.name = "one offset only", .file = WEIGHTS, .damage = DAMAGE_HEADER, .from = "[0,2097152]", .to = "[2097152]", .expected = "data_offsets: expected two integers"},
    {.name = "no type", .file = WEIGHTS, .damage = DAMAGE_HEADER, .from = "\"dtype\":\"BF16\",", .to = "", .expected = "found no dtype"},
    {.name = "the same tensor twice", .file = WEIGHTS, .damage = DAMAGE_HEADER, .from = "model.layers.1.input_layernorm.weight", .to = "model.layers.0.input_layernorm.weight", .expected = "model.safetensors: byte"},
    {.name = "missing norm", .file = WEIGHTS, .damage = DAMAGE_HEADER, .from = "model.layers.3.input_layernorm.weight", .to = "model.layers.9.input_layernorm.weight", .expected = "model.layers.3.input_layernorm"},
    {.name = "missing projection", .file = WEIGHTS, .damage = DAMAGE_HEADER, .from = "\"model.layers.2.mlp.up_proj.weight\"", .to = "\"model.layers.2.mlp.xp_proj.weight\"", .expected = "model.layers.2.mlp"},
    {.name = "missing scale", .file = WEIGHTS, .damage = DAMAGE_HEADER, .from = "model.layers.2.mlp.up_proj.weight_scale", .to = "model.layers.2.mlp.up_proj.xeight_scale", .expected = "weight_scale"},

    /* model.safetensors: the data */
    {.name = "NaN scale", .file = WEIGHTS, .damage = DAMAGE_DATA, .from = "model.layers.0.mlp.down_proj.weight_scale", BYTES("\xc0\x7f"), .expected = "expected a finite scale above 0"},
    {.name = "infinite scale", .file = WEIGHTS, .damage = DAMAGE_DATA, .from = "model.layers.4.self_attn.q_proj.weight_scale", BYTES("\x80\x7f"), .expected = "expected a finite scale above 0"},
    {.name = "zero scale", .file = WEIGHTS, .damage = DAMAGE_DATA, .from = "model.layers.0.mlp.down_proj.weight_scale", BYTES("\0\0"), .expected = "expected a finite scale above 0, found 0"},
    {.name = "negative scale", .file = WEIGHTS, .damage = DAMAGE_DATA, .from = "model.layers.0.mlp.down_proj.weight_scale", BYTES("\x80\xbf"), .expected = "expected a finite scale above 0, found -1"},
    {.name = "ternary code 3", .file = WEIGHTS, .damage = DAMAGE_DATA, .from = "model.layers.1.self_attn.k_proj.weight", .at = 1000, BYTES("\xff"), .expected = "expected a ternary code of 0, 1 or 2, found 3"},
    {.name = "NaN in a norm", .file = WEIGHTS, .damage = DAMAGE_DATA, .from = "model.norm.weight", .at = 6, BYTES("\xc0\x7f"), .expected = "tensor 'model.norm', element 3: expected a finite value"},
    {.name = "infinity in the embedding", .file = WEIGHTS, .damage = DAMAGE_DATA, .from = "model.embed_tokens.weight", .at = 20000, BYTES("\x80\x7f"), .expected = "finite"},

    /* config.json */
    {.name = "empty config", .file = "config.json", .damage = DAMAGE_TRUNCATE, .at = 0, .expected = "config.json: byte 0: expected a JSON object, found an empty file"},
    {.name = "half a config", .file = "config.json", .damage = DAMAGE_TRUNCATE, .at = 100, .expected = "config.json: byte"},
    {.name = "config is an array", .file = "config.json", .damage = DAMAGE_REPLACE_ALL, .to = "[1, 2]", .expected = "config.json: byte 0: expected a JSON object, found an array"},
    {.name = "nested very deep", .file = "config.json", .damage = DAMAGE_REPLACE_ALL, .to = "{\"a\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", .expected = "config.json: byte"},
    {.name = "broken UTF-8 in the config", .file = "config.json", .damage = DAMAGE_REPLACE, .from = "bitnet", .to = "bit\xffnet", .expected = "config.json: byte"},
    {.name = "another architecture", .file = "config.json", .damage = DAMAGE_REPLACE, .from = "BitNetForCausalLM", .to = "MambaForCausalLM", .expected = "'MambaForCausalLM'"},
    {.name = "no architecture", .file = "config.json", .damage = DAMAGE_REPLACE, .from = "\"architectures\"", .to = "\"architects\"", .expected = "architectures"},
    {.name = "another quantisation", .file = "config.json", .damage = DAMAGE_REPLACE, .from = "\"quant_method\": \"bitnet\"", .to = "\"quant_method\": \"gptq\"", .expected = "quant_method: expected \"bitnet\", found \"gptq\""},
    {.name = "heads that do not divide", .file = "config.json", .damage = DAMAGE_REPLACE, .from = "\"num_attention_heads\": 4", .to = "\"num_attention_heads\": 3", .expected = "bitnet.yaml:"},
    {.name = "no heads", .file = "config.json", .damage = DAMAGE_REPLACE, .from = "\"num_attention_heads\": 4", .to = "\"num_attention_heads\": 0", .expected = "bitnet.yaml:"},
    {.name = "missing size", .file = "config.json", .damage = DAMAGE_REPLACE, .from = "\"hidden_size\": 256,", .to = "", .expected = "hidden_size"},
    {.name = "size is a text", .file = "config.json", .damage = DAMAGE_REPLACE, .from = "\"hidden_size\": 256", .to = "\"hidden_size\": \"big\"", .expected = "expected a number, found the string 'big'"},
    {.name = "size is an array", .file = "config.json", .damage = DAMAGE_REPLACE, .from = "\"hidden_size\": 256", .to = "\"hidden_size\": [256]", .expected = "hidden_size: expected a number"},
    {.name = "2^60 layers", .file = "config.json", .damage = DAMAGE_REPLACE, .from = "\"num_hidden_layers\": 5", .to = "\"num_hidden_layers\": 1152921504606846976", .expected = "bitnet.yaml:"},
    {.name = "negative layers", .file = "config.json", .damage = DAMAGE_REPLACE, .from = "\"num_hidden_layers\": 5", .to = "\"num_hidden_layers\": -5", .expected = "bitnet.yaml:"},
    {.name = "one layer too many", .file = "config.json", .damage = DAMAGE_REPLACE, .from = "\"num_hidden_layers\": 5", .to = "\"num_hidden_layers\": 6", .expected = "model.layers.5"},
    {.name = "2^60 positions", .file = "config.json", .damage = DAMAGE_REPLACE, .from = "\"max_position_embeddings\": 512", .to = "\"max_position_embeddings\": 1152921504606846976", .expected = "context"},
    {.name = "no positions", .file = "config.json", .damage = DAMAGE_REPLACE, .from = "\"max_position_embeddings\": 512", .to = "\"max_position_embeddings\": 0", .expected = "context"},
    {.name = "unknown activation", .file = "config.json", .damage = DAMAGE_REPLACE, .from = "\"relu2\"", .to = "\"tanh\"", .expected = "tanh"},
    {.name = "BOS outside the vocabulary", .file = "config.json", .damage = DAMAGE_REPLACE, .from = "\"bos_token_id\": 4093", .to = "\"bos_token_id\": 99999", .expected = "bos_token_id"},

    /* tokenizer.json and its companions */
    {.name = "empty tokenizer", .file = "tokenizer.json", .damage = DAMAGE_TRUNCATE, .at = 0, .expected = "tokenizer.json"},
    {.name = "half a tokenizer", .file = "tokenizer.json", .damage = DAMAGE_TRUNCATE, .at = 100000, .expected = "tokenizer.json"},
    {.name = "tokenizer is an array", .file = "tokenizer.json", .damage = DAMAGE_REPLACE_ALL, .to = "[]", .expected = "tokenizer.json"},
    {.name = "no model", .file = "tokenizer.json", .damage = DAMAGE_REPLACE_ALL, .to = "{\"added_tokens\": []}", .expected = "tokenizer.json: "},
    {.name = "another kind of tokenizer", .file = "tokenizer.json", .damage = DAMAGE_REPLACE, .from = "\"BPE\"", .to = "\"Unigram\"", .expected = "model.type: expected BPE, found \"Unigram\""},
    {.name = "token id beyond the model", .file = "tokenizer.json", .damage = DAMAGE_REPLACE, .from = "\"id\": 4095", .to = "\"id\": 5000", .expected = "5000"},
    {.name = "token id is 2^60", .file = "tokenizer.json", .damage = DAMAGE_REPLACE, .from = "\"id\": 4095", .to = "\"id\": 1152921504606846976", .expected = "1152921504606846976"},
    {.name = "negative token id", .file = "tokenizer.json", .damage = DAMAGE_REPLACE, .from = "\"id\": 4095", .to = "\"id\": -1", .expected = "found -1"},
    {.name = "merges are an object", .file = "tokenizer.json", .damage = DAMAGE_REPLACE, .from = "\"merges\": [", .to = "\"merges\": {}, \"other\": [", .expected = "merges: expected"},
    {.name = "bad pattern", .file = "tokenizer.json", .damage = DAMAGE_REPLACE, .from = "(?i:'s", .to = "((?i:'s", .expected = "pattern"},
    {.name = "broken tokenizer settings", .file = "tokenizer_config.json", .damage = DAMAGE_REPLACE_ALL, .to = "{", .expected = "tokenizer_config.json"},
    {.name = "broken generation settings", .file = "generation_config.json", .damage = DAMAGE_REPLACE_ALL, .to = "{\"eos_token_id\": \"end\"}", .expected = "generation_config.json"},
};
const size_t n_bad_models = sizeof(bad_models) / sizeof(bad_models[0]);
