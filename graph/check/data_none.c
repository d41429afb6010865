/* data_none.c - systems whose dynamic linker is not asked for segments (macOS): that a plugin keeps no state is not checked there. */
#include "check/data.h"

void setun_check_data_find(const setun_plugin *plugin, setun_check_data *out_data)
{
    (void)plugin;
    out_data->n = 0;
}
