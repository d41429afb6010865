/* gguf_types.c - the types of tensors that GGUF files have, by number: their names and, where they are known, how they lie. */
#include <stdio.h>

#include "base/base.h"
#include "weights/gguf.h"

/* Blocks do not cross rows. I2_S is no block format: n / 4 bytes of a whole tensor and 32 more for its scale (gguf.c). */
static const setun_gguf_tensor_type types[] = {
    {0, "F32", 1, 4},       {1, "F16", 1, 2},       {2, "Q4_0", 32, 18},    {3, "Q4_1", 32, 20},    {6, "Q5_0", 32, 22},
    {7, "Q5_1", 32, 24},    {8, "Q8_0", 32, 34},    {9, "Q8_1", 0, 0},      {10, "Q2_K", 256, 84},  {11, "Q3_K", 256, 110},
    {12, "Q4_K", 256, 144}, {13, "Q5_K", 256, 176}, {14, "Q6_K", 256, 210}, {15, "Q8_K", 0, 0},     {16, "IQ2_XXS", 0, 0},
    {17, "IQ2_XS", 0, 0},   {18, "IQ3_XXS", 0, 0},  {19, "IQ1_S", 0, 0},    {20, "IQ4_NL", 32, 18}, {21, "IQ3_S", 0, 0},
    {22, "IQ2_S", 0, 0},    {23, "IQ4_XS", 0, 0},   {24, "I8", 1, 1},       {25, "I16", 1, 2},      {26, "I32", 1, 4},
    {27, "I64", 1, 8},      {28, "F64", 1, 8},      {29, "IQ1_M", 0, 0},    {30, "BF16", 1, 2},     {34, "TQ1_0", 256, 54},
    {35, "TQ2_0", 256, 66}, {36, "I2_S", 0, 0},     {37, "I8_S", 0, 0},     {38, "TL1", 0, 0},      {39, "TL2/MXFP4", 0, 0},
    {40, "NVFP4", 0, 0},    {41, "Q1_0", 0, 0},     {42, "Q2_0", 64, 18},   {134, "IQ1_BN", 0, 0},  {135, "IQ2_BN", 0, 0},
    {335, "IQ2_BN_R4", 0, 0},
};

const setun_gguf_tensor_type *setun_gguf_tensor_type_of(uint32_t id)
{
    for (size_t i = 0; i < SETUN_COUNT(types); i++)
        if (types[i].id == id)
            return &types[i];
    return NULL;
}

const char *setun_gguf_tensor_type_text(const setun_gguf_tensor *tensor, char text[32])
{
    if (tensor->type == NULL)
        (void)snprintf(text, 32, "type %u", (unsigned)tensor->type_id);
    else
        (void)snprintf(text, 32, "type %u (%s)", (unsigned)tensor->type_id, tensor->type->name);
    return text;
}
