/* export.c - a second exported symbol. */
__attribute__((visibility("default"))) int helper_of_mine(int x);

int helper_of_mine(int x)
{
    return x + 1;
}
