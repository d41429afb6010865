/* alphabet.c - the byte-level alphabet: GPT-2's way to spell any byte as a printable character.
 * Bytes 0x21-0x7E, 0xA1-0xAC and 0xAE-0xFF are themselves; the other 68, ascending, are U+0100, U+0101, ... */
#include "text/text.h"

enum {
    N_LOW = 0x21,                  /* bytes 0x00-0x20 */
    N_MIDDLE = 0xa1 - 0x7f,        /* bytes 0x7F-0xA0 */
    N_MOVED = N_LOW + N_MIDDLE + 1 /* and 0xAD */
};

uint32_t setun_alphabet_char(uint8_t byte)
{
    if (byte < 0x21)
        return 0x100u + byte;
    if (byte >= 0x7f && byte <= 0xa0)
        return 0x100u + N_LOW + (byte - 0x7fu);
    if (byte == 0xad)
        return 0x100u + N_MOVED - 1;
    return byte;
}

/* The byte that a character stands for, -1 if none. */
static int byte_of(uint32_t c)
{
    if (c >= 0x100 + N_MOVED)
        return -1;
    if (c == 0x100 + N_MOVED - 1)
        return 0xad;
    if (c >= 0x100 + N_LOW)
        return (int)(c - 0x100 - N_LOW + 0x7f);
    if (c >= 0x100)
        return (int)(c - 0x100);
    return setun_alphabet_char((uint8_t)c) == c ? (int)c : -1;
}

bool setun_alphabet_decode(const char *text, size_t n_bytes, char *out, size_t *out_bytes)
{
    size_t n = 0;

    for (size_t at = 0; at < n_bytes;) {
        size_t n_char;
        int byte = byte_of(setun_utf8_char(text + at, &n_char));

        if (byte < 0)
            return false;
        out[n++] = (char)byte;
        at += n_char;
    }
    *out_bytes = n;
    return true;
}
