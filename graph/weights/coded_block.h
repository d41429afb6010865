/* coded_block.h - packings of several rows in a block, where some codes are no weights (formats.md). Internal. */
#ifndef SETUN_CODED_BLOCK_H
#define SETUN_CODED_BLOCK_H
#include "weights/reader.h"

typedef struct setun_coded_block setun_coded_block;

/* NULL: the format is none of them. */
const setun_coded_block *setun_coded_block_find(const char *fmt);
size_t                   setun_coded_block_bytes(const setun_coded_block *block);
/* data[n] stands at first_byte of the weight. SETUN_ERR_FORMAT: not whole blocks, or a code that is no weight, with the block's place. */
setun_status             setun_coded_block_check(const setun_coded_block *block, const setun_weight *weight, size_t first_byte,
                                                 const unsigned char *data, size_t n, setun_error *error);
#endif
