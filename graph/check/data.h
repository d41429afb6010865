/* data.h - the writable data of a plugin, made read-only while its functions run: a plugin keeps no state. Internal to the check. */
#ifndef SETUN_CHECK_DATA_H
#define SETUN_CHECK_DATA_H
#include "base/base.h"
#include "setun_plugin.h"

enum { SETUN_CHECK_SEGMENTS = 4 }; /* writable ones; a linker makes one */

typedef struct setun_check_data {
    uint32_t n;
    struct {
        unsigned char *begin;
        size_t         n_bytes;
    } segment[SETUN_CHECK_SEGMENTS];
} setun_check_data;

/* Where the dynamic linker has put them; none for a plugin built with a sanitizer, whose runtime writes there. */
void setun_check_data_find(const setun_plugin *plugin, setun_check_data *out_data);
void setun_check_data_lock(const setun_check_data *data);
void setun_check_data_unlock(const setun_check_data *data);
bool setun_check_data_holds(const setun_check_data *data, const void *address);
#endif
