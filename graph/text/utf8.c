/* utf8.c - UTF-8 by the Unicode standard (table 3-7): what is valid, and how far a broken part reaches. */
#include "text/text.h"

/* Bytes of the character that `lead` begins, and the bounds of its second byte; 0 if nothing begins so. */
static size_t sequence(uint8_t lead, uint8_t *out_low, uint8_t *out_high)
{
    *out_low = 0x80;
    *out_high = 0xbf;
    if (lead < 0x80)
        return 1;
    if (lead < 0xc2 || lead > 0xf4)
        return 0;
    if (lead < 0xe0)
        return 2;
    if (lead == 0xe0)
        *out_low = 0xa0; /* shortest form */
    else if (lead == 0xed)
        *out_high = 0x9f; /* no surrogates */
    else if (lead == 0xf0)
        *out_low = 0x90; /* shortest form */
    else if (lead == 0xf4)
        *out_high = 0x8f; /* nothing above U+10FFFF */
    return lead < 0xf0 ? 3 : 4;
}

size_t setun_utf8_next(const char *text, size_t n_bytes, bool *out_valid)
{
    const uint8_t *byte = (const uint8_t *)text;
    uint8_t low, high;
    size_t length = sequence(byte[0], &low, &high);

    *out_valid = false;
    if (length == 0)
        return 1;
    for (size_t i = 1; i < length; i++) {
        if (i == n_bytes)
            return 0;
        if (byte[i] < low || byte[i] > high)
            return i;
        low = 0x80;
        high = 0xbf;
    }
    *out_valid = true;
    return length;
}

size_t setun_utf8_valid(const char *text, size_t n_bytes)
{
    size_t at = 0;

    while (at < n_bytes) {
        bool valid = true;
        size_t n = (uint8_t)text[at] < 0x80 ? 1 : setun_utf8_next(text + at, n_bytes - at, &valid);

        if (!valid)
            return at;
        at += n;
    }
    return at;
}

uint32_t setun_utf8_char(const char *text, size_t *out_bytes)
{
    const uint8_t *byte = (const uint8_t *)text;

    if (byte[0] < 0x80) {
        *out_bytes = 1;
        return byte[0];
    }
    if (byte[0] < 0xe0) {
        *out_bytes = 2;
        return (byte[0] & 0x1fu) << 6 | (byte[1] & 0x3fu);
    }
    if (byte[0] < 0xf0) {
        *out_bytes = 3;
        return (byte[0] & 0x0fu) << 12 | (byte[1] & 0x3fu) << 6 | (byte[2] & 0x3fu);
    }
    *out_bytes = 4;
    return (byte[0] & 0x07u) << 18 | (byte[1] & 0x3fu) << 12 | (byte[2] & 0x3fu) << 6 | (byte[3] & 0x3fu);
}

size_t setun_utf8_before(const char *text, size_t end)
{
    do
        end--;
    while (end > 0 && ((uint8_t)text[end] & 0xc0) == 0x80);
    return end;
}

size_t setun_utf8_put(uint32_t c, char *out)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xc0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xe0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3f));
        out[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3f));
    out[2] = (char)(0x80 | (c >> 6 & 0x3f));
    out[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

bool setun_is_white_space(uint32_t c)
{
    return (c >= 0x09 && c <= 0x0d) || c == 0x20 || c == 0x85 || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) ||
           c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}
