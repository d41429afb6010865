/* function.c - the plugin symbol is a function. */
__attribute__((visibility("default"))) int setun_plugin_v1(void);

int setun_plugin_v1(void)
{
    return 1;
}
